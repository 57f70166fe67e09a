//! Keys and their texts.

use jiff::Timestamp;
use stonegate_identity::{
    Change, DirectoryError, KeyDigest, KeyId, KeyKind, UserId,
    directory::{Act, Filter, Key, NewKey, Page, PageRequest, Rotation},
};

use super::{Connection, Pools, audit::record, grants::next_version, users, write};
use crate::directory::{
    error::{not_found, unavailable},
    filter::{Narrowed, paged},
    keys::{check_refreshable, check_renewable, check_rotatable, long_ago, too_many_keys},
    row::{self, stored_rule, stored_time},
};

pub(super) async fn create(pools: &Pools, new: NewKey, act: &Act) -> Result<Key, DirectoryError> {
    let mut transaction = write(pools).await?;
    let key = insert(&mut transaction, new, act).await?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(key)
}

/// Makes a key inside the caller's transaction.
pub(super) async fn insert(
    connection: &mut Connection,
    new: NewKey,
    act: &Act,
) -> Result<Key, DirectoryError> {
    if users::read(connection, &new.user).await?.is_none() {
        return Err(not_found("user", &new.user));
    }
    if let Some(most) = new.most {
        let held = in_force(connection, &new.user, new.kind, act.at).await?;
        if held >= i64::from(most) {
            return Err(too_many_keys(new.kind, most));
        }
    }
    let version = next_version(connection).await?;
    sqlx::query(
        "INSERT INTO keys (id, user_id, name, public_form, scopes, models, expires_at, created_at, version, kind, parent_id,
                            tags)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(new.id.as_str())
    .bind(new.user.as_str())
    .bind(&new.name)
    .bind(new.public_form.as_str())
    .bind(new.scopes.to_string())
    .bind(stored_rule(&new.models))
    .bind(new.expires_at.map(stored_time))
    .bind(stored_time(act.at))
    .bind(version)
    .bind(new.kind.as_str())
    .bind(new.parent.as_ref().map(KeyId::as_str))
    .bind(&new.tags)
    .execute(&mut *connection)
    .await
    .map_err(unavailable)?;
    insert_text(connection, &new.id, new.digest, new.text_until, act).await?;
    let key = stored(connection, &new.id).await?;
    record(connection, act, "key.create", format!("key:{}", key.id), Change::made(&key)).await?;
    Ok(key)
}

/// How many keys of a kind a user has in force.
async fn in_force(
    connection: &mut Connection,
    user: &UserId,
    kind: KeyKind,
    at: Timestamp,
) -> Result<i64, DirectoryError> {
    sqlx::query_scalar(
        "SELECT count(*) FROM keys LEFT JOIN keys AS parents ON parents.id = keys.parent_id
         WHERE keys.user_id = $1 AND keys.kind = $2 AND keys.revoked_at IS NULL AND parents.revoked_at IS NULL
           AND coalesce(keys.expires_at > $3, TRUE)",
    )
    .bind(user.as_str())
    .bind(kind.as_str())
    .bind(stored_time(at))
    .fetch_one(connection)
    .await
    .map_err(unavailable)
}

async fn insert_text(
    connection: &mut Connection,
    id: &KeyId,
    digest: KeyDigest,
    until: Option<Timestamp>,
    act: &Act,
) -> Result<(), DirectoryError> {
    sqlx::query("INSERT INTO key_texts (digest, key_id, created_at, retires_at) VALUES ($1, $2, $3, $4)")
        .bind(&digest.as_bytes()[..])
        .bind(id.as_str())
        .bind(stored_time(act.at))
        .bind(until.map(stored_time))
        .execute(connection)
        .await
        .map_err(unavailable)?;
    Ok(())
}

pub(super) async fn find(pools: &Pools, id: &KeyId) -> Result<Option<Key>, DirectoryError> {
    let mut transaction = pools.read().await.map_err(unavailable)?;
    read(&mut transaction, id).await
}

