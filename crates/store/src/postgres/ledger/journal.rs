//! The journal, as syncs append to it.

use sqlx::{PgConnection, Row as _, postgres::PgRow};
use stonegate_ledger::{StoreError, Tally, UsageRecord};

use super::{
    columns::{RecordColumns, append_records},
    sums,
};
use crate::ledger::{convert::unavailable, sums::Turn};

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
