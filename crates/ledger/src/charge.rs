//! Charges from outside: a tool or service holds credit on its caller's budgets, and later takes what it needed of it.
//!
//! What is held is on lease to the charge as if it were a replica of its own, so that all that is true of leases is true of
//! it. Other than a replica's, a charge's lease is free again when its time is up: nobody is billed for what was never
//! captured.

use std::{fmt, str::FromStr, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use crate::{
    budget::Amount,
    call::{CallId, ReplicaId},
    estate::{AllTerms, Estate},
    journal::{Tokens, UsageRecord},
    lease::{Counter, LeaseMove},
    money::Nanodollars,
    report::UsageFilter,
    store::StoreError,
    terms::Crossing,
    text::{UnknownText, spelled},
};

const PREFIX: &str = "chg_";

/// How long a charge is known, and with it its caller's name for it, after its time was up.
pub const CHARGES_KNOWN: SignedDuration = SignedDuration::from_hours(30 * 24);

/// One charge, written `chg_` and the digits of the call that it is recorded as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChargeId(pub CallId);

impl ChargeId {
    /// Who holds its lease.
    pub fn holder(self) -> ReplicaId {
        ReplicaId::new(self.to_string())
    }
}

impl fmt::Display for ChargeId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = self.0.to_string();
        write!(out, "{PREFIX}{}", call.split_once('_').map_or(&*call, |(_, digits)| digits))
    }
}

impl FromStr for ChargeId {
    type Err = UnknownText;

    fn from_str(text: &str) -> Result<Self, UnknownText> {
        let unknown = || UnknownText { text: text.to_owned(), known: "chg_ and 26 digits" };
        let digits = text.strip_prefix(PREFIX).ok_or_else(unknown)?;
        format!("req_{digits}").parse().map(Self).map_err(|_call: UnknownText| unknown())
    }
}

/// Where a charge is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChargeState {
    /// It holds what there was, and the rest is asked back from replicas that do not need it.
    Waiting,
    /// It holds all that was asked.
    Held,
    /// What it took is in the journal; the rest is free.
    Captured,
    /// It took nothing.
    Voided,
    /// Its time was up before it took anything.
    Expired,
}

spelled!(ChargeState {
    Waiting = "waiting",
    Held = "held",
    Captured = "captured",
    Voided = "voided",
    Expired = "expired",
});

/// A charge as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// What was captured; until then, what would be recorded if all of it were.
    pub record: UsageRecord,
    /// Where it is in its life.
    pub state: ChargeState,
    /// When what it holds is free again.
    pub expires_at: Timestamp,
    /// What was asked for, in the server's words.
    pub request: Arc<str>,
}

/// Where a charge stands in the list of those that hold credit: by when it is free again, then by its id.
pub type ChargePlace = (Timestamp, ChargeId);

/// Asks for charges that hold credit, in the order in which they are free again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChargeQuery {
    /// Which charges are meant, by what would be recorded of them.
    pub filter: UsageFilter,
    /// Only those after that place: where the last page ended.
    pub after: Option<ChargePlace>,
    /// At most so many.
    pub limit: u32,
}

/// A part of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChargePage {
    /// The charges.
    pub charges: Vec<Charge>,
    /// Where the next page begins; `None` when there is none.
    pub next: Option<ChargePlace>,
}

impl ChargePage {
    /// A page of what was found, in order, one more than fits on it where there are more.
    pub fn cut(mut found: Vec<Charge>, limit: u32) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let is_last = found.len() <= limit;
        found.truncate(limit);
        let next = if is_last { None } else { found.last().map(Charge::place) };
        Self { charges: found, next }
    }
}

/// Asks for credit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// What would be recorded if all of it were captured. The store adds the counters.
    pub record: UsageRecord,
    /// Its caller's own name for it: the same once more is the same charge.
    pub key: Arc<str>,
    /// What was asked for, in the server's words: that key with other words is a mistake.
    pub request: Arc<str>,
    /// Now.
    pub at: Timestamp,
    /// How long it may be held.
    pub expires_at: Timestamp,
    /// How long it may wait for what replicas hold unused.
    pub waits_until: Timestamp,
}

/// What became of an [`Authorization`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorized {
    /// There is such a charge.
    Charge(Box<Charge>),
    /// These counters do not cover it. Nothing is held, unless what is unused elsewhere may yet come.
    Short {
        /// The counters.
        counters: Vec<Counter>,
        /// It waits for what replicas hold of them: ask again.
        may_improve: bool,
    },
}

/// How a charge ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChargeEnd {
    /// It took so much, at most what is held.
    Capture {
        /// What it cost.
        cost: Nanodollars,
        /// What it took of budgets in tokens.
        tokens: Tokens,
    },
    /// It took nothing.
    Void,
    /// Its time is up.
    Expire,
}

impl Charge {
    /// A charge that holds nothing yet.
    pub fn new(wanted: &Authorization) -> Self {
        Self {
            record: wanted.record.clone(),
            state: ChargeState::Waiting,
            expires_at: wanted.waits_until,
            request: Arc::clone(&wanted.request),
        }
    }

