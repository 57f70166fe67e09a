//! What is done to budgets, and to what is charged to them, by whomever, written down in the audit log.
//!
//! The ledger keeps budgets and the directory keeps the log, so the two are not one transaction: an act whose entry could not
//! be written is answered with the error, though it took effect.

use serde_json::{Map, Value, json};
use stonegate_api::{AdjustmentCreate, BudgetCreate};
use stonegate_identity::{Audited, Change, Directory, directory::Act};
use stonegate_ledger::{
    AccountId, Adjustment, AdjustmentQuery, Budget, BudgetFilter, BudgetState, ChargeEnd, ChargeId,
    ChargeState, Correction, LedgerStore,
};

use crate::admin::{Problem, wire};

/// Someone at work on budgets.
pub(crate) struct Budgeting<'a> {
    pub(crate) directory: &'a dyn Directory,
    pub(crate) ledger: &'a dyn LedgerStore,
    pub(crate) act: Act,
}

/// What the log keeps of a budget: its terms, not how it stands.
struct Terms(Map<String, Value>);

/// Members that change without anybody's act, or that say how a budget stands.
const TERMS: [&str; 10] = [
    "account",
    "window",
    "time_zone",
    "mode",
    "per_minute",
    "when_short",
    "model_filter",
    "thresholds",
    "unit",
    "own_limit",
];

impl Terms {
    fn of(state: &BudgetState) -> Self {
        let Ok(Value::Object(mut members)) = serde_json::to_value(wire::budgets::shown(state)) else {
            return Self(Map::new());
        };
        members.retain(|name, _| TERMS.contains(&name.as_str()));
        Self(members)
    }
}

impl Audited for Terms {
    fn members(&self) -> Map<String, Value> {
        self.0.clone()
    }
}

impl Budgeting<'_> {
    /// Makes a budget, or changes the one of that id, or the one that counts the same on the same account.
    pub(crate) async fn set(&self, wanted: &BudgetCreate) -> Result<BudgetState, Problem> {
        let budget = wire::budgets::wanted(self.directory, self.ledger, wanted, self.act.at).await?;
        let (id, account) = (budget.id.clone(), budget.account.clone());
        let before = self.on(&account).await?.into_iter().find(|state| state.budget.id == id);
        self.ledger.define_budget(budget).await?;
        let after = self.on(&account).await?.into_iter().find(|state| state.budget.id == id);
        let after = after.ok_or_else(|| Problem::not_found("budget", &id))?;
        let change = match before {
            Some(before) => Change::between(&Terms::of(&before), &Terms::of(&after)),
            None => Change::made(&Terms::of(&after)),
        };
        self.note("budget.set", subject(&after.budget), change).await?;
        Ok(after)
    }

    /// Removes a budget.
    pub(crate) async fn remove(&self, id: &str) -> Result<(), Problem> {
        let before = self.find(id).await?;
        if !self.ledger.remove_budget(before.budget.id.clone()).await? {
            return Err(Problem::not_found("budget", id));
        }
        self.note("budget.remove", subject(&before.budget), Change::removed(&Terms::of(&before))).await
    }

    /// Grants or takes credit, or sets a limit for a time; `by` is written beside it in the ledger. Where its id was given
    /// before, what was kept then is the answer, and nothing happens a second time.
    pub(crate) async fn adjust(
        &self,
        state: &BudgetState,
        wanted: &AdjustmentCreate,
        by: &str,
    ) -> Result<Adjustment, Problem> {
        let adjustment = wire::adjustments::wanted(state, wanted, by, self.act.at)?;
        let there = self.kept(&adjustment).await?;
        self.ledger.adjust_budget(adjustment.clone()).await?;
        let kept =
            self.kept(&adjustment).await?.filter(|kept| wire::adjustments::is_the_same(kept, &adjustment));
        let kept = kept.ok_or_else(|| {
            Problem::conflict("id", format!("`{}` is the id of another adjustment", adjustment.id))
        })?;
        if there.is_some() {
            return Ok(kept);
        }
        let shown = serde_json::to_string(&wire::adjustments::shown(&kept)).ok();
        self.note("budget.adjust", subject(&state.budget), Change { before: None, after: shown }).await?;
        Ok(kept)
    }

    /// Says what was really to be charged. Where its id was given before, what was kept then is the answer.
    pub(crate) async fn correct(&self, correction: Correction) -> Result<stonegate_api::Correction, Problem> {
        let there = self.ledger.find_correction(correction.id.clone()).await?;
        let kept = wire::unresolved::keep(self.ledger, correction).await?;
        if there.is_none() {
            let (subject, change) = wire::unresolved::change(&kept);
            self.note("usage.correct", subject, change).await?;
        }
        Ok(kept)
    }

    /// Frees what somebody's charge holds. What its own maker ends is no act of administration, and does not come by here.
    pub(crate) async fn void(&self, id: ChargeId) -> Result<stonegate_api::Charge, Problem> {
        let held = self.ledger.find_charge(id).await?.ok_or_else(|| Problem::not_found("charge", id))?;
        let ended = self.ledger.end_charge(id, ChargeEnd::Void, self.act.at).await?;
        let after = wire::charges::shown(&ended);
        if held.is_open() && ended.state == ChargeState::Voided {
            let before = wire::charges::shown(&held);
            let before = json!({
                "state": before.state, "service": before.service, "user": before.user, "amount_usd": before.amount_usd,
            });
            let after = json!({ "state": after.state });
            let change = Change { before: Some(before.to_string()), after: Some(after.to_string()) };
            self.note("charge.void", format!("charge:{id}"), change).await?;
        }
        Ok(after)
    }

    /// What is kept of its budget under an adjustment's id.
    async fn kept(&self, adjustment: &Adjustment) -> Result<Option<Adjustment>, Problem> {
        let query = AdjustmentQuery { budget: Some(adjustment.budget.clone()), limit: u32::MAX };
        Ok(self.ledger.adjustments(query).await?.into_iter().find(|kept| kept.id == adjustment.id))
    }

    /// The budget of that id.
    pub(crate) async fn find(&self, id: &str) -> Result<BudgetState, Problem> {
        let all = self.ledger.list_budgets(BudgetFilter::default(), self.act.at).await?;
        let found = all.into_iter().find(|state| state.budget.id.as_str() == id);
        found.ok_or_else(|| Problem::not_found("budget", id))
    }

    async fn on(&self, account: &AccountId) -> Result<Vec<BudgetState>, Problem> {
        let filter = BudgetFilter { account: Some(account.clone()) };
        Ok(self.ledger.list_budgets(filter, self.act.at).await?)
    }

    async fn note(&self, action: &'static str, subject: String, change: Change) -> Result<(), Problem> {
        Ok(self.directory.record_change(action, subject, change, &self.act).await?)
    }
}

fn subject(budget: &Budget) -> String {
    format!("budget:{}", budget.id)
}
