//! Counters and leases, and the rules by which money moves between them. Every store applies these very functions.
//!
//! A counter is one budget in one window. Of its limit, a part is spent, a part is on lease to replicas, and the rest
//! is free. Each rule below keeps `spent + leased ≤ limit + uncovered`, where `uncovered` counts what calls cost
//! beyond what had been reserved for them; it stays nothing as long as quotes are the upper bounds that they claim to be.

use std::{fmt, str::FromStr};

use crate::{
    budget::{Amount, BudgetId},
    text::UnknownText,
    window::WindowKey,
};

/// One budget in one window, written `b_7@2026-11`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Counter {
    /// The budget.
    pub budget: BudgetId,
    /// The window.
    pub window: WindowKey,
}

impl fmt::Display for Counter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}@{}", self.budget, self.window)
    }
}

impl FromStr for Counter {
    type Err = UnknownText;

    fn from_str(text: &str) -> Result<Self, UnknownText> {
        let known = "BUDGET@WINDOW";
        let (budget, window) =
            text.rsplit_once('@').ok_or_else(|| UnknownText { text: text.to_owned(), known })?;
        Ok(Self { budget: BudgetId::new(budget), window: window.parse()? })
    }
}

/// What a replica has to say about its lease on one counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseMove {
    /// The counter.
    pub counter: Counter,
    /// What settled calls took.
    pub charged: Amount,
    /// What it gives back unused.
    pub returned: Amount,
    /// What it lacks for calls that are waiting: granted before all else, as far as there is any left.
    pub least: Amount,
    /// What it would like to have in all, so that the next calls need not wait.
    pub most: Amount,
}

/// What the store answers about a lease. Absolute, so that hearing it twice does no harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseState {
    /// The counter.
    pub counter: Counter,
    /// What the replica now holds on lease, all it has said so far being counted.
    pub leased: Amount,
    /// What is left for anyone to lease.
    pub remaining: Amount,
    /// What others hold on lease: a part of it may be unused and come back.
    pub elsewhere: Amount,
}

/// What a store keeps of one counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CounterState {
    /// What was charged.
    pub spent: Amount,
    /// What all replicas together hold on lease.
    pub leased: Amount,
    /// What was charged without having been on lease.
    pub uncovered: Amount,
}

impl CounterState {
    /// What is left to lease below that limit. Budgets without a hard limit are never leased.
    pub fn remaining(&self, limit: Option<Amount>) -> Amount {
        limit.unwrap_or(0).saturating_sub(self.spent).saturating_sub(self.leased)
    }

    /// Applies what a replica says about its `lease` and grants what it asks for, as far as that goes. With `replicas`
    /// alive, what no call is waiting for yet comes out of a share of the remainder, so that the shares shrink as the
    /// remainder does and little is left stranded.
    pub fn apply(
        &mut self,
        lease: &mut Amount,
        step: &LeaseMove,
        limit: Option<Amount>,
        replicas: u64,
    ) -> LeaseState {
        self.charge(lease, step.charged, limit);
        let returned = step.returned.min(*lease);
        self.release(lease, returned);

        let remaining = self.remaining(limit);
        let share = remaining.div_ceil(replicas.max(1).saturating_mul(2));
        let granted = step.most.min(share).max(step.least).min(remaining);
        *lease = lease.saturating_add(granted);
        self.leased = self.leased.saturating_add(granted);

        LeaseState {
            counter: step.counter.clone(),
            leased: *lease,
            remaining: remaining.saturating_sub(granted),
            elsewhere: self.leased.saturating_sub(*lease),
        }
    }

    /// How a replica's `lease` stands, without any change.
    pub fn lease_state(&self, counter: Counter, lease: Amount, limit: Option<Amount>) -> LeaseState {
        let elsewhere = self.leased.saturating_sub(lease);
        LeaseState { counter, leased: lease, remaining: self.remaining(limit), elsewhere }
    }

    /// Whether all of it is spent or on lease, so that whoever holds unused lease should give it back to those who lack.
    pub fn is_exhausted(&self, limit: Option<Amount>) -> bool {
        limit.is_some() && self.remaining(limit) == 0
    }

    /// Moves an amount from a lease to what is spent. What the lease does not cover is charged all the same, and noted
    /// where there is a limit that it may have passed.
    pub fn charge(&mut self, lease: &mut Amount, amount: Amount, limit: Option<Amount>) {
        let covered = amount.min(*lease);
        self.release(lease, covered);
        self.spent = self.spent.saturating_add(amount);
        if limit.is_some() {
            self.uncovered = self.uncovered.saturating_add(amount.saturating_sub(covered));
        }
    }

    /// Takes a charge back: the amount is on lease again. It undoes a charge that was covered. Budgets without a hard
    /// limit are never leased, so there it is only taken back.
    pub fn uncharge(&mut self, lease: &mut Amount, amount: Amount, limit: Option<Amount>) {
        let amount = amount.min(self.spent);
        self.spent = self.spent.saturating_sub(amount);
        if limit.is_none() {
            return;
        }
        self.leased = self.leased.saturating_add(amount);
        *lease = lease.saturating_add(amount);
    }

    /// Gives a part of a lease back to the remainder.
    pub fn release(&mut self, lease: &mut Amount, amount: Amount) {
        let amount = amount.min(*lease);
        *lease = lease.saturating_sub(amount);
        self.leased = self.leased.saturating_sub(amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(charged: u64, returned: u64, least: u64, most: u64) -> LeaseMove {
        LeaseMove { counter: "b@total".parse().unwrap(), charged, returned, least, most }
    }

    #[track_caller]
    fn check(before: (u64, u64), step: &LeaseMove, replicas: u64, after: (u64, u64), remaining: u64) {
        let (spent, mut lease) = before;
        let mut state = CounterState { spent, leased: lease, uncovered: 0 };
        let answer = state.apply(&mut lease, step, Some(100), replicas);
        assert_eq!((state.spent, state.leased), after);
        assert_eq!((answer.leased, answer.remaining), (lease, remaining));
        assert_eq!(state.leased, lease);
    }

    #[test]
    fn a_waiting_call_gets_all_that_is_left() {
        check((0, 0), &step(0, 0, 100, 0), 4, (0, 100), 0);
        check((0, 0), &step(0, 0, 101, 0), 4, (0, 100), 0);
        check((40, 30), &step(0, 0, 31, 31), 1, (40, 60), 0);
    }

    #[test]
    fn nobody_takes_more_than_a_share_beforehand() {
        check((0, 0), &step(0, 0, 0, 100), 1, (0, 50), 50);
        check((0, 0), &step(0, 0, 0, 100), 5, (0, 10), 90);
        check((98, 0), &step(0, 0, 0, 100), 5, (98, 1), 1);
    }

    #[test]
    fn what_is_charged_leaves_the_lease_and_what_is_returned_can_be_leased_again() {
        check((0, 50), &step(20, 10, 0, 0), 1, (20, 20), 60);
        check((0, 50), &step(20, 99, 0, 0), 1, (20, 0), 80);
    }

    #[test]
    fn a_charge_beyond_the_lease_is_counted_and_nothing_is_granted_past_the_limit() {
        let mut state = CounterState { spent: 90, leased: 5, uncovered: 0 };
        let mut lease = 5;
        let answer = state.apply(&mut lease, &step(20, 0, 10, 10), Some(100), 1);
        assert_eq!(state, CounterState { spent: 110, leased: 0, uncovered: 15 });
        assert_eq!((answer.leased, answer.remaining), (0, 0));
    }
}
