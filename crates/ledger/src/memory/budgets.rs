//! Budgets, what people change about them, and how they stand.

use jiff::Timestamp;

use super::{State, whole};
use crate::{
    Zone,
    adjust::{Adjustment, AdjustmentQuery, BudgetEvent, Change, EventQuery},
    budget::{Amount, Budget, BudgetId, InvalidBudget},
    estate::AllTerms,
    lease::Counter,
    report::{BudgetFilter, BudgetState},
    store::StoreError,
    sync::BudgetChange,
    terms::{Crossing, Terms},
};

#[derive(Clone, Debug)]
pub(super) struct Versioned {
    pub(super) budget: Budget,
    pub(super) removed: bool,
    pub(super) version: u64,
}

impl Versioned {
    pub(super) fn terms(&self, at: Timestamp) -> Terms {
        Terms { is_removed: self.removed, ..Terms::of(&self.budget, at) }
    }
}

impl State {
    pub(super) fn terms(&self, at: Timestamp) -> AllTerms {
        self.budgets.iter().map(|(id, known)| (id.clone(), known.terms(at))).collect()
    }

    pub(super) fn changes_since(&self, version: u64) -> Vec<BudgetChange> {
        let mut changed: Vec<_> = self.budgets.values().filter(|known| known.version > version).collect();
        changed.sort_by_key(|known| known.version);
        let change = |known: &Versioned| match known.removed {
            false => BudgetChange::Defined(known.budget.clone()),
            true => BudgetChange::Removed(known.budget.id.clone()),
        };
        changed.into_iter().map(change).collect()
    }

    pub(super) fn define(&mut self, mut budget: Budget) -> Result<(), StoreError> {
        budget.validate()?;
        if let Some(known) = self.budgets.get(&budget.id) {
            if !budget.counts_as(&known.budget) {
                return Err(StoreError::OtherBudget(budget.id));
            }
            budget.allowance = known.budget.allowance.clone();
        }
        self.version = self.version.saturating_add(1);
        let version = self.version;
        self.budgets.insert(budget.id.clone(), Versioned { budget, removed: false, version });
        Ok(())
    }

    pub(super) fn move_to(&mut self, ids: &[BudgetId], time_zone: &Zone) {
        for id in ids {
            let Some(known) = self.budgets.get_mut(id) else { continue };
            if known.removed || known.budget.time_zone == *time_zone {
                continue;
            }
            self.version = self.version.saturating_add(1);
            known.budget.time_zone = time_zone.clone();
            known.version = self.version;
        }
    }

    pub(super) fn remove(&mut self, id: &BudgetId) -> bool {
        let Some(known) = self.budgets.get_mut(id).filter(|known| !known.removed) else {
            return false;
        };
        self.version = self.version.saturating_add(1);
        known.removed = true;
        known.version = self.version;
        true
    }

    pub(super) fn adjust(&mut self, adjustment: Adjustment) -> Result<(), StoreError> {
        let Some(known) = self.budgets.get_mut(&adjustment.budget).filter(|known| !known.removed) else {
            return Err(StoreError::NoBudget(adjustment.budget));
        };
        if self.adjustments.iter().any(|other| other.id == adjustment.id) {
            return Ok(());
        }
        let allowance = &mut known.budget.allowance;
        match &adjustment.change {
            Change::Credit { amount, window: None } => {
                allowance.credit = allowance.credit.saturating_add(*amount);
            }
            Change::Credit { amount, window: Some(window) } => {
                let counter = Counter { budget: adjustment.budget.clone(), window: *window };
                let counter = self.counters.entry(counter).or_default();
                counter.credit = counter.credit.saturating_add(*amount);
            }
            Change::Override(overridden) if overridden.until <= overridden.from => {
                return Err(InvalidBudget::Span.into());
            }
            Change::Override(overridden) => allowance.overridden = Some(overridden.clone()),
            Change::EndOverride => allowance.overridden = None,
        }
        self.version = self.version.saturating_add(1);
        known.version = self.version;
        self.adjustments.push(adjustment);
        Ok(())
    }

    pub(super) fn adjustments(&self, query: &AdjustmentQuery) -> Vec<Adjustment> {
        let wanted = |entry: &&Adjustment| query.budget.as_ref().is_none_or(|budget| *budget == entry.budget);
        self.adjustments.iter().rev().filter(wanted).take(whole(query.limit)).cloned().collect()
    }

    pub(super) fn events(&self, query: &EventQuery) -> Vec<BudgetEvent> {
        let event = |(number, crossing): (u64, &Crossing)| {
            let Budget { id, account, limit, .. } = &self.budgets.get(&crossing.counter.budget)?.budget;
            let is_wanted = number > query.after
                && query.budget.as_ref().is_none_or(|wanted| wanted == id)
                && query.account.as_ref().is_none_or(|wanted| wanted == account);
            is_wanted.then(|| BudgetEvent {
                number,
                account: account.clone(),
                limit: limit.with_amount(crossing.limit),
                crossing: crossing.clone(),
            })
        };
        (1..).zip(&self.crossings).filter_map(event).take(whole(query.limit)).collect()
    }

    pub(super) fn list(&self, filter: &BudgetFilter, at: Timestamp) -> Vec<BudgetState> {
        let wanted = |known: &&Versioned| {
            let account = &known.budget.account;
            !known.removed && filter.account.as_ref().is_none_or(|wanted| wanted == account)
        };
        self.budgets.values().filter(wanted).map(|known| self.stand(&known.budget, at)).collect()
    }

    fn stand(&self, budget: &Budget, at: Timestamp) -> BudgetState {
        let period = budget.period_at(at);
        let counter = Counter { budget: budget.id.clone(), window: period.key };
        let written_off = self.replicas.values().filter_map(|replica| replica.written_off.as_ref());
        let unresolved = written_off
            .filter_map(|leases| leases.get(&counter))
            .fold(0, |sum: Amount, amount| sum.saturating_add(*amount));
        let state = self.counters.get(&counter).copied().unwrap_or_default();
        BudgetState {
            budget: budget.clone(),
            window: period.key,
            renews_at: period.ends_at,
            limit: Terms::of(budget, at).limit(state.credit),
            counter: state,
            unresolved,
        }
    }
}
