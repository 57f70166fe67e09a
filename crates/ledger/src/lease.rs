//! Counters and leases, and the rules by which money moves between them. Every store applies these very functions.
//!
//! A counter is one budget in one window. Of its limit, a part is spent, a part is on lease to replicas, and the rest
//! is free. Each rule below keeps `spent + leased ≤ limit + uncovered`, where `uncovered` counts what calls cost
//! beyond what had been reserved for them; it stays nothing as long as quotes are the upper bounds that they claim to be.

use std::{fmt, str::FromStr};

use jiff::{SignedDuration, Timestamp};

use crate::{
    budget::{Amount, BudgetId, Mode},
    terms::Terms,
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
        out.write_str(self.budget.as_str())?;
        out.write_str("@")?;
        write!(out, "{}", self.window)
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
    /// What was charged by all replicas.
    pub spent: Amount,
    /// How much may be spent in this window, as the terms are now.
    pub limit: Amount,
    /// Past the limit of a budget that slows down: when the next call may begin.
    pub paced_until: Timestamp,
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
    /// What was granted for this window alone; below nothing when more was taken away.
    pub credit: i64,
    /// The highest threshold that was told.
    pub raised: u8,
    /// Past the limit of a budget that slows down: when what was spent beyond it is worked off.
    pub paced_until: Timestamp,
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
        terms: &Terms,
        replicas: u64,
    ) -> LeaseState {
        let before = self.spent;
        self.charge(lease, step.charged, terms.hard_limit(self.credit));
        self.pace(before, terms);
        let returned = step.returned.min(*lease);
        self.release(lease, returned);

        let remaining = self.remaining(terms.hard_limit(self.credit));
        let share = remaining.div_ceil(replicas.max(1).saturating_mul(2));
        let granted = step.most.min(share).max(step.least).min(remaining);
        *lease = lease.saturating_add(granted);
        self.leased = self.leased.saturating_add(granted);

        self.state(&step.counter, *lease, terms)
    }

    /// How a replica's lease on this counter stands.
    pub fn state(&self, counter: &Counter, lease: Amount, terms: &Terms) -> LeaseState {
        LeaseState {
            counter: counter.clone(),
            leased: lease,
            remaining: self.remaining(terms.hard_limit(self.credit)),
            elsewhere: self.leased.saturating_sub(lease),
            spent: self.spent,
            limit: terms.limit(self.credit),
            paced_until: self.paced_until,
        }
    }

    /// What was charged past the limit of a budget that slows down has to be worked off at its rate before the next call.
    fn pace(&mut self, before: Amount, terms: &Terms) {
        let Mode::Throttle { per_minute } = terms.mode else { return };
        let beyond = self.spent.saturating_sub(before.max(terms.limit(self.credit)));
        if beyond > 0 {
            self.paced_until = worked_off(self.paced_until.max(terms.at), beyond, per_minute);
        }
    }

    /// Whether all of it is spent or on lease, so that whoever holds unused lease should give it back to those who lack.
    pub fn is_exhausted(&self, terms: &Terms) -> bool {
        let limit = terms.hard_limit(self.credit);
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

    /// Charges one amount in the place of another. What it is more was on no lease.
    pub fn correct(&mut self, before: Amount, after: Amount, limit: Option<Amount>) {
        self.spent = self.spent.saturating_sub(before.saturating_sub(after));
        self.charge(&mut 0, after.saturating_sub(before), limit);
    }

    /// Gives a part of a lease back to the remainder.
    pub fn release(&mut self, lease: &mut Amount, amount: Amount) {
        let amount = amount.min(*lease);
        *lease = lease.saturating_sub(amount);
        self.leased = self.leased.saturating_sub(amount);
    }
}

/// When an amount that is begun at `from` is worked off at so much a minute.
pub(crate) fn worked_off(from: Timestamp, amount: Amount, per_minute: Amount) -> Timestamp {
    let minute = SignedDuration::from_mins(1).as_millis().unsigned_abs();
    let wait = u128::from(amount).saturating_mul(minute).div_ceil(u128::from(per_minute.max(1)));
    let wait = SignedDuration::from_millis(i64::try_from(wait).unwrap_or(i64::MAX));
    from.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{budget::Limit, terms::Allowance};

    fn terms(mode: Mode) -> Terms {
        Terms {
            limit: Limit::Tokens(100),
            mode,
            allowance: Allowance::default(),
            thresholds: Vec::new(),
            is_removed: false,
            at: Timestamp::UNIX_EPOCH,
        }
    }

    fn step(charged: u64, returned: u64, least: u64, most: u64) -> LeaseMove {
        LeaseMove { counter: "b@total".parse().unwrap(), charged, returned, least, most }
    }

    #[track_caller]
    fn check(before: (u64, u64), step: &LeaseMove, replicas: u64, after: (u64, u64), remaining: u64) {
        let (spent, mut lease) = before;
        let mut state = CounterState { spent, leased: lease, ..CounterState::default() };
        let answer = state.apply(&mut lease, step, &terms(Mode::Block), replicas);
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
        let mut state = CounterState { spent: 90, leased: 5, ..CounterState::default() };
        let mut lease = 5;
        let answer = state.apply(&mut lease, &step(20, 0, 10, 10), &terms(Mode::Block), 1);
        assert_eq!(state, CounterState { spent: 110, uncovered: 15, ..CounterState::default() });
        assert_eq!((answer.leased, answer.remaining), (0, 0));
    }

    #[test]
    fn what_is_spent_past_the_limit_of_a_budget_that_slows_down_is_worked_off_at_its_rate() {
        let mut state = CounterState { spent: 90, ..CounterState::default() };
        let slow = terms(Mode::Throttle { per_minute: 10 });
        let mut apply = |charged, at: i64| {
            let terms = Terms { at: Timestamp::from_second(at).unwrap(), ..slow.clone() };
            state.apply(&mut 0, &step(charged, 0, 0, 0), &terms, 1).paced_until.as_second()
        };
        assert_eq!(apply(10, 0), 0, "up to the limit nobody is slowed down");
        assert_eq!(apply(5, 1_000), 1_030);
        assert_eq!(apply(0, 1_010), 1_030);
        assert_eq!(apply(10, 1_010), 1_090, "it adds up");
        assert_eq!(apply(10, 5_000), 5_060, "and what was not used is not saved up");
    }
}
