//! The journal: appended to by syncs, read by people.

use sqlx::{AssertSqlSafe, Sqlite, Transaction};
use stonegate_ledger::{
    CallId, JournalPage, JournalQuery, StoreError, UsageBy, UsageFilter, UsageQuery, UsageRecord, UsageSum,
};

use super::super::Pools;
use crate::ledger::{
    convert::{json, unavailable},
    record::{self, Array, array_columns, journal_columns},
};

/// Appends the records of calls that a replica left behind.
pub(super) async fn append(
    transaction: &mut Transaction<'static, Sqlite>,
    records: &[UsageRecord],
) -> Result<(), StoreError> {
    let records: Vec<_> = records.iter().map(Array).collect();
    // Each look at `json_each`'s own column would write the array out anew.
    sqlx::query(concat!(
        "WITH given AS MATERIALIZED (SELECT value AS record FROM json_each(?)) INSERT OR IGNORE INTO journal (",
        journal_columns!(),
        ") SELECT ",
        array_columns!("record"),
        " FROM given"
    ))
    .bind(json(&records)?)
    .execute(&mut **transaction)
    .await
    .map(drop)
    .map_err(unavailable)
}

/// Which rows a [`UsageFilter`] means. A call's id begins with its time, so that a span of time is a range of the table.
macro_rules! wanted {
    () => {
        " FROM journal
         WHERE call >= coalesce(?1, '') AND call < coalesce(?2, 'z')
           AND (?3 IS NULL OR tenant = ?3) AND (?4 IS NULL OR team = ?4) AND (?5 IS NULL OR user = ?5)
           AND (?6 IS NULL OR key = ?6) AND (?7 IS NULL OR model_served = ?7) "
    };
}

macro_rules! bind_filter {
    ($query:expr, $filter:expr) => {{
        let filter: &UsageFilter = $filter;
        let id = |at: jiff::Timestamp| CallId::first_at(at).to_string();
        $query
            .bind(filter.from.map(id))
            .bind(filter.until.map(id))
            .bind(filter.tenant.as_deref())
            .bind(filter.team.as_deref())
            .bind(filter.user.as_deref())
            .bind(filter.key.as_deref())
            .bind(filter.model.as_deref())
    }};
}

/// Sums usage.
pub(super) async fn usage(pools: &Pools, query: UsageQuery) -> Result<Vec<UsageSum>, StoreError> {
    let group = match query.by {
        UsageBy::Tenant => "tenant",
        UsageBy::Team => "coalesce(team, '')",
        UsageBy::User => "user",
        UsageBy::Key => "coalesce(key, '')",
        UsageBy::Model => "model_served",
        UsageBy::Day => "date(started_at / 1000000, 'unixepoch')",
    };
    let statement = format!(
        concat!(
            "SELECT {group}, count(*), sum(basis = 'estimated'), sum(basis = 'unresolved'), sum(input_tokens),
                    sum(output_tokens), sum(cache_read_tokens), sum(cache_write_5m_tokens),
                    sum(cache_write_1h_tokens), sum(thinking_tokens), sum(cost)",
            wanted!(),
            "GROUP BY 1 ORDER BY 1"
        ),
        group = group
    );
    // The one text put in is one of those above.
    let rows = bind_filter!(sqlx::query(AssertSqlSafe(statement)), &query.filter)
        .fetch_all(pools.readers())
        .await
        .map_err(unavailable)?;
    rows.iter().map(record::sum).collect()
}

/// Reads a page, the newest first, of those for which `condition` holds.
pub(super) async fn page(
    pools: &Pools,
    query: JournalQuery,
    condition: &'static str,
) -> Result<JournalPage, StoreError> {
    let statement = format!(
        concat!(
            "SELECT ",
            journal_columns!(),
            wanted!(),
            "AND call < coalesce(?8, 'z') {condition}ORDER BY call DESC LIMIT ?9"
        ),
        condition = condition
    );
    let rows = bind_filter!(sqlx::query(AssertSqlSafe(statement)), &query.filter)
        .bind(query.before.map(|call| call.to_string()))
        // One more tells whether there is another page.
        .bind(i64::from(query.limit) + 1)
        .fetch_all(pools.readers())
        .await
        .map_err(unavailable)?;
    let mut records = rows.iter().map(record::parse).collect::<Result<Vec<_>, _>>()?;
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let is_last = records.len() <= limit;
    records.truncate(limit);
    let next = if is_last { None } else { records.last().map(|record| record.call) };
    Ok(JournalPage { records, next })
}
