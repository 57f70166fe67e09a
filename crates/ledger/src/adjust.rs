//! What people do to a budget beside defining it: credit and limits for a time, each with a reason, kept for good.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    account::AccountId,
    budget::{Amount, BudgetId, Limit},
    lease::Counter,
    terms::{Crossing, Override},
    window::WindowKey,
};

/// A change to what a budget allows. It is an entry of the ledger: appended, and never altered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjustment {
    /// Its id; the same id twice counts once.
    pub id: Arc<str>,
    /// The budget.
    pub budget: BudgetId,
    /// When it was made.
    pub at: Timestamp,
    /// Who made it: `operator`, or a user's id.
    pub by: Arc<str>,
    /// Why.
    pub reason: String,
    /// What it changes.
    pub change: Change,
}

/// What an [`Adjustment`] changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// So much more, or less, in the budget's unit.
    Credit {
        /// The amount.
        amount: i64,
        /// The window in which it holds; `None` in every one.
        window: Option<WindowKey>,
    },
    /// Another limit for a time, in the place of any that was set for a time before.
    Override(Override),
    /// The budget's own limit holds again.
    EndOverride,
}

/// Asks for adjustments, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdjustmentQuery {
    /// Only of that budget.
    pub budget: Option<BudgetId>,
    /// At most so many.
    pub limit: u32,
}

/// Asks for events, in the order in which they were raised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventQuery {
    /// Only of that budget.
    pub budget: Option<BudgetId>,
    /// Only of budgets on that account.
    pub account: Option<AccountId>,
    /// Only those after that number.
    pub after: u64,
    /// At most so many.
    pub limit: u32,
}

/// A threshold was reached. Events have numbers in the order in which they were raised, so that who passes them on can
/// remember how far it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetEvent {
    /// Its number.
    pub number: u64,
    /// Whose budget it is.
    pub account: AccountId,
    /// The unit of its amounts, with the limit as it was.
    pub limit: Limit,
    /// What was reached.
    pub crossing: Crossing,
}

impl BudgetEvent {
    /// The counter that reached it.
    pub fn counter(&self) -> &Counter {
        &self.crossing.counter
    }

    /// What was spent then, in the unit of its limit.
    pub fn spent(&self) -> Amount {
        self.crossing.spent
    }
}
