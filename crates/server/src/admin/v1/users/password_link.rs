//! `POST /admin/v1/users/{id}/password-link`

use axum::{
    Json,
    extract::{OriginalUri, Path, State},
};
use http::{HeaderMap, StatusCode};
use stonegate_api::{PasswordLink, Problem as ProblemReply};
use stonegate_identity::Action;

use super::authorized;
use crate::admin::{AdminState, Problem, Visit};
use crate::signin;

/// Makes a link by which a user sets a password. Whoever has it can sign in as that user.
///
/// It works once, for a day, as long as the user keeps address and role, and until another one is made.
#[utoipa::path(
    post, path = "/admin/v1/users/{id}/password-link", tag = "users",
    params(("id" = String, Path, description = "The user's id")),
    responses(
        (status = 201, body = PasswordLink), (status = 401, body = ProblemReply), (status = 403, body = ProblemReply),
        (status = 404, body = ProblemReply), (status = 409, body = ProblemReply),
    ),
)]
pub(crate) async fn password_link(
    State(state): State<AdminState>,
    visit: Visit,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<PasswordLink>), Problem> {
    let user = authorized(&state, &visit, Action::ManageUsers, &id).await?;
    let sign_in = &state.sign_in;
    if !sign_in.settings.local {
        return Err(Problem::conflict("id", "passwords are not taken here: signin.local is off"));
    }
    let base = sign_in.base(&headers, &uri).ok_or_else(|| {
        Problem::conflict(
            "id",
            "this gateway does not know its own address: its operator has to set server.public_url",
        )
    })?;
    let login = user.email.as_deref().ok_or_else(|| {
        Problem::conflict("email", "the user has no address to sign in with: give them one first")
    })?;
    let (token, expires_at) = signin::offer_password(sign_in, &user, login, visit.now).await?;
    state.keys.directory().record("password.offer", format!("user:{}", user.id), &visit.act()).await?;
    let url = base.at(&format!("/signin/password?token={}", token.as_str()));
    Ok((StatusCode::CREATED, Json(PasswordLink { url, expires_at: expires_at.to_string() })))
}
