//! Sums by the hour and the day: written by whoever appends to the journal.

use std::borrow::Cow;

use sqlx::PgConnection;
use stonegate_ledger::{StoreError, Tally};

use super::clean;
use crate::ledger::{
    convert::unavailable,
    sums::{Turn, added, figure_columns, figures, label_columns},
};

/// Makes series that were not heard of before, in the order of their labels. Two that make the same one wait for each other.
const MAKE: &str = concat!(
    "INSERT INTO usage_series (",
    label_columns!(),
    ") SELECT DISTINCT ",
    label_columns!(),
    " FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) AS given (",
    label_columns!(),
    ") WHERE NOT EXISTS (
         SELECT FROM usage_series AS known
          WHERE known.tenant = given.tenant AND known.team = given.team AND known.\"user\" = given.\"user\"
            AND known.key = given.key AND known.model = given.model AND known.endpoint = given.endpoint
            AND known.client = given.client AND known.dialect = given.dialect AND known.tags = given.tags)
      ORDER BY ",
    label_columns!(),
    " ON CONFLICT DO NOTHING"
);

/// Columns summed; what is beyond counting stays there.
macro_rules! summed {
    ($first:literal $($figure:literal)*) => {
        concat!(summed!(@ $first) $(, ", ", summed!(@ $figure))*)
    };
    (@ $figure:literal) => {
        concat!("CASE WHEN sum(", $figure, ") IS NOT NULL THEN least(sum(", $figure, "), 9223372036854775807)::bigint END")
    };
}

/// Adds to the sums, in the order of hours and series.
const ADD: &str = concat!(
    "WITH given AS (
         SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
                              $20, $21)
             AS given (",
    label_columns!(),
    ", hour, ",
    figure_columns!(),
    ")
     ), cells AS (
         SELECT hour, usage_series.id AS series, ",
    figure_columns!(),
    " FROM given JOIN usage_series USING (",
    label_columns!(),
    ")
     ), hours AS (
         INSERT INTO usage_hours (hour, series, ",
    figure_columns!(),
    ") SELECT hour, series, ",
    figure_columns!(),
    " FROM cells ORDER BY hour, series",
    added!("usage_hours", "hour", "least"),
    ")
     INSERT INTO usage_days (day, series, ",
    figure_columns!(),
    ") SELECT hour / 24, series, ",
    summed!("calls" "estimated" "unresolved" "input_tokens" "output_tokens" "cache_read_tokens"
        "cache_write_5m_tokens" "cache_write_1h_tokens" "thinking_tokens" "cost" "uncached_cost"),
    "
         FROM cells GROUP BY 1, 2 ORDER BY 1, 2",
    added!("usage_days", "day", "least")
);

/// Adds records to the sums, or takes them out. Whoever has locked counters has done so before.
pub(super) async fn change(
    connection: &mut PgConnection,
    tally: &Tally,
    turn: Turn,
) -> Result<(), StoreError> {
    let mut names: [Vec<Cow<'_, str>>; 9] = Default::default();
    let mut hours = Vec::new();
    let mut amounts: [Vec<Option<i64>>; 11] = Default::default();
    for (hour, series, sum) in tally.cells() {
        names.iter_mut().zip(series.labels().map(clean)).for_each(|(column, label)| column.push(label));
        hours.push(hour);
        amounts.iter_mut().zip(figures(sum, turn)).for_each(|(column, figure)| column.push(figure));
    }
    if hours.is_empty() {
        return Ok(());
    }
    let make = names.iter().cloned().fold(sqlx::query(MAKE), sqlx::query::Query::bind);
    make.execute(&mut *connection).await.map_err(unavailable)?;
    let add = names.into_iter().fold(sqlx::query(ADD), sqlx::query::Query::bind).bind(hours);
    let add = amounts.into_iter().fold(add, sqlx::query::Query::bind);
    add.execute(connection).await.map(drop).map_err(unavailable)
}
