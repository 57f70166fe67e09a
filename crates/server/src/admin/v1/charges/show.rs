//! `GET /admin/v1/charges/{id}`

use axum::{
    Json,
    extract::{Path, State},
};
use stonegate_api::{Charge, Problem as ProblemReply};

use super::own;
use crate::admin::{AdminState, Problem, Visit, wire};

/// A charge of one's own, and how it stands.
#[utoipa::path(
    get, path = "/admin/v1/charges/{id}", tag = "charges",
    params(("id" = String, Path, description = "The charge's id")),
    responses(
        (status = 200, body = Charge), (status = 401, body = ProblemReply), (status = 403, body = ProblemReply),
        (status = 404, body = ProblemReply),
    ),
)]
pub(crate) async fn show(
    State(state): State<AdminState>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Json<Charge>, Problem> {
    Ok(Json(wire::charges::shown(&own(&state, &visit, &id).await?)))
}
