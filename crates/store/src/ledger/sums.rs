//! Sums by the hour and the day, in whatever database: what is written, and what is asked.

use stonegate_ledger::{UsageBy, UsageFilter, UsageSum};

use super::convert::kept;

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

/// The column of a series that a query sums by.
pub(crate) fn group_column(by: Option<UsageBy>) -> &'static str {
    match by {
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
    }
}

/// What the labels are called that are not called the same in every table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Labels {
    model: &'static str,
    tags: &'static str,
}

/// In the table of series.
pub(crate) const OF_SERIES: Labels = Labels { model: "model", tags: "tags" };
/// In the journal.
pub(crate) const OF_RECORDS: Labels = Labels { model: "model_served", tags: "coalesce(tags, '')" };

/// Which rows a filter means, whenever they are of, as a condition whose parameters begin with that number, and its values.
/// `None` if it means all of them.
pub(crate) fn wanted(filter: &UsageFilter, of: Labels, first: usize) -> Option<(String, Vec<String>)> {
    let Labels { model, tags } = of;
    let labels = [
        ("tenant", &filter.tenant),
        ("team", &filter.team),
        ("\"user\"", &filter.user),
        ("key", &filter.key),
        (model, &filter.model),
        ("endpoint", &filter.endpoint),
        ("client", &filter.client),
        ("dialect", &filter.dialect),
    ];
    let (mut conditions, mut values) = (Vec::new(), Vec::new());
    for (column, label) in labels {
        if let Some(label) = label {
            conditions.push(format!("{column} = ${}", first.saturating_add(values.len())));
            values.push(label.to_string());
        }
    }
    if let Some(mark) = filter.tag_mark() {
        let number = first.saturating_add(values.len());
        conditions.push(format!("replace(',' || {tags} || ',', ${number}, '') <> ',' || {tags} || ','"));
        values.push(mark);
    }
    (!values.is_empty()).then(|| (conditions.join(" AND "), values))
}
