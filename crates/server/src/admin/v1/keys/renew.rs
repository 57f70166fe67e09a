//! `POST /admin/v1/keys/{id}/renew`

use axum::{
    Json,
    extract::{Path, State},
};
use stonegate_api::{Key, KeyRenew, Problem as ProblemReply};

use super::held;
use crate::admin::{AdminState, Problem, Visit, body::Body, wire};

/// Lets an ephemeral key live on, from now; never longer than the key that it was made with.
#[utoipa::path(
    post, path = "/admin/v1/keys/{id}/renew", tag = "keys",
    params(("id" = String, Path, description = "The key's id")),
    request_body = KeyRenew,
    responses(
        (status = 200, body = Key), (status = 400, body = ProblemReply), (status = 401, body = ProblemReply),
        (status = 403, body = ProblemReply), (status = 404, body = ProblemReply), (status = 409, body = ProblemReply),
    ),
)]
pub(crate) async fn renew(
    State(state): State<AdminState>,
    visit: Visit,
    Path(id): Path<String>,
    Body(wanted): Body<KeyRenew>,
) -> Result<Json<Key>, Problem> {
    let key = held(&state, &visit, &id).await?;
    let directory = state.keys.directory();
    let parent = match &key.parent {
        Some(parent) => directory.find_key(parent).await?,
        None => None,
    };
    // Without a parent it is not ephemeral, which the directory says better.
    let end = wire::keys::ephemeral_end(wanted.minutes, parent.as_ref().unwrap_or(&key), visit.now)?;
    let key = directory.renew_key(&key.id, end, &visit.act()).await?;
    state.keys.refresh(visit.now).await?;
    Ok(Json(wire::keys::shown(&key, visit.now)))
}
