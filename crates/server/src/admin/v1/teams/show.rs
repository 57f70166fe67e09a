//! `GET /admin/v1/teams/{id}`

use axum::{
    Json,
    extract::{Path, State},
};
use stonegate_api::{Problem as ProblemReply, Team};
use stonegate_identity::Action;

use super::authorized;
use crate::admin::{AdminState, Problem, Visit, wire};

/// One team.
#[utoipa::path(
    get, path = "/admin/v1/teams/{id}", tag = "teams",
    params(("id" = String, Path, description = "The team's id")),
    responses(
        (status = 200, body = Team), (status = 401, body = ProblemReply), (status = 403, body = ProblemReply),
        (status = 404, body = ProblemReply),
    ),
)]
pub(crate) async fn show(
    State(state): State<AdminState>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Json<Team>, Problem> {
    let team = authorized(&state, &visit, Action::ReadTeams, &id).await?;
    Ok(Json(wire::teams::shown(&team)))
}
