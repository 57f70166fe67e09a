//! Sums by the hour and the day, in whatever database: what is written, what is asked, and how an answer is read.

use stonegate_ledger::{Nanodollars, Pieces, StoreError, UsageBy, UsagePer, UsageQuery, UsageSum};

use super::{
    convert::{Columns, kept},
    record::tokens,
};
use crate::cells::Cells;

/// The columns of a series, in the order of `Series::labels`.
macro_rules! label_columns {
    () => {
        "tenant, team, \"user\", key, model, endpoint, client, dialect, tags"
    };
}

/// The columns of a sum, in the order of [`figures`].
macro_rules! figure_columns {
    () => {
        "calls, estimated, unresolved, input_tokens, output_tokens, cache_read_tokens, cache_write_5m_tokens, \
         cache_write_1h_tokens, thinking_tokens, cost, uncached_cost"
    };
}

/// What becomes of a sum that is there: what is given is added to it. The names of the table, its column of time, and the
/// database's function for the least of two. What is beyond counting stays there, as in [`kept`]: were it an error, no sync
/// could end any more.
macro_rules! added {
    ($table:literal, $time:literal, $least:literal) => {
        $crate::ledger::sums::added!(@ $table, $time, $least,
            "calls" "estimated" "unresolved" "input_tokens" "output_tokens" "cache_read_tokens"
            "cache_write_5m_tokens" "cache_write_1h_tokens" "cost" "uncached_cost")
    };
    (@ $table:literal, $time:literal, $least:literal, $($figure:literal)+) => {
        concat!(
            " ON CONFLICT (", $time, ", series) DO UPDATE SET ",
            $($figure, " = ", $crate::ledger::sums::added!(@@ $table, $figure, $least), ", ",)+
            // PostgreSQL passes over what is NULL where SQLite does not.
            "thinking_tokens = CASE WHEN ", $table, ".thinking_tokens IS NULL THEN excluded.thinking_tokens \
             WHEN excluded.thinking_tokens IS NULL THEN ", $table, ".thinking_tokens ELSE ",
            $crate::ledger::sums::added!(@@ $table, "thinking_tokens", $least), " END"
        )
    };
    (@@ $table:literal, $figure:literal, $least:literal) => {
        // PostgreSQL's NUMERIC has no bound, and SQLite's sum of two whole numbers beyond its own is a larger one still.
        concat!(
            "CAST(", $least, "(CAST(", $table, ".", $figure, " AS NUMERIC) + excluded.", $figure,
            ", 9223372036854775807) AS BIGINT)"
        )
    };
}
pub(crate) use {added, figure_columns, label_columns};

/// Whether records come or go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// They are counted.
    Add,
    /// They are no longer.
    Remove,
}

/// What is to be added to the columns of a sum.
pub(crate) fn figures(sum: &UsageSum, turn: Turn) -> [Option<i64>; 11] {
    let tokens = &sum.tokens;
    let figures = [
        Some(sum.calls),
        Some(sum.estimated),
        Some(sum.unresolved),
        Some(tokens.input),
        Some(tokens.output),
        Some(tokens.cache_read),
        Some(tokens.cache_write_5m),
        Some(tokens.cache_write_1h),
        tokens.thinking,
        Some(sum.cost.get()),
        Some(sum.uncached_cost.get()),
    ];
    figures.map(|figure| {
        let figure = kept(figure?);
        Some(match turn {
            Turn::Add => figure,
            Turn::Remove => -figure,
        })
    })
}

/// The statement that answers a query, for the values that [`bind_usage`] binds.
pub(crate) fn statement(query: &UsageQuery) -> String {
    let period = match query.per {
        None => "CAST(0 AS BIGINT)",
        Some(UsagePer::Day | UsagePer::Hour) => "period",
    };
    let of_hours = match query.per {
        None | Some(UsagePer::Day) => "hour / 24",
        Some(UsagePer::Hour) => "hour",
    };
    let group = match query.by {
        None => "CAST('' AS TEXT)",
        Some(UsageBy::Tenant) => "tenant",
        Some(UsageBy::Team) => "team",
        Some(UsageBy::User) => "\"user\"",
        Some(UsageBy::Key) => "key",
        Some(UsageBy::Model) => "model",
        Some(UsageBy::Endpoint) => "endpoint",
        Some(UsageBy::Client) => "client",
        Some(UsageBy::Dialect) => "dialect",
        Some(UsageBy::Tag) => "tags",
    };
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
              WHERE ($7 IS NULL OR tenant = $7) AND ($8 IS NULL OR team = $8)
                AND ($9 IS NULL OR \"user\" = $9) AND ($10 IS NULL OR key = $10)
                AND ($11 IS NULL OR model = $11) AND ($12 IS NULL OR endpoint = $12)
                AND ($13 IS NULL OR client = $13) AND ($14 IS NULL OR dialect = $14)
                AND ($15 IS NULL OR replace(',' || tags || ',', $15, '') <> ',' || tags || ',')
              GROUP BY 1, 2
         ) AS sums
         WHERE calls > 0 AND (period, grp) > ($16, $17) ORDER BY period, grp LIMIT $18",
        summed = summed.join(", "),
    )
}

/// Where a query's page begins and how long it is, as the database is asked for it. Tags come in sets there, which are
/// taken apart later.
pub(crate) fn page(query: &UsageQuery) -> (i64, &str, i64) {
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
pub(crate) fn bounds(query: &UsageQuery) -> [i64; 6] {
    let Pieces { days, hours: [before, after] } = Pieces::of(query);
    [days.start, days.end, before.start, before.end, after.start, after.end]
}

/// Binds a query's values to its [`statement`].
macro_rules! bind_usage {
    ($statement:expr, $query:expr) => {{
        let query: &stonegate_ledger::UsageQuery = $query;
        let filter = &query.filter;
        let (period, group, limit) = $crate::ledger::sums::page(query);
        let [a, b, c, d, e, f] = $crate::ledger::sums::bounds(query);
        $statement
            .bind(a)
            .bind(b)
            .bind(c)
            .bind(d)
            .bind(e)
            .bind(f)
            .bind(filter.tenant.as_deref())
            .bind(filter.team.as_deref())
            .bind(filter.user.as_deref())
            .bind(filter.key.as_deref())
            .bind(filter.model.as_deref())
            .bind(filter.endpoint.as_deref())
            .bind(filter.client.as_deref())
            .bind(filter.dialect.as_deref())
            .bind(filter.tag_mark())
            .bind(period)
            .bind(group)
            .bind(limit)
    }};
}
pub(crate) use bind_usage;

/// Reads the rows of an answer.
pub(crate) fn answer(query: &UsageQuery, rows: &[impl Cells]) -> Result<Vec<UsageSum>, StoreError> {
    let mut sums = stonegate_ledger::Sums::default();
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
