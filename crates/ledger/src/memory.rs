//! The reference store: what every other store has to behave like, without a disk.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

use crate::{
    budget::{Amount, Budget, BudgetId},
    call::{CallId, ReplicaId},
    estate::{AllTerms, Estate, Terms},
    journal::{Basis, Opened, UsageRecord},
    lease::{Counter, CounterState, LeaseState},
    report::{BudgetFilter, BudgetState, JournalPage, JournalQuery, UsageQuery, UsageSum},
    store::{Adopted, Adoption, Answer, LedgerStore, StoreError, Unrecorded},
    sync::{BudgetChange, SyncReply, SyncRequest},
};

/// Keeps everything in memory, and forgets it with the process.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<State>);

#[derive(Clone, Debug, Default)]
struct State {
    budgets: BTreeMap<BudgetId, Versioned>,
    version: u64,
    counters: BTreeMap<Counter, CounterState>,
    replicas: HashMap<ReplicaId, Replica>,
    journal: BTreeMap<CallId, UsageRecord>,
}

#[derive(Clone, Debug)]
struct Versioned {
    budget: Budget,
    removed: bool,
    version: u64,
}

#[derive(Clone, Debug)]
struct Replica {
    sequence: u64,
    heard_at: Timestamp,
    leases: BTreeMap<Counter, Amount>,
    opened: BTreeMap<CallId, Opened>,
    /// What was left of its leases and counted as spent when it was declared dead.
    written_off: Option<BTreeMap<Counter, Amount>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LedgerStore for MemoryStore {
    fn sync<'a>(&'a self, request: &'a Arc<SyncRequest>) -> Answer<'a, SyncReply> {
        now(self.state().sync(request))
    }

    fn adopt(&self, adoption: Adoption) -> Answer<'_, Adopted> {
        now(Ok(self.state().adopt(&adoption)))
    }

    fn define_budget(&self, budget: Budget) -> Answer<'_, ()> {
        now(self.state().define(budget))
    }

    fn remove_budget(&self, id: BudgetId) -> Answer<'_, bool> {
        now(Ok(self.state().remove(&id)))
    }

    fn list_budgets(&self, filter: BudgetFilter, at: Timestamp) -> Answer<'_, Vec<BudgetState>> {
        now(Ok(self.state().list(&filter, at)))
    }

    fn usage(&self, query: UsageQuery) -> Answer<'_, Vec<UsageSum>> {
        now(Ok(self.state().usage(&query)))
    }

    fn journal(&self, query: JournalQuery) -> Answer<'_, JournalPage> {
        now(Ok(self.state().page(&query)))
    }
}

/// An answer that is there already.
fn now<'a, T: Send + 'a>(answer: Result<T, StoreError>) -> Answer<'a, T> {
    Box::pin(std::future::ready(answer))
}

impl State {
    fn sync(&mut self, request: &SyncRequest) -> Result<SyncReply, StoreError> {
        let sequence = self.replicas.get(&request.replica).map_or(0, |replica| replica.sequence);
        let is_new = request.is_next_after(sequence)?;
        let mut replica = self.replicas.remove(&request.replica).unwrap_or_else(|| Replica::new(request.at));
        if let Some(written_off) = replica.written_off.take() {
            self.revive(&mut replica, written_off);
        }
        replica.heard_at = replica.heard_at.max(request.at);
        if is_new {
            self.take(&mut replica, request);
            replica.sequence = request.sequence;
        }
        let leases = request.moves.iter().map(|step| {
            let limit = self.limit(&step.counter.budget);
            let counter = self.counters.get(&step.counter).copied().unwrap_or_default();
            let lease = replica.leases.get(&step.counter).copied().unwrap_or(0);
            counter.lease_state(step.counter.clone(), lease, limit)
        });
        let leases: Vec<LeaseState> = leases.collect();
        let is_shared = self.replicas.values().any(|other| other.written_off.is_none());
        let is_exhausted = |counter: &&Counter| {
            let state = self.counters.get(*counter).copied().unwrap_or_default();
            state.is_exhausted(self.limit(&counter.budget))
        };
        let exhausted = if request.is_poll && is_shared {
            replica.leases.keys().filter(is_exhausted).cloned().collect()
        } else {
            Vec::new()
        };
        self.replicas.insert(request.replica.clone(), replica);
        Ok(SyncReply {
            sequence: request.sequence,
            leases,
            exhausted,
            budgets_version: self.version,
            budgets: self.changes_since(request.budgets_version),
        })
    }

    /// Counts a request that was not counted before.
    fn take(&mut self, replica: &mut Replica, request: &SyncRequest) {
        for record in &request.records {
            self.journal.insert(record.call, record.clone());
        }
        for call in &request.closed {
            replica.opened.remove(call);
        }
        for opened in &request.opened {
            replica.opened.insert(opened.call(), opened.clone());
        }
        let is_alive = |other: &&Replica| other.written_off.is_none();
        let others = self.replicas.values().filter(is_alive).count();
        let replicas = u64::try_from(others).unwrap_or(u64::MAX).saturating_add(1);
        for step in &request.moves {
            let limit = self.limit(&step.counter.budget);
            let lease = replica.leases.entry(step.counter.clone()).or_default();
            self.counters.entry(step.counter.clone()).or_default().apply(lease, step, limit, replicas);
        }
        replica.leases.retain(|_, leased| *leased > 0);
    }

