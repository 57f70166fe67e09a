//! Calls that wait for credit which calls under way hold: whoever came first is served first.
//!
//! A waiter stands before the budgets that it is short on, and nobody takes of those what it waits for, unless they came
//! before it. Only the first before each budget is called when there may be something for it; whoever leaves calls the
//! next. So nothing is ever tried in vain by a crowd, and no large call starves because small ones keep coming.

use std::{
    collections::BTreeMap,
    task::{Poll, Waker},
};

/// The order in which calls came.
pub(super) type Number = u64;

/// The calls of a replica that wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: BTreeMap<Number, Waiter>,
    last: Number,
}

#[derive(Debug)]
struct Waiter {
    /// The budgets that it is short on, by their slots.
    short: Vec<usize>,
    is_called: bool,
    waker: Option<Waker>,
}

impl Waiter {
    fn shares(&self, slots: &[usize]) -> bool {
        self.short.iter().any(|slot| slots.contains(slot))
    }
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes the last place.
    pub(super) fn join(&mut self, short: Vec<usize>) -> Number {
        self.last = self.last.saturating_add(1);
        self.waiting.insert(self.last, Waiter { short, is_called: false, waker: None });
        self.last
    }

    /// Goes on waiting, perhaps before other budgets.
    pub(super) fn stay(&mut self, number: Number, short: Vec<usize>) {
        if let Some(waiter) = self.waiting.get_mut(&number) {
            waiter.short = short;
        }
    }

    /// Gives the place up, and calls whoever is first now.
    pub(super) fn leave(&mut self, number: Number) -> Vec<Waker> {
        match self.waiting.remove(&number) {
            Some(waiter) => self.call(&waiter.short),
            None => Vec::new(),
        }
    }

    /// Whether someone waits before that budget who came before that number.
    pub(super) fn is_taken(&self, slot: usize, before: Number) -> bool {
        self.waiting.range(..before).any(|(_, waiter)| waiter.short.contains(&slot))
    }

    /// Calls the first before each of these budgets: there may be something for it.
    pub(super) fn call(&mut self, slots: &[usize]) -> Vec<Waker> {
        let mut open: Vec<usize> = slots.to_vec();
        let mut wakers = Vec::new();
        for waiter in self.waiting.values_mut() {
            if open.is_empty() {
                break;
            }
            if waiter.shares(&open) {
                open.retain(|slot| !waiter.short.contains(slot));
                waiter.is_called = true;
                wakers.extend(waiter.waker.take());
            }
        }
        wakers
    }

    /// Calls the first before every budget.
    pub(super) fn call_all(&mut self) -> Vec<Waker> {
        let mut slots: Vec<usize> = self.waiting.values().flat_map(|waiter| &waiter.short).copied().collect();
        slots.sort_unstable();
        slots.dedup();
        self.call(&slots)
    }

    /// Ready once for each time that it was called, or if it has no place any more.
    pub(super) fn poll(&mut self, number: Number, waker: &Waker) -> Poll<()> {
        let Some(waiter) = self.waiting.get_mut(&number) else { return Poll::Ready(()) };
        if std::mem::take(&mut waiter.is_called) {
            return Poll::Ready(());
        }
        waiter.waker = Some(waker.clone());
        Poll::Pending
    }
}
