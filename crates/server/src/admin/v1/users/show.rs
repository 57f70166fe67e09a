//! `GET /admin/v1/users/{id}`

use axum::{
    Json,
    extract::{Path, State},
};
use stonegate_api::{Problem as ProblemReply, User};
use stonegate_identity::Action;

use super::authorized;
use crate::admin::{AdminState, Problem, Visit, wire};

/// One user.
#[utoipa::path(
    get, path = "/admin/v1/users/{id}", tag = "users",
    params(("id" = String, Path, description = "The user's id")),
    responses(
        (status = 200, body = User), (status = 401, body = ProblemReply), (status = 404, body = ProblemReply),
    ),
)]
pub(crate) async fn show(
    State(state): State<AdminState>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Json<User>, Problem> {
    let user = authorized(&state, &visit, Action::ReadUsers, &id).await?;
    Ok(Json(wire::users::shown(&user)))
}
