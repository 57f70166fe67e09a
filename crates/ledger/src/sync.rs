//! What a replica and the store tell each other, as plain values.

use jiff::Timestamp;

use crate::{
    budget::{Budget, BudgetId},
    call::{CallId, ReplicaId},
    journal::{Opened, UsageRecord},
    lease::{Counter, LeaseMove, LeaseState},
    store::StoreError,
    terms::Crossing,
};

/// Everything that a replica has to say since its last word. The store takes it in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncRequest {
    /// Who speaks.
    pub replica: ReplicaId,
    /// Its how-many-th word this is. The store takes number n + 1 after number n; what it has taken already it answers
    /// again without counting it again. A request that says nothing ([`SyncRequest::is_idle`]) repeats the last number.
    pub sequence: u64,
    /// When it was said; the replica is alive at this time.
    pub at: Timestamp,
    /// The newest change to budgets that the replica has heard of.
    pub budgets_version: u64,
    /// Calls that are under way and not yet known to the store.
    pub opened: Vec<Opened>,
    /// Calls that ended.
    pub records: Vec<UsageRecord>,
    /// Those of them that were [`SyncRequest::opened`] before.
    pub closed: Vec<CallId>,
    /// Whether it wants to hear which of its leases others lack.
    pub is_poll: bool,
    /// What that means for the replica's leases, and what it asks for: one per counter.
    pub moves: Vec<LeaseMove>,
}

impl SyncRequest {
    /// Whether it only asks for news and shows that the replica is alive.
    pub fn is_idle(&self) -> bool {
        self.opened.is_empty() && self.records.is_empty() && self.closed.is_empty() && self.moves.is_empty()
    }

    /// Whether this says something new to a store that has taken all of the replica's words up to number `last`. If not,
    /// it is answered and not counted.
    ///
    /// # Errors
    /// When words are missing in between.
    pub fn is_next_after(&self, last: u64) -> Result<bool, StoreError> {
        let expected = last.saturating_add(1);
        let due = if self.is_idle() { last } else { expected };
        if self.sequence > due {
            return Err(StoreError::OutOfOrder {
                replica: self.replica.clone(),
                sent: self.sequence,
                expected: due,
            });
        }
        Ok(self.sequence == expected)
    }
}

/// The store's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncReply {
    /// The number of the request that is answered.
    pub sequence: u64,
    /// What the store's own clock said when it took the request; `None` where it has no other than the replica's.
    pub store_time: Option<Timestamp>,
    /// How the replica's leases stand: for each counter of the request, in any order.
    pub leases: Vec<LeaseState>,
    /// Counters on which the replica holds lease while nothing is left for others, where there are others. Told to polls.
    pub exhausted: Vec<Counter>,
    /// The newest change to budgets.
    pub budgets_version: u64,
    /// All changes to budgets since the version that the request names, the last one for each budget.
    pub budgets: Vec<BudgetChange>,
    /// Thresholds that were reached by this request. They are kept; this is for the log, and a lost answer loses nothing else.
    pub crossings: Vec<Crossing>,
}

/// A budget is new or other than it was, or is no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BudgetChange {
    /// It is this now.
    Defined(Budget),
    /// It holds no one back any longer.
    Removed(BudgetId),
}
