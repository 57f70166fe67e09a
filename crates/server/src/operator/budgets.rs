//! Budgets.

use stonegate_api::BudgetCreate;
use stonegate_identity::{KeyId, UserId};
use stonegate_ledger::{AccountId, AccountKind, BudgetFilter, BudgetId, BudgetState};

use super::Operator;
use crate::admin::{Problem, wire};

impl Operator {
    /// Sets a budget: makes one, or changes the one that counts the same on the same account.
    ///
    /// # Errors
    /// When the request is wrong, there is no such account, or the store does not answer.
    pub async fn set_budget(&self, wanted: &BudgetCreate) -> Result<stonegate_api::Budget, Problem> {
        let account = self.account(&wanted.account).await?;
        let wanted = BudgetCreate { account: account.to_string(), ..wanted.clone() };
        let ledger = &*self.store.ledger;
        let budget = wire::budgets::wanted(ledger, &wanted, self.now).await?;
        let id = budget.id.clone();
        ledger.define_budget(budget).await?;
        let states = ledger.list_budgets(BudgetFilter { account: Some(account) }, self.now).await?;
        let state = states.iter().find(|state| state.budget.id == id);
        self.shown_budget(state.ok_or_else(|| Problem::not_found("budget", &id))?).await
    }

    /// Budgets in the order of their ids, and how they stand.
    ///
    /// # Errors
    /// When there is no such account, or the store does not answer.
    pub async fn list_budgets(&self, account: Option<&str>) -> Result<Vec<stonegate_api::Budget>, Problem> {
        let account = match account {
            Some(text) => Some(self.account(text).await?),
            None => None,
        };
        let states = self.store.ledger.list_budgets(BudgetFilter { account }, self.now).await?;
        let mut shown = Vec::with_capacity(states.len());
        for state in &states {
            shown.push(self.shown_budget(state).await?);
        }
        Ok(shown)
    }

    /// A budget with the name of whose it is.
    async fn shown_budget(&self, state: &BudgetState) -> Result<stonegate_api::Budget, Problem> {
        let account = &state.budget.account;
        let account_name = match account.kind {
            AccountKind::User => match UserId::parse(&account.id) {
                Ok(id) => self.directory().find_user(&id).await?.map(|user| user.name),
                Err(_) => None,
            },
            AccountKind::Key => match KeyId::parse(&account.id) {
                Ok(id) => self.directory().find_key(&id).await?.map(|key| key.name),
                Err(_) => None,
            },
            AccountKind::Tenant | AccountKind::Team => None,
        };
        Ok(stonegate_api::Budget { account_name, ..wire::budgets::shown(state) })
    }

    /// Removes a budget.
    ///
    /// # Errors
    /// When there is none of that id, or the store does not answer.
    pub async fn remove_budget(&self, id: &str) -> Result<(), Problem> {
        if self.store.ledger.remove_budget(BudgetId::new(id)).await? {
            Ok(())
        } else {
            Err(Problem::not_found("budget", id))
        }
    }

    /// An account that exists. Users and keys may be given by name.
    async fn account(&self, text: &str) -> Result<AccountId, Problem> {
        let account = wire::budgets::account("account", text)?;
        let missing = || Problem::not_found("account", text);
        let id = match account.kind {
            AccountKind::Tenant => self.tenant(Some(&account.id)).await?.to_arc(),
            AccountKind::User => self.user(None, &account.id).await?.ok_or_else(missing)?.id.to_arc(),
            AccountKind::Key => self.key(&account.id).await?.id.to_arc(),
            // There are no teams yet.
            AccountKind::Team => return Err(missing()),
        };
        Ok(AccountId::new(account.kind, id))
    }
}
