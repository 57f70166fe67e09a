//! Teams.

use stonegate_identity::{
    Change, DirectoryError, TeamId, TenantId,
    directory::{Act, Filter, NewTeam, Page, PageRequest, Team, TeamEdit},
};

use super::{Connection, Pools, audit::record, grants::next_version, tenants, write};
use crate::directory::{
    error::{conflict, not_found, unavailable},
    filter::{Narrowed, nothing, paged},
    row::{self, stored_rule, stored_time},
};

/// What `row::team` reads, as a part of a statement.
macro_rules! columns {
    () => {
        "id, tenant_id, name, models, managed_settings, archived_at, created_at"
    };
}

pub(super) async fn create(pools: &Pools, new: NewTeam, act: &Act) -> Result<Team, DirectoryError> {
    let mut transaction = write(pools).await?;
    if tenants::read(&mut transaction, &new.tenant).await?.is_none() {
        return Err(not_found("tenant", &new.tenant));
    }
    refuse_taken_name(&mut transaction, &new.tenant, &new.name).await?;
    let NewTeam { id, tenant, name, models } = new;
    let team =
        Team { id, tenant, name, models, managed_settings: None, archived_at: None, created_at: act.at };
    let version = next_version(&mut transaction).await?;
    sqlx::query(
        "INSERT INTO teams (id, tenant_id, name, models, created_at, version) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(team.id.as_str())
    .bind(team.tenant.as_str())
    .bind(&team.name)
    .bind(stored_rule(&team.models))
    .bind(stored_time(act.at))
    .bind(version)
    .execute(&mut *transaction)
    .await
    .map_err(unavailable)?;
    record(&mut transaction, act, "team.create", format!("team:{}", team.id), Change::made(&team)).await?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(team)
}

async fn refuse_taken_name(
    connection: &mut Connection,
    tenant: &TenantId,
    name: &str,
) -> Result<(), DirectoryError> {
    match read_by_name(connection, tenant, name).await? {
        None => Ok(()),
        Some(Team { archived_at: None, .. }) => {
            Err(conflict("name", format!("the tenant `{tenant}` has a team `{name}` already")))
        }
        Some(archived) => Err(conflict(
            "name",
            format!("the team `{name}` is archived: restore or rename that one ({})", archived.id),
        )),
    }
}

/// A team that users of a tenant can be put into.
pub(super) async fn read_open(
    connection: &mut Connection,
    tenant: &TenantId,
    id: &TeamId,
) -> Result<Team, DirectoryError> {
    match read(connection, id).await?.filter(|team| team.tenant == *tenant) {
        None => Err(not_found("team", id)),
        Some(Team { archived_at: Some(_), name, .. }) => {
            Err(conflict("team", format!("the team `{name}` is archived: restore it first")))
        }
        Some(team) => Ok(team),
    }
}

pub(super) async fn find(pools: &Pools, id: &TeamId) -> Result<Option<Team>, DirectoryError> {
    let mut transaction = pools.read().await.map_err(unavailable)?;
    read(&mut transaction, id).await
}

async fn read(connection: &mut Connection, id: &TeamId) -> Result<Option<Team>, DirectoryError> {
    let found = sqlx::query(concat!("SELECT ", columns!(), " FROM teams WHERE id = $1"))
        .bind(id.as_str())
        .fetch_optional(connection)
        .await
        .map_err(unavailable)?;
    found.as_ref().map(row::team).transpose()
}

pub(super) async fn find_by_name(
    pools: &Pools,
    tenant: &TenantId,
    name: &str,
) -> Result<Option<Team>, DirectoryError> {
    let mut transaction = pools.read().await.map_err(unavailable)?;
    read_by_name(&mut transaction, tenant, name).await
}

async fn read_by_name(
    connection: &mut Connection,
    tenant: &TenantId,
    name: &str,
) -> Result<Option<Team>, DirectoryError> {
    let found = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        "
         FROM teams WHERE tenant_id = $1 AND name = $2"
    ))
    .bind(tenant.as_str())
    .bind(name)
    .fetch_optional(connection)
    .await
    .map_err(unavailable)?;
    found.as_ref().map(row::team).transpose()
}

