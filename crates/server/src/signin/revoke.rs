//! `POST /oauth/revoke` (RFC 7009): whoever holds a token may end it.

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use stonegate_identity::directory::{Act, Actor};
use stonegate_identity::{KeyId, KeyKind, RefreshToken, UserId};

use super::oauth::{Form, OAuthError};
use super::{SignIn, session};
use crate::asker::{Asker, Favour};

/// Ends the session of an access or refresh token with all that was made with it, or an ephemeral key. What is unknown is
/// as good as ended.
pub(super) async fn revoke(
    State(at): State<SignIn>,
    asker: Asker,
    body: Bytes,
) -> Result<Response, OAuthError> {
    let now = (at.now)();
    at.askers.admit(asker.network(), Favour::Look, now).map_err(OAuthError::too_often)?;
    let form = Form::parse(&body)?;
    let text = form.need("token")?.trim();
    if let Some((key, user)) = behind(&at, text).await? {
        let act = Act { by: Actor::User(user), ..super::by_server(now, asker) };
        at.keys.directory().revoke_key(&key, &act).await?;
        at.keys.refresh(now).await?;
    }
    Ok((StatusCode::OK, [(CACHE_CONTROL, "no-store")]).into_response())
}

async fn behind(at: &SignIn, text: &str) -> Result<Option<(KeyId, UserId)>, OAuthError> {
    if let Ok(refresh) = RefreshToken::parse(text) {
        let session = session::of_refresh(at, &refresh, (at.now)()).await?;
        return Ok(session.map(|key| (key.id, key.user)));
    }
    let Some(grant) = at.keys.grant(&at.digest_of(text), (at.now)()).await? else { return Ok(None) };
    let caller = grant.caller;
    match caller.key_kind {
        Some(KeyKind::Session | KeyKind::Ephemeral) => {
            Ok(caller.key.clone().map(|key| (key, caller.user.clone())))
        }
        Some(KeyKind::LongLived) => Err(OAuthError::new(
            "unsupported_token_type",
            "a long-lived key is revoked by its owner: stonegate keys revoke, or POST /admin/v1/keys/{id}/revoke",
        )),
        Some(KeyKind::Browser) | None => Ok(None),
    }
}
