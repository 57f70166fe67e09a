//! The journal: appended to by syncs, read by people.

use sqlx::{AssertSqlSafe, PgConnection, Row as _, postgres::PgRow};
use stonegate_ledger::{CallId, JournalPage, JournalQuery, StoreError, Tally, UsageFilter, UsageRecord};

use super::{
    super::Pools,
    columns::{RecordColumns, append_records},
    sums,
};
use crate::ledger::{
    convert::unavailable,
    record::{self, journal_columns},
    sums::Turn,
};

/// Appends the records of calls that a replica left behind.
pub(super) async fn append(connection: &mut PgConnection, records: &[UsageRecord]) -> Result<(), StoreError> {
    let append = RecordColumns::of(records).bind(sqlx::query(append_records!()));
    let appended = append.fetch_all(&mut *connection).await.map_err(unavailable)?;
    count(connection, records, &appended).await
}

/// Counts those of the records that were appended.
pub(super) async fn count(
    connection: &mut PgConnection,
    records: &[UsageRecord],
    appended: &[PgRow],
) -> Result<(), StoreError> {
    let calls = appended.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<Vec<&str>>>();
    let tally = counted(records, &calls.map_err(unavailable)?);
    sums::change(connection, &tally, Turn::Add).await
}

/// Those of the records, by their calls.
pub(super) fn counted(records: &[UsageRecord], calls: &[&str]) -> Tally {
    let mut tally = Tally::default();
    let is_all = calls.len() == records.len();
    let is_meant = |record: &&UsageRecord| is_all || calls.contains(&&*record.call.to_string());
    records.iter().filter(is_meant).for_each(|record| tally.add(record));
    tally
}

/// Which rows a [`UsageFilter`] means. A call's id begins with its time, so that a span of time is a range of the table.
macro_rules! wanted {
    () => {
        " FROM journal
         WHERE call >= coalesce($1, '') AND call < coalesce($2, 'z')
           AND ($3 IS NULL OR tenant = $3) AND ($4 IS NULL OR team = $4) AND ($5 IS NULL OR \"user\" = $5)
           AND ($6 IS NULL OR key = $6) AND ($7 IS NULL OR model_served = $7)
           AND ($8 IS NULL OR endpoint = $8) AND ($9 IS NULL OR client = $9)
           AND ($10 IS NULL OR dialect = $10)
           AND ($11 IS NULL OR replace(',' || coalesce(tags, '') || ',', $11, '') <> ',' || coalesce(tags, '') || ',') "
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
            .bind(filter.endpoint.as_deref())
            .bind(filter.client.as_deref())
            .bind(filter.dialect.as_deref())
            .bind(filter.tag_mark())
    }};
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
            "AND call < coalesce($12, 'z') {condition}ORDER BY call DESC LIMIT $13"
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

/// Lets go of old records. What is unresolved may still be corrected, or taken back by a replica that returns.
pub(super) async fn forget(pools: &Pools, before: jiff::Timestamp, most: u32) -> Result<u64, StoreError> {
    let mut transaction = pools.write().await.map_err(unavailable)?;
    let gone = sqlx::query(
        "DELETE FROM journal WHERE call IN (
             SELECT call FROM journal WHERE call < $1 AND basis <> 'unresolved' ORDER BY call LIMIT $2)",
    )
    .bind(CallId::first_at(before).to_string())
    .bind(i64::from(most))
    .execute(&mut *transaction)
    .await
    .map_err(unavailable)?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(gone.rows_affected())
}