pub(super) async fn list(
    pools: &Pools,
    filter: &Filter,
    page: &PageRequest,
) -> Result<Page<Team>, DirectoryError> {
    let narrowed = Narrowed::of(filter, page);
    // A team is nobody's own.
    if narrowed.reach_user.is_some() {
        return Ok(nothing());
    }
    let rows = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        "
         FROM teams
         WHERE ($1 IS NULL OR tenant_id = $1) AND ($2 IS NULL OR id = $2) AND ($3 IS NULL OR tenant_id = $3)
           AND ($4 IS NULL OR id = $4) AND ($5 IS NULL OR name = $5)
           AND ($6 IS NULL OR archived_at IS NULL) AND ($7 IS NULL OR id > $7)
           AND ($9 IS NULL OR id = (SELECT team_id FROM users WHERE users.id = $9))
         ORDER BY id LIMIT $8"
    ))
    .bind(narrowed.reach_tenant)
    .bind(narrowed.reach_team)
    .bind(narrowed.tenant)
    .bind(narrowed.team)
    .bind(narrowed.name)
    .bind(narrowed.in_force_at)
    .bind(narrowed.after)
    .bind(narrowed.limit)
    .bind(narrowed.user)
    .fetch_all(pools.readers())
    .await
    .map_err(unavailable)?;
    let teams = rows.iter().map(row::team).collect::<Result<_, _>>()?;
    Ok(paged(teams, page, |team: &Team| team.id.to_string()))
}

pub(super) async fn update(
    pools: &Pools,
    id: &TeamId,
    edit: TeamEdit,
    act: &Act,
) -> Result<Team, DirectoryError> {
    let mut transaction = write(pools).await?;
    let before = read(&mut transaction, id).await?.ok_or_else(|| not_found("team", id))?;
    if let Some(name) = edit.name.as_ref().filter(|name| **name != before.name) {
        refuse_taken_name(&mut transaction, &before.tenant, name).await?;
    }
    if edit.archived == Some(true) {
        refuse_peopled(&mut transaction, &before).await?;
    }
    let after = Team {
        name: edit.name.unwrap_or_else(|| before.name.clone()),
        models: edit.models.unwrap_or_else(|| before.models.clone()),
        managed_settings: edit.managed_settings.unwrap_or_else(|| before.managed_settings.clone()),
        archived_at: match edit.archived {
            Some(true) => before.archived_at.or(Some(act.at)),
            Some(false) => None,
            None => before.archived_at,
        },
        ..before.clone()
    };
    let change = Change::between(&before, &after);
    let version = next_version(&mut transaction).await?;
    sqlx::query(
        "UPDATE teams SET name = $2, models = $3, managed_settings = $4, archived_at = $5, version = $6
         WHERE id = $1",
    )
    .bind(id.as_str())
    .bind(&after.name)
    .bind(stored_rule(&after.models))
    .bind(&after.managed_settings)
    .bind(after.archived_at.map(stored_time))
    .bind(version)
    .execute(&mut *transaction)
    .await
    .map_err(unavailable)?;
    record(&mut transaction, act, "team.update", format!("team:{id}"), change).await?;
    transaction.commit().await.map_err(unavailable)?;
    Ok(after)
}

async fn refuse_peopled(connection: &mut Connection, team: &Team) -> Result<(), DirectoryError> {
    let users: i64 = sqlx::query_scalar("SELECT count(*) FROM users WHERE team_id = $1")
        .bind(team.id.as_str())
        .fetch_one(connection)
        .await
        .map_err(unavailable)?;
    match users {
        0 => Ok(()),
        users => {
            let who = if users == 1 { "a user is".to_owned() } else { format!("{users} users are") };
            let message = format!("{who} in the team `{}`: move them first", team.name);
            Err(conflict("archived", message))
        }
    }
}
