//! What a transaction keeps others from until it ends, beyond the counters and leases that it loads.

use sqlx::PgConnection;
use stonegate_ledger::{CallId, ChargeId, StoreError};

use super::clean;
use crate::ledger::convert::unavailable;

/// The advisory lock of those who change budgets: "STON", budgets.
const BUDGETS: i64 = 0x5354_4f4e_0000_0002;

/// Whoever would change a budget, so that versions are committed in their order.
pub(super) async fn budgets(connection: &mut PgConnection) -> Result<(), StoreError> {
    let alone = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(BUDGETS);
    alone.execute(connection).await.map(drop).map_err(unavailable)
}

/// Whoever comes with the same key of a charge, or would end that charge.
pub(super) async fn key(connection: &mut PgConnection, key: &str) -> Result<(), StoreError> {
    let key = clean(key);
    wait(connection, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", &key).await?;
    wait(connection, "SELECT FROM charges WHERE key = $1 FOR UPDATE", &key).await
}

/// Whoever would end the charge.
pub(super) async fn charge(connection: &mut PgConnection, id: ChargeId) -> Result<(), StoreError> {
    wait(connection, "SELECT FROM charges WHERE call = $1 FOR UPDATE", &id.0.to_string()).await
}

/// Whoever would correct anything.
pub(super) async fn corrections(connection: &mut PgConnection) -> Result<(), StoreError> {
    let alone = "LOCK TABLE corrections IN SHARE ROW EXCLUSIVE MODE";
    sqlx::query(alone).execute(connection).await.map(drop).map_err(unavailable)
}

/// Whoever would change the record.
pub(super) async fn record(connection: &mut PgConnection, call: CallId) -> Result<(), StoreError> {
    wait(connection, "SELECT FROM journal WHERE call = $1 FOR UPDATE", &call.to_string()).await
}

/// Whoever would bring the dead replica back.
pub(super) async fn dead(connection: &mut PgConnection, replica: &str) -> Result<(), StoreError> {
    wait(connection, "SELECT FROM replicas WHERE id = $1 AND is_dead FOR UPDATE", replica).await
}

async fn wait(connection: &mut PgConnection, on: &'static str, name: &str) -> Result<(), StoreError> {
    sqlx::query(on).bind(name).execute(connection).await.map(drop).map_err(unavailable)
}
