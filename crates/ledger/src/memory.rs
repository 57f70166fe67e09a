//! The reference store: what every other store has to behave like, without a disk.

use std::{
    collections::{BTreeMap, HashMap, btree_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

use crate::{
    Zone,
    adjust::{Adjustment, AdjustmentQuery, BudgetEvent, EventQuery},
    budget::{Amount, Budget, BudgetId},
    call::{CallId, ReplicaId},
    charge::{Authorization, Authorized, Charge, ChargeEnd, ChargeId, ChargePage, ChargeQuery},
    correct::{Corrected, Correction, Truth, WriteOff},
    estate::Estate,
    journal::{Basis, Opened, UsageRecord},
    lease::{Counter, CounterState, LeaseMove, LeaseState},
    report::{BudgetFilter, BudgetState, JournalPage, JournalQuery, UsageQuery, UsageSum},
    series::Tally,
    store::{Adopted, Adoption, Answer, LedgerStore, StoreError},
    sync::{SyncReply, SyncRequest},
    terms::Crossing,
};

mod budgets;
mod charges;

use budgets::Versioned;
use charges::KeptCharge;

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
    adjustments: Vec<Adjustment>,
    corrections: Vec<Corrected>,
    charges: BTreeMap<ChargeId, KeptCharge>,
    /// What its clock says, if it has one of its own.
    time: Option<Timestamp>,
    crossings: Vec<Crossing>,
    sums: Tally,
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

    /// Gives it a clock of its own, or moves that.
    pub fn set_time(&self, time: Timestamp) {
        self.state().time = Some(time);
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

    fn move_budgets(&self, ids: Vec<BudgetId>, time_zone: Zone) -> Answer<'_, ()> {
        self.state().move_to(&ids, &time_zone);
        now(Ok(()))
    }

    fn remove_budget(&self, id: BudgetId) -> Answer<'_, bool> {
        now(Ok(self.state().remove(&id)))
    }

    fn adjust_budget(&self, adjustment: Adjustment) -> Answer<'_, ()> {
        now(self.state().adjust(adjustment))
    }

    fn adjustments(&self, query: AdjustmentQuery) -> Answer<'_, Vec<Adjustment>> {
        now(Ok(self.state().adjustments(&query)))
    }

    fn events(&self, query: EventQuery) -> Answer<'_, Vec<BudgetEvent>> {
        now(Ok(self.state().events(&query)))
    }

    fn list_budgets(&self, filter: BudgetFilter, at: Timestamp) -> Answer<'_, Vec<BudgetState>> {
        now(Ok(self.state().list(&filter, at)))
    }

    fn usage(&self, query: UsageQuery) -> Answer<'_, Vec<UsageSum>> {
        now(Ok(self.state().sums.answer(&query)))
    }

    fn journal(&self, query: JournalQuery) -> Answer<'_, JournalPage> {
        now(Ok(self.state().page(&query, |_| true)))
    }

    fn unresolved(&self, query: JournalQuery) -> Answer<'_, JournalPage> {
        now(Ok(self.state().page(&query, |record| record.basis == Basis::Unresolved)))
    }

    fn write_offs(&self) -> Answer<'_, Vec<WriteOff>> {
        now(Ok(self.state().write_offs()))
    }

    fn correct(&self, correction: Correction) -> Answer<'_, ()> {
        now(self.state().correct(correction))
    }

    fn corrections(&self, limit: u32) -> Answer<'_, Vec<Corrected>> {
        now(Ok(self.state().corrections.iter().rev().take(whole(limit)).cloned().collect()))
    }

    fn find_correction(&self, id: Arc<str>) -> Answer<'_, Option<Corrected>> {
        now(Ok(self.state().corrections.iter().find(|entry| entry.correction.id == id).cloned()))
    }

    fn forget_records(&self, before: Timestamp, most: u32) -> Answer<'_, u64> {
        now(Ok(self.state().forget(before, most)))
    }

    fn authorize(&self, wanted: Authorization) -> Answer<'_, Authorized> {
        now(Ok(self.state().authorize(&wanted)))
    }

    fn end_charge(&self, id: ChargeId, end: ChargeEnd, at: Timestamp) -> Answer<'_, Charge> {
        now(self.state().end_charge(id, &end, at))
    }

    fn expire_charges(&self, at: Timestamp) -> Answer<'_, u64> {
        now(self.state().expire_charges(at))
    }

    fn open_charges(&self, query: ChargeQuery) -> Answer<'_, ChargePage> {
        now(Ok(self.state().open_charges(&query)))
    }

    fn find_charge(&self, id: ChargeId) -> Answer<'_, Option<Charge>> {
        now(Ok(self.state().charges.get(&id).map(|kept| kept.charge.clone())))
    }

    fn forget_replicas(&self, before: Timestamp, most: u32) -> Answer<'_, u64> {
        now(Ok(self.state().forget_replicas(before, most)))
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
            self.revive(&mut replica, written_off, request.at);
        }
        replica.heard_at = replica.heard_at.max(request.at);
        let mut crossings = Vec::new();
        if is_new {
            crossings = self.take(&mut replica, request);
            replica.sequence = request.sequence;
        }
        let lease = |step: &LeaseMove| {
            let terms = self.budgets.get(&step.counter.budget)?.terms(request.at);
            let counter = self.counters.get(&step.counter).copied().unwrap_or_default();
            let leased = replica.leases.get(&step.counter).copied().unwrap_or(0);
            Some(counter.state(&step.counter, leased, &terms))
        };
        let leases: Vec<LeaseState> = request.moves.iter().filter_map(lease).collect();
        let is_shared = self.replicas.values().any(|other| other.written_off.is_none());
        let is_exhausted = |counter: &&Counter| {
            let state = self.counters.get(*counter).copied().unwrap_or_default();
            let known = self.budgets.get(&counter.budget);
            known.is_some_and(|known| state.is_exhausted(&known.terms(request.at)))
        };
        let exhausted = if request.is_poll && is_shared {
            replica.leases.keys().filter(is_exhausted).cloned().collect()
        } else {
            Vec::new()
        };
        self.replicas.insert(request.replica.clone(), replica);
        Ok(SyncReply {
            sequence: request.sequence,
            store_time: self.time,
            leases,
            exhausted,
            budgets_version: self.version,
            budgets: self.changes_since(request.budgets_version),
            crossings,
        })
    }

    /// Counts a request that was not counted before. Gives the thresholds that it reaches.
    fn take(&mut self, replica: &mut Replica, request: &SyncRequest) -> Vec<Crossing> {
        for record in &request.records {
            self.enter(record);
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
        let mut crossings = Vec::new();
        for step in &request.moves {
            // A replica speaks of budgets that it was told of, and none is ever forgotten.
            let Some(known) = self.budgets.get(&step.counter.budget) else { continue };
            let terms = known.terms(request.at);
            let lease = replica.leases.entry(step.counter.clone()).or_default();
            let counter = self.counters.entry(step.counter.clone()).or_default();
            counter.apply(lease, step, &terms, replicas);
            crossings.extend(terms.crossings(&step.counter, counter));
        }
        replica.leases.retain(|_, leased| *leased > 0);
        self.crossings.extend(crossings.iter().cloned());
        crossings
    }

    /// Appends a record. One that is there already was counted.
    fn enter(&mut self, record: &UsageRecord) {
        if let Entry::Vacant(place) = self.journal.entry(record.call) {
            place.insert(record.clone());
            self.sums.add(record);
        }
    }

    fn forget(&mut self, before: Timestamp, most: u32) -> u64 {
        let old = self.journal.range(..CallId::first_at(before));
        let gone = old.filter(|(_, record)| record.basis != Basis::Unresolved).map(|(call, _)| *call);
        let gone: Vec<_> = gone.take(usize::try_from(most).unwrap_or(usize::MAX)).collect();
        self.journal.retain(|call, _| !gone.contains(call));
        u64::try_from(gone.len()).unwrap_or(u64::MAX)
    }

    fn forget_replicas(&mut self, before: Timestamp, most: u32) -> u64 {
        let is_over = |replica: &Replica| {
            let is_settled =
                |written_off: &BTreeMap<Counter, Amount>| written_off.values().all(|left| *left == 0);
            replica.heard_at < before
                && replica.opened.is_empty()
                && replica.written_off.as_ref().is_some_and(is_settled)
        };
        let over = self.replicas.iter().filter(|(_, replica)| is_over(replica)).map(|(id, _)| id.clone());
        let over: Vec<_> = over.take(whole(most)).collect();
        over.iter().for_each(|id| drop(self.replicas.remove(id)));
        u64::try_from(over.len()).unwrap_or(u64::MAX)
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
                self.close_books(replica, adoption, &mut adopted);
            }
        }
        self.replicas = replicas;
        adopted
    }

    fn close_books(&mut self, replica: &mut Replica, adoption: &Adoption, adopted: &mut Adopted) {
        let lost: Vec<_> = replica.opened.values().map(|opened| opened.if_lost.clone()).collect();
        let mut estate = self.estate(std::mem::take(&mut replica.leases), BTreeMap::new());
        let crossings = estate.close(&lost, &self.terms(adoption.at), adoption.unrecorded);
        self.crossings.extend(crossings);
        let count = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
        adopted.replicas = adopted.replicas.saturating_add(1);
        adopted.calls = adopted.calls.saturating_add(count(lost.len()));
        adopted.leases = adopted.leases.saturating_add(count(estate.written_off.len()));
        for record in &lost {
            self.enter(record);
        }
        self.counters = estate.counters;
        replica.written_off = Some(estate.written_off);
    }

    /// Takes back what was charged for a replica that was thought dead.
    fn revive(&mut self, replica: &mut Replica, written_off: BTreeMap<Counter, Amount>, at: Timestamp) {
        // As they are charged now: a person may have corrected them.
        let open: Vec<_> = replica.opened.keys().filter_map(|call| self.journal.remove(call)).collect();
        for record in &open {
            self.sums.remove(record);
        }
        let mut estate = self.estate(std::mem::take(&mut replica.leases), written_off);
        estate.reopen(&open, &self.terms(at));
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

    fn write_offs(&self) -> Vec<WriteOff> {
        let is_corrected = |replica: &ReplicaId, counter: &Counter, amount: Amount| {
            self.corrections.iter().any(|entry| match &entry.correction.truth {
                Truth::Call { .. } => false,
                Truth::WriteOff { replica: of, counter: on, .. } => {
                    of == replica && on == counter && entry.after == amount
                }
            })
        };
        let write_off = |replica: &ReplicaId, counter: &Counter, amount: Amount| {
            let Budget { account, limit, .. } = &self.budgets.get(&counter.budget)?.budget;
            (amount > 0 && !is_corrected(replica, counter, amount)).then(|| WriteOff {
                replica: replica.clone(),
                counter: counter.clone(),
                account: account.clone(),
                amount: limit.with_amount(amount),
            })
        };
        let mut found = Vec::new();
        for (id, replica) in &self.replicas {
            let amounts = replica.written_off.iter().flatten();
            found.extend(amounts.filter_map(|(counter, amount)| write_off(id, counter, *amount)));
        }
        found.sort_by(|one, other| (&one.replica, &one.counter).cmp(&(&other.replica, &other.counter)));
        found
    }

    fn correct(&mut self, correction: Correction) -> Result<(), StoreError> {
        if self.corrections.iter().any(|other| other.correction.id == correction.id) {
            return Ok(());
        }
        let (before, after) = match &correction.truth {
            Truth::Call { call, cost, tokens } => {
                let found = self.journal.get(call).filter(|record| record.basis.can_be_corrected());
                let before =
                    found.ok_or_else(|| StoreError::NothingUnresolved(format!("call {call}")))?.clone();
                let after = before.corrected(*cost, *tokens);
                let mut estate = self.estate(BTreeMap::new(), BTreeMap::new());
                let crossings = estate.correct(&before, &after, &self.terms(correction.at));
                self.counters = estate.counters;
                self.crossings.extend(crossings);
                let charged = (before.cost.get(), after.cost.get());
                self.sums.remove(&before);
                self.sums.add(&after);
                self.journal.insert(*call, after);
                charged
            }
            Truth::WriteOff { replica, counter, spent } => {
                let missing = || StoreError::NothingUnresolved(format!("lease of {replica} on {counter}"));
                let dead = self.replicas.get_mut(replica).and_then(|replica| replica.written_off.as_mut());
                let written_off = dead.ok_or_else(missing)?;
                let counters = std::mem::take(&mut self.counters);
                let mut estate =
                    Estate { counters, leases: BTreeMap::new(), written_off: written_off.clone() };
                let before = estate.correct_write_off(counter, *spent);
                *written_off = estate.written_off;
                self.counters = estate.counters;
                (before?, *spent)
            }
        };
        self.corrections.push(Corrected { correction, before, after });
        Ok(())
    }

    fn page(&self, query: &JournalQuery, is_wanted: impl Fn(&UsageRecord) -> bool) -> JournalPage {
        let wanted = |record: &&UsageRecord| {
            query.before.is_none_or(|before| record.call < before)
                && query.filter.admits(record)
                && is_wanted(record)
        };
        let limit = whole(query.limit);
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

fn whole(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}