async fn read(connection: &mut Connection, id: &KeyId) -> Result<Option<Key>, DirectoryError> {
    let found = sqlx::query(
        "SELECT keys.id, keys.user_id, keys.name, keys.kind, keys.parent_id, keys.public_form, keys.scopes, keys.models, keys.tags,
                keys.expires_at, coalesce(keys.revoked_at, parents.revoked_at) AS revoked_at, keys.rotated_at,
                keys.last_used_at, keys.created_at, users.tenant_id, users.team_id, users.name AS user_name, users.role AS user_role
         FROM keys JOIN users ON users.id = keys.user_id LEFT JOIN keys AS parents ON parents.id = keys.parent_id WHERE keys.id = $1",
    )
    .bind(id.as_str())
    .fetch_optional(connection)
    .await
    .map_err(unavailable)?;
    found.as_ref().map(row::key).transpose()
}

async fn stored(connection: &mut Connection, id: &KeyId) -> Result<Key, DirectoryError> {
    read(connection, id).await?.ok_or_else(|| not_found("key", id))
}

pub(super) async fn list(
    pools: &Pools,
    filter: &Filter,
    page: &PageRequest,
) -> Result<Page<Key>, DirectoryError> {
    let narrowed = Narrowed::of(filter, page);
    let rows = sqlx::query(
        "SELECT keys.id, keys.user_id, keys.name, keys.kind, keys.parent_id, keys.public_form, keys.scopes, keys.models, keys.tags,
                keys.expires_at, coalesce(keys.revoked_at, parents.revoked_at) AS revoked_at, keys.rotated_at,
                keys.last_used_at, keys.created_at, users.tenant_id, users.team_id, users.name AS user_name, users.role AS user_role
         FROM keys JOIN users ON users.id = keys.user_id LEFT JOIN keys AS parents ON parents.id = keys.parent_id
              JOIN tenants ON tenants.id = users.tenant_id
         WHERE ($1 IS NULL OR users.tenant_id = $1) AND ($2 IS NULL OR users.id = $2)
           AND ($3 IS NULL OR users.tenant_id = $3) AND ($4 IS NULL OR users.id = $4)
           AND ($5 IS NULL OR keys.name = $5) AND NOT keys.is_forgotten
           AND ($6 IS NULL OR (keys.revoked_at IS NULL AND parents.revoked_at IS NULL
                               AND coalesce(keys.expires_at > $6, TRUE) AND users.disabled_at IS NULL AND tenants.disabled_at IS NULL))
           AND ($7 IS NULL OR keys.id > $7) AND ($9 IS NULL OR keys.kind = $9)
           AND ($10 IS NULL OR users.team_id = $10) AND ($11 IS NULL OR users.team_id = $11)
         ORDER BY keys.id LIMIT $8",
    )
    .bind(narrowed.reach_tenant)
    .bind(narrowed.reach_user)
    .bind(narrowed.tenant)
    .bind(narrowed.user)
    .bind(narrowed.name)
    .bind(narrowed.in_force_at)
    .bind(narrowed.after)
    .bind(narrowed.limit)
    .bind(narrowed.kind)
    .bind(narrowed.reach_team)
    .bind(narrowed.team)
    .fetch_all(pools.readers())
    .await
    .map_err(unavailable)?;
    let keys = rows.iter().map(row::key).collect::<Result<_, _>>()?;
    Ok(paged(keys, page, |key: &Key| key.id.to_string()))
}

pub(super) async fn renew(
    pools: &Pools,
    id: &KeyId,
    expires_at: Timestamp,
    act: &Act,
) -> Result<Key, DirectoryError> {
    let mut transaction = write(pools).await?;
    let before = stored(&mut transaction, id).await?;
    check_renewable(&before, act.at)?;
    let version = next_version(&mut transaction).await?;
    sqlx::query("UPDATE keys SET expires_at = $2, version = $3 WHERE id = $1")
        .bind(id.as_str())
        .bind(stored_time(expires_at))
        .bind(version)
        .execute(&mut *transaction)
        .await
        .map_err(unavailable)?;
    let key = stored(&mut transaction, id).await?;
    let change = Change::between(&before, &key);
    record(&mut transaction, act, "key.renew", format!("key:{id}"), change).await?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(key)
}

