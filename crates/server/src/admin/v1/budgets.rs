//! `/admin/v1/budgets`

use stonegate_identity::{Action, KeyId, Resource, TeamId, TenantId, UserId};
use stonegate_ledger::{AccountId, AccountKind, BudgetState};

use crate::admin::{AdminState, Problem, Visit};

pub(crate) mod adjust;
pub(crate) mod create;
pub(crate) mod events;
pub(crate) mod list;
pub(crate) mod remove;

/// The budget of that id, where the caller may do this to it.
async fn permitted(
    state: &AdminState,
    visit: &Visit,
    action: Action,
    id: &str,
) -> Result<BudgetState, Problem> {
    let missing = || Problem::not_found("budget", id);
    let found = state.budgeting(visit).find(id).await?;
    match allow(state, visit, action, &found.budget.account).await {
        Ok(()) => Ok(found),
        // Of whom it is, nobody learns who may not know that there is one.
        Err(problem) if problem.is_not_found() => Err(missing()),
        Err(problem) => Err(problem),
    }
}

/// Whether the account exists and the caller may do this to its budgets.
pub(super) async fn allow(
    state: &AdminState,
    visit: &Visit,
    action: Action,
    account: &AccountId,
) -> Result<(), Problem> {
    let directory = state.keys.directory();
    let missing = || Problem::not_found("account", account);
    let told = |result: Result<_, _>| match result {
        Ok(_permit) => Ok(()),
        Err(denied) => Err(Problem::denied(&denied, "account", account)),
    };
    match account.kind {
        AccountKind::Tenant => {
            let id = TenantId::parse(&account.id).map_err(|_no_id| missing())?;
            directory.find_tenant(&id).await?.ok_or_else(missing)?;
            told(visit.authorize(action, &Resource::Tenant(&id)))
        }
        AccountKind::User => {
            let id = UserId::parse(&account.id).map_err(|_no_id| missing())?;
            let user = directory.find_user(&id).await?.ok_or_else(missing)?;
            told(visit.authorize(action, &Resource::User((&user).into())))
        }
        AccountKind::Key => {
            let id = KeyId::parse(&account.id).map_err(|_no_id| missing())?;
            let key = directory.find_key(&id).await?.ok_or_else(missing)?;
            told(visit.authorize(action, &Resource::User((&key).into())))
        }
        AccountKind::Team => {
            let id = TeamId::parse(&account.id).map_err(|_no_id| missing())?;
            let team = directory.find_team(&id).await?.ok_or_else(missing)?;
            told(visit.authorize(action, &Resource::Team(&team.tenant, &team.id)))
        }
    }
}
