//! [`LedgerStore`] on PostgreSQL.
//!
//! Lists travel as arrays, one a column, so that a batch of any size is one prepared statement. What is to be done with
//! the numbers is decided by `stonegate_ledger`; here they are loaded and saved, under row locks that are taken in one
//! order: the replica's row, then its counters by name.

use std::{borrow::Cow, sync::Arc};

use jiff::Timestamp;
use stonegate_ledger::{
    Adjustment, AdjustmentQuery, Adopted, Adoption, Answer, Authorization, Authorized, Budget, BudgetEvent,
    BudgetFilter, BudgetId, BudgetState, Charge, ChargeEnd, ChargeId, ChargePage, ChargeQuery, Corrected,
    Correction, EventQuery, JournalPage, JournalQuery, LedgerStore, SyncReply, SyncRequest, UsageQuery,
    UsageSum, WriteOff, Zone,
};

use super::{
    Pools,
    records::{self, Kind},
};

mod adjust;
mod adopt;
mod budgets;
#[path = "../common/charge.rs"]
mod charge;
mod columns;
#[path = "../common/correct.rs"]
mod correct;
#[path = "../common/define.rs"]
mod define;
mod hold;
mod journal;
mod report;
mod sums;
mod sync;

/// Budgets, leases and the journal in one PostgreSQL database.
pub(crate) struct PostgresLedger {
    pools: Pools,
}

impl PostgresLedger {
    pub(crate) fn new(pools: Pools) -> Self {
        Self { pools }
    }
}

impl LedgerStore for PostgresLedger {
    fn sync<'a>(&'a self, request: &'a Arc<SyncRequest>) -> Answer<'a, SyncReply> {
        Box::pin(sync::sync(&self.pools, request))
    }

    fn adopt(&self, adoption: Adoption) -> Answer<'_, Adopted> {
        Box::pin(adopt::adopt(&self.pools, adoption))
    }

    fn define_budget(&self, budget: Budget) -> Answer<'_, ()> {
        Box::pin(define::define(&self.pools, budget))
    }

    fn move_budgets(&self, ids: Vec<BudgetId>, time_zone: Zone) -> Answer<'_, ()> {
        Box::pin(define::move_to(&self.pools, ids, time_zone))
    }

    fn remove_budget(&self, id: BudgetId) -> Answer<'_, bool> {
        Box::pin(define::remove(&self.pools, id))
    }

    fn adjust_budget(&self, adjustment: Adjustment) -> Answer<'_, ()> {
        Box::pin(adjust::adjust(&self.pools, adjustment))
    }

    fn adjustments(&self, query: AdjustmentQuery) -> Answer<'_, Vec<Adjustment>> {
        Box::pin(adjust::list(&self.pools, query))
    }

    fn events(&self, query: EventQuery) -> Answer<'_, Vec<BudgetEvent>> {
        Box::pin(adjust::events(&self.pools, query))
    }

    fn list_budgets(&self, filter: BudgetFilter, at: Timestamp) -> Answer<'_, Vec<BudgetState>> {
        Box::pin(budgets::list(&self.pools, filter, at))
    }

    fn usage(&self, query: UsageQuery) -> Answer<'_, Vec<UsageSum>> {
        Box::pin(report::usage(&self.pools, query))
    }

    fn journal(&self, query: JournalQuery) -> Answer<'_, JournalPage> {
        Box::pin(records::page(&self.pools, query, Kind::Any))
    }

    fn unresolved(&self, query: JournalQuery) -> Answer<'_, JournalPage> {
        Box::pin(records::page(&self.pools, query, Kind::Unresolved))
    }

    fn write_offs(&self) -> Answer<'_, Vec<WriteOff>> {
        Box::pin(correct::write_offs(&self.pools))
    }

    fn correct(&self, correction: Correction) -> Answer<'_, ()> {
        Box::pin(correct::correct(&self.pools, correction))
    }

    fn corrections(&self, limit: u32) -> Answer<'_, Vec<Corrected>> {
        Box::pin(correct::list(&self.pools, limit))
    }

    fn find_correction(&self, id: Arc<str>) -> Answer<'_, Option<Corrected>> {
        Box::pin(correct::find(&self.pools, id))
    }

    fn forget_records(&self, before: Timestamp, most: u32) -> Answer<'_, u64> {
        Box::pin(records::forget(&self.pools, before, most))
    }

    fn authorize(&self, wanted: Authorization) -> Answer<'_, Authorized> {
        Box::pin(charge::authorize(&self.pools, wanted))
    }

    fn end_charge(&self, id: ChargeId, end: ChargeEnd, at: Timestamp) -> Answer<'_, Charge> {
        Box::pin(charge::end(&self.pools, id, end, at))
    }

    fn expire_charges(&self, at: Timestamp) -> Answer<'_, u64> {
        Box::pin(charge::expire(&self.pools, at))
    }

    fn open_charges(&self, query: ChargeQuery) -> Answer<'_, ChargePage> {
        Box::pin(charge::open(&self.pools, query))
    }

    fn find_charge(&self, id: ChargeId) -> Answer<'_, Option<Charge>> {
        Box::pin(charge::find(&self.pools, id))
    }

    fn forget_replicas(&self, before: Timestamp, most: u32) -> Answer<'_, u64> {
        Box::pin(adopt::forget(&self.pools, before, most))
    }
}

/// The server's clock, in microseconds since 1970: the only one by which replicas are told to be silent and windows begin and
/// end.
macro_rules! store_time {
    () => {
        "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    };
}
use store_time;

/// PostgreSQL's text holds every character but one, which clients may well send.
fn clean(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}
