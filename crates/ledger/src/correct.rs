//! What people find out about charges that rest on suspicion: calls that nobody saw the end of, and leases of dead replicas.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    account::AccountId,
    budget::{Amount, Limit},
    call::{CallId, ReplicaId},
    journal::{Basis, Tokens, UsageRecord},
    lease::Counter,
    money::Nanodollars,
};

/// What a charge really was. It is an entry of the ledger: appended, and never altered. Should a replica return that was
/// thought dead, its own word on its calls comes after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    /// Its id; the same id twice counts once.
    pub id: Arc<str>,
    /// When it was made.
    pub at: Timestamp,
    /// Who made it: `operator`, or a user's id.
    pub by: Arc<str>,
    /// Why.
    pub reason: String,
    /// What is true.
    pub truth: Truth,
}

/// What a [`Correction`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Truth {
    /// What a call took whose record is [`Basis::Unresolved`], or was corrected before.
    Call {
        /// The call.
        call: CallId,
        /// What it cost.
        cost: Nanodollars,
        /// What went in and came out.
        tokens: Tokens,
    },
    /// What of a dead replica's lease was spent. The rest is free again.
    WriteOff {
        /// The replica.
        replica: ReplicaId,
        /// The counter that the lease was on.
        counter: Counter,
        /// So much, in the budget's unit: at most what was written off.
        spent: Amount,
    },
}

/// A correction as it is kept: with what was charged before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corrected {
    /// The correction.
    pub correction: Correction,
    /// What was charged before: a call's cost in nano-dollars, or a part of a lease in its budget's unit.
    pub before: Amount,
    /// What is charged since then.
    pub after: Amount,
}

/// What of a dead replica's lease counts as spent, though no call is known to have taken it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteOff {
    /// The replica.
    pub replica: ReplicaId,
    /// The counter.
    pub counter: Counter,
    /// Whose budget it is.
    pub account: AccountId,
    /// How much, in the budget's unit.
    pub amount: Limit,
}

impl UsageRecord {
    /// The record with what the call really took.
    pub fn corrected(&self, cost: Nanodollars, tokens: Tokens) -> Self {
        // What it would have cost without caching, nobody says.
        Self { cost, uncached_cost: cost, tokens, basis: Basis::Corrected, ..self.clone() }
    }
}

impl Basis {
    /// Whether a person may say that it was otherwise.
    pub const fn can_be_corrected(self) -> bool {
        match self {
            Self::Unresolved | Self::Corrected => true,
            Self::Reported | Self::Estimated => false,
        }
    }
}
