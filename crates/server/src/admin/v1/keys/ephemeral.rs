//! `POST /admin/v1/keys/ephemeral`

use axum::{Json, extract::State};
use http::StatusCode;
use stonegate_api::{EphemeralCreate, KeyCreated, Problem as ProblemReply};
use stonegate_identity::{Action, Resource};

use super::limits::Limits;
use crate::admin::{AdminState, Problem, Visit, body::Body, wire};

/// Makes a key for a program that runs for a while, with the key or access token that the request came with. It lives for
/// minutes, can be renewed, and ends with the key that it was made with, which also pays for what it spends. Every key can
/// make, renew and revoke them, whatever its scopes, but for ephemeral ones.
#[utoipa::path(
    post, path = "/admin/v1/keys/ephemeral", tag = "keys",
    request_body = EphemeralCreate,
    responses(
        (status = 201, body = KeyCreated), (status = 400, body = ProblemReply), (status = 401, body = ProblemReply),
        (status = 403, body = ProblemReply), (status = 409, body = ProblemReply),
    ),
)]
pub(crate) async fn ephemeral(
    State(state): State<AdminState>,
    visit: Visit,
    Body(wanted): Body<EphemeralCreate>,
) -> Result<(StatusCode, Json<KeyCreated>), Problem> {
    let directory = state.keys.directory();
    let keyless =
        || Problem::forbidden("authorization", "an ephemeral key is made with a key or an access token");
    let parent = visit.caller.key.as_ref().ok_or_else(keyless)?;
    let _permit = visit.authorize(Action::ManageChildKeys, &Resource::ChildrenOf(parent))?;
    let parent = directory.find_key(parent).await?.ok_or_else(keyless)?;
    let (key, text) = wire::keys::ephemeral(&wanted, &parent, visit.now)?;
    Limits::of(&state, &visit).await?.cover(key.scopes, key.expires_at, &key.models)?;
    let key = directory.create_key(key, &visit.act()).await?;
    Ok((StatusCode::CREATED, Json(wire::keys::created(&key, &text, visit.now))))
}
