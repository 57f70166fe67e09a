//! Users.

use stonegate_identity::{
    Change, DirectoryError, Role, TeamId, TenantId, UserId,
    directory::{Act, Filter, NewUser, Page, PageRequest, User, UserEdit},
};

use super::{Connection, Pools, admins, audit::record, grants::next_version, teams, tenants, write};
use crate::directory::{
    error::{conflict, not_found, unavailable},
    filter::{Narrowed, paged},
    row::{self, stored_rule, stored_time},
};

/// What `row::user` reads, as a part of a statement.
macro_rules! columns {
    () => {
        "id, tenant_id, team_id, name, email, role, models, disabled_at, created_at"
    };
}

pub(super) async fn create(pools: &Pools, new: NewUser, act: &Act) -> Result<User, DirectoryError> {
    let mut transaction = write(pools).await?;
    let user = insert(&mut transaction, new, act).await?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(user)
}

/// Makes a user inside the caller's transaction.
pub(super) async fn insert(
    connection: &mut Connection,
    new: NewUser,
    act: &Act,
) -> Result<User, DirectoryError> {
    if tenants::read(connection, &new.tenant).await?.is_none() {
        return Err(not_found("tenant", &new.tenant));
    }
    if let Some(team) = &new.team {
        teams::read_open(connection, &new.tenant, team).await?;
    }
    refuse_taken_name(connection, &new.tenant, &new.name).await?;
    let user = User {
        id: new.id,
        tenant: new.tenant,
        team: new.team,
        name: new.name,
        email: new.email,
        role: new.role,
        models: new.models,
        disabled_at: None,
        created_at: act.at,
    };
    let version = next_version(connection).await?;
    sqlx::query(
        "INSERT INTO users (id, tenant_id, name, email, role, models, created_at, version, team_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(user.id.as_str())
    .bind(user.tenant.as_str())
    .bind(&user.name)
    .bind(&user.email)
    .bind(user.role.as_str())
    .bind(stored_rule(&user.models))
    .bind(stored_time(act.at))
    .bind(version)
    .bind(user.team.as_ref().map(TeamId::as_str))
    .execute(&mut *connection)
    .await
    .map_err(unavailable)?;
    record(connection, act, "user.create", format!("user:{}", user.id), Change::made(&user)).await?;
    Ok(user)
}

async fn refuse_taken_name(
    connection: &mut Connection,
    tenant: &TenantId,
    name: &str,
) -> Result<(), DirectoryError> {
    match read_by_name(connection, tenant, name).await? {
        Some(_) => Err(conflict("name", format!("the tenant `{tenant}` has a user `{name}` already"))),
        None => Ok(()),
    }
}

pub(super) async fn find(pools: &Pools, id: &UserId) -> Result<Option<User>, DirectoryError> {
    let mut transaction = pools.read().await.map_err(unavailable)?;
    read(&mut transaction, id).await
}

pub(super) async fn read(connection: &mut Connection, id: &UserId) -> Result<Option<User>, DirectoryError> {
    let found = sqlx::query(concat!("SELECT ", columns!(), " FROM users WHERE id = $1"))
        .bind(id.as_str())
        .fetch_optional(connection)
        .await
        .map_err(unavailable)?;
    found.as_ref().map(row::user).transpose()
}

pub(super) async fn find_by_name(
    pools: &Pools,
    tenant: &TenantId,
    name: &str,
) -> Result<Option<User>, DirectoryError> {
    let mut transaction = pools.read().await.map_err(unavailable)?;
    read_by_name(&mut transaction, tenant, name).await
}

async fn read_by_name(
    connection: &mut Connection,
    tenant: &TenantId,
    name: &str,
) -> Result<Option<User>, DirectoryError> {
    let found = sqlx::query(concat!("SELECT ", columns!(), " FROM users WHERE tenant_id = $1 AND name = $2"))
        .bind(tenant.as_str())
        .bind(name)
        .fetch_optional(connection)
        .await
        .map_err(unavailable)?;
    found.as_ref().map(row::user).transpose()
}

pub(super) async fn list(
    pools: &Pools,
    filter: &Filter,
    page: &PageRequest,
) -> Result<Page<User>, DirectoryError> {
    let narrowed = Narrowed::of(filter, page);
    let rows = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM users
         WHERE ($1 IS NULL OR tenant_id = $1) AND ($2 IS NULL OR id = $2) AND ($3 IS NULL OR tenant_id = $3)
           AND ($4 IS NULL OR id = $4) AND ($5 IS NULL OR name = $5)
           AND ($6 IS NULL OR disabled_at IS NULL) AND ($7 IS NULL OR id > $7)
           AND ($9 IS NULL OR team_id = $9) AND ($10 IS NULL OR team_id = $10)
         ORDER BY id LIMIT $8"
    ))
    .bind(narrowed.reach_tenant)
    .bind(narrowed.reach_user)
    .bind(narrowed.tenant)
    .bind(narrowed.user)
    .bind(narrowed.name)
    .bind(narrowed.in_force_at)
    .bind(narrowed.after)
    .bind(narrowed.limit)
    .bind(narrowed.reach_team)
    .bind(narrowed.team)
    .fetch_all(pools.readers())
    .await
    .map_err(unavailable)?;
    let users = rows.iter().map(row::user).collect::<Result<_, _>>()?;
    Ok(paged(users, page, |user: &User| user.id.to_string()))
}

pub(super) async fn update(
    pools: &Pools,
    id: &UserId,
    edit: UserEdit,
    act: &Act,
) -> Result<User, DirectoryError> {
    let mut transaction = write(pools).await?;
    let before = read(&mut transaction, id).await?.ok_or_else(|| not_found("user", id))?;
    if let Some(name) = edit.name.as_ref().filter(|name| **name != before.name) {
        refuse_taken_name(&mut transaction, &before.tenant, name).await?;
    }
    let team = edit.team.unwrap_or_else(|| before.team.clone());
    if let Some(team) = team.as_ref().filter(|team| before.team.as_ref() != Some(*team)) {
        teams::read_open(&mut transaction, &before.tenant, team).await?;
    }
    let after = User {
        team,
        name: edit.name.unwrap_or_else(|| before.name.clone()),
        email: edit.email.or_else(|| before.email.clone()),
        role: edit.role.unwrap_or(before.role),
        models: edit.models.unwrap_or_else(|| before.models.clone()),
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
        "UPDATE users SET name = $2, email = $3, role = $4, models = $5, disabled_at = $6, version = $7,
                team_id = $8
         WHERE id = $1",
    )
    .bind(id.as_str())
    .bind(&after.name)
    .bind(&after.email)
    .bind(after.role.as_str())
    .bind(stored_rule(&after.models))
    .bind(after.disabled_at.map(stored_time))
    .bind(version)
    .bind(after.team.as_ref().map(TeamId::as_str))
    .execute(&mut *transaction)
    .await
    .map_err(unavailable)?;
    let administers = |user: &User| user.role == Role::Admin && user.disabled_at.is_none();
    if administers(&before) && !administers(&after) {
        let field = if before.role == after.role { "disabled" } else { "role" };
        admins::keep_one(&mut transaction, field, act).await?;
    }
    record(&mut transaction, act, "user.update", format!("user:{id}"), change).await?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(after)
}
