//! Reports from the sums.

use sqlx::{AssertSqlSafe, postgres::PgRow};
use stonegate_ledger::{Nanodollars, Pieces, StoreError, Sums, UsageBy, UsagePer, UsageQuery, UsageSum};

use super::super::Pools;
use crate::ledger::{
    convert::{Columns, unavailable},
    record::tokens,
    sums::{OF_SERIES, figure_columns, group_column, wanted},
};

/// Sums usage.
pub(super) async fn usage(pools: &Pools, query: UsageQuery) -> Result<Vec<UsageSum>, StoreError> {
    let mut sums = Vec::new();
    for part in query.parts() {
        let Some(part) = part.but(sums.len()) else { break };
        sums.append(&mut sum(pools, &part).await?);
    }
    Ok(sums)
}

async fn sum(pools: &Pools, query: &UsageQuery) -> Result<Vec<UsageSum>, StoreError> {
    let (period, group, limit) = page(query);
    let (wanted, values) =
        wanted(&query.filter, OF_SERIES, 10).unwrap_or_else(|| ("true".to_owned(), Vec::new()));
    // Nothing is put into the statement but its own words.
    let bound = bounds(query)
        .into_iter()
        .fold(sqlx::query(AssertSqlSafe(statement(query, &wanted))), sqlx::query::Query::bind)
        .bind(period)
        .bind(group)
        .bind(limit);
    let bound = values.into_iter().fold(bound, sqlx::query::Query::bind);
    let rows = bound.fetch_all(pools.readers()).await.map_err(unavailable)?;
    answer(query, &rows)
}

/// The statement that answers a query about the series that are wanted, for the values that [`sum`] binds.
fn statement(query: &UsageQuery, wanted: &str) -> String {
    let period = match query.per {
        None => "CAST(0 AS BIGINT)",
        Some(UsagePer::Day | UsagePer::Hour) => "period",
    };
    let of_hours = match query.per {
        None | Some(UsagePer::Day) => "hour / 24",
        Some(UsagePer::Hour) => "hour",
    };
    let group = group_column(query.by);
    let figures = figure_columns!();
    let summed: Vec<_> =
        figures.split(", ").map(|name| format!("CAST(sum({name}) AS BIGINT) AS {name}")).collect();
    format!(
        "SELECT * FROM (
             SELECT {period} AS period, {group} AS grp, {summed}
               FROM (SELECT day AS period, series, {figures} FROM usage_days WHERE day >= $1 AND day < $2
                     UNION ALL
                     SELECT {of_hours} AS period, series, {figures} FROM usage_hours
                      WHERE hour >= $3 AND hour < $4
                     UNION ALL
                     SELECT {of_hours} AS period, series, {figures} FROM usage_hours
                      WHERE hour >= $5 AND hour < $6) AS used
               JOIN usage_series ON usage_series.id = used.series
              WHERE {wanted}
              GROUP BY 1, 2
         ) AS sums
         WHERE calls > 0 AND (period, grp) > ($7, $8) ORDER BY period, grp LIMIT $9",
        summed = summed.join(", "),
    )
}

/// Where a query's page begins and how long it is, as the database is asked for it. Tags come in sets there, which are
/// taken apart later.
fn page(query: &UsageQuery) -> (i64, &str, i64) {
    // Before any period and group, since no period is below nothing.
    let start = (-1, "", i64::from(query.limit));
    match &query.after {
        _ if query.by == Some(UsageBy::Tag) => (-1, "", i64::MAX),
        None => start,
        Some((period, group)) => {
            let length = match query.per {
                None => 0,
                Some(UsagePer::Day) => 24 * 3600,
                Some(UsagePer::Hour) => 3600,
            };
            let number = period.map_or(0, |at| at.as_second().checked_div(length).unwrap_or(0));
            (number, group, start.2)
        }
    }
}

/// The pieces of the span.
fn bounds(query: &UsageQuery) -> [i64; 6] {
    let Pieces { days, hours: [before, after] } = Pieces::of(query);
    [days.start, days.end, before.start, before.end, after.start, after.end]
}

/// Reads the rows of an answer.
fn answer(query: &UsageQuery, rows: &[PgRow]) -> Result<Vec<UsageSum>, StoreError> {
    let mut sums = Sums::default();
    for row in rows {
        let mut columns = Columns::of(row);
        let (period, group) = (columns.signed()?, columns.name()?);
        let sum = UsageSum {
            calls: columns.count()?,
            estimated: columns.count()?,
            unresolved: columns.count()?,
            tokens: tokens(&mut columns)?,
            cost: Nanodollars::new(columns.count()?),
            uncached_cost: Nanodollars::new(columns.count()?),
            ..UsageSum::empty()
        };
        sums.add(query, period, &group, &sum);
    }
    Ok(sums.page(query))
}
