//! `GET /admin/v1/teams`

use axum::{Json, extract::State};
use stonegate_api::{Page, Problem as ProblemReply, Team};
use stonegate_identity::Action;

use crate::admin::{
    AdminState, Problem, Visit,
    body::Params,
    v1::list::{ListParams, shown},
    wire,
};

/// The teams that the caller may see, in the order in which they were made.
#[utoipa::path(
    get, path = "/admin/v1/teams", tag = "teams",
    params(ListParams),
    responses(
        (status = 200, body = Page<Team>), (status = 400, body = ProblemReply), (status = 401, body = ProblemReply),
        (status = 403, body = ProblemReply),
    ),
)]
pub(crate) async fn list(
    State(state): State<AdminState>,
    visit: Visit,
    Params(params): Params<ListParams>,
) -> Result<Json<Page<Team>>, Problem> {
    let filter = params.filter(visit.reach(Action::ReadTeams)?, visit.now)?;
    let page = state.keys.directory().list_teams(&filter, &params.page()?).await?;
    Ok(Json(shown(page, wire::teams::shown)))
}
