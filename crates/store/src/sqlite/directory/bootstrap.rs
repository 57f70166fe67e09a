//! The first administrator.

use jiff::Timestamp;
use sqlx::SqliteConnection;
use stonegate_identity::{
    DirectoryError, KeyDigest,
    directory::{Act, Key, NewKey, NewUser},
};

use super::{
    Pools,
    audit::record,
    error::{not_found, unavailable},
    keys,
    row::stored_time,
    users,
};

pub(super) async fn offer(
    pools: &Pools,
    digest: KeyDigest,
    expires_at: Timestamp,
    act: &Act,
) -> Result<bool, DirectoryError> {
    let mut transaction = pools.write().await.map_err(unavailable)?;
    if has_admin(&mut transaction).await? {
        return Ok(false);
    }
    sqlx::query("DELETE FROM bootstrap_tokens WHERE expires_at <= ?1")
        .bind(stored_time(act.at))
        .execute(&mut *transaction)
        .await
        .map_err(unavailable)?;
    sqlx::query("INSERT INTO bootstrap_tokens (digest, expires_at) VALUES (?1, ?2)")
        .bind(&digest.as_bytes()[..])
        .bind(stored_time(expires_at))
        .execute(&mut *transaction)
        .await
        .map_err(unavailable)?;
    record(&mut transaction, act, "bootstrap.offer", "installation".to_owned()).await?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(true)
}

pub(super) async fn redeem(
    pools: &Pools,
    digest: KeyDigest,
    admin: NewUser,
    key: NewKey,
    act: &Act,
) -> Result<Key, DirectoryError> {
    let mut transaction = pools.write().await.map_err(unavailable)?;
    let is_known: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM bootstrap_tokens WHERE digest = ?1 AND expires_at > ?2)",
    )
    .bind(&digest.as_bytes()[..])
    .bind(stored_time(act.at))
    .fetch_one(&mut *transaction)
    .await
    .map_err(unavailable)?;
    if !is_known || has_admin(&mut transaction).await? {
        return Err(not_found("bootstrap token", "[hidden]"));
    }
    sqlx::query("DELETE FROM bootstrap_tokens").execute(&mut *transaction).await.map_err(unavailable)?;
    users::insert(&mut transaction, admin, act).await?;
    let key = keys::insert(&mut transaction, key, act).await?;
    record(&mut transaction, act, "bootstrap.redeem", format!("user:{}", key.user)).await?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(key)
}

async fn has_admin(connection: &mut SqliteConnection) -> Result<bool, DirectoryError> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM users WHERE role = 'admin')")
        .fetch_one(connection)
        .await
        .map_err(unavailable)
}
