//! What a dead replica leaves behind, and what it finds again should it turn out to be alive.
//!
//! Declaring a replica dead only relabels money: all that was on lease to it is either accounted for by a call, counts
//! as spent on suspicion, or is free again. Nothing is lost by it, so nothing is lost when it was wrong: relabelling it
//! back is all that a replica's return takes.

use std::collections::{BTreeMap, HashMap};

use crate::{
    budget::{Amount, BudgetId},
    journal::UsageRecord,
    lease::{Counter, CounterState},
    store::{StoreError, Unrecorded},
    terms::{Crossing, Terms},
};

/// A replica's leases and the counters that they are part of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Estate {
    /// How the counters stand; those that are missing stand at nothing.
    pub counters: BTreeMap<Counter, CounterState>,
    /// What the replica holds on lease.
    pub leases: BTreeMap<Counter, Amount>,
    /// What of its leases counts as spent though no call is known to have taken it.
    pub written_off: BTreeMap<Counter, Amount>,
}

/// The terms of each budget.
pub type AllTerms = HashMap<BudgetId, Terms>;

impl Estate {
    /// Charges the calls that the replica had open, and what else it may have spent. Gives the thresholds that this
    /// reaches.
    pub fn close(&mut self, lost: &[UsageRecord], terms: &AllTerms, unrecorded: Unrecorded) -> Vec<Crossing> {
        for (counter, amount) in charges(lost, terms) {
            let lease = self.leases.entry(counter.clone()).or_default();
            let terms = terms.get(&counter.budget);
            let state = self.counters.entry(counter).or_default();
            state.charge(lease, amount, hard_limit(terms, state));
        }
        for (counter, mut lease) in std::mem::take(&mut self.leases) {
            let state = self.counters.entry(counter.clone()).or_default();
            let rest = lease;
            match unrecorded {
                Unrecorded::None => state.release(&mut lease, rest),
                Unrecorded::Unknown if rest == 0 => {}
                Unrecorded::Unknown => {
                    // All of it is on lease, so none of it can pass a limit.
                    state.charge(&mut lease, rest, None);
                    self.written_off.insert(counter, rest);
                }
            }
        }
        self.crossings(terms)
    }

    /// Charges a call what it really took, in the place of what it was charged before. Gives the thresholds that this
    /// reaches.
    pub fn correct(&mut self, before: &UsageRecord, after: &UsageRecord, terms: &AllTerms) -> Vec<Crossing> {
        for counter in &before.counters {
            let Some(terms) = terms.get(&counter.budget) else { continue };
            let state = self.counters.entry(counter.clone()).or_default();
            let limit = terms.hard_limit(state.credit);
            state.correct(before.amount(terms.limit), after.amount(terms.limit), limit);
        }
        self.crossings(terms)
    }

    /// Lets so much of what was written off count as spent, and the rest be free. Gives what was written off.
    ///
    /// # Errors
    /// When nothing was, or less than that.
    pub fn correct_write_off(&mut self, counter: &Counter, spent: Amount) -> Result<Amount, StoreError> {
        let Some(written_off) = self.written_off.get_mut(counter) else {
            return Err(StoreError::NothingUnresolved(format!("lease on {counter}")));
        };
        let before = *written_off;
        if before < spent {
            return Err(StoreError::BeyondWriteOff(before));
        }
        *written_off = spent;
        // What becomes less needs no lease, whatever the limit.
        self.counters.entry(counter.clone()).or_default().correct(before, spent, None);
        Ok(before)
    }

    pub(crate) fn crossings(&mut self, terms: &AllTerms) -> Vec<Crossing> {
        let reached = |(counter, state): (&Counter, &mut CounterState)| {
            terms.get(&counter.budget).map(|terms| terms.crossings(counter, state)).unwrap_or_default()
        };
        self.counters.iter_mut().flat_map(reached).collect()
    }

    /// Undoes [`Estate::close`]: the calls are open again, and what was written off is on lease again. `open` are their
    /// records as they are charged now, which a person may have corrected.
    pub fn reopen(&mut self, open: &[UsageRecord], terms: &AllTerms) {
        let written_off = std::mem::take(&mut self.written_off);
        for (counter, amount) in charges(open, terms).chain(written_off) {
            let lease = self.leases.entry(counter.clone()).or_default();
            let terms = terms.get(&counter.budget);
            let state = self.counters.entry(counter).or_default();
            state.uncharge(lease, amount, hard_limit(terms, state));
        }
    }
}

fn hard_limit(terms: Option<&Terms>, state: &CounterState) -> Option<Amount> {
    terms?.hard_limit(state.credit)
}

fn charges<'a>(
    records: &'a [UsageRecord],
    terms: &'a AllTerms,
) -> impl Iterator<Item = (Counter, Amount)> + 'a {
    records.iter().flat_map(|record| {
        let amount = |counter: &Counter| {
            let unit = terms.get(&counter.budget)?.limit;
            Some((counter.clone(), record.amount(unit)))
        };
        record.counters.iter().filter_map(amount)
    })
}
