//! Somebody always administers.

use stonegate_identity::{
    DirectoryError,
    directory::{Act, Actor},
};

use super::Connection;
use crate::directory::error::{conflict, unavailable};

/// Refuses an act after which nobody would be an administrator who is let in. Asked in the act's own transaction, after it was
/// written, so that two administrators who remove each other at the same instant are not both gone.
///
/// Whoever has the store in hand is asked nothing: they can make another one.
pub(super) async fn keep_one(
    connection: &mut Connection,
    field: &'static str,
    act: &Act,
) -> Result<(), DirectoryError> {
    if act.by == Actor::Operator {
        return Ok(());
    }
    let is_one_left: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM users JOIN tenants ON tenants.id = users.tenant_id
                        WHERE users.role = 'admin' AND users.disabled_at IS NULL AND tenants.disabled_at IS NULL)",
    )
    .fetch_one(connection)
    .await
    .map_err(unavailable)?;
    if is_one_left {
        return Ok(());
    }
    Err(conflict(field, "nobody would be an administrator any more: make another one first".to_owned()))
}
