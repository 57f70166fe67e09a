//! The first administrator.

use jiff::Timestamp;
use stonegate_identity::{
    Change, DirectoryError, KeyDigest, Scope, UserId,
    directory::{Act, FirstAdmin, Key, NewKey, NewUser},
};

use super::{Connection, Pools, audit::record, keys, passwords, users, write};
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
    if had_admin(&mut transaction).await? {
        return Ok(false);
    }
    sqlx::query("DELETE FROM bootstrap_tokens").execute(&mut *transaction).await.map_err(unavailable)?;
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

pub(super) async fn is_offered(
    pools: &Pools,
    digest: KeyDigest,
    now: Timestamp,
) -> Result<bool, DirectoryError> {
    let mut transaction = pools.read().await.map_err(unavailable)?;
    is_good(&mut transaction, digest, now).await
}

async fn is_good(
    connection: &mut Connection,
    digest: KeyDigest,
    now: Timestamp,
) -> Result<bool, DirectoryError> {
    let is_known: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM bootstrap_tokens WHERE digest = $1 AND expires_at > $2)",
    )
    .bind(&digest.as_bytes()[..])
    .bind(stored_time(now))
    .fetch_one(&mut *connection)
    .await
    .map_err(unavailable)?;
    Ok(is_known && !had_admin(connection).await?)
}

pub(super) async fn redeem(
    pools: &Pools,
    digest: KeyDigest,
    first: FirstAdmin,
    act: &Act,
) -> Result<Key, DirectoryError> {
    let mut transaction = write(pools).await?;
    if !is_good(&mut transaction, digest, act.at).await? {
        return Err(not_found("bootstrap token", "[hidden]"));
    }
    let FirstAdmin { user: admin, key, password } = first;
    sqlx::query("DELETE FROM bootstrap_tokens").execute(&mut *transaction).await.map_err(unavailable)?;
    let key = match named_admin(&mut transaction, &admin).await? {
        Some(user) => NewKey { user, ..key },
        None => {
            users::insert(&mut transaction, admin, act).await?;
            key
        }
    };
    let key = keys::insert(&mut transaction, key, act).await?;
    if let Some(password) = password {
        passwords::put(&mut transaction, &key.user, password, act).await?;
    }
    record(&mut transaction, act, "bootstrap.redeem", format!("user:{}", key.user), Change::default())
        .await?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(key)
}

/// Whether there was ever somebody who was able to administer: keys and users are not deleted, and the log says who came by a
/// token, or that a password was taken away, which an administrator's key does. Whoever comes back to an installation without any has its store in hand, and needs no token in a log.
async fn had_admin(connection: &mut Connection) -> Result<bool, DirectoryError> {
    sqlx::query_scalar(
        "SELECT EXISTS (
             SELECT 1 FROM keys JOIN users ON users.id = keys.user_id
             WHERE users.role = 'admin' AND ' ' || keys.scopes || ' ' LIKE '% ' || $1 || ' %'
         ) OR EXISTS (
             SELECT 1 FROM passwords JOIN users ON users.id = passwords.user_id WHERE users.role = 'admin'
         ) OR EXISTS (SELECT 1 FROM audit WHERE action IN ('bootstrap.redeem', 'password.remove'))",
    )
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
