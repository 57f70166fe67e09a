//! What the ledger asks of a store.

use std::{pin::Pin, sync::Arc};

use jiff::Timestamp;

use crate::{
    Zone,
    adjust::{Adjustment, AdjustmentQuery, BudgetEvent, EventQuery},
    budget::{Amount, Budget, BudgetId, InvalidBudget},
    call::ReplicaId,
    charge::{Authorization, Authorized, Charge, ChargeEnd, ChargeId, ChargePage, ChargeQuery, ChargeState},
    correct::{Corrected, Correction, WriteOff},
    report::{BudgetFilter, BudgetState, JournalPage, JournalQuery, UsageQuery, UsageSum},
    sync::{SyncReply, SyncRequest},
};

/// What a store will say, in its own time.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Why a store did not do as asked. Whatever it was, nothing was done by halves.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or is too busy. The same again may work.
    #[error("the ledger's store is not available: {0}")]
    Unavailable(String),
    /// It holds what it should never hold, or misses what it was told to keep.
    #[error("the ledger's store is damaged: {0}")]
    Damaged(String),
    /// A replica's words are missing in between, as when an older copy of the store was put in place beneath it. The
    /// replica has to start anew.
    #[error("replica {replica} sent message {sent} when {expected} was due")]
    OutOfOrder {
        /// The replica.
        replica: ReplicaId,
        /// The number that came.
        sent: u64,
        /// The number that would have come next.
        expected: u64,
    },
    /// The budget cannot be.
    #[error(transparent)]
    InvalidBudget(#[from] InvalidBudget),
    /// There is no budget of that name.
    #[error("there is no budget {0}")]
    NoBudget(BudgetId),
    /// A budget of that name counts something else.
    #[error(
        "budget {0} exists with another account, window or unit; remove it and define one of another name"
    )]
    OtherBudget(BudgetId),
    /// There is nothing of that name that could be corrected.
    #[error("there is no unresolved {0}")]
    NothingUnresolved(String),
    /// More was said to be spent than there was on lease.
    #[error("only {0} was written off, so no more of it can have been spent")]
    BeyondWriteOff(Amount),
    /// There is no charge of that id.
    #[error("there is no charge {0}")]
    NoCharge(ChargeId),
    /// More was to be captured than is held.
    #[error("charge {0} does not hold as much as is to be captured")]
    BeyondCharge(ChargeId),
    /// The charge has ended otherwise.
    #[error("charge {0} is {1} already")]
    ChargeEnded(ChargeId, ChargeState),
}

/// Asks the store to close the books of replicas that died.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adoption {
    /// Now.
    pub at: Timestamp,
    /// The replica that asks, which is alive.
    pub by: ReplicaId,
    /// Replicas that have not been heard of since are dead. `None`: all others are, as a process knows that has just
    /// taken the only lock.
    pub silent_since: Option<Timestamp>,
    /// What is known of calls that the dead had begun and not told of.
    pub unrecorded: Unrecorded,
}

/// What is known of calls that a dead replica may have begun on its lease without telling the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrecorded {
    /// Nothing: what was left of its leases counts as spent, until it is known not to be.
    Unknown,
    /// There are none: what was left of its leases is free again.
    None,
}

/// What came of an [`Adoption`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Adopted {
    /// Replicas that were declared dead.
    pub replicas: u64,
    /// Calls that were charged what they had reserved.
    pub calls: u64,
    /// Leases, of which something was left and now counts as spent.
    pub leases: u64,
}

