//! `/admin/v1/teams`

use stonegate_identity::{Action, Resource, directory::Team};

use crate::admin::{AdminState, Problem, Visit, wire};

pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod show;
pub(crate) mod update;

/// The team of that id, if the caller may do this to it.
async fn authorized(state: &AdminState, visit: &Visit, action: Action, id: &str) -> Result<Team, Problem> {
    visit.reach(action)?;
    let found = state.keys.directory().find_team(&wire::teams::id(id)?).await?;
    let team = found.ok_or_else(|| Problem::not_found("team", id))?;
    let _permit = visit
        .authorize(action, &Resource::Team(&team.tenant, &team.id))
        .map_err(|denied| Problem::denied(&denied, "team", id))?;
    Ok(team)
}
