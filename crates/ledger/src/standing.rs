//! How the nearest of a call's budgets stands: what its caller is told with the answer, long before it comes to a refusal.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    account::AccountKind,
    budget::{Amount, Budget},
    window::WindowKey,
};

/// The per cents that are told of a shared budget once they are passed: those at which Claude Code warns.
const TOLD_OF_SHARED: [u64; 2] = [95, 75];

/// A budget and how it stands, as its replica knew it when a call was reserved.
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
    /// What a caller may know of the per cents that are spent: see [`told`].
    pub fn told_percent(&self) -> Option<u64> {
        told(self.budget.account.kind, self.spent, self.limit)
    }

    /// What is left.
    pub fn remaining(&self) -> Amount {
        self.limit.saturating_sub(self.spent)
    }
}

/// What is spent of a limit, in per cent, rounded down, as far as one caller may know it: exactly of their own budget, and of
/// one that others spend on, too, no more than which of two warnings it has passed. Budgets are ranked by this as well: were
/// they ranked by how they really stand, being named would tell that a shared one stands worse than one's own.
pub(crate) fn told(of: AccountKind, spent: Amount, limit: Amount) -> Option<u64> {
    let percent = percent(spent, limit);
    if of.is_shared() { TOLD_OF_SHARED.into_iter().find(|told| percent >= *told) } else { Some(percent) }
}

fn percent(spent: Amount, limit: Amount) -> u64 {
    let Some(hundredfold) = spent.checked_mul(100) else {
        let percent = u128::from(spent).saturating_mul(100).checked_div(u128::from(limit));
        return percent.map_or(100, |percent| u64::try_from(percent).unwrap_or(u64::MAX));
    };
    hundredfold.checked_div(limit).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_shared_budget_only_its_warnings_are_told() {
        for (spent, limit, own, shared) in [
            (0, 100, 0, None),
            (74, 100, 74, None),
            (75, 100, 75, Some(75)),
            (94, 100, 94, Some(75)),
            (95, 100, 95, Some(95)),
            (300, 100, 300, Some(95)),
            (0, 0, 100, Some(95)),
            (u64::MAX / 2, u64::MAX, 49, None),
            (u64::MAX, 1, u64::MAX, Some(95)),
        ] {
            for kind in [AccountKind::Key, AccountKind::User] {
                assert_eq!(told(kind, spent, limit), Some(own), "{spent} of {limit}");
            }
            for kind in [AccountKind::Team, AccountKind::Tenant] {
                assert_eq!(told(kind, spent, limit), shared, "{spent} of {limit}");
            }
        }
    }
}
