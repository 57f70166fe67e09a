//! Tenants.

use stonegate_identity::{
    Change, DirectoryError, TenantId,
    directory::{Act, Filter, NewTenant, Page, PageRequest, Tenant, TenantEdit},
};

use super::{Connection, Pools, admins, audit::record, grants::next_version, write};
use crate::directory::{
    error::{conflict, not_found, unavailable},
    filter::{Narrowed, nothing, paged},
    row::{self, stored_rule, stored_time},
};

/// What `row::tenant` reads, as a part of a statement.
macro_rules! columns {
    () => {
        "id, name, models, time_zone, managed_settings, disabled_at, created_at"
    };
}

pub(super) async fn create(pools: &Pools, new: NewTenant, act: &Act) -> Result<Tenant, DirectoryError> {
    let mut transaction = write(pools).await?;
    if read(&mut transaction, &new.id).await?.is_some() {
        return Err(conflict("id", format!("there is a tenant `{}` already", new.id)));
    }
    let NewTenant { id, name, models, time_zone } = new;
    let tenant =
        Tenant { id, name, models, time_zone, managed_settings: None, disabled_at: None, created_at: act.at };
    let version = next_version(&mut transaction).await?;
    sqlx::query(
        "INSERT INTO tenants (id, name, models, created_at, version, time_zone) VALUES ($1, $2, $3, $4, $5, $6)",
    )
        .bind(tenant.id.as_str())
        .bind(&tenant.name)
        .bind(stored_rule(&tenant.models))
        .bind(stored_time(act.at))
        .bind(version)
        .bind(&tenant.time_zone)
        .execute(&mut *transaction)
        .await
        .map_err(unavailable)?;
    record(&mut transaction, act, "tenant.create", format!("tenant:{}", tenant.id), Change::made(&tenant))
        .await?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(tenant)
}

pub(super) async fn find(pools: &Pools, id: &TenantId) -> Result<Option<Tenant>, DirectoryError> {
    let mut transaction = pools.read().await.map_err(unavailable)?;
    read(&mut transaction, id).await
}

pub(super) async fn read(
    connection: &mut Connection,
    id: &TenantId,
) -> Result<Option<Tenant>, DirectoryError> {
    let found = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        "
         FROM tenants WHERE id = $1"
    ))
    .bind(id.as_str())
    .fetch_optional(connection)
    .await
    .map_err(unavailable)?;
    found.as_ref().map(row::tenant).transpose()
}

pub(super) async fn list(
    pools: &Pools,
    filter: &Filter,
    page: &PageRequest,
) -> Result<Page<Tenant>, DirectoryError> {
    let narrowed = Narrowed::of(filter, page);
    // A tenant is nobody's own.
    if narrowed.reach_user.is_some() {
        return Ok(nothing());
    }
    let rows = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        "
         FROM tenants
         WHERE ($1 IS NULL OR id = $1) AND ($2 IS NULL OR id = $2) AND ($3 IS NULL OR name = $3)
           AND ($4 IS NULL OR disabled_at IS NULL) AND ($5 IS NULL OR id > $5)
           AND ($7 IS NULL OR id = (SELECT tenant_id FROM teams WHERE teams.id = $7))
           AND ($8 IS NULL OR id = (SELECT tenant_id FROM users WHERE users.id = $8))
         ORDER BY id LIMIT $6"
    ))
    .bind(narrowed.reach_tenant)
    .bind(narrowed.tenant)
    .bind(narrowed.name)
    .bind(narrowed.in_force_at)
    .bind(narrowed.after)
    .bind(narrowed.limit)
    .bind(narrowed.team)
    .bind(narrowed.user)
    .fetch_all(pools.readers())
    .await
    .map_err(unavailable)?;
    let tenants = rows.iter().map(row::tenant).collect::<Result<_, _>>()?;
    Ok(paged(tenants, page, |tenant: &Tenant| tenant.id.to_string()))
}

pub(super) async fn update(
    pools: &Pools,
    id: &TenantId,
    edit: TenantEdit,
    act: &Act,
) -> Result<Tenant, DirectoryError> {
    let mut transaction = write(pools).await?;
    let before = read(&mut transaction, id).await?.ok_or_else(|| not_found("tenant", id))?;
    let after = Tenant {
        name: edit.name.unwrap_or_else(|| before.name.clone()),
        models: edit.models.unwrap_or_else(|| before.models.clone()),
        time_zone: edit.time_zone.unwrap_or_else(|| before.time_zone.clone()),
        managed_settings: edit.managed_settings.unwrap_or_else(|| before.managed_settings.clone()),
        disabled_at: match edit.disabled {
            Some(true) => before.disabled_at.or(Some(act.at)),
            Some(false) => None,
            None => before.disabled_at,
        },
        ..before.clone()
    };
    let change = Change::between(&before, &after);
    let version = next_version(&mut transaction).await?;
    sqlx::query(
        "UPDATE tenants SET name = $2, models = $3, disabled_at = $4, version = $5, time_zone = $6,
                managed_settings = $7
         WHERE id = $1",
    )
    .bind(id.as_str())
    .bind(&after.name)
    .bind(stored_rule(&after.models))
    .bind(after.disabled_at.map(stored_time))
    .bind(version)
    .bind(&after.time_zone)
    .bind(&after.managed_settings)
    .execute(&mut *transaction)
    .await
    .map_err(unavailable)?;
    if before.disabled_at.is_none() && after.disabled_at.is_some() {
        admins::keep_one(&mut transaction, "disabled", act).await?;
    }
    record(&mut transaction, act, "tenant.update", format!("tenant:{id}"), change).await?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(after)
}
