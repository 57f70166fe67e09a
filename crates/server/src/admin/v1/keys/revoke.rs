//! `POST /admin/v1/keys/{id}/revoke`

use axum::{
    Json,
    extract::{Path, State},
};
use stonegate_api::{Key, Problem as ProblemReply};

use super::held;
use crate::admin::{AdminState, Problem, Visit, wire};

/// Ends a key for good. It stops here with this answer, and on every other server within a second.
#[utoipa::path(
    post, path = "/admin/v1/keys/{id}/revoke", tag = "keys",
    params(("id" = String, Path, description = "The key's id")),
    responses(
        (status = 200, body = Key), (status = 401, body = ProblemReply), (status = 403, body = ProblemReply),
        (status = 404, body = ProblemReply),
    ),
)]
pub(crate) async fn revoke(
    State(state): State<AdminState>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Json<Key>, Problem> {
    let key = held(&state, &visit, &id).await?;
    let key = state.keys.directory().revoke_key(&key.id, &visit.act()).await?;
    state.keys.refresh(visit.now).await?;
    Ok(Json(wire::keys::shown(&key, visit.now)))
}
