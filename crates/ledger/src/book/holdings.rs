//! All budgets that a replica knows, and what it holds on lease for them.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;

use super::{
    BookOptions,
    line::{Hold, Line, Provision},
};
use crate::{
    account::{AccountId, AccountPath},
    budget::{Budget, BudgetId},
    journal::{Tokens, charge},
    lease::{Counter, LeaseMove, LeaseState},
    money::Nanodollars,
    sync::BudgetChange,
    window::{Period, WindowKey},
};

/// Budgets by account, and their lines. Slots are never given to another budget, so an index stays good for ever.
#[derive(Debug, Default)]
pub(super) struct Holdings {
    slots: Vec<Slot>,
    by_id: HashMap<BudgetId, usize>,
    by_account: HashMap<AccountId, Vec<usize>>,
    dirty: Vec<(usize, WindowKey)>,
    pub(super) version: u64,
    is_retired: bool,
    /// The store did not answer when it was last asked.
    is_cut_off: bool,
}

/// One budget with its lines: the one of the current window, and older ones until they are settled.
#[derive(Debug)]
struct Slot {
    budget: Arc<Budget>,
    removed: bool,
    period: Option<Period>,
    lines: Vec<Line>,
    /// Whether an override held when that was last looked at.
    is_overridden: bool,
}

impl Holdings {
    /// Ends a call: frees what it held and charges what it took, to its own budgets and to those that came into force
    /// while it was under way (`known` is the version of budgets when it began, at `began`).
    pub(super) fn settle(&mut self, call: &Settling<'_>) -> Vec<Counter> {
        let mut counters = Vec::with_capacity(call.holds.len());
        for hold in call.holds {
            self.charge(hold, call, true, &mut counters);
        }
        if call.known < self.version {
            for late in self.applicable(call.path, call.model, call.began) {
                if !call.holds.iter().any(|hold| hold.slot == late.slot) {
                    self.charge(&late, call, false, &mut counters);
                }
            }
        }
        counters
    }

    fn charge(&mut self, hold: &Hold, call: &Settling<'_>, was_held: bool, counters: &mut Vec<Counter>) {
        let Some((budget, line)) = self.line(hold.slot, hold.window) else { return };
        let amount = charge(budget.limit, call.cost, call.tokens);
        if was_held {
            line.settle(hold.amount, amount);
        } else {
            line.charge(amount);
        }
        let newly_dirty = amount > 0 && !std::mem::replace(&mut line.dirty, true);
        counters.push(Counter { budget: budget.id.clone(), window: hold.window });
        if newly_dirty {
            self.dirty.push((hold.slot, hold.window));
        }
    }

    /// The names of what a call holds on.
    pub(super) fn counters(&self, holds: &[Hold]) -> Vec<Counter> {
        let name = |hold: &Hold| {
            let budget = self.slots.get(hold.slot)?.budget.id.clone();
            Some(Counter { budget, window: hold.window })
        };
        holds.iter().filter_map(name).collect()
    }

    /// What all lines with something to say have to say.
    pub(super) fn plan(&mut self, now: Timestamp, options: &BookOptions) -> Vec<LeaseMove> {
        let dirty = std::mem::take(&mut self.dirty);
        let mut moves = Vec::with_capacity(dirty.len());
        for (slot, window) in dirty {
            let Some(slot) = self.slots.get_mut(slot) else { continue };
            let provision = if self.is_retired { Provision::RunDown } else { slot.provision(window, now) };
            let Slot { budget, lines, .. } = slot;
            let Some(line) = lines.iter_mut().find(|line| line.window == window) else { continue };
            line.dirty = false;
            let counter = || Counter { budget: budget.id.clone(), window };
            moves.extend(line.plan(counter, provision, now, options));
        }
        moves
    }

    /// Lists the lines to which the passing of time may have given something to say, and forgets those of the past.
    pub(super) fn sweep(&mut self, now: Timestamp) {
        for index in 0..self.slots.len() {
            self.notice_override(index, now);
        }
        for (index, slot) in self.slots.iter_mut().enumerate() {
            let current = slot.period.filter(|period| period.contains(now)).map(|period| period.key);
            slot.lines.retain(|line| Some(line.window) == current || !line.is_finished());
            for line in slot.lines.iter_mut().filter(|line| line.is_stocked() && !line.dirty) {
                line.dirty = true;
                self.dirty.push((index, line.window));
            }
        }
    }