    /// Its id.
    pub fn id(&self) -> ChargeId {
        ChargeId(self.record.call)
    }

    /// Where it stands in the list of those that hold credit.
    pub fn place(&self) -> ChargePlace {
        (self.expires_at, self.id())
    }

    /// Whether it has yet to hold what is wanted: it waits, and is what was asked for.
    pub fn lacks(&self, wanted: &Authorization) -> bool {
        self.state == ChargeState::Waiting && self.request == wanted.request
    }

    /// Whether it holds credit.
    pub fn is_open(&self) -> bool {
        matches!(self.state, ChargeState::Waiting | ChargeState::Held)
    }
}

impl Estate {
    /// Holds what a charge lacks, as far as that goes. Where not all of it can be had, now or from those who hold it unused,
    /// it holds nothing in the end and is voided.
    pub fn authorize(&mut self, charge: &mut Charge, wanted: &Authorization, terms: &AllTerms) -> Authorized {
        let mut short = Vec::new();
        let mut may_improve = wanted.at < wanted.waits_until;
        for counter in &charge.record.counters {
            let Some(terms) = terms.get(&counter.budget) else { continue };
            let state = self.counters.entry(counter.clone()).or_default();
            if terms.hard_limit(state.credit).is_none() {
                continue;
            }
            let lease = self.leases.entry(counter.clone()).or_default();
            let amount = charge.record.amount(terms.limit);
            let least = amount.saturating_sub(*lease);
            let step = LeaseMove { counter: counter.clone(), charged: 0, returned: 0, least, most: 0 };
            let held = state.apply(lease, &step, terms, 1);
            if *lease < amount {
                may_improve &= held.elsewhere >= amount.saturating_sub(*lease);
                short.push(counter.clone());
            }
        }
        if short.is_empty() {
            charge.state = ChargeState::Held;
            charge.expires_at = wanted.expires_at;
            return Authorized::Charge(Box::new(charge.clone()));
        }
        if !may_improve {
            self.take(charge, false, terms);
            charge.state = ChargeState::Voided;
        }
        Authorized::Short { counters: short, may_improve }
    }

    /// Ends a charge. Gives the thresholds that this reaches. What has ended so already ends so again, without any change.
    ///
    /// # Errors
    /// When it has ended otherwise, or more is to be captured than is held.
    pub fn end(
        &mut self,
        charge: &mut Charge,
        end: &ChargeEnd,
        at: Timestamp,
        terms: &AllTerms,
    ) -> Result<Vec<Crossing>, StoreError> {
        let is_over = at >= charge.expires_at;
        match (charge.state, end) {
            (ChargeState::Held, ChargeEnd::Capture { cost, tokens }) if !is_over => {
                let held = (charge.record.cost, charge.record.tokens.total());
                if *cost > held.0 || tokens.total() > held.1 {
                    return Err(StoreError::BeyondCharge(charge.id()));
                }
                (charge.record.cost, charge.record.tokens) = (*cost, *tokens);
                charge.record.uncached_cost = *cost;
                let took = at.duration_since(charge.record.started_at).as_micros();
                charge.record.total_us = u64::try_from(took).unwrap_or(0);
                charge.state = ChargeState::Captured;
                self.take(charge, true, terms);
                Ok(self.crossings(terms))
            }
            (ChargeState::Captured, ChargeEnd::Capture { cost, tokens })
                if (*cost, *tokens) == (charge.record.cost, charge.record.tokens) =>
            {
                Ok(Vec::new())
            }
            (ChargeState::Held | ChargeState::Waiting, ChargeEnd::Void) => {
                self.take(charge, false, terms);
                charge.state = ChargeState::Voided;
                Ok(Vec::new())
            }
            (ChargeState::Held | ChargeState::Waiting, _) if is_over => {
                self.take(charge, false, terms);
                charge.state = ChargeState::Expired;
                Ok(Vec::new())
            }
            (ChargeState::Voided | ChargeState::Expired, ChargeEnd::Void) | (_, ChargeEnd::Expire) => {
                Ok(Vec::new())
            }
            (state, _) => Err(StoreError::ChargeEnded(charge.id(), state)),
        }
    }

    /// Charges what was captured, if anything was, and frees the rest.
    fn take(&mut self, charge: &Charge, is_captured: bool, terms: &AllTerms) {
        for counter in &charge.record.counters {
            let Some(terms) = terms.get(&counter.budget) else { continue };
            let charged = if is_captured { charge.record.amount(terms.limit) } else { 0 };
            let step =
                LeaseMove { counter: counter.clone(), charged, returned: Amount::MAX, least: 0, most: 0 };
            let lease = self.leases.entry(counter.clone()).or_default();
            self.counters.entry(counter.clone()).or_default().apply(lease, &step, terms, 1);
        }
        self.leases.retain(|_, lease| *lease > 0);
    }
}
