//! `POST /admin/v1/sign-in-links`

use axum::{
    Json,
    extract::{OriginalUri, State},
};
use http::{HeaderMap, StatusCode};
use stonegate_api::{Problem as ProblemReply, SignInLink};
use stonegate_identity::{Action, KeyKind, Resource};

use crate::{
    admin::{AdminState, Problem, Visit},
    signin,
};

/// Makes a link that signs a browser in as the person whose sign-in the request came with. Whoever opens it can do so.
///
/// It works once, for two minutes. The browser may do no more than the sign-in, connects no devices, and is signed out when the
/// sign-in ends. Keys make no such links.
#[utoipa::path(
    post, path = "/admin/v1/sign-in-links", tag = "whoami",
    responses(
        (status = 201, body = SignInLink), (status = 401, body = ProblemReply), (status = 403, body = ProblemReply),
        (status = 409, body = ProblemReply),
    ),
)]
pub(crate) async fn create(
    State(state): State<AdminState>,
    visit: Visit,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<(StatusCode, Json<SignInLink>), Problem> {
    let session = visit.caller.key.as_ref().filter(|_| visit.caller.key_kind == Some(KeyKind::Session));
    let session = session.ok_or_else(|| {
        Problem::forbidden(
            "authorization",
            "a browser is signed in by a sign-in (`stonegate login`), and not by a key",
        )
    })?;
    let _permit = visit.authorize(Action::ManageChildKeys, &Resource::ChildrenOf(session))?;
    let sign_in = &state.sign_in;
    let base = sign_in.base(&headers, &uri).ok_or_else(|| {
        Problem::conflict(
            "host",
            "this gateway does not know its own address: its operator has to set server.public_url",
        )
    })?;
    let (token, expires_at) = signin::offer_link(sign_in, session, visit.now).await?;
    let url = base.at(&signin::link_path(&token));
    Ok((StatusCode::CREATED, Json(SignInLink { url, expires_at: expires_at.to_string() })))
}
