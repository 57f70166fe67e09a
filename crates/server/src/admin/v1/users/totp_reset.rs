//! `POST /admin/v1/users/{id}/totp-reset`

use axum::{
    Json,
    extract::{Path, State},
};
use stonegate_api::{Problem as ProblemReply, TotpReset, User};
use stonegate_identity::Action;

use super::authorized;
use crate::admin::{AdminState, Problem, Visit, body::Body, wire};
use crate::signin;

/// Takes away the second factor of a user who has lost it: the password alone signs them in until they set up another.
#[utoipa::path(
    post, path = "/admin/v1/users/{id}/totp-reset", tag = "users",
    params(("id" = String, Path, description = "The user's id")),
    request_body = TotpReset,
    responses(
        (status = 200, body = User), (status = 400, body = ProblemReply), (status = 401, body = ProblemReply),
        (status = 403, body = ProblemReply), (status = 404, body = ProblemReply),
    ),
)]
pub(crate) async fn totp_reset(
    State(state): State<AdminState>,
    visit: Visit,
    Path(id): Path<String>,
    Body(wanted): Body<TotpReset>,
) -> Result<Json<User>, Problem> {
    let user = authorized(&state, &visit, Action::ManageUsers, &id).await?;
    let reason = wire::users::reset_reason(&wanted)?;
    let (tickets, directory) = (&*state.sign_in.tickets, &**state.keys.directory());
    signin::reset_totp(tickets, directory, &user.id, &reason, &visit.act()).await?;
    Ok(Json(wire::users::shown(&user)))
}
