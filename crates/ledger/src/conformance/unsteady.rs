//! A store on a line that can be cut.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use jiff::Timestamp;

use crate::{
    Adjustment, AdjustmentQuery, Adopted, Adoption, Answer, Authorization, Authorized, Budget, BudgetEvent,
    BudgetFilter, BudgetId, BudgetState, Charge, ChargeEnd, ChargeId, ChargePage, ChargeQuery, Corrected,
    Correction, EventQuery, JournalPage, JournalQuery, LedgerStore, StoreError, SyncReply, SyncRequest,
    UsageQuery, UsageSum, WriteOff, Zone,
};

/// Passes everything on to another store, but no syncs while its line is cut.
pub struct Unsteady {
    store: Arc<dyn LedgerStore>,
    is_cut: Arc<AtomicBool>,
}

impl Unsteady {
    /// The store behind a line that `is_cut` cuts.
    pub fn new(store: Arc<dyn LedgerStore>, is_cut: Arc<AtomicBool>) -> Self {
        Self { store, is_cut }
    }
}

impl LedgerStore for Unsteady {
    fn sync<'a>(&'a self, request: &'a Arc<SyncRequest>) -> Answer<'a, SyncReply> {
        if self.is_cut.load(Ordering::Relaxed) {
            let cut = StoreError::Unavailable("the line is cut".to_owned());
            return Box::pin(std::future::ready(Err(cut)));
        }
        self.store.sync(request)
    }

    fn adopt(&self, adoption: Adoption) -> Answer<'_, Adopted> {
        self.store.adopt(adoption)
    }

    fn define_budget(&self, budget: Budget) -> Answer<'_, ()> {
        self.store.define_budget(budget)
    }

    fn move_budgets(&self, ids: Vec<BudgetId>, time_zone: Zone) -> Answer<'_, ()> {
        self.store.move_budgets(ids, time_zone)
    }

    fn remove_budget(&self, id: BudgetId) -> Answer<'_, bool> {
        self.store.remove_budget(id)
    }

    fn adjust_budget(&self, adjustment: Adjustment) -> Answer<'_, ()> {
        self.store.adjust_budget(adjustment)
    }

    fn adjustments(&self, query: AdjustmentQuery) -> Answer<'_, Vec<Adjustment>> {
        self.store.adjustments(query)
    }

    fn events(&self, query: EventQuery) -> Answer<'_, Vec<BudgetEvent>> {
        self.store.events(query)
    }

    fn list_budgets(&self, filter: BudgetFilter, at: Timestamp) -> Answer<'_, Vec<BudgetState>> {
        self.store.list_budgets(filter, at)
    }

    fn usage(&self, query: UsageQuery) -> Answer<'_, Vec<UsageSum>> {
        self.store.usage(query)
    }

    fn journal(&self, query: JournalQuery) -> Answer<'_, JournalPage> {
        self.store.journal(query)
    }

    fn unresolved(&self, query: JournalQuery) -> Answer<'_, JournalPage> {
        self.store.unresolved(query)
    }

    fn write_offs(&self) -> Answer<'_, Vec<WriteOff>> {
        self.store.write_offs()
    }

    fn correct(&self, correction: Correction) -> Answer<'_, ()> {
        self.store.correct(correction)
    }

    fn corrections(&self, limit: u32) -> Answer<'_, Vec<Corrected>> {
        self.store.corrections(limit)
    }

    fn find_correction(&self, id: Arc<str>) -> Answer<'_, Option<Corrected>> {
        self.store.find_correction(id)
    }

    fn forget_records(&self, before: Timestamp, most: u32) -> Answer<'_, u64> {
        self.store.forget_records(before, most)
    }

    fn authorize(&self, wanted: Authorization) -> Answer<'_, Authorized> {
        self.store.authorize(wanted)
    }

    fn end_charge(&self, id: ChargeId, end: ChargeEnd, at: Timestamp) -> Answer<'_, Charge> {
        self.store.end_charge(id, end, at)
    }

    fn expire_charges(&self, at: Timestamp) -> Answer<'_, u64> {
        self.store.expire_charges(at)
    }

    fn open_charges(&self, query: ChargeQuery) -> Answer<'_, ChargePage> {
        self.store.open_charges(query)
    }

    fn find_charge(&self, id: ChargeId) -> Answer<'_, Option<Charge>> {
        self.store.find_charge(id)
    }

    fn forget_replicas(&self, before: Timestamp, most: u32) -> Answer<'_, u64> {
        self.store.forget_replicas(before, most)
    }
}
