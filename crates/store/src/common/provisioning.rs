//! [`Provisioning`] on either database.

use stonegate_identity::{
    DirectoryError, TenantId, UserId,
    directory::Answer,
    provisioning::{Provisioned, ProvisionedKind, Provisioning, Replaced, Wanted},
    ticket::Version,
};

use super::{Connection, Pools, hold_people};
use crate::cells::Cells;
use crate::directory::{
    error::{unavailable, unreadable},
    row::{Columns, stored_time},
};

/// What identity providers keep, in one database.
pub(crate) struct SqlProvisioning {
    pools: Pools,
}

impl SqlProvisioning {
    pub(crate) fn new(pools: Pools) -> Self {
        Self { pools }
    }
}

impl Provisioning for SqlProvisioning {
    fn create(&self, new: Provisioned) -> Answer<'_, bool> {
        Box::pin(async move {
            let mut transaction = self.pools.write().await.map_err(unavailable)?;
            let made = sqlx::query(
                "INSERT INTO provisioned (id, kind, tenant_id, name_key, external_id, body, unsettled, version,
                                          created_at, changed_at)
                 VALUES ($1, $2, $3, $4, $5, $6, CASE $2 WHEN 'user' THEN 1 ELSE 0 END, 1, $7, $8)
                 ON CONFLICT DO NOTHING",
            )
            .bind(&new.id)
            .bind(new.kind.as_str())
            .bind(new.tenant.as_str())
            .bind(&new.name_key)
            .bind(&new.external_id)
            .bind(&new.body)
            .bind(stored_time(new.created_at))
            .bind(stored_time(new.changed_at))
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
            transaction.commit().await.map_err(unavailable)?;
            Ok(made.rows_affected() > 0)
        })
    }

    fn find<'a>(
        &'a self,
        tenant: &'a TenantId,
        kind: ProvisionedKind,
        id: &'a str,
    ) -> Answer<'a, Option<(Provisioned, Version)>> {
        Box::pin(async move {
            let found = sqlx::query(
                "SELECT id, tenant_id, name_key, external_id, body, version, created_at, changed_at FROM provisioned
                 WHERE id = $1 AND kind = $2 AND tenant_id = $3",
            )
            .bind(id)
            .bind(kind.as_str())
            .bind(tenant.as_str())
            .fetch_optional(self.pools.readers())
            .await
            .map_err(unavailable)?;
            let Some(row) = found else { return Ok(None) };
            let version: i64 = Columns(&row).value("version")?;
            let version = u64::try_from(version).map_err(|error| unreadable("version", error))?;
            Ok(Some((provisioned(&row, kind)?, Version(version))))
        })
    }

    fn list<'a>(
        &'a self,
        wanted: &'a Wanted,
        after: Option<&'a str>,
        most: u32,
    ) -> Answer<'a, Vec<Provisioned>> {
        Box::pin(async move {
            let rows = sqlx::query(
                "SELECT id, tenant_id, name_key, external_id, body, created_at, changed_at FROM provisioned
                 WHERE tenant_id = $1 AND kind = $2 AND ($3 IS NULL OR name_key = $3)
                   AND ($4 IS NULL OR external_id = $4) AND ($5 IS NULL OR id > $5)
                 ORDER BY id LIMIT $6",
            )
            .bind(wanted.tenant.as_str())
            .bind(wanted.kind.as_str())
            .bind(&wanted.name_key)
            .bind(&wanted.external_id)
            .bind(after)
            .bind(i64::from(most))
            .fetch_all(self.pools.readers())
            .await
            .map_err(unavailable)?;
            rows.iter().map(|row| provisioned(row, wanted.kind)).collect()
        })
    }

    fn replace(&self, found: Version, new: Provisioned) -> Answer<'_, Replaced> {
        Box::pin(async move {
            let mut transaction = self.pools.write().await.map_err(unavailable)?;
            let found = number(found)?;
            hold(&mut transaction, &new.id).await?;
            let is_seen: bool = sqlx::query_scalar(
                "SELECT EXISTS (SELECT 1 FROM provisioned
                                WHERE tenant_id = $1 AND kind = $2 AND name_key = $3 AND id <> $4)",
            )
            .bind(new.tenant.as_str())
            .bind(new.kind.as_str())
            .bind(&new.name_key)
            .bind(&new.id)
            .fetch_one(&mut *transaction)
            .await
            .map_err(unavailable)?;
            if is_seen {
                return Ok(Replaced::NameTaken);
            }
            if new.kind == ProvisionedKind::Group {
                hold_members(&mut transaction, &new.id).await?;
            }
            sqlx::query(
                "UPDATE provisioned SET unsettled = 1, version = version + 1
                 WHERE id IN (SELECT user_id FROM provisioned_members WHERE group_id = $1)
                   AND EXISTS (SELECT 1 FROM provisioned WHERE id = $1 AND version = $2 AND body <> $3)",
            )
            .bind(&new.id)
            .bind(found)
            .bind(&new.body)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
            let replaced = sqlx::query(
                "UPDATE provisioned SET name_key = $4, external_id = $5, body = $6, changed_at = $7, version = version + 1,
                        unsettled = CASE kind WHEN 'user' THEN 1 ELSE 0 END
                 WHERE id = $1 AND kind = $2 AND tenant_id = $3 AND version = $8",
            )
            .bind(&new.id)
            .bind(new.kind.as_str())
            .bind(new.tenant.as_str())
            .bind(&new.name_key)
            .bind(&new.external_id)
            .bind(&new.body)
            .bind(stored_time(new.changed_at))
            .bind(found)
            .execute(&mut *transaction)
            .await;
            let replaced = match replaced {
                // Taken by somebody who was not to be seen yet.
                Err(error) if is_taken(&error) => return Ok(Replaced::NameTaken),
                replaced => replaced.map_err(unavailable)?,
            };
            transaction.commit().await.map_err(unavailable)?;
            Ok(if replaced.rows_affected() > 0 { Replaced::Done } else { Replaced::Stale })
        })
    }

    fn remove<'a>(&'a self, tenant: &'a TenantId, kind: ProvisionedKind, id: &'a str) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut transaction = self.pools.write().await.map_err(unavailable)?;
            hold(&mut transaction, id).await?;
            if kind == ProvisionedKind::Group {
                hold_members(&mut transaction, id).await?;
                sqlx::query(
                    "UPDATE provisioned SET unsettled = 1, version = version + 1
                     WHERE id IN (SELECT user_id FROM provisioned_members WHERE group_id = $1) AND tenant_id = $2",
                )
                .bind(id)
                .bind(tenant.as_str())
                .execute(&mut *transaction)
                .await
                .map_err(unavailable)?;
            }
            sqlx::query(
                "DELETE FROM provisioned_members WHERE $1 IN (group_id, user_id)
                    AND EXISTS (SELECT 1 FROM provisioned WHERE id = $1 AND kind = $2 AND tenant_id = $3)",
            )
            .bind(id)
            .bind(kind.as_str())
            .bind(tenant.as_str())
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
            let gone = sqlx::query("DELETE FROM provisioned WHERE id = $1 AND kind = $2 AND tenant_id = $3")
                .bind(id)
                .bind(kind.as_str())
                .bind(tenant.as_str())
                .execute(&mut *transaction)
                .await
                .map_err(unavailable)?;
            transaction.commit().await.map_err(unavailable)?;
            Ok(gone.rows_affected() > 0)
        })
    }

    fn change_members<'a>(
        &'a self,
        group: &'a str,
        joining: &'a [String],
        leaving: &'a [String],
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut transaction = self.pools.write().await.map_err(unavailable)?;
            hold(&mut transaction, group).await?;
            hold_people(&mut transaction, &[joining, leaving].concat()).await.map_err(unavailable)?;
            let moving =
                joining.iter().map(|user| (user, JOIN)).chain(leaving.iter().map(|user| (user, LEAVE)));
            for (user, statement) in moving {
                change_member(&mut transaction, statement, (group, user)).await?;
            }
            transaction.commit().await.map_err(unavailable)
        })
    }

    fn members<'a>(&'a self, group: &'a str) -> Answer<'a, Vec<String>> {
        Box::pin(async move {
            sqlx::query_scalar("SELECT user_id FROM provisioned_members WHERE group_id = $1 ORDER BY user_id")
                .bind(group)
                .fetch_all(self.pools.readers())
                .await
                .map_err(unavailable)
        })
    }

    fn groups_of<'a>(&'a self, user: &'a str) -> Answer<'a, Vec<Provisioned>> {
        Box::pin(async move {
            let rows = sqlx::query(
                "SELECT id, tenant_id, name_key, external_id, body, created_at, changed_at FROM provisioned
                 WHERE id IN (SELECT group_id FROM provisioned_members WHERE user_id = $1) ORDER BY id",
            )
            .bind(user)
            .fetch_all(self.pools.readers())
            .await
            .map_err(unavailable)?;
            rows.iter().map(|row| provisioned(row, ProvisionedKind::Group)).collect()
        })
    }

    fn unsettled_tenants(&self) -> Answer<'_, Vec<TenantId>> {
        Box::pin(async move {
            let ids: Vec<String> = sqlx::query_scalar(
                "SELECT DISTINCT tenant_id FROM provisioned WHERE unsettled = 1 ORDER BY tenant_id",
            )
            .fetch_all(self.pools.readers())
            .await
            .map_err(unavailable)?;
            ids.iter().map(|id| TenantId::parse(id).map_err(|error| unreadable("tenant_id", error))).collect()
        })
    }

    fn unsettled<'a>(&'a self, tenant: &'a TenantId, most: u32) -> Answer<'a, Vec<UserId>> {
        Box::pin(async move {
            let ids: Vec<String> = sqlx::query_scalar(
                "SELECT id FROM provisioned WHERE unsettled = 1 AND tenant_id = $1 ORDER BY id LIMIT $2",
            )
            .bind(tenant.as_str())
            .bind(i64::from(most))
            .fetch_all(self.pools.readers())
            .await
            .map_err(unavailable)?;
            ids.iter().map(|id| UserId::parse(id).map_err(|error| unreadable("id", error))).collect()
        })
    }

    fn settled<'a>(&'a self, user: &'a UserId, found: Version) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut transaction = self.pools.write().await.map_err(unavailable)?;
            let settled = sqlx::query("UPDATE provisioned SET unsettled = 0 WHERE id = $1 AND version = $2")
                .bind(user.as_str())
                .bind(number(found)?)
                .execute(&mut *transaction)
                .await
                .map_err(unavailable)?;
            transaction.commit().await.map_err(unavailable)?;
            Ok(settled.rows_affected() > 0)
        })
    }
}