pub(super) async fn revoke(pools: &Pools, id: &KeyId, act: &Act) -> Result<Key, DirectoryError> {
    let mut transaction = write(pools).await?;
    if stored(&mut transaction, id).await?.revoked_at.is_none() {
        let version = next_version(&mut transaction).await?;
        sqlx::query("UPDATE keys SET revoked_at = $2, version = $3 WHERE id = $1")
            .bind(id.as_str())
            .bind(stored_time(act.at))
            .bind(version)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        record(&mut transaction, act, "key.revoke", format!("key:{id}"), Change::default()).await?;
    }
    let key = stored(&mut transaction, id).await?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(key)
}

pub(super) async fn end_sign_ins(pools: &Pools, user: &UserId, act: &Act) -> Result<(), DirectoryError> {
    let mut transaction = write(pools).await?;
    end_all(&mut transaction, user, act).await?;
    transaction.commit().await.map_err(unavailable)
}

/// Ends every sign-in of a user inside the caller's transaction, and with them what was made with them for a while.
pub(super) async fn end_all(
    connection: &mut Connection,
    user: &UserId,
    act: &Act,
) -> Result<(), DirectoryError> {
    let version = next_version(&mut *connection).await?;
    let ended = sqlx::query(
        "UPDATE keys SET revoked_at = $2, version = $3
         WHERE user_id = $1 AND revoked_at IS NULL AND kind IN ($4, $5) AND coalesce(expires_at > $2, TRUE)",
    )
    .bind(user.as_str())
    .bind(stored_time(act.at))
    .bind(version)
    .bind(KeyKind::Session.as_str())
    .bind(KeyKind::Browser.as_str())
    .execute(&mut *connection)
    .await
    .map_err(unavailable)?;
    if ended.rows_affected() > 0 {
        record(connection, act, "signin.end", format!("user:{user}"), Change::default()).await?;
    }
    Ok(())
}

pub(super) async fn rotate(
    pools: &Pools,
    id: &KeyId,
    rotation: Rotation,
    act: &Act,
) -> Result<Key, DirectoryError> {
    let mut transaction = write(pools).await?;
    let before = stored(&mut transaction, id).await?;
    check_rotatable(&before, act.at)?;
    turn(&mut transaction, id, &rotation, act).await?;
    let key = stored(&mut transaction, id).await?;
    let change = Change::between(&before, &key);
    record(&mut transaction, act, "key.rotate", format!("key:{id}"), change).await?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(key)
}

pub(super) async fn refresh(
    pools: &Pools,
    id: &KeyId,
    rotation: Rotation,
    act: &Act,
) -> Result<Key, DirectoryError> {
    let mut transaction = write(pools).await?;
    let before = stored(&mut transaction, id).await?;
    check_refreshable(&before, act.at)?;
    sqlx::query("DELETE FROM key_texts WHERE key_id = $1 AND retires_at < $2")
        .bind(id.as_str())
        .bind(stored_time(long_ago(act.at)))
        .execute(&mut *transaction)
        .await
        .map_err(unavailable)?;
    turn(&mut transaction, id, &rotation, act).await?;
    let key = stored(&mut transaction, id).await?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(key)
}

/// The key's new text in the place of those that it has.
async fn turn(
    connection: &mut Connection,
    id: &KeyId,
    rotation: &Rotation,
    act: &Act,
) -> Result<(), DirectoryError> {
    let version = next_version(&mut *connection).await?;
    sqlx::query("UPDATE key_texts SET retires_at = CASE WHEN retires_at < $2 THEN retires_at ELSE $2 END WHERE key_id = $1")
        .bind(id.as_str())
        .bind(stored_time(rotation.old_until))
        .execute(&mut *connection)
        .await
        .map_err(unavailable)?;
    sqlx::query("UPDATE keys SET public_form = $2, rotated_at = $3, version = $4 WHERE id = $1")
        .bind(id.as_str())
        .bind(rotation.public_form.as_str())
        .bind(stored_time(act.at))
        .bind(version)
        .execute(&mut *connection)
        .await
        .map_err(unavailable)?;
    insert_text(connection, id, rotation.digest, rotation.new_until, act).await
}