    /// A limit for a time begins and ends by itself: then what is free goes back, as when a limit is changed.
    fn notice_override(&mut self, index: usize, now: Timestamp) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        let overridden = slot.budget.allowance.overridden.as_ref();
        let is_overridden = overridden.is_some_and(|overridden| overridden.holds_at(now));
        if std::mem::replace(&mut slot.is_overridden, is_overridden) != is_overridden {
            self.recall(index);
        }
    }

    /// All that is free goes back with the next requests.
    pub(super) fn retire(&mut self) {
        self.is_retired = true;
    }

    /// Takes the store's answers to these moves.
    pub(super) fn apply(&mut self, moves: &[LeaseMove], leases: &[LeaseState], now: Timestamp) {
        if std::mem::take(&mut self.is_cut_off) {
            self.lines().for_each(Line::hope_again);
        }
        let states: HashMap<&Counter, &LeaseState> =
            leases.iter().map(|state| (&state.counter, state)).collect();
        for step in moves {
            let slot = self.by_id.get(&step.counter.budget).copied();
            if let Some((_, line)) = slot.and_then(|slot| self.line(slot, step.counter.window)) {
                line.apply(states.get(&step.counter).copied(), now);
            }
        }
    }

    /// Takes word of counters of which others lack what may be unused here. It is seen to with the next sweep, when calls
    /// that were just granted something have taken it.
    pub(super) fn exhaust(&mut self, counters: &[Counter]) {
        for counter in counters {
            let slot = self.by_id.get(&counter.budget).copied();
            if let Some((_, line)) = slot.and_then(|slot| self.line(slot, counter.window)) {
                line.exhaust();
            }
        }
    }

    /// Notes that a counter's line has something to say.
    pub(super) fn mark_counter(&mut self, counter: &Counter) {
        if let Some(slot) = self.by_id.get(&counter.budget).copied() {
            self.mark(slot, counter.window);
        }
    }

    /// Nothing can be had from the store at present.
    pub(super) fn give_up_asking(&mut self, now: Timestamp) {
        self.is_cut_off = true;
        self.lines().for_each(|line| line.give_up_asking(now));
    }

    fn lines(&mut self) -> impl Iterator<Item = &mut Line> {
        self.slots.iter_mut().flat_map(|slot| &mut slot.lines)
    }

    /// Takes news of budgets.
    pub(super) fn change(&mut self, changes: Vec<BudgetChange>, version: u64) {
        for change in changes {
            match change {
                BudgetChange::Defined(budget) => self.define(budget),
                BudgetChange::Removed(id) => self.remove(&id),
            }
        }
        self.version = self.version.max(version);
    }

    fn define(&mut self, budget: Budget) {
        let Some(&index) = self.by_id.get(&budget.id) else {
            let index = self.slots.len();
            self.by_id.insert(budget.id.clone(), index);
            self.by_account.entry(budget.account.clone()).or_default().push(index);
            self.slots.push(Slot {
                budget: budget.into(),
                removed: false,
                period: None,
                lines: Vec::new(),
                is_overridden: false,
            });
            return;
        };
        let listed = self.by_account.entry(budget.account.clone()).or_default();
        if !listed.contains(&index) {
            listed.push(index);
        }
        if let Some(slot) = self.slots.get_mut(index) {
            if slot.budget.time_zone != budget.time_zone {
                slot.period = None;
            }
            slot.budget = budget.into();
            slot.removed = false;
        }
        self.recall(index);
    }

    fn remove(&mut self, id: &BudgetId) {
        let Some(&index) = self.by_id.get(id) else { return };
        if let Some(slot) = self.slots.get_mut(index) {
            slot.removed = true;
            if let Some(listed) = self.by_account.get_mut(&slot.budget.account) {
                listed.retain(|other| *other != index);
            }
        }
        self.recall(index);
    }

    fn recall(&mut self, index: usize) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        for line in &mut slot.lines {
            line.recall();
            if !std::mem::replace(&mut line.dirty, true) {
                self.dirty.push((index, line.window));
            }
        }
    }

    /// Whether any line has something to say.
    pub(super) fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// The budgets that count a call which begins now, with nothing held yet.
    pub(super) fn applicable_now(&mut self, path: &AccountPath, model: &str, now: Timestamp) -> Vec<Hold> {
        self.counting(path, model, now, |slot| slot.turn(now))
    }

    /// The budgets that count a call which began at that time, with nothing held yet.
    pub(super) fn applicable(&mut self, path: &AccountPath, model: &str, began: Timestamp) -> Vec<Hold> {
        self.counting(path, model, began, |_slot| {})
    }

    fn counting(
        &mut self,
        path: &AccountPath,
        model: &str,
        at: Timestamp,
        look: impl Fn(&mut Slot),
    ) -> Vec<Hold> {
        let mut holds = Vec::new();
        if self.by_account.is_empty() {
            return holds;
        }
        for index in path.accounts().filter_map(|account| self.by_account.get(account)).flatten() {
            let Some(slot) = self.slots.get_mut(*index) else { continue };
            if slot.budget.counts(model) {
                look(slot);
                holds.push(Hold { slot: *index, window: slot.window_at(at), amount: 0 });
            }
        }
        holds
    }

    /// Whether a line gets nothing more from the store: its window is over, or its budget gone.
    pub(super) fn is_over(&self, slot: usize, window: WindowKey, now: Timestamp) -> bool {
        self.slots.get(slot).is_none_or(|slot| slot.provision(window, now) == Provision::RunDown)
    }

    /// Notes that a line has something to say.
    pub(super) fn mark(&mut self, slot: usize, window: WindowKey) {
        let Some((_, line)) = self.line(slot, window) else { return };
        if !std::mem::replace(&mut line.dirty, true) {
            self.dirty.push((slot, window));
        }
    }

    /// A budget, and when its current window ends.
    pub(super) fn budget(&self, slot: usize) -> Option<(Arc<Budget>, Option<Timestamp>)> {
        let slot = self.slots.get(slot)?;
        Some((slot.budget.clone(), slot.period.and_then(|period| period.ends_at)))
    }

    pub(super) fn line(&mut self, slot: usize, window: WindowKey) -> Option<(&Budget, &mut Line)> {
        let Slot { budget, lines, .. } = self.slots.get_mut(slot)?;
        let line = lines.iter_mut().find(|line| line.window == window)?;
        Some((&**budget, line))
    }
}

