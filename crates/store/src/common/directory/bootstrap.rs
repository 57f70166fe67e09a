//! The first administrator.

use jiff::Timestamp;
use stonegate_identity::{
    Change, DirectoryError, KeyDigest, Scope, UserId,
    directory::{Act, Key, NewKey, NewUser},
};

use super::{Connection, Pools, audit::record, keys, users, write};
use crate::directory::{
    error::{not_found, unavailable},
    row::stored_time,
};

pub(super) async fn offer(
    pools: &Pools,
    digest: KeyDigest,
    expires_at: Timestamp,
    act: &Act,
) -> Result<bool, DirectoryError> {
    let mut transaction = write(pools).await?;
    if has_admin(&mut transaction, act.at).await? {
        return Ok(false);
    }
    sqlx::query("DELETE FROM bootstrap_tokens WHERE expires_at <= $1")
        .bind(stored_time(act.at))
        .execute(&mut *transaction)
        .await
        .map_err(unavailable)?;
    sqlx::query("INSERT INTO bootstrap_tokens (digest, expires_at) VALUES ($1, $2)")
        .bind(&digest.as_bytes()[..])
        .bind(stored_time(expires_at))
        .execute(&mut *transaction)
        .await
        .map_err(unavailable)?;
    record(&mut transaction, act, "bootstrap.offer", "installation".to_owned(), Change::default()).await?;
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
    let mut transaction = write(pools).await?;
    let is_known: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM bootstrap_tokens WHERE digest = $1 AND expires_at > $2)",
    )
    .bind(&digest.as_bytes()[..])
    .bind(stored_time(act.at))
    .fetch_one(&mut *transaction)
    .await
    .map_err(unavailable)?;
    if !is_known || has_admin(&mut transaction, act.at).await? {
        return Err(not_found("bootstrap token", "[hidden]"));
    }
    sqlx::query("DELETE FROM bootstrap_tokens").execute(&mut *transaction).await.map_err(unavailable)?;
    let key = match named_admin(&mut transaction, &admin).await? {
        Some(user) => NewKey { user, ..key },
        None => {
            users::insert(&mut transaction, admin, act).await?;
            key
        }
    };
    let key = keys::insert(&mut transaction, key, act).await?;
    record(&mut transaction, act, "bootstrap.redeem", format!("user:{}", key.user), Change::default())
        .await?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(key)
}

/// Whether somebody is able to administer: an administrator with a key in force that may change what belongs to others, or
/// with a password to sign in by.
async fn has_admin(connection: &mut Connection, at: Timestamp) -> Result<bool, DirectoryError> {
    sqlx::query_scalar(
        "SELECT EXISTS (
             SELECT 1 FROM keys JOIN users ON users.id = keys.user_id
             WHERE users.role = 'admin' AND users.disabled_at IS NULL AND keys.revoked_at IS NULL
                 AND (keys.expires_at IS NULL OR keys.expires_at > $1)
                 AND ' ' || keys.scopes || ' ' LIKE '% ' || $2 || ' %'
         ) OR EXISTS (
             SELECT 1 FROM passwords JOIN users ON users.id = passwords.user_id
             WHERE users.role = 'admin' AND users.disabled_at IS NULL
         )",
    )
    .bind(stored_time(at))
    .bind(Scope::AdminWrite.as_str())
    .fetch_one(connection)
    .await
    .map_err(unavailable)
}

/// An administrator of that name who was made before, and has no key to administer with.
async fn named_admin(
    connection: &mut Connection,
    wanted: &NewUser,
) -> Result<Option<UserId>, DirectoryError> {
    let id: Option<String> = sqlx::query_scalar(
        "SELECT id FROM users WHERE tenant_id = $1 AND name = $2 AND role = 'admin' AND disabled_at IS NULL",
    )
    .bind(wanted.tenant.as_str())
    .bind(&wanted.name)
    .fetch_optional(connection)
    .await
    .map_err(unavailable)?;
    id.map(|id| UserId::parse(&id).map_err(|bad| DirectoryError::Unavailable(Box::new(bad)))).transpose()
}
