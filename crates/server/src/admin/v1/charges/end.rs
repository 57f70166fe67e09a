//! `POST /admin/v1/charges/{id}/capture` and `/void`

use axum::{
    Json,
    extract::{Path, State},
};
use stonegate_api::{Charge, ChargeCapture, Problem as ProblemReply};
use stonegate_ledger::{ChargeEnd, ChargeState};

use super::own;
use crate::admin::{AdminState, Problem, Visit, body::Body, wire};

/// Takes what was spent of what is held, and frees the rest. The same once more changes nothing.
#[utoipa::path(
    post, path = "/admin/v1/charges/{id}/capture", tag = "charges",
    params(("id" = String, Path, description = "The charge's id")),
    request_body = ChargeCapture,
    responses(
        (status = 200, body = Charge), (status = 400, body = ProblemReply), (status = 401, body = ProblemReply),
        (status = 403, body = ProblemReply), (status = 404, body = ProblemReply), (status = 409, body = ProblemReply),
    ),
)]
pub(crate) async fn capture(
    State(state): State<AdminState>,
    visit: Visit,
    Path(id): Path<String>,
    Body(wanted): Body<ChargeCapture>,
) -> Result<Json<Charge>, Problem> {
    let charge = own(&state, &visit, &id).await?;
    let end = wire::charges::capture(&charge, &wanted)?;
    let ended = state.ledger.end_charge(charge.id(), end, visit.now).await?;
    if ended.state != ChargeState::Captured {
        return Err(Problem::conflict("id", format!("charge {id} is {} already", ended.state)));
    }
    Ok(Json(wire::charges::shown(&ended)))
}

/// Frees all that is held.
#[utoipa::path(
    post, path = "/admin/v1/charges/{id}/void", tag = "charges",
    params(("id" = String, Path, description = "The charge's id")),
    responses(
        (status = 200, body = Charge), (status = 401, body = ProblemReply), (status = 403, body = ProblemReply),
        (status = 404, body = ProblemReply), (status = 409, body = ProblemReply),
    ),
)]
pub(crate) async fn void(
    State(state): State<AdminState>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Json<Charge>, Problem> {
    let charge = own(&state, &visit, &id).await?;
    let ended = state.ledger.end_charge(charge.id(), ChargeEnd::Void, visit.now).await?;
    Ok(Json(wire::charges::shown(&ended)))
}
