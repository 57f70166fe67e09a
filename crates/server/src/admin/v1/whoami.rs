//! `GET /admin/v1/whoami`

use axum::{Json, extract::State};
use stonegate_api::{Problem as ProblemReply, Whoami};
use stonegate_identity::{Action, Owner, Resource};

use crate::admin::{AdminState, Problem, Visit, wire};

/// Who the caller is.
#[utoipa::path(
    get, path = "/admin/v1/whoami", tag = "whoami",
    responses((status = 200, body = Whoami), (status = 401, body = ProblemReply)),
)]
pub(crate) async fn whoami(State(state): State<AdminState>, visit: Visit) -> Result<Json<Whoami>, Problem> {
    let _permit = visit.authorize(Action::SeeSelf, &Resource::User(Owner::from(&*visit.caller)))?;
    let user = state.keys.directory().find_user(&visit.caller.user).await?;
    Ok(Json(wire::keys::whoami(&visit.caller, visit.ends_at, user.and_then(|user| user.email))))
}
