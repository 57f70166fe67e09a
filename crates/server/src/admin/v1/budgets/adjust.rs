//! `/admin/v1/budgets/{id}/adjustments`

use axum::{
    Json,
    extract::{Path, State},
};
use http::StatusCode;
use stonegate_api::{Adjustment, AdjustmentCreate, Page, Problem as ProblemReply};
use stonegate_identity::Action;
use stonegate_ledger::AdjustmentQuery;

use super::permitted;
use crate::admin::{AdminState, Problem, Visit, body::Body, wire};

/// The most adjustments that are listed.
const MOST: u32 = 1_000;

/// Grants or takes credit, or sets a limit for a time. It is kept for good, and every server heeds it within a second.
#[utoipa::path(
    post, path = "/admin/v1/budgets/{id}/adjustments", tag = "budgets",
    params(("id" = String, Path, description = "The budget's id")),
    request_body = AdjustmentCreate,
    responses(
        (status = 201, body = Adjustment), (status = 400, body = ProblemReply), (status = 401, body = ProblemReply),
        (status = 403, body = ProblemReply), (status = 404, body = ProblemReply), (status = 409, body = ProblemReply),
    ),
)]
pub(crate) async fn adjust(
    State(state): State<AdminState>,
    visit: Visit,
    Path(id): Path<String>,
    Body(wanted): Body<AdjustmentCreate>,
) -> Result<(StatusCode, Json<Adjustment>), Problem> {
    visit.reach(Action::ManageBudgets)?;
    let found = permitted(&state, &visit, Action::ManageBudgets, &id).await?;
    let by = visit.caller.user.to_string();
    let adjustment = state.budgeting(&visit).adjust(&found, &wanted, &by).await?;
    Ok((StatusCode::CREATED, Json(wire::adjustments::shown(&adjustment))))
}

/// What was adjusted, the newest first.
#[utoipa::path(
    get, path = "/admin/v1/budgets/{id}/adjustments", tag = "budgets",
    params(("id" = String, Path, description = "The budget's id")),
    responses(
        (status = 200, body = Page<Adjustment>), (status = 401, body = ProblemReply),
        (status = 403, body = ProblemReply), (status = 404, body = ProblemReply),
    ),
)]
pub(crate) async fn list(
    State(state): State<AdminState>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Json<Page<Adjustment>>, Problem> {
    visit.reach(Action::ReadBudgets)?;
    let found = permitted(&state, &visit, Action::ReadBudgets, &id).await?;
    let query = AdjustmentQuery { budget: Some(found.budget.id), limit: MOST };
    let data = state.ledger.adjustments(query).await?.iter().map(wire::adjustments::shown).collect();
    Ok(Json(Page { data, next: None }))
}
