//! The journal, as syncs append to it.

use sqlx::{Sqlite, Transaction};
use stonegate_ledger::{StoreError, Tally, UsageRecord};

use super::sums;
use crate::ledger::{
    convert::{json, unavailable},
    record::{Array, array_columns, journal_columns},
    sums::Turn,
};

/// Appends the records of calls that a replica left behind.
pub(super) async fn append(
    transaction: &mut Transaction<'static, Sqlite>,
    records: &[UsageRecord],
) -> Result<(), StoreError> {
    let arrays: Vec<_> = records.iter().map(Array).collect();
    // Each look at `json_each`'s own column would write the array out anew.
    let appended: Vec<String> = sqlx::query_scalar(concat!(
        "WITH given AS MATERIALIZED (SELECT value AS record FROM json_each(?)) INSERT OR IGNORE INTO journal (",
        journal_columns!(),
        ") SELECT ",
        array_columns!("record"),
        " FROM given RETURNING call"
    ))
    .bind(json(&arrays)?)
    .fetch_all(&mut **transaction)
    .await
    .map_err(unavailable)?;
    sums::change(transaction, &counted(records, &appended), Turn::Add).await
}

/// Those of the records, by their calls.
pub(super) fn counted(records: &[UsageRecord], calls: &[String]) -> Tally {
    let mut tally = Tally::default();
    let is_meant = |record: &&UsageRecord| calls.contains(&record.call.to_string());
    records.iter().filter(is_meant).for_each(|record| tally.add(record));
    tally
}
