//! `GET /admin/v1/whoami`

use axum::Json;
use stonegate_api::{Problem as ProblemReply, Whoami};
use stonegate_identity::{Action, Owner, Resource};

use crate::admin::{Problem, Visit, wire};

/// Who the caller is.
#[utoipa::path(
    get, path = "/admin/v1/whoami", tag = "whoami",
    responses((status = 200, body = Whoami), (status = 401, body = ProblemReply)),
)]
pub(crate) async fn whoami(visit: Visit) -> Result<Json<Whoami>, Problem> {
    let _permit = visit.authorize(Action::SeeSelf, &Resource::User(Owner::from(&*visit.caller)))?;
    std::future::ready(Ok(Json(wire::keys::whoami(&visit.caller)))).await
}
