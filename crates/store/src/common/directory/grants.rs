//! What every replica keeps in memory: which digest lets in whom. And the version that tells when to look again.

use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use stonegate_identity::{
    DirectoryError, KeyDigest, KeyGrant,
    directory::{Changes, Snapshot},
};

use super::{Connection, Pools};
use crate::directory::{
    error::{unavailable, unreadable},
    people::People,
    row::stored_time,
};

/// A macro, since sqlx takes only literal SQL without further ado, and three questions share these columns.
macro_rules! grants_where {
    ($condition:literal) => {
        concat!(
            "SELECT key_texts.digest, key_texts.retires_at, keys.id AS key_id, keys.name AS key_name, keys.kind,
                    keys.scopes, keys.models AS key_models, keys.tags AS key_tags, keys.expires_at,
                    keys.parent_id, parents.name AS parent_name,
                    coalesce(keys.revoked_at, parents.revoked_at) AS revoked_at, users.id AS user_id,
                    users.name AS user_name, users.role, users.models AS user_models, users.team_id,
                    teams.name AS team_name, coalesce(teams.models, '') AS team_models,
                    users.disabled_at AS user_disabled_at, tenants.id AS tenant_id, tenants.models AS tenant_models,
                    tenants.disabled_at AS tenant_disabled_at
             FROM key_texts JOIN keys ON keys.id = key_texts.key_id JOIN users ON users.id = keys.user_id
                  JOIN tenants ON tenants.id = users.tenant_id LEFT JOIN teams ON teams.id = users.team_id
                  LEFT JOIN keys AS parents ON parents.id = keys.parent_id
             WHERE ",
            $condition
        )
    };
}

/// Raises the directory's version, inside the transaction of what changed.
pub(super) async fn next_version(connection: &mut Connection) -> Result<i64, DirectoryError> {
    sqlx::query_scalar("UPDATE directory_version SET version = version + 1 RETURNING version")
        .fetch_one(connection)
        .await
        .map_err(unavailable)
}

async fn version(connection: &mut Connection) -> Result<u64, DirectoryError> {
    let stored: i64 = sqlx::query_scalar("SELECT version FROM directory_version")
        .fetch_one(connection)
        .await
        .map_err(unavailable)?;
    u64::try_from(stored).map_err(|error| unreadable("version", error))
}

pub(super) async fn all(pools: &Pools, now: Timestamp) -> Result<Snapshot, DirectoryError> {
    let mut transaction = pools.read().await.map_err(unavailable)?;
    let version = version(&mut transaction).await?;
    let sql = grants_where!(
        "keys.revoked_at IS NULL AND parents.revoked_at IS NULL AND coalesce(keys.expires_at > $1, TRUE)
         AND coalesce(key_texts.retires_at > $1, TRUE)"
    );
    let mut rows = sqlx::query(sql).bind(stored_time(now)).fetch(&mut *transaction);
    let (mut people, mut grants) = (People::default(), Vec::new());
    while let Some(row) = rows.try_next().await.map_err(unavailable)? {
        grants.push(people.grant(&row)?);
    }
    Ok(Snapshot { version, grants })
}

pub(super) async fn since(pools: &Pools, seen: u64) -> Result<Changes, DirectoryError> {
    // Asked a few times a second and mostly for nothing: one exchange then.
    let at_first: i64 = sqlx::query_scalar("SELECT version FROM directory_version")
        .fetch_one(pools.readers())
        .await
        .map_err(unavailable)?;
    if u64::try_from(at_first).is_ok_and(|version| version == seen) {
        return Ok(Changes::None);
    }
    let mut transaction = pools.read().await.map_err(unavailable)?;
    let version = version(&mut transaction).await?;
    if version == seen {
        return Ok(Changes::None);
    }
    if version < seen {
        return Ok(Changes::StartOver);
    }
    let sql = grants_where!(
        "keys.id IN (SELECT id FROM keys WHERE version > $1
                     UNION SELECT keys.id FROM keys JOIN keys AS parents ON parents.id = keys.parent_id
                           WHERE parents.version > $1
                     UNION SELECT keys.id FROM keys JOIN users ON users.id = keys.user_id WHERE users.version > $1
                     UNION SELECT keys.id FROM keys JOIN users ON users.id = keys.user_id
                           JOIN tenants ON tenants.id = users.tenant_id WHERE tenants.version > $1
                     UNION SELECT keys.id FROM keys JOIN users ON users.id = keys.user_id
                           JOIN teams ON teams.id = users.team_id WHERE teams.version > $1)"
    );
    let seen = i64::try_from(seen).map_err(|error| unreadable("version", error))?;
    let rows = sqlx::query(sql).bind(seen).fetch_all(&mut *transaction).await.map_err(unavailable)?;
    let mut people = People::default();
    let grants = rows.iter().map(|row| people.grant(row)).collect::<Result<_, _>>()?;
    Ok(Changes::Grants(Snapshot { version, grants }))
}

pub(super) async fn find(pools: &Pools, digest: KeyDigest) -> Result<Option<KeyGrant>, DirectoryError> {
    let found = sqlx::query(grants_where!("key_texts.digest = $1"))
        .bind(&digest.as_bytes()[..])
        .fetch_optional(pools.readers())
        .await
        .map_err(unavailable)?;
    found.map(|row| People::default().grant(&row).map(|(_, grant)| grant)).transpose()
}
