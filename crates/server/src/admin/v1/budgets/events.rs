//! `GET /admin/v1/budget-events`
#![expect(unused_qualifications, reason = "utoipa's macro names this file's parameters by a path")]

use axum::{Json, extract::State};
use serde::Deserialize;
use stonegate_api::{BudgetEvent, Page, Problem as ProblemReply};
use stonegate_identity::{Action, Reach};
use stonegate_ledger::{BudgetId, EventQuery};
use utoipa::IntoParams;

use super::allow;
use crate::admin::{AdminState, Problem, Visit, body::Params, wire};

/// The most events of one page.
const MOST: u32 = 1_000;

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventParams {
    /// Only of that budget.
    budget: Option<String>,
    /// Only of budgets on this account: `tenant:ID`, `team:ID`, `user:ID` or `key:ID`.
    account: Option<String>,
    /// Only those after that number.
    #[serde(default)]
    after: u64,
}

/// Thresholds that were reached, in the order in which they were, a thousand at a time.
#[utoipa::path(
    get, path = "/admin/v1/budget-events", tag = "budgets",
    params(EventParams),
    responses(
        (status = 200, body = Page<BudgetEvent>), (status = 400, body = ProblemReply),
        (status = 401, body = ProblemReply), (status = 403, body = ProblemReply),
    ),
)]
pub(crate) async fn list(
    State(state): State<AdminState>,
    visit: Visit,
    Params(params): Params<EventParams>,
) -> Result<Json<Page<BudgetEvent>>, Problem> {
    let reach = visit.reach(Action::ReadBudgets)?;
    let account =
        params.account.as_deref().map(|text| wire::budgets::account("account", text)).transpose()?;
    let budget = params.budget.map(BudgetId::new);
    if i64::try_from(params.after).is_err() {
        return Err(Problem::invalid("after", "no event has so large a number"));
    }
    let query = EventQuery { budget, account, after: params.after, limit: MOST };
    let events = state.ledger.events(query).await?;
    let next = events.last().filter(|_| events.len() >= MOST as usize).map(|event| event.number.to_string());
    let mut data = Vec::new();
    for event in &events {
        if reach == Reach::Everything
            || allow(&state, &visit, Action::ReadBudgets, &event.account).await.is_ok()
        {
            data.push(wire::adjustments::shown_event(event));
        }
    }
    Ok(Json(Page { data, next }))
}
