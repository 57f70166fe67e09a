//! The reference store: what every other store has to behave like, without a disk.

use std::{
    collections::{BTreeMap, HashMap, btree_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

use crate::{
    Zone,
    adjust::{Adjustment, AdjustmentQuery, BudgetEvent, Change, EventQuery},
    budget::{Amount, Budget, BudgetId, InvalidBudget},
    call::{CallId, ReplicaId},
    charge::{
        Authorization, Authorized, CHARGES_KNOWN, Charge, ChargeEnd, ChargeId, ChargePage, ChargeQuery,
        ChargeState,
    },
    correct::{Corrected, Correction, Truth, WriteOff},
    estate::{AllTerms, Estate},
    journal::{Basis, Opened, UsageRecord},
    lease::{Counter, CounterState, LeaseMove, LeaseState},
    report::{BudgetFilter, BudgetState, JournalPage, JournalQuery, UsageQuery, UsageSum},
    series::Tally,
    store::{Adopted, Adoption, Answer, LedgerStore, StoreError},
    sync::{BudgetChange, SyncReply, SyncRequest},
    terms::{Crossing, Terms},
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
    adjustments: Vec<Adjustment>,
    corrections: Vec<Corrected>,
    charges: BTreeMap<ChargeId, KeptCharge>,
    /// What its clock says, if it has one of its own.
    time: Option<Timestamp>,
    crossings: Vec<Crossing>,
    sums: Tally,
}

#[derive(Clone, Debug)]
struct Versioned {
    budget: Budget,
    removed: bool,
    version: u64,
}

#[derive(Clone, Debug)]
struct KeptCharge {
    charge: Charge,
    key: Arc<str>,
    leases: BTreeMap<Counter, Amount>,
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

    fn terms(&self, at: Timestamp) -> AllTerms {
        self.budgets.iter().map(|(id, known)| (id.clone(), known.terms(at))).collect()
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

    fn define(&mut self, mut budget: Budget) -> Result<(), StoreError> {
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

    fn move_to(&mut self, ids: &[BudgetId], time_zone: &Zone) {
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

    fn remove(&mut self, id: &BudgetId) -> bool {
        let Some(known) = self.budgets.get_mut(id).filter(|known| !known.removed) else {
            return false;
        };
        self.version = self.version.saturating_add(1);
        known.removed = true;
        known.version = self.version;
        true
    }

    fn adjust(&mut self, adjustment: Adjustment) -> Result<(), StoreError> {
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

    fn adjustments(&self, query: &AdjustmentQuery) -> Vec<Adjustment> {
        let wanted = |entry: &&Adjustment| query.budget.as_ref().is_none_or(|budget| *budget == entry.budget);
        self.adjustments.iter().rev().filter(wanted).take(whole(query.limit)).cloned().collect()
    }

    fn events(&self, query: &EventQuery) -> Vec<BudgetEvent> {
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

    fn authorize(&mut self, wanted: &Authorization) -> Authorized {
        let known = self.charges.values().find(|kept| kept.key == wanted.key).cloned();
        let mut kept = known.unwrap_or_else(|| {
            let mut charge = Charge::new(wanted);
            charge.record.counters = self.applicable(&charge.record, wanted.at);
            KeptCharge { charge, key: wanted.key.clone(), leases: BTreeMap::new() }
        });
        if !kept.charge.lacks(wanted) {
            return Authorized::Charge(Box::new(kept.charge));
        }
        let mut estate = self.estate(std::mem::take(&mut kept.leases), BTreeMap::new());
        let authorized = estate.authorize(&mut kept.charge, wanted, &self.terms(wanted.at));
        self.counters = estate.counters;
        kept.leases = estate.leases;
        if kept.charge.is_open() {
            self.charges.insert(kept.charge.id(), kept);
        } else {
            self.charges.remove(&kept.charge.id());
        }
        authorized
    }

    fn applicable(&self, record: &UsageRecord, at: Timestamp) -> Vec<Counter> {
        let accounts: Vec<_> = record.path.accounts().collect();
        let known = self.budgets.values().filter(|known| !known.removed).map(|known| &known.budget);
        let counted =
            known.filter(|budget| accounts.contains(&&budget.account) && budget.counts(&record.model_served));
        counted.map(|budget| budget.counter_at(at)).collect()
    }

    fn end_charge(&mut self, id: ChargeId, end: &ChargeEnd, at: Timestamp) -> Result<Charge, StoreError> {
        let mut kept = self.charges.get(&id).cloned().ok_or(StoreError::NoCharge(id))?;
        let was = kept.charge.state;
        let counters = self.counters.clone();
        let mut estate = Estate { counters, leases: kept.leases, written_off: BTreeMap::new() };
        let crossings = estate.end(&mut kept.charge, end, at, &self.terms(at))?;
        if was == ChargeState::Held && kept.charge.state == ChargeState::Captured {
            self.enter(&kept.charge.record);
        }
        self.crossings.extend(crossings);
        self.counters = estate.counters;
        kept.leases = estate.leases;
        let charge = kept.charge.clone();
        if was == ChargeState::Waiting && !charge.is_open() {
            self.charges.remove(&id);
        } else {
            self.charges.insert(id, kept);
        }
        Ok(charge)
    }

    fn expire_charges(&mut self, at: Timestamp) -> Result<u64, StoreError> {
        let is_due = |kept: &&KeptCharge| kept.charge.is_open() && kept.charge.expires_at <= at;
        let due: Vec<_> = self.charges.values().filter(is_due).map(|kept| kept.charge.id()).collect();
        for id in &due {
            self.end_charge(*id, &ChargeEnd::Expire, at)?;
        }
        let is_known = |kept: &KeptCharge| {
            kept.charge.is_open() || at.duration_since(kept.charge.expires_at) < CHARGES_KNOWN
        };
        self.charges.retain(|_, kept| is_known(kept));
        Ok(u64::try_from(due.len()).unwrap_or(u64::MAX))
    }

    fn open_charges(&self, query: &ChargeQuery) -> ChargePage {
        let is_wanted = |charge: &&Charge| {
            charge.is_open()
                && query.after.is_none_or(|after| charge.place() > after)
                && query.filter.admits(&charge.record)
        };
        let charges = self.charges.values().map(|kept| &kept.charge);
        let mut found: Vec<_> = charges.filter(is_wanted).cloned().collect();
        found.sort_by_key(Charge::place);
        ChargePage::cut(found, query.limit)
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

impl Versioned {
    fn terms(&self, at: Timestamp) -> Terms {
        Terms { is_removed: self.removed, ..Terms::of(&self.budget, at) }
    }
}

fn whole(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}
