//! `GET /admin/v1/keys/{id}`

use axum::{
    Json,
    extract::{Path, State},
};
use stonegate_api::{Key, Problem as ProblemReply};
use stonegate_identity::Action;

use super::authorized;
use crate::admin::{AdminState, Problem, Visit, wire};

/// One key.
#[utoipa::path(
    get, path = "/admin/v1/keys/{id}", tag = "keys",
    params(("id" = String, Path, description = "The key's id")),
    responses(
        (status = 200, body = Key), (status = 401, body = ProblemReply), (status = 403, body = ProblemReply),
        (status = 404, body = ProblemReply),
    ),
)]
pub(crate) async fn show(
    State(state): State<AdminState>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Json<Key>, Problem> {
    let key = authorized(&state, &visit, Action::ReadKeys, &id).await?;
    Ok(Json(wire::keys::shown(&key, visit.now)))
}