const JOIN: &str = "INSERT INTO provisioned_members (group_id, user_id)
     SELECT groups.id, users.id FROM provisioned AS groups
       JOIN provisioned AS users ON users.tenant_id = groups.tenant_id AND users.kind = 'user'
      WHERE groups.id = $1 AND groups.kind = 'group' AND users.id = $2
     ON CONFLICT DO NOTHING";
const LEAVE: &str = "DELETE FROM provisioned_members WHERE group_id = $1 AND user_id = $2";

/// Lets nobody else change this one, or who is in it, before the transaction ends. Whoever joins a group while it is renamed
/// would otherwise be missed by the one and placed by the old name by the other.
async fn hold(connection: &mut Connection, id: &str) -> Result<(), DirectoryError> {
    sqlx::query("UPDATE provisioned SET version = version WHERE id = $1")
        .bind(id)
        .execute(connection)
        .await
        .map(drop)
        .map_err(unavailable)
}

/// Lets nobody else change whoever is in this group, which is held already.
async fn hold_members(connection: &mut Connection, group: &str) -> Result<(), DirectoryError> {
    let members = sqlx::query_scalar("SELECT user_id FROM provisioned_members WHERE group_id = $1")
        .bind(group)
        .fetch_all(&mut *connection)
        .await
        .map_err(unavailable)?;
    hold_people(connection, &members).await.map_err(unavailable)
}

