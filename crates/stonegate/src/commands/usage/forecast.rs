//! `stonegate usage --forecast`: what the budgets of those whose usage is shown will have spent when they renew.

use serde::Serialize;
use stonegate_api::{Budget, Usage};

use super::Which;
use crate::{
    commands::budgets::{in_unit, named_account},
    desk::Desk,
    output::{Column, Table},
    terminal::Style,
};

/// Usage and the budgets below it.
#[derive(Serialize)]
pub(super) struct Outlook {
    #[serde(flatten)]
    pub(super) usage: Usage,
    pub(super) budgets: Vec<Budget>,
}

/// The budgets on the accounts that the flags name; all in sight where they name none.
pub(super) async fn budgets(desk: &Desk, which: &Which) -> anyhow::Result<Vec<Budget>> {
    let Which { tenant, team, user, key, .. } = which;
    let named = [("tenant", tenant), ("team", team), ("user", user), ("key", key)];
    let accounts: Vec<String> =
        named.iter().filter_map(|(kind, name)| Some(format!("{kind}:{}", name.as_ref()?))).collect();
    // Whoever names a user and a tenant means that user: the narrowest account is the one.
    match accounts.last() {
        Some(account) => desk.list_budgets(Some(account)).await,
        None => desk.list_budgets(None).await,
    }
}

pub(super) fn table(budgets: &[Budget], style: Style) -> String {
    let columns = [
        Column::Text("BUDGET OF"),
        Column::Text("WINDOW"),
        Column::Number("SPENT"),
        Column::Number("LIMIT"),
        Column::Number("FORECAST"),
        Column::Text("RUNS OUT"),
        Column::Text("RENEWS"),
    ];
    let rows = budgets.iter().map(|budget| {
        let amount = |amount: u64| in_unit(amount, &budget.unit);
        let forecast = budget.forecast.as_ref();
        [
            named_account(budget),
            budget.window_key.clone(),
            amount(budget.spent),
            amount(budget.limit),
            forecast.and_then(|forecast| forecast.spent).map(amount).unwrap_or_default(),
            forecast.and_then(|forecast| forecast.runs_out_at.clone()).unwrap_or_default(),
            budget.renews_at.clone().unwrap_or_else(|| "never".to_owned()),
        ]
    });
    Table::new(columns, rows).render("no budgets: nothing is limited", style)
}
