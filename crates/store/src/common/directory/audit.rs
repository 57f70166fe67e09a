//! The log of administrative acts, written in the transaction of the act itself.

use stonegate_identity::{
    AuditEntry, Change, DirectoryError,
    directory::{Act, AuditFilter, Page, PageRequest},
};

use super::{Connection, Pools, write};
use crate::directory::{
    audit::{Narrowed, entry, page_of, seal_of, sealed},
    error::unavailable,
    row::stored_time,
};

/// Writes down who did what to what, and what became of it.
pub(super) async fn record(
    connection: &mut Connection,
    act: &Act,
    action: &'static str,
    subject: String,
    change: Change,
) -> Result<(), DirectoryError> {
    let last: Option<Option<Vec<u8>>> =
        sqlx::query_scalar("SELECT seal FROM audit ORDER BY number DESC LIMIT 1")
            .fetch_optional(&mut *connection)
            .await
            .map_err(unavailable)?;
    let before = last.flatten().map(|bytes| seal_of(&bytes)).transpose()?;
    let entry = sealed(act, action, subject, change, before);
    sqlx::query(
        "INSERT INTO audit (at, actor, action, subject, before, after, request_id, address, seal)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(stored_time(entry.at))
    .bind(entry.actor)
    .bind(entry.action)
    .bind(entry.subject)
    .bind(entry.change.before)
    .bind(entry.change.after)
    .bind(entry.request_id)
    .bind(entry.address)
    .bind(entry.seal.as_ref().map(|seal| seal.as_bytes().to_vec()))
    .execute(connection)
    .await
    .map_err(unavailable)?;
    Ok(())
}

/// Writes down an act that changes nothing here.
pub(super) async fn record_alone(
    pools: &Pools,
    action: &'static str,
    subject: String,
    change: Change,
    act: &Act,
) -> Result<(), DirectoryError> {
    let mut transaction = write(pools).await?;
    record(&mut transaction, act, action, subject, change).await?;
    transaction.commit().await.map_err(unavailable)
}

pub(super) async fn list(
    pools: &Pools,
    filter: &AuditFilter,
    page: &PageRequest,
) -> Result<Page<AuditEntry>, DirectoryError> {
    let narrowed = Narrowed::of(filter, page);
    let rows = sqlx::query(
        "SELECT number, at, actor, action, subject, before, after, request_id, address, seal FROM audit
          WHERE number < $1 AND ($2 IS NULL OR actor = $2) AND ($3 IS NULL OR action = $3)
            AND ($4 IS NULL OR subject = $4) AND ($5 IS NULL OR at >= $5)
            AND ($6 IS NULL OR at < $6)
          ORDER BY number DESC LIMIT $7",
    )
    .bind(narrowed.before)
    .bind(narrowed.actor)
    .bind(narrowed.action)
    .bind(narrowed.subject)
    .bind(narrowed.since)
    .bind(narrowed.until)
    .bind(narrowed.limit)
    .fetch_all(pools.readers())
    .await
    .map_err(unavailable)?;
    page_of(&rows, page)
}

pub(super) async fn read(pools: &Pools, after: u64, most: u32) -> Result<Vec<AuditEntry>, DirectoryError> {
    let rows = sqlx::query("SELECT number, at, actor, action, subject, before, after, request_id, address, seal FROM audit WHERE number > $1 ORDER BY number LIMIT $2")
        .bind(match after {
            // Nobody puts one in before the first without being seen.
            0 => i64::MIN,
            after => i64::try_from(after).unwrap_or(i64::MAX),
        })
        .bind(i64::from(most))
        .fetch_all(pools.readers())
        .await
        .map_err(unavailable)?;
    rows.iter().map(entry).collect()
}