/// Whoever comes or goes by it is unsettled.
async fn change_member(
    connection: &mut Connection,
    statement: &'static str,
    (group, user): (&str, &str),
) -> Result<(), DirectoryError> {
    let moved = sqlx::query(statement).bind(group).bind(user).execute(&mut *connection).await;
    if moved.map_err(unavailable)?.rows_affected() == 0 {
        return Ok(());
    }
    sqlx::query("UPDATE provisioned SET unsettled = 1, version = version + 1 WHERE id = $1")
        .bind(user)
        .execute(connection)
        .await
        .map_err(unavailable)?;
    Ok(())
}

/// Whether it failed because another row has what may be there but once.
fn is_taken(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.is_unique_violation())
}

fn number(version: Version) -> Result<i64, DirectoryError> {
    i64::try_from(version.0).map_err(|error| unreadable("version", error))
}

fn provisioned(row: &impl Cells, kind: ProvisionedKind) -> Result<Provisioned, DirectoryError> {
    let row = Columns(row);
    Ok(Provisioned {
        tenant: row.tenant_id("tenant_id")?,
        kind,
        id: row.value("id")?,
        name_key: row.value("name_key")?,
        external_id: row.value("external_id")?,
        body: row.value("body")?,
        created_at: row.time("created_at")?,
        changed_at: row.time("changed_at")?,
    })
}
