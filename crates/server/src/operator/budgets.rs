//! Budgets.

use stonegate_api::{AdjustmentCreate, BudgetCreate};
use stonegate_identity::{KeyId, TeamId, UserId};
use stonegate_ledger::{
    AccountId, AccountKind, AdjustmentQuery, BudgetFilter, BudgetId, BudgetState, EventQuery,
};

use super::Operator;
use crate::{
    admin::{
        Problem,
        wire::{
            self,
            forecast::{Breadth, Forecaster},
        },
    },
    budgeting::Budgeting,
};

impl Operator {
    /// Sets a budget: makes one, or changes the one that counts the same on the same account.
    ///
    /// # Errors
    /// When the request is wrong, there is no such account, or the store does not answer.
    pub async fn set_budget(&self, wanted: &BudgetCreate) -> Result<stonegate_api::Budget, Problem> {
        let account = self.account(&wanted.account).await?;
        let wanted = BudgetCreate { account: account.to_string(), ..wanted.clone() };
        self.shown_budget(&self.budgeting().set(&wanted).await?).await
    }

    /// Budgets in the order of their ids, how they stand, and what is to be expected of them.
    ///
    /// # Errors
    /// When there is no such account, or the store does not answer.
    pub async fn list_budgets(&self, account: Option<&str>) -> Result<Vec<stonegate_api::Budget>, Problem> {
        let account = match account {
            Some(text) => Some(self.account(text).await?),
            None => None,
        };
        let breadth = if account.is_some() { Breadth::One } else { Breadth::Many };
        let states = self.store.ledger.list_budgets(BudgetFilter { account }, self.now).await?;
        let mut forecaster = Forecaster::new(&*self.store.ledger, self.now, breadth);
        let mut shown = Vec::with_capacity(states.len());
        for state in &states {
            let forecast = Some(forecaster.forecast(state).await?);
            shown.push(stonegate_api::Budget { forecast, ..self.shown_budget(state).await? });
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
            AccountKind::Team => match TeamId::parse(&account.id) {
                Ok(id) => self.directory().find_team(&id).await?.map(|team| team.name),
                Err(_) => None,
            },
            AccountKind::Tenant => None,
        };
        Ok(stonegate_api::Budget { account_name, ..wire::budgets::shown(state) })
    }

    /// Grants or takes credit on a budget, or sets a limit for a time. Gives how the budget stands then.
    ///
    /// # Errors
    /// When the request is wrong, there is no such budget, or the store does not answer.
    pub async fn adjust_budget(
        &self,
        id: &str,
        wanted: &AdjustmentCreate,
    ) -> Result<stonegate_api::Budget, Problem> {
        let until = match wanted.until.as_deref() {
            Some(text) => Some(super::moment::to_come("until", text, self.now)?.to_string()),
            None => None,
        };
        let from = match wanted.from.as_deref() {
            Some(text) => Some(super::moment::to_come("from", text, self.now)?.to_string()),
            None => None,
        };
        let wanted = AdjustmentCreate { from, until, ..wanted.clone() };
        let budgeting = self.budgeting();
        budgeting.adjust(&budgeting.find(id).await?, &wanted, "operator").await?;
        self.shown_budget(&budgeting.find(id).await?).await
    }

    /// What was adjusted, the newest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn list_adjustments(
        &self,
        budget: Option<&str>,
        limit: u32,
    ) -> Result<Vec<stonegate_api::Adjustment>, Problem> {
        let query = AdjustmentQuery { budget: budget.map(BudgetId::new), limit };
        Ok(self.store.ledger.adjustments(query).await?.iter().map(wire::adjustments::shown).collect())
    }

    /// The thresholds that were reached, in the order in which they were.
    ///
    /// # Errors
    /// When there is no such account, or the store does not answer.
    pub async fn list_events(
        &self,
        budget: Option<&str>,
        account: Option<&str>,
        after: u64,
        limit: u32,
    ) -> Result<Vec<stonegate_api::BudgetEvent>, Problem> {
        let account = match account {
            Some(text) => Some(self.account(text).await?),
            None => None,
        };
        let query = EventQuery { budget: budget.map(BudgetId::new), account, after, limit };
        Ok(self.store.ledger.events(query).await?.iter().map(wire::adjustments::shown_event).collect())
    }

    pub(super) fn budgeting(&self) -> Budgeting<'_> {
        Budgeting { directory: self.directory(), ledger: &*self.store.ledger, act: self.act() }
    }

    /// Removes a budget.
    ///
    /// # Errors
    /// When there is none of that id, or the store does not answer.
    pub async fn remove_budget(&self, id: &str) -> Result<(), Problem> {
        self.budgeting().remove(id).await
    }

    /// An account that exists. Teams, users and keys may be given by name.
    async fn account(&self, text: &str) -> Result<AccountId, Problem> {
        let account = wire::budgets::account("account", text)?;
        let missing = || Problem::not_found("account", text);
        let id = match account.kind {
            AccountKind::Tenant => self.tenant(Some(&account.id)).await?.to_arc(),
            AccountKind::User => self.user(None, &account.id).await?.ok_or_else(missing)?.id.to_arc(),
            AccountKind::Key => self.key(&account.id).await?.id.to_arc(),
            AccountKind::Team => self.team(None, &account.id).await?.id.to_arc(),
        };
        Ok(AccountId::new(account.kind, id))
    }
}
