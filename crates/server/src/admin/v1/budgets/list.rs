//! `GET /admin/v1/budgets`
#![expect(unused_qualifications, reason = "utoipa's macro names this file's parameters by a path")]

use axum::{Json, extract::State};
use serde::Deserialize;
use stonegate_api::{Budget, Page, Problem as ProblemReply};
use stonegate_identity::{Action, Reach};
use stonegate_ledger::BudgetFilter;
use utoipa::IntoParams;

use super::allow;
use crate::admin::{
    AdminState, Problem, Visit,
    body::Params,
    wire::{
        self,
        forecast::{Breadth, Forecaster},
    },
};

/// Which budgets.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct BudgetParams {
    /// Only those on this account: `tenant:ID`, `team:ID`, `user:ID` or `key:ID`.
    account: Option<String>,
    /// Whether to say what is to be expected of each.
    #[param(default = false)]
    forecast: Option<bool>,
}

/// The budgets that the caller may see, and how they stand.
#[utoipa::path(
    get, path = "/admin/v1/budgets", tag = "budgets",
    params(BudgetParams),
    responses(
        (status = 200, body = Page<Budget>), (status = 400, body = ProblemReply), (status = 401, body = ProblemReply),
        (status = 403, body = ProblemReply),
    ),
)]
pub(crate) async fn list(
    State(state): State<AdminState>,
    visit: Visit,
    Params(params): Params<BudgetParams>,
) -> Result<Json<Page<Budget>>, Problem> {
    let reach = visit.reach(Action::ReadBudgets)?;
    let account =
        params.account.as_deref().map(|text| wire::budgets::account("account", text)).transpose()?;
    let breadth = match (&reach, &account) {
        (Reach::Everything, None) => Breadth::Many,
        _ => Breadth::One,
    };
    let mut forecaster = Forecaster::new(&*state.ledger, visit.now, breadth);
    let mut data = Vec::new();
    for budget in state.ledger.list_budgets(BudgetFilter { account }, visit.now).await? {
        let account = &budget.budget.account;
        if reach == Reach::Everything || allow(&state, &visit, Action::ReadBudgets, account).await.is_ok() {
            let forecast = match params.forecast {
                Some(true) => Some(forecaster.forecast(&budget).await?),
                Some(false) | None => None,
            };
            data.push(Budget { forecast, ..wire::budgets::shown(&budget) });
        }
    }
    Ok(Json(Page { data, next: None }))
}
