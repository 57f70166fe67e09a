//! `POST /admin/v1/budgets`

use axum::{Json, extract::State};
use http::StatusCode;
use stonegate_api::{Budget, BudgetCreate, Problem as ProblemReply};
use stonegate_identity::Action;

use super::allow;
use crate::admin::{AdminState, Problem, Visit, body::Body, wire};

/// Sets a budget: makes one, or changes the one of that id, or the one that counts the same on the same account. What
/// was spent stays spent. Every server heeds it within a second.
#[utoipa::path(
    post, path = "/admin/v1/budgets", tag = "budgets",
    request_body = BudgetCreate,
    responses(
        (status = 201, body = Budget), (status = 400, body = ProblemReply), (status = 401, body = ProblemReply),
        (status = 403, body = ProblemReply), (status = 404, body = ProblemReply), (status = 409, body = ProblemReply),
    ),
)]
pub(crate) async fn create(
    State(state): State<AdminState>,
    visit: Visit,
    Body(wanted): Body<BudgetCreate>,
) -> Result<(StatusCode, Json<Budget>), Problem> {
    visit.reach(Action::ManageBudgets)?;
    let account = wire::budgets::account("account", &wanted.account)?;
    allow(&state, &visit, Action::ManageBudgets, &account).await?;
    let set = state.budgeting(&visit).set(&wanted).await?;
    Ok((StatusCode::CREATED, Json(wire::budgets::shown(&set))))
}
