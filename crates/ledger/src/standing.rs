//! How a budget stands that is nearly used up: what a caller is told before it comes to a refusal.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    budget::{Amount, Budget},
    window::WindowKey,
};

/// The per cents of a limit from which on a caller is told.
pub(crate) const NEARLY: u64 = 75;

/// A budget of which at least three quarters are spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The budget.
    pub budget: Arc<Budget>,
    /// Its window.
    pub window: WindowKey,
    /// What was spent, calls under way left out, in the budget's unit.
    pub spent: Amount,
    /// How much may be spent in this window.
    pub limit: Amount,
    /// When it renews, if it ever does.
    pub renews_at: Option<Timestamp>,
}

impl Standing {
    /// What is spent, in per cent of the limit, rounded down.
    pub fn percent(&self) -> u64 {
        percent(self.spent, self.limit)
    }

    /// What is left.
    pub fn remaining(&self) -> Amount {
        self.limit.saturating_sub(self.spent)
    }
}

pub(crate) fn percent(spent: Amount, limit: Amount) -> u64 {
    let percent = u128::from(spent).saturating_mul(100).checked_div(u128::from(limit));
    percent.map_or(100, |percent| u64::try_from(percent).unwrap_or(u64::MAX))
}
