//! Passwords, by the login that they go with.

use jiff::Timestamp;
use stonegate_identity::{
    Change, DirectoryError, UserId,
    directory::{Act, NewPassword, User},
};

use super::{Connection, Pools, audit::record, keys::end_all, users, write};
use crate::directory::{
    error::{conflict, not_found, unavailable},
    row::{self, Columns, stored_time},
};

pub(super) async fn set(
    pools: &Pools,
    user: &UserId,
    password: NewPassword,
    act: &Act,
) -> Result<(), DirectoryError> {
    let mut transaction = write(pools).await?;
    put(&mut transaction, user, password, act).await?;
    end_all(&mut transaction, user, act).await?;
    transaction.commit().await.map_err(unavailable)
}

pub(super) async fn remove(pools: &Pools, user: &UserId, act: &Act) -> Result<(), DirectoryError> {
    let mut transaction = write(pools).await?;
    let removed = sqlx::query("DELETE FROM passwords WHERE user_id = $1")
        .bind(user.as_str())
        .execute(&mut *transaction)
        .await
        .map_err(unavailable)?;
    if removed.rows_affected() > 0 {
        record(&mut transaction, act, "password.remove", format!("user:{user}"), Change::default()).await?;
    }
    end_all(&mut transaction, user, act).await?;
    transaction.commit().await.map_err(unavailable)
}

/// Sets a password inside the caller's transaction.
pub(super) async fn put(
    connection: &mut Connection,
    user: &UserId,
    password: NewPassword,
    act: &Act,
) -> Result<(), DirectoryError> {
    if users::read(connection, user).await?.is_none() {
        return Err(not_found("user", user));
    }
    let holder: Option<String> = sqlx::query_scalar("SELECT user_id FROM passwords WHERE login = $1")
        .bind(&password.login)
        .fetch_optional(&mut *connection)
        .await
        .map_err(unavailable)?;
    if holder.is_some_and(|holder| holder != user.as_str()) {
        return Err(conflict("email", "another user signs in with this address".to_owned()));
    }
    sqlx::query(
        "INSERT INTO passwords (user_id, login, hash, changed_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (user_id) DO UPDATE
         SET login = excluded.login, hash = excluded.hash, changed_at = excluded.changed_at",
    )
    .bind(user.as_str())
    .bind(&password.login)
    .bind(&password.hash)
    .bind(stored_time(act.at))
    .execute(&mut *connection)
    .await
    .map_err(unavailable)?;
    record(connection, act, "password.set", format!("user:{user}"), Change::default()).await
}

pub(super) async fn set_at(pools: &Pools, user: &UserId) -> Result<Option<Timestamp>, DirectoryError> {
    let found = sqlx::query("SELECT changed_at FROM passwords WHERE user_id = $1")
        .bind(user.as_str())
        .fetch_optional(pools.readers())
        .await
        .map_err(unavailable)?;
    found.map(|row| Columns(&row).time("changed_at")).transpose()
}

pub(super) async fn find(pools: &Pools, login: &str) -> Result<Option<(User, String)>, DirectoryError> {
    let found = sqlx::query(
        "SELECT users.id, users.tenant_id, users.team_id, users.name, users.email, users.role, users.models, users.disabled_at,
                users.created_at, passwords.hash
         FROM passwords JOIN users ON users.id = passwords.user_id
         WHERE passwords.login = $1",
    )
    .bind(login)
    .fetch_optional(pools.readers())
    .await
    .map_err(unavailable)?;
    found.map(|found| Ok((row::user(&found)?, Columns(&found).value("hash")?))).transpose()
}
