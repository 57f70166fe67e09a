//! `GET /admin/v1/users`

use axum::{Json, extract::State};
use stonegate_api::{Page, Problem as ProblemReply, User};
use stonegate_identity::Action;

use crate::admin::{
    AdminState, Problem, Visit,
    body::Params,
    v1::list::{ListParams, shown},
    wire,
};

/// The users that the caller may see, in the order in which they were made.
#[utoipa::path(
    get, path = "/admin/v1/users", tag = "users",
    params(ListParams),
    responses(
        (status = 200, body = Page<User>), (status = 400, body = ProblemReply), (status = 401, body = ProblemReply),
    ),
)]
pub(crate) async fn list(
    State(state): State<AdminState>,
    visit: Visit,
    Params(params): Params<ListParams>,
) -> Result<Json<Page<User>>, Problem> {
    let filter = params.filter(visit.reach(Action::ReadUsers)?, visit.now)?;
    let page = state.keys.directory().list_users(&filter, &params.page()?).await?;
    Ok(Json(shown(page, wire::users::shown)))
}
