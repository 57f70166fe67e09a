//! `POST /admin/v1/keys/{id}/rotate`

use axum::{
    Json,
    extract::{Path, State},
};
use stonegate_api::{KeyCreated, KeyRotate, Problem as ProblemReply};
use stonegate_identity::Action;

use super::{authorized, limits::Limits};
use crate::admin::{AdminState, Problem, Visit, body::Body, wire};

/// Gives a key a new text; the old one works beside it for a while. Id, name, budgets and usage go on.
#[utoipa::path(
    post, path = "/admin/v1/keys/{id}/rotate", tag = "keys",
    params(("id" = String, Path, description = "The key's id")),
    request_body = KeyRotate,
    responses(
        (status = 200, body = KeyCreated), (status = 400, body = ProblemReply), (status = 401, body = ProblemReply),
        (status = 403, body = ProblemReply), (status = 404, body = ProblemReply), (status = 409, body = ProblemReply),
    ),
)]
pub(crate) async fn rotate(
    State(state): State<AdminState>,
    visit: Visit,
    Path(id): Path<String>,
    Body(wanted): Body<KeyRotate>,
) -> Result<Json<KeyCreated>, Problem> {
    let key = authorized(&state, &visit, Action::ManageKeys, &id).await?;
    // Whoever gets the new text has all that the key has.
    Limits::of(&state, &visit).await?.cover(key.scopes, key.expires_at, &key.models)?;
    let (rotation, text) = wire::keys::rotation(&wanted, visit.now)?;
    let key = state.keys.directory().rotate_key(&key.id, rotation, &visit.act()).await?;
    state.keys.refresh(visit.now).await?;
    Ok(Json(wire::keys::created(&key, &text, visit.now)))
}