/// Keeps budgets, counters, leases and the journal. Nothing is decided here: a store loads, has the rules of
/// [`CounterState`](crate::CounterState) applied, and saves, in one transaction per call.
pub trait LedgerStore: Send + Sync + 'static {
    /// Takes what a replica says: appends its records, notes its open calls, moves what was settled from leased to
    /// spent, takes back what it returns and grants what it asks for. A replica that had been declared dead is alive
    /// again by it, and gets back what was charged for it on suspicion.
    ///
    /// The request is shared, so that a store may take it to another thread.
    ///
    /// # Errors
    /// When the store fails, or the request is not the replica's next one.
    fn sync<'a>(&'a self, request: &'a Arc<SyncRequest>) -> Answer<'a, SyncReply>;

    /// Declares replicas dead and charges what they cannot account for any more.
    ///
    /// # Errors
    /// When the store fails.
    fn adopt(&self, adoption: Adoption) -> Answer<'_, Adopted>;

    /// Makes a budget, or changes one in all but account, window and unit. What was spent stays spent, and what was
    /// allowed beside its limit stays allowed.
    ///
    /// # Errors
    /// When it cannot be, or would count something else than it did, or the store fails.
    fn define_budget(&self, budget: Budget) -> Answer<'_, ()>;

    /// Lets budgets turn by another calendar, all of them at once. Nothing else of them changes, and those that are not there
    /// or no longer hold are left out.
    ///
    /// # Errors
    /// When the store fails.
    fn move_budgets(&self, ids: Vec<BudgetId>, time_zone: Zone) -> Answer<'_, ()>;

    /// Lets a budget hold no one back any longer. Says whether there was one.
    ///
    /// # Errors
    /// When the store fails.
    fn remove_budget(&self, id: BudgetId) -> Answer<'_, bool>;

    /// Grants or takes credit, or sets a limit for a time. An adjustment whose id is known already changes nothing.
    ///
    /// # Errors
    /// When there is no such budget, or it cannot be, or the store fails.
    fn adjust_budget(&self, adjustment: Adjustment) -> Answer<'_, ()>;

    /// What was adjusted, the newest first.
    ///
    /// # Errors
    /// When the store fails.
    fn adjustments(&self, query: AdjustmentQuery) -> Answer<'_, Vec<Adjustment>>;

    /// The thresholds that were reached, in the order of their numbers.
    ///
    /// # Errors
    /// When the store fails.
    fn events(&self, query: EventQuery) -> Answer<'_, Vec<BudgetEvent>>;

    /// Budgets in the order of their ids, and how they stand at that time.
    ///
    /// # Errors
    /// When the store fails.
    fn list_budgets(&self, filter: BudgetFilter, at: Timestamp) -> Answer<'_, Vec<BudgetState>>;

    /// Usage, summed; in the order of periods, and of the groups' names.
    ///
    /// # Errors
    /// When the store fails.
    fn usage(&self, query: UsageQuery) -> Answer<'_, Vec<UsageSum>>;

    /// Single records, the newest first.
    ///
    /// # Errors
    /// When the store fails.
    fn journal(&self, query: JournalQuery) -> Answer<'_, JournalPage>;

    /// Those of them that are charged what they had reserved, until someone knows better.
    ///
    /// # Errors
    /// When the store fails.
    fn unresolved(&self, query: JournalQuery) -> Answer<'_, JournalPage>;

    /// What of dead replicas' leases counts as spent and was not corrected, in the order of replicas and counters.
    ///
    /// # Errors
    /// When the store fails.
    fn write_offs(&self) -> Answer<'_, Vec<WriteOff>>;

    /// Charges what someone knows to be true in the place of what was suspected. A correction whose id is known already
    /// changes nothing.
    ///
    /// # Errors
    /// When there is nothing to correct, or more is said to be spent than can have been, or the store fails.
    fn correct(&self, correction: Correction) -> Answer<'_, ()>;

    /// What was corrected, the newest first, at most so many.
    ///
    /// # Errors
    /// When the store fails.
    fn corrections(&self, limit: u32) -> Answer<'_, Vec<Corrected>>;

    /// The correction of that id.
    ///
    /// # Errors
    /// When the store fails.
    fn find_correction(&self, id: Arc<str>) -> Answer<'_, Option<Corrected>>;

    /// Lets go of records of calls that came in before that time, the oldest first and at most so many, and says how many
    /// it were. The sums keep what they said. Records that are unresolved stay until they are no longer.
    ///
    /// # Errors
    /// When the store fails.
    fn forget_records(&self, before: Timestamp, most: u32) -> Answer<'_, u64>;

    /// Holds credit for a charge from outside, on every budget of its path or on none. With a key that is known already it
    /// gives the charge of that key, however it stands and whatever it was asked for.
    ///
    /// # Errors
    /// When the store fails.
    fn authorize(&self, wanted: Authorization) -> Answer<'_, Authorized>;

    /// Ends a charge.
    ///
    /// # Errors
    /// When there is none, it has ended otherwise, or more is to be captured than is held, or the store fails.
    fn end_charge(&self, id: ChargeId, end: ChargeEnd, at: Timestamp) -> Answer<'_, Charge>;

    /// Ends charges whose time is up, and says how many those were. Those that never came to hold what they asked for are
    /// forgotten at once, the others [`CHARGES_KNOWN`](crate::CHARGES_KNOWN) later.
    ///
    /// # Errors
    /// When the store fails.
    fn expire_charges(&self, at: Timestamp) -> Answer<'_, u64>;

    /// Charges that hold credit, also such as have yet to hold all that they asked for; those that are free again soonest
    /// come first.
    ///
    /// # Errors
    /// When the store fails.
    fn open_charges(&self, query: ChargeQuery) -> Answer<'_, ChargePage>;

    /// A charge.
    ///
    /// # Errors
    /// When the store fails.
    fn find_charge(&self, id: ChargeId) -> Answer<'_, Option<Charge>>;

    /// Lets go of replicas that were declared dead and not heard of since that time, but for those of which something is
    /// still charged on suspicion; at most so many, and says how many. One that returned after that would be refused.
    ///
    /// # Errors
    /// When the store fails.
    fn forget_replicas(&self, before: Timestamp, most: u32) -> Answer<'_, u64>;
}