    fn adopt(&mut self, adoption: &Adoption) -> Adopted {
        let mut adopted = Adopted::default();
        let is_dead = |replica: &Replica| {
            replica.written_off.is_none()
                && adoption.silent_since.is_none_or(|since| replica.heard_at < since)
        };
        let mut replicas = std::mem::take(&mut self.replicas);
        for (id, replica) in &mut replicas {
            if *id != adoption.by && is_dead(replica) {
                self.close_books(replica, adoption.unrecorded, &mut adopted);
            }
        }
        self.replicas = replicas;
        adopted
    }

    fn close_books(&mut self, replica: &mut Replica, unrecorded: Unrecorded, adopted: &mut Adopted) {
        let lost: Vec<_> = replica.opened.values().map(|opened| opened.if_lost.clone()).collect();
        let mut estate = self.estate(std::mem::take(&mut replica.leases), BTreeMap::new());
        estate.close(&lost, &self.terms(), unrecorded);
        let count = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
        adopted.replicas = adopted.replicas.saturating_add(1);
        adopted.calls = adopted.calls.saturating_add(count(lost.len()));
        adopted.leases = adopted.leases.saturating_add(count(estate.written_off.len()));
        self.journal.extend(lost.into_iter().map(|record| (record.call, record)));
        self.counters = estate.counters;
        replica.written_off = Some(estate.written_off);
    }

    /// Takes back what was charged for a replica that was thought dead.
    fn revive(&mut self, replica: &mut Replica, written_off: BTreeMap<Counter, Amount>) {
        let is_unresolved =
            |call: &CallId| self.journal.get(call).is_some_and(|record| record.basis == Basis::Unresolved);
        let opened = replica.opened.values().map(|opened| opened.if_lost.clone());
        let open: Vec<_> = opened.filter(|record| is_unresolved(&record.call)).collect();
        for record in &open {
            self.journal.remove(&record.call);
        }
        let mut estate = self.estate(std::mem::take(&mut replica.leases), written_off);
        estate.reopen(&open, &self.terms());
        self.counters = estate.counters;
        replica.leases = estate.leases;
    }

    fn estate(
        &mut self,
        leases: BTreeMap<Counter, Amount>,
        written_off: BTreeMap<Counter, Amount>,
    ) -> Estate {
        Estate { counters: std::mem::take(&mut self.counters), leases, written_off }
    }

    fn terms(&self) -> AllTerms {
        let terms = |id: &BudgetId, known: &Versioned| {
            (id.clone(), Terms { unit: known.budget.limit, hard_limit: self.limit(id) })
        };
        self.budgets.iter().map(|(id, known)| terms(id, known)).collect()
    }

    fn limit(&self, id: &BudgetId) -> Option<Amount> {
        let known = self.budgets.get(id).filter(|known| !known.removed)?;
        known.budget.hard_limit()
    }

    fn changes_since(&self, version: u64) -> Vec<BudgetChange> {
        let mut changed: Vec<_> = self.budgets.values().filter(|known| known.version > version).collect();
        changed.sort_by_key(|known| known.version);
        let change = |known: &Versioned| match known.removed {
            false => BudgetChange::Defined(known.budget.clone()),
            true => BudgetChange::Removed(known.budget.id.clone()),
        };
        changed.into_iter().map(change).collect()
    }

    fn define(&mut self, budget: Budget) -> Result<(), StoreError> {
        budget.validate()?;
        if let Some(known) = self.budgets.get(&budget.id)
            && !budget.counts_as(&known.budget)
        {
            return Err(StoreError::OtherBudget(budget.id));
        }
        self.version = self.version.saturating_add(1);
        let version = self.version;
        self.budgets.insert(budget.id.clone(), Versioned { budget, removed: false, version });
        Ok(())
    }

    fn remove(&mut self, id: &BudgetId) -> bool {
        let Some(known) = self.budgets.get_mut(id).filter(|known| !known.removed) else {
            return false;
        };
        self.version = self.version.saturating_add(1);
        known.removed = true;
        known.version = self.version;
        true
    }

    fn list(&self, filter: &BudgetFilter, at: Timestamp) -> Vec<BudgetState> {
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
        BudgetState {
            budget: budget.clone(),
            window: period.key,
            renews_at: period.ends_at,
            counter: self.counters.get(&counter).copied().unwrap_or_default(),
            unresolved,
        }
    }

    fn usage(&self, query: &UsageQuery) -> Vec<UsageSum> {
        let mut sums = BTreeMap::new();
        for record in self.journal.values().filter(|record| query.filter.admits(record)) {
            let group = query.by.group(record);
            sums.entry(group.clone()).or_insert_with(|| UsageSum::empty(group)).add(record);
        }
        sums.into_values().collect()
    }

    fn page(&self, query: &JournalQuery) -> JournalPage {
        let wanted = |record: &&UsageRecord| {
            query.before.is_none_or(|before| record.call < before) && query.filter.admits(record)
        };
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let mut rest = self.journal.values().rev().filter(wanted);
        let records: Vec<_> = rest.by_ref().take(limit).cloned().collect();
        let next = rest.next().and(records.last()).map(|record| record.call);
        JournalPage { records, next }
    }
}

impl Replica {
    fn new(heard_at: Timestamp) -> Self {
        let (leases, opened) = (BTreeMap::new(), BTreeMap::new());
        Self { sequence: 0, heard_at, leases, opened, written_off: None }
    }
}
