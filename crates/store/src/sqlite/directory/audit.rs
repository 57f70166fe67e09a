//! The log of administrative acts, written in the transaction of the act itself.

use sqlx::SqliteConnection;
use stonegate_identity::{
    DirectoryError,
    directory::{Act, AuditEntry, Page, PageRequest},
};

use super::Pools;
use crate::directory::{
    error::{unavailable, unreadable},
    filter::paged,
    row::{Columns, stored_time},
};

/// Writes down who did what to what.
pub(super) async fn record(
    connection: &mut SqliteConnection,
    act: &Act,
    action: &'static str,
    subject: String,
) -> Result<(), DirectoryError> {
    sqlx::query("INSERT INTO audit (at, actor, action, subject, request_id) VALUES (?1, ?2, ?3, ?4, ?5)")
        .bind(stored_time(act.at))
        .bind(act.by.to_string())
        .bind(action)
        .bind(subject)
        .bind(&act.request_id)
        .execute(connection)
        .await
        .map_err(unavailable)?;
    Ok(())
}

pub(super) async fn record_alone(
    pools: &Pools,
    act: &Act,
    action: &'static str,
    subject: String,
) -> Result<(), DirectoryError> {
    let mut transaction = pools.write().await.map_err(unavailable)?;
    record(&mut transaction, act, action, subject).await?;
    transaction.commit().await.map_err(unavailable)
}

pub(super) async fn list(pools: &Pools, page: &PageRequest) -> Result<Page<AuditEntry>, DirectoryError> {
    // A cursor that is no number was not ours: it comes before everything, and the page is empty.
    let before = page.after.as_ref().map_or(i64::MAX, |after| after.parse().unwrap_or(0));
    let limit = i64::from(page.limit.clamp(1, PageRequest::MOST)) + 1;
    let rows = sqlx::query("SELECT * FROM audit WHERE number < ?1 ORDER BY number DESC LIMIT ?2")
        .bind(before)
        .bind(limit)
        .fetch_all(pools.readers())
        .await
        .map_err(unavailable)?;
    let entries = rows.iter().map(|row| entry(&Columns(row))).collect::<Result<_, _>>()?;
    Ok(paged(entries, page, |entry: &AuditEntry| entry.number.to_string()))
}

fn entry(row: &Columns<'_>) -> Result<AuditEntry, DirectoryError> {
    let number: i64 = row.value("number")?;
    Ok(AuditEntry {
        number: u64::try_from(number).map_err(|error| unreadable("number", error))?,
        at: row.time("at")?,
        actor: row.value("actor")?,
        action: row.value("action")?,
        subject: row.value("subject")?,
        request_id: row.value("request_id")?,
    })
}
