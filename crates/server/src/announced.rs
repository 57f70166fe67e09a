//! The ledger's store as the admin API sees it: a budget that was changed through this server is in force here when the
//! answer says so, and the times that budgets go by are the store's.

use std::sync::Arc;

use jiff::Timestamp;
use stonegate_ledger::{
    Adjustment, AdjustmentQuery, Adopted, Adoption, Answer, Authorization, Authorized, Budget, BudgetEvent,
    BudgetFilter, BudgetId, BudgetState, Charge, ChargeEnd, ChargeId, ChargePage, ChargeQuery, Corrected,
    Correction, EventQuery, JournalPage, JournalQuery, LedgerStore, StoreError, SyncReply, SyncRequest,
    UsageQuery, UsageSum, WriteOff, Zone,
};

use crate::keeper::{Keeper, POLL, StoreAway};

/// How often a charge asks again for what servers hold unused: they hear of it at their next poll, and give it back with
/// the one after.
const RECALLS: u32 = 4;

/// A store whose changes of budgets are read by the book before they are answered.
pub(crate) struct Announced {
    store: Arc<dyn LedgerStore>,
    keeper: Arc<Keeper>,
}

impl Announced {
    pub(crate) fn new(store: Arc<dyn LedgerStore>, keeper: Arc<Keeper>) -> Self {
        Announced { store, keeper }
    }

    async fn heard(&self) -> Result<(), StoreError> {
        self.keeper.news().await.map_err(|away: StoreAway| StoreError::Unavailable(away.to_string()))
    }
}

impl LedgerStore for Announced {
    fn sync<'a>(&'a self, request: &'a Arc<SyncRequest>) -> Answer<'a, SyncReply> {
        self.store.sync(request)
    }

    fn adopt(&self, adoption: Adoption) -> Answer<'_, Adopted> {
        self.store.adopt(adoption)
    }

    fn define_budget(&self, budget: Budget) -> Answer<'_, ()> {
        Box::pin(async move {
            self.store.define_budget(budget).await?;
            self.heard().await
        })
    }

    fn move_budgets(&self, ids: Vec<BudgetId>, time_zone: Zone) -> Answer<'_, ()> {
        Box::pin(async move {
            self.store.move_budgets(ids, time_zone).await?;
            self.heard().await
        })
    }

    fn remove_budget(&self, id: BudgetId) -> Answer<'_, bool> {
        Box::pin(async move {
            let removed = self.store.remove_budget(id).await?;
            self.heard().await?;
            Ok(removed)
        })
    }

    fn adjust_budget(&self, adjustment: Adjustment) -> Answer<'_, ()> {
        Box::pin(async move {
            self.store.adjust_budget(adjustment).await?;
            self.heard().await
        })
    }

    fn adjustments(&self, query: AdjustmentQuery) -> Answer<'_, Vec<Adjustment>> {
        self.store.adjustments(query)
    }

    fn events(&self, query: EventQuery) -> Answer<'_, Vec<BudgetEvent>> {
        self.store.events(query)
    }

    fn list_budgets(&self, filter: BudgetFilter, at: Timestamp) -> Answer<'_, Vec<BudgetState>> {
        self.store.list_budgets(filter, self.keeper.book().store_time(at))
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

    /// What servers hold unused of what it lacks is given back within a poll: here because we say so, elsewhere because
    /// they hear that nothing is left.
    fn authorize(&self, wanted: Authorization) -> Answer<'_, Authorized> {
        let time = |at| self.keeper.book().store_time(at);
        let (at, expires_at, waits_until) =
            (time(wanted.at), time(wanted.expires_at), time(wanted.waits_until));
        let wanted = Authorization { at, expires_at, waits_until, ..wanted };
        Box::pin(async move {
            for attempt in 0..RECALLS {
                let answer = self.store.authorize(wanted.clone()).await?;
                let Authorized::Short { counters, may_improve: true } = answer else { return Ok(answer) };
                self.keeper.book().give_back(&counters);
                self.heard().await?;
                if attempt > 0 {
                    tokio::time::sleep(POLL).await;
                }
            }
            self.store.authorize(wanted).await
        })
    }

    fn end_charge(&self, id: ChargeId, end: ChargeEnd, at: Timestamp) -> Answer<'_, Charge> {
        self.store.end_charge(id, end, self.keeper.book().store_time(at))
    }

    fn expire_charges(&self, at: Timestamp) -> Answer<'_, u64> {
        self.store.expire_charges(self.keeper.book().store_time(at))
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
