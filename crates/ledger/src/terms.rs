//! How much a budget allows now: its limit, what was granted beyond it, and what overrides it for a time.

use jiff::Timestamp;

use crate::{
    budget::{Amount, Budget, Limit, Mode},
    lease::{Counter, CounterState},
};

/// What people allowed beyond a budget's limit, or in its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Granted in every window; below nothing when more was taken away.
    pub credit: i64,
    /// In the place of the limit for a time.
    pub overridden: Option<Override>,
}

/// A limit for a time. It begins and ends by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The limit, in the budget's unit.
    pub amount: Amount,
    /// The first instant at which it holds.
    pub from: Timestamp,
    /// The first instant at which it does not.
    pub until: Timestamp,
}

impl Override {
    /// Whether it holds at that time.
    pub fn holds_at(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }
}

/// What a store has to know of a budget when it counts for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The unit that it counts in, and its own limit.
    pub limit: Limit,
    /// What happens at the limit.
    pub mode: Mode,
    /// What people allowed beside it.
    pub allowance: Allowance,
    /// Per cents of the limit that someone wants to hear of.
    pub thresholds: Vec<u8>,
    /// Whether it was removed, so that it holds no one back and tells no one anything.
    pub is_removed: bool,
    /// The time at which they are looked at.
    pub at: Timestamp,
}

impl Terms {
    /// The terms of a budget at that time.
    pub fn of(budget: &Budget, at: Timestamp) -> Self {
        let Budget { limit, mode, thresholds, allowance, .. } = budget;
        let (allowance, thresholds) = (allowance.clone(), thresholds.clone());
        Self { limit: *limit, mode: *mode, allowance, thresholds, is_removed: false, at }
    }

    /// How much may be spent in the window of a counter with that credit.
    pub fn limit(&self, credit: i64) -> Amount {
        let overridden = self.allowance.overridden.as_ref().filter(|overridden| overridden.holds_at(self.at));
        let amount = overridden.map_or(self.limit.amount(), |overridden| overridden.amount);
        amount.saturating_add_signed(self.allowance.credit).saturating_add_signed(credit)
    }

    /// The same where it may not be exceeded; `None` when the budget only counts, or is no more.
    pub fn hard_limit(&self, credit: i64) -> Option<Amount> {
        match self.mode {
            Mode::Block if !self.is_removed => Some(self.limit(credit)),
            Mode::Block | Mode::Throttle { .. } | Mode::Notify => None,
        }
    }

    /// The thresholds that a counter has reached beyond those that it had reached before, each once.
    pub fn crossings(&self, counter: &Counter, state: &mut CounterState) -> Vec<Crossing> {
        if self.is_removed || state.spent == 0 {
            return Vec::new();
        }
        let limit = self.limit(state.credit);
        let is_reached = |percent: u8| {
            u128::from(state.spent).saturating_mul(100)
                >= u128::from(limit).saturating_mul(u128::from(percent))
        };
        let reached = self.thresholds.iter().copied().filter(|percent| *percent > state.raised);
        let mut reached: Vec<u8> = reached.filter(|percent| is_reached(*percent)).collect();
        reached.sort_unstable();
        reached.dedup();
        let Some(highest) = reached.last() else { return Vec::new() };
        state.raised = *highest;
        let (spent, at) = (state.spent, self.at);
        let crossing = |threshold| Crossing { counter: counter.clone(), threshold, at, spent, limit };
        reached.into_iter().map(crossing).collect()
    }
}

/// A counter has reached a threshold: told once in its window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crossing {
    /// The counter.
    pub counter: Counter,
    /// Per cents of the limit.
    pub threshold: u8,
    /// When it was noticed.
    pub at: Timestamp,
    /// What was spent then, in the budget's unit.
    pub spent: Amount,
    /// What the limit was then.
    pub limit: Amount,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn terms(second: i64) -> Terms {
        let overridden = Override { amount: 500, from: at(10), until: at(20) };
        Terms {
            limit: Limit::Tokens(100),
            mode: Mode::Block,
            allowance: Allowance { credit: 20, overridden: Some(overridden) },
            thresholds: vec![80, 50, 100, 50],
            is_removed: false,
            at: at(second),
        }
    }

    #[test]
    fn what_stands_in_begins_and_ends_by_itself_and_credit_comes_on_top() {
        for (second, credit, expected) in [
            (9, 0, 120),
            (10, 0, 520),
            (19, 5, 525),
            (20, 5, 125),
            (20, -200, 0),
            (20, i64::MAX, u64::MAX / 2),
        ] {
            let limit = terms(second).limit(credit);
            assert!(
                limit == expected || credit == i64::MAX && limit > expected,
                "{second} {credit}: {limit}"
            );
        }
        assert_eq!(Terms { mode: Mode::Notify, ..terms(0) }.hard_limit(0), None);
        assert_eq!(Terms { is_removed: true, ..terms(0) }.hard_limit(0), None);
    }

    #[test]
    fn each_threshold_is_told_once_and_those_that_are_passed_at_one_go_all_at_once() {
        let counter = "b@total".parse().unwrap();
        let mut state = CounterState::default();
        let mut told = |spent, terms: &Terms| {
            state.spent = spent;
            let crossings = terms.crossings(&counter, &mut state);
            crossings.iter().map(|crossing| crossing.threshold).collect::<Vec<_>>()
        };
        assert_eq!(told(0, &terms(0)), []);
        assert_eq!(told(59, &terms(0)), []);
        assert_eq!(told(60, &terms(0)), [50]);
        assert_eq!(told(61, &terms(0)), []);
        assert_eq!(told(500, &terms(15)), [80], "a limit that grew is reached later");
        assert_eq!(told(40, &terms(0)), []);
        assert_eq!(told(130, &terms(0)), [100]);
        assert_eq!(told(900, &terms(0)), []);
        let removed = Terms { is_removed: true, ..terms(0) };
        let mut fresh = CounterState { spent: 900, ..CounterState::default() };
        assert_eq!(removed.crossings(&counter, &mut fresh), []);
        assert_eq!(terms(0).crossings(&counter, &mut fresh).len(), 3);
    }
}
