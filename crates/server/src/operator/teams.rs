//! Teams.

use stonegate_api::{TeamCreate, TeamUpdate};
use stonegate_identity::{
    Reach, TeamId,
    directory::{Filter, PageRequest, Team},
};

use super::{Operator, whole};
use crate::admin::{Problem, wire};

impl Operator {
    /// Makes a team, in the tenant `default` when the request names none.
    ///
    /// # Errors
    /// When the request is wrong, there is no such tenant, the name is taken, or the store does not answer.
    pub async fn create_team(&self, wanted: &TeamCreate) -> Result<stonegate_api::Team, Problem> {
        let tenant = self.tenant(wanted.tenant.as_deref()).await?;
        let new = wire::teams::new(wanted, tenant, self.now)?;
        Ok(wire::teams::shown(&self.directory().create_team(new, &self.act()).await?))
    }

    /// Teams in the order in which they were made; archived ones only when `is_all`.
    ///
    /// # Errors
    /// When there is no such tenant, or the store does not answer.
    pub async fn list_teams(
        &self,
        tenant: Option<&str>,
        is_all: bool,
    ) -> Result<Vec<stonegate_api::Team>, Problem> {
        let mut filter = Filter::within(Reach::Everything);
        if tenant.is_some() {
            filter.tenant = Some(self.tenant(tenant).await?);
        }
        filter.in_force_at = (!is_all).then_some(self.now);
        let filter = &filter;
        let teams = whole(async |page| Ok(self.directory().list_teams(filter, &page).await?)).await?;
        Ok(teams.iter().map(wire::teams::shown).collect())
    }

    /// Changes a team, named by id, or by name.
    ///
    /// # Errors
    /// When there is no such team, the request is wrong, or the store does not answer.
    pub async fn update_team(
        &self,
        tenant: Option<&str>,
        team: &str,
        wanted: &TeamUpdate,
    ) -> Result<stonegate_api::Team, Problem> {
        let found = self.team(tenant, team).await?;
        let edit = wire::teams::edit(wanted)?;
        Ok(wire::teams::shown(&self.directory().update_team(&found.id, edit, &self.act()).await?))
    }

    /// A team by id, or by its name: in that tenant, or where only one tenant has a team of that name.
    pub(super) async fn team(&self, tenant: Option<&str>, text: &str) -> Result<Team, Problem> {
        let mut named = Filter { name: Some(text.to_owned()), ..Filter::within(Reach::Everything) };
        if tenant.is_some() {
            named.tenant = Some(self.tenant(tenant).await?);
        }
        if let Ok(id) = TeamId::parse(text)
            && let Some(team) = self.directory().find_team(&id).await?
            && named.tenant.as_ref().is_none_or(|tenant| *tenant == team.tenant)
        {
            return Ok(team);
        }
        let mut found = self.directory().list_teams(&named, &PageRequest::first()).await?.items;
        match (found.pop(), found.is_empty()) {
            (None, _) => Err(Problem::not_found("team", text)),
            (Some(team), true) => Ok(team),
            (Some(_), false) => {
                let message =
                    format!("several tenants have a team `{text}`: name the tenant, or give the team's id");
                Err(Problem::invalid("team", message))
            }
        }
    }
}
