//! `DELETE /admin/v1/budgets/{id}`

use axum::extract::{Path, State};
use http::StatusCode;
use stonegate_api::Problem as ProblemReply;
use stonegate_identity::Action;

use super::permitted;
use crate::admin::{AdminState, Problem, Visit};

/// Removes a budget: it holds no one back any longer.
#[utoipa::path(
    delete, path = "/admin/v1/budgets/{id}", tag = "budgets",
    params(("id" = String, Path, description = "The budget's id")),
    responses(
        (status = 204), (status = 401, body = ProblemReply), (status = 403, body = ProblemReply),
        (status = 404, body = ProblemReply),
    ),
)]
pub(crate) async fn remove(
    State(state): State<AdminState>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    visit.reach(Action::ManageBudgets)?;
    permitted(&state, &visit, Action::ManageBudgets, &id).await?;
    state.budgeting(&visit).remove(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
