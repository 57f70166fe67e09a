//! `POST /admin/v1/keys`

use axum::{Json, extract::State};
use http::StatusCode;
use stonegate_api::{KeyCreate, KeyCreated, Problem as ProblemReply};
use stonegate_identity::{Action, Resource, UserId};

use super::limits::Limits;
use crate::admin::{AdminState, Problem, Visit, body::Body, wire};

/// Makes a key, for oneself or for someone whom one looks after. Its text is in the answer, this once.
#[utoipa::path(
    post, path = "/admin/v1/keys", tag = "keys",
    request_body = KeyCreate,
    responses(
        (status = 201, body = KeyCreated), (status = 400, body = ProblemReply), (status = 401, body = ProblemReply),
        (status = 403, body = ProblemReply), (status = 404, body = ProblemReply), (status = 409, body = ProblemReply),
    ),
)]
pub(crate) async fn create(
    State(state): State<AdminState>,
    visit: Visit,
    Body(mut wanted): Body<KeyCreate>,
) -> Result<(StatusCode, Json<KeyCreated>), Problem> {
    visit.reach(Action::ManageKeys)?;
    let id = match wanted.user.as_deref() {
        Some(id) => UserId::parse(id).map_err(|_no_id| Problem::not_found("user", id))?,
        None => visit.caller.user.clone(),
    };
    let directory = state.keys.directory();
    let user = directory.find_user(&id).await?.ok_or_else(|| Problem::not_found("user", &id))?;
    let _permit = visit
        .authorize(Action::ManageKeys, &Resource::User((&user).into()))
        .map_err(|denied| Problem::denied(&denied, "user", &id))?;

    let limits = Limits::of(&state, &visit).await?;
    if wanted.scopes.is_none() {
        wanted.scopes = Some(limits.usual_scopes().iter().map(|scope| scope.to_string()).collect());
    }
    let (mut key, text) = wire::keys::minted(&wanted, &user, visit.now)?;
    if wanted.models.is_none() {
        key.models = limits.models().clone();
    }
    key.most = Some(state.keys_per_user);
    limits.cover(key.scopes, key.expires_at, &key.models)?;
    let key = directory.create_key(key, &visit.act()).await?;
    Ok((StatusCode::CREATED, Json(wire::keys::created(&key, &text, visit.now))))
}
