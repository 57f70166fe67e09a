//! Every fact about money: what a call may cost, who pays, what is left, and what was spent.
//!
//! The crate is pure. Time is an argument, nothing here does I/O, and no floating point touches money. A [`Book`]
//! decides in memory, within what it holds on lease; a [`LedgerStore`] keeps the truth. The two speak in plain values,
//! [`SyncRequest`] and [`SyncReply`], so that the whole protocol runs in a test without a network.
//! `docs/ledger.md` tells why it is safe.
#![cfg_attr(
    not(test),
    warn(clippy::float_arithmetic, clippy::arithmetic_side_effects, clippy::as_conversions)
)]

mod account;
mod adjust;
mod book;
mod budget;
mod call;
mod charge;
#[cfg(feature = "testing")]
pub mod conformance;
mod correct;
mod estate;
mod forecast;
mod journal;
mod lease;
mod memory;
mod money;
mod place;
mod quote;
mod report;
mod reservation;
mod series;
mod standing;
mod store;
mod sync;
mod tags;
mod terms;
mod text;
mod window;
mod zone;

pub use account::{AccountId, AccountKind, AccountPath};
pub use adjust::{Adjustment, AdjustmentQuery, BudgetEvent, Change, EventQuery};
pub use book::{Book, BookOptions, Ticket};
pub use budget::{Amount, Budget, BudgetId, InvalidBudget, Limit, Mode, WhenShort};
pub use call::{CallId, ReplicaId};
pub use charge::{
    Authorization, Authorized, CHARGES_KNOWN, Charge, ChargeEnd, ChargeId, ChargePage, ChargePlace,
    ChargeQuery, ChargeState,
};
pub use correct::{Corrected, Correction, Truth, WriteOff};
pub use estate::{AllTerms, Estate};
pub use forecast::{Forecast, Outlook, Past};
pub use journal::{Basis, Draft, Opened, Outcome, Settlement, Tokens, UsageRecord};
pub use lease::{Counter, CounterState, LeaseMove, LeaseState};
pub use memory::MemoryStore;
pub use money::{Nanodollars, Picodollars};
pub use place::Place;
pub use quote::Quote;
pub use report::{
    BudgetFilter, BudgetState, JournalPage, JournalQuery, UsageBy, UsageFilter, UsagePer, UsageQuery,
    UsageSum,
};
pub use reservation::{Reservation, Seen, Shortfall};
pub use series::{Pieces, Series, Sums, Tally, day_of};
pub use standing::Standing;
pub use store::{Adopted, Adoption, Answer, LedgerStore, StoreError, Unrecorded};
pub use sync::{BudgetChange, SyncReply, SyncRequest};
pub use tags::{InvalidTags, Tags};
pub use terms::{Allowance, Crossing, Override, Terms};
pub use text::UnknownText;
pub use window::{Period, Window, WindowKey};
pub use zone::{UnknownZone, Zone};