/// A call that ends.
pub(super) struct Settling<'a> {
    pub(super) path: &'a AccountPath,
    pub(super) model: &'a str,
    pub(super) holds: &'a [Hold],
    /// When it began, and the version of budgets that it began under.
    pub(super) began: Timestamp,
    pub(super) known: u64,
    pub(super) cost: Nanodollars,
    pub(super) tokens: &'a Tokens,
}

impl Slot {
    /// Makes the window around `now` the current one: mostly it is. A clock that is put right may lead back to a window that
    /// seemed to be over, and whoever did not follow it would grant nothing until that clock comes by again.
    fn turn(&mut self, now: Timestamp) {
        if self.period.is_none_or(|period| !period.contains(now)) {
            self.period = Some(self.budget.period_at(now));
        }
    }

    /// The window around `at`, with a line in it. A late look at the past does not make the past the current window.
    fn window_at(&mut self, at: Timestamp) -> WindowKey {
        let period = match self.period {
            Some(period) if period.contains(at) => period,
            _ => self.budget.period_at(at),
        };
        if self.lines.iter().all(|line| line.window != period.key) {
            self.lines.push(Line::new(period.key, at));
        }
        self.period.get_or_insert(period);
        period.key
    }

    fn provision(&self, window: WindowKey, now: Timestamp) -> Provision {
        let is_current = self.period.is_some_and(|period| period.key == window && period.contains(now));
        if is_current && !self.removed { Provision::Stocked } else { Provision::RunDown }
    }
}
