//! `PATCH /admin/v1/teams/{id}`

use axum::{
    Json,
    extract::{Path, State},
};
use stonegate_api::{Problem as ProblemReply, Team, TeamUpdate};
use stonegate_identity::Action;

use super::authorized;
use crate::admin::{AdminState, Problem, Visit, body::Body, wire};

/// Changes a team, archives it, or takes it out of the archive. What it may use holds for its users at once.
#[utoipa::path(
    patch, path = "/admin/v1/teams/{id}", tag = "teams",
    params(("id" = String, Path, description = "The team's id")),
    request_body = TeamUpdate,
    responses(
        (status = 200, body = Team), (status = 400, body = ProblemReply), (status = 401, body = ProblemReply),
        (status = 403, body = ProblemReply), (status = 404, body = ProblemReply), (status = 409, body = ProblemReply),
    ),
)]
pub(crate) async fn update(
    State(state): State<AdminState>,
    visit: Visit,
    Path(id): Path<String>,
    Body(wanted): Body<TeamUpdate>,
) -> Result<Json<Team>, Problem> {
    let team = authorized(&state, &visit, Action::ManageTeams, &id).await?;
    let edit = wire::teams::edit(&wanted)?;
    let team = state.keys.directory().update_team(&team.id, edit, &visit.act()).await?;
    state.keys.refresh(visit.now).await?;
    Ok(Json(wire::teams::shown(&team)))
}
