//! Teams on the wire.

use jiff::Timestamp;
use stonegate_api::{TeamCreate, TeamUpdate};
use stonegate_identity::{
    TeamId, TenantId,
    directory::{NewTeam, Team, TeamEdit},
};

use super::{Problem, managed, name, rule, shown_managed, shown_rule, shown_time};
use crate::clock;

pub(crate) fn new(wanted: &TeamCreate, tenant: TenantId, now: Timestamp) -> Result<NewTeam, Problem> {
    Ok(NewTeam {
        id: TeamId::mint(now, clock::random()),
        tenant,
        name: name("name", &wanted.name)?,
        models: rule(wanted.models.as_ref())?,
    })
}

pub(crate) fn edit(wanted: &TeamUpdate) -> Result<TeamEdit, Problem> {
    Ok(TeamEdit {
        name: wanted.name.as_deref().map(|text| name("name", text)).transpose()?,
        models: wanted.models.as_ref().map(|models| rule(Some(models))).transpose()?,
        managed_settings: wanted.managed_settings.as_ref().map(managed).transpose()?,
        archived: wanted.archived,
    })
}

/// A team's id in a request. One that can be no id is of no team.
pub(crate) fn id(text: &str) -> Result<TeamId, Problem> {
    TeamId::parse(text).map_err(|_no_id| Problem::not_found("team", text))
}

pub(crate) fn shown(team: &Team) -> stonegate_api::Team {
    stonegate_api::Team {
        id: team.id.to_string(),
        tenant: team.tenant.to_string(),
        name: team.name.clone(),
        models: shown_rule(&team.models),
        managed_settings: shown_managed(team.managed_settings.as_deref()),
        archived_at: team.archived_at.map(shown_time),
        created_at: shown_time(team.created_at),
    }
}
