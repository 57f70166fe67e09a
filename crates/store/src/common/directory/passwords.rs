//! Passwords, by the login that they go with.

use stonegate_identity::{
    Change, DirectoryError, UserId,
    directory::{Act, NewPassword, User},
};

use super::{Pools, audit::record, users, write};
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
    if users::read(&mut transaction, user).await?.is_none() {
        return Err(not_found("user", user));
    }
    let holder: Option<String> = sqlx::query_scalar("SELECT user_id FROM passwords WHERE login = $1")
        .bind(&password.login)
        .fetch_optional(&mut *transaction)
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
    .execute(&mut *transaction)
    .await
    .map_err(unavailable)?;
    record(&mut transaction, act, "password.set", format!("user:{user}"), Change::default()).await?;
    transaction.commit().await.map_err(unavailable)
}

pub(super) async fn find(pools: &Pools, login: &str) -> Result<Option<(User, String)>, DirectoryError> {
    let found = sqlx::query(
        "SELECT users.id, users.tenant_id, users.name, users.email, users.role, users.models, users.disabled_at,
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
