//! What every replica keeps in memory: which digest lets in whom. And the version that tells when to look again.

use std::{collections::HashMap, sync::Arc};

use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use sqlx::{SqliteConnection, sqlite::SqliteRow};
use stonegate_identity::{
    Caller, DirectoryError, KeyDigest, KeyGrant, ModelPolicy, ModelRule, Role, Scopes, Standing, TenantId,
    UserId,
    directory::{Changes, Snapshot},
};

use super::{
    Pools,
    error::{unavailable, unreadable},
    row::{Columns, stored_time},
};

/// A macro, since sqlx takes only literal SQL without further ado, and three questions share these columns.
macro_rules! grants_where {
    ($condition:literal) => {
        concat!(
            "SELECT key_texts.digest, key_texts.retires_at, keys.id AS key_id, keys.name AS key_name, keys.scopes,
                    keys.models AS key_models, keys.expires_at, keys.revoked_at, users.id AS user_id,
                    users.name AS user_name, users.role, users.models AS user_models,
                    users.disabled_at AS user_disabled_at, tenants.id AS tenant_id, tenants.models AS tenant_models,
                    tenants.disabled_at AS tenant_disabled_at
             FROM key_texts JOIN keys ON keys.id = key_texts.key_id JOIN users ON users.id = keys.user_id
                  JOIN tenants ON tenants.id = users.tenant_id
             WHERE ",
            $condition
        )
    };
}

/// Raises the directory's version, inside the transaction of what changed.
pub(super) async fn next_version(connection: &mut SqliteConnection) -> Result<i64, DirectoryError> {
    sqlx::query_scalar("UPDATE directory_version SET version = version + 1 RETURNING version")
        .fetch_one(connection)
        .await
        .map_err(unavailable)
}

async fn version(connection: &mut SqliteConnection) -> Result<u64, DirectoryError> {
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
        "keys.revoked_at IS NULL AND coalesce(keys.expires_at > ?1, TRUE) AND coalesce(key_texts.retires_at > ?1, TRUE)"
    );
    let mut rows = sqlx::query(sql).bind(stored_time(now)).fetch(&mut *transaction);
    let (mut people, mut grants) = (People::default(), Vec::new());
    while let Some(row) = rows.try_next().await.map_err(unavailable)? {
        grants.push(people.grant(&row)?);
    }
    Ok(Snapshot { version, grants })
}

pub(super) async fn since(pools: &Pools, seen: u64) -> Result<Changes, DirectoryError> {
    let mut transaction = pools.read().await.map_err(unavailable)?;
    let version = version(&mut transaction).await?;
    if version == seen {
        return Ok(Changes::None);
    }
    if version < seen {
        return Ok(Changes::StartOver);
    }
    let sql = grants_where!(
        "keys.id IN (SELECT id FROM keys WHERE version > ?1
                     UNION SELECT keys.id FROM keys JOIN users ON users.id = keys.user_id WHERE users.version > ?1
                     UNION SELECT keys.id FROM keys JOIN users ON users.id = keys.user_id
                           JOIN tenants ON tenants.id = users.tenant_id WHERE tenants.version > ?1)"
    );
    let seen = i64::try_from(seen).map_err(|error| unreadable("version", error))?;
    let rows = sqlx::query(sql).bind(seen).fetch_all(&mut *transaction).await.map_err(unavailable)?;
    let mut people = People::default();
    let grants = rows.iter().map(|row| people.grant(row)).collect::<Result<_, _>>()?;
    Ok(Changes::Grants(Snapshot { version, grants }))
}

pub(super) async fn find(pools: &Pools, digest: KeyDigest) -> Result<Option<KeyGrant>, DirectoryError> {
    let found = sqlx::query(grants_where!("key_texts.digest = ?1"))
        .bind(&digest.as_bytes()[..])
        .fetch_optional(pools.readers())
        .await
        .map_err(unavailable)?;
    found.map(|row| People::default().grant(&row).map(|(_, grant)| grant)).transpose()
}

/// The users met so far in one answer, so that a hundred thousand keys share the names of their owners.
#[derive(Default)]
struct People(HashMap<String, Person>);

struct Person {
    tenant: TenantId,
    id: UserId,
    name: Arc<str>,
    role: Role,
    rules: [ModelRule; 2],
    policy: ModelPolicy,
    standing: Standing,
}

impl People {
    fn grant(&mut self, row: &SqliteRow) -> Result<(KeyDigest, KeyGrant), DirectoryError> {
        let row = Columns(row);
        let person = self.owner(&row)?;
        let key_rule = row.rule("key_models")?;
        let caller = Caller {
            tenant: person.tenant.clone(),
            team: None,
            user: person.id.clone(),
            user_name: Arc::clone(&person.name),
            key: Some(row.key_id("key_id")?),
            key_name: Some(row.value::<&str>("key_name")?.into()),
            role: person.role,
            scopes: row.parsed::<Scopes>("scopes")?.and(person.role.may_hold()),
            models: if key_rule.is_empty() {
                person.policy.clone()
            } else {
                ModelPolicy::of(person.rules.iter().cloned().chain([key_rule]))
            },
        };
        let is_revoked = row.value::<Option<i64>>("revoked_at")?.is_some();
        let grant = KeyGrant {
            caller: Arc::new(caller),
            expires_at: row.maybe_time("expires_at")?,
            retires_at: row.maybe_time("retires_at")?,
            standing: if is_revoked { Standing::Revoked } else { person.standing },
        };
        let digest: [u8; 32] =
            row.value::<&[u8]>("digest")?.try_into().map_err(|error| unreadable("digest", error))?;
        Ok((KeyDigest::from_bytes(digest), grant))
    }

    fn owner(&mut self, row: &Columns<'_>) -> Result<&Person, DirectoryError> {
        let id: &str = row.value("user_id")?;
        if !self.0.contains_key(id) {
            self.0.insert(id.to_owned(), Person::of(row)?);
        }
        Ok(&self.0[id])
    }
}

impl Person {
    fn of(row: &Columns<'_>) -> Result<Self, DirectoryError> {
        let is_set = |column| Ok(row.value::<Option<i64>>(column)?.is_some());
        let rules = [row.rule("tenant_models")?, row.rule("user_models")?];
        Ok(Self {
            tenant: row.tenant_id("tenant_id")?,
            id: row.user_id("user_id")?,
            name: row.value::<&str>("user_name")?.into(),
            role: row.parsed::<Role>("role")?,
            policy: ModelPolicy::of(rules.clone()),
            rules,
            standing: match (is_set("tenant_disabled_at")?, is_set("user_disabled_at")?) {
                (true, _) => Standing::TenantDisabled,
                (false, true) => Standing::UserDisabled,
                (false, false) => Standing::Good,
            },
        })
    }
}
