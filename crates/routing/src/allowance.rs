//! A shared allowance of retries, so that an upstream outage is not met with a multiple of the traffic.

use std::sync::atomic::{AtomicU32, Ordering};

/// What one retry costs, in the units that a call earns.
const COST: u32 = 5;
/// The most that can be saved up: enough for a hundred retries in a row.
const MOST: u32 = 100 * COST;

/// Each call earns a fifth of a retry; a burst may spend what was saved up.
#[derive(Debug)]
pub struct RetryAllowance(AtomicU32);

impl Default for RetryAllowance {
    /// Full: a fresh process may retry at once.
    fn default() -> Self {
        RetryAllowance(AtomicU32::new(MOST))
    }
}

impl RetryAllowance {
    /// A call began.
    pub fn earn(&self) {
        self.change(|saved| Some((saved + 1).min(MOST)));
    }

    /// Takes one retry, if there is one left.
    #[must_use]
    pub fn spend(&self) -> bool {
        self.change(|saved| saved.checked_sub(COST))
    }

    fn change(&self, step: impl FnMut(u32) -> Option<u32>) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_met_with_a_fifth_more_traffic_at_most() {
        let allowance = RetryAllowance::default();
        while allowance.spend() {}

        let retries = (0..1_000)
            .filter(|_| {
                allowance.earn();
                allowance.spend()
            })
            .count();

        assert_eq!(retries, 200);
    }

    #[test]
    fn what_is_saved_up_is_bounded() {
        let allowance = RetryAllowance::default();
        (0..10_000).for_each(|_| allowance.earn());
        assert_eq!((0..).take_while(|_| allowance.spend()).count(), 100);
    }
}
