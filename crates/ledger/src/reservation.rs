//! A quote held against every budget on the path, and what becomes of it.

use std::{fmt, sync::Arc};

use jiff::Timestamp;

use crate::{
    account::AccountId,
    book::{Book, OpenCall, Ticket},
    budget::{Amount, Budget, Limit},
    call::CallId,
    journal::{Basis, Draft, Outcome, Settlement, Tokens},
    money::Nanodollars,
    quote::Quote,
    standing::Standing,
    window::WindowKey,
};

/// Why a call cannot be paid for. What the caller may read: their own budget, what was asked of it, and when it renews.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// The shortest budget. `None` while budgets have not been read yet.
    pub budget: Option<Arc<Budget>>,
    /// Its window.
    pub window: Option<WindowKey>,
    /// What may be spent in that window.
    pub limit: Option<Limit>,
    /// What the call asked of it, in its unit.
    pub asked: Amount,
    /// When it renews, if it ever does.
    pub renews_at: Option<Timestamp>,
    /// The budget only slows down: when the call may begin.
    pub paced_until: Option<Timestamp>,
    /// Whether the next sync may bring more.
    pub may_improve: bool,
    /// Whether the end of calls that are under way may: see [`Book::line_up`].
    pub may_free: bool,
    /// Whether other replicas hold a part of it, of which what is unused comes back with their next poll. Then it is worth
    /// asking again after a while.
    pub is_elsewhere: bool,
    /// The budgets that are short, by their slots in the book.
    pub(crate) short: Vec<usize>,
}

impl Shortfall {
    pub(crate) fn not_ready() -> Self {
        Self {
            budget: None,
            window: None,
            limit: None,
            paced_until: None,
            asked: 0,
            renews_at: None,
            may_improve: true,
            may_free: false,
            is_elsewhere: false,
            short: Vec::new(),
        }
    }

    /// Whose budget it is.
    pub fn account(&self) -> Option<&AccountId> {
        self.budget.as_ref().map(|budget| &budget.account)
    }

    /// The refusal in words, with the account by a name that its people know. Of a budget that is shared with others it
    /// says that it does not suffice, and no amount but the call's own.
    pub fn told_of(&self, account: &dyn fmt::Display) -> String {
        let Some(budget) = &self.budget else {
            return "budgets have not been read yet; try again in a moment".to_owned();
        };
        let window = budget.window;
        let limit = match self.limit {
            Some(limit) if !budget.account.kind.is_shared() => format!(" of {limit}"),
            Some(_) | None => String::new(),
        };
        if let Some(until) = self.paced_until {
            return format!(
                "the {window} budget{limit} on {account} is used up and slows calls down; the next one may begin at {until}"
            );
        }
        let asked = budget.limit.with_amount(self.asked);
        let renewal = self.renews_at.map_or_else(String::new, |at| format!("; it renews at {at}"));
        format!("the {window} budget{limit} on {account} does not cover this call of up to {asked}{renewal}")
    }
}

impl fmt::Display for Shortfall {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.budget {
            Some(budget) => out.write_str(&self.told_of(&budget.account)),
            None => out.write_str(&self.told_of(&"")),
        }
    }
}

impl std::error::Error for Shortfall {}

/// What the meter has seen of a call so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// What went in and came out, at an upper estimate where upstream has not reported it.
    pub tokens: Tokens,
    /// What that costs.
    pub cost: Nanodollars,
}

/// Credit held for one call. It ends by [`Reservation::settle`]; dropped without that, it settles itself by what it
/// knows: nothing was sent and nothing is charged, or what was seen is charged as an estimate, or all that it held.
#[must_use = "a reservation that is dropped is settled at once"]
pub struct Reservation {
    book: Book,
    /// There until it is settled.
    call: Option<Arc<OpenCall>>,
    id: CallId,
    quote: Quote,
    output_tokens: u64,
    /// What the call may have taken where nothing is known of it, extensions included.
    reserved: Seen,
    is_sent: bool,
    seen: Option<Seen>,
    near: Option<Standing>,
}

impl Reservation {
    pub(crate) fn new(
        book: Book,
        call: Arc<OpenCall>,
        quote: Quote,
        output_tokens: u64,
        near: Option<Standing>,
    ) -> Self {
        let (id, reserved) = (call.id(), call.reserved());
        Self { book, call: Some(call), id, quote, output_tokens, reserved, is_sent: false, seen: None, near }
    }

    /// The budget on the path that is nearest to its limit, as far as its caller may know. `None` where no budget counts the
    /// call, or none that the store has said anything of.
    pub fn near(&self) -> Option<&Standing> {
        self.near.as_ref()
    }

    /// The output ceiling that is paid for: what was asked for, or less.
    pub fn output_tokens(&self) -> u64 {
        self.output_tokens
    }

    /// The call that it is for.
    pub fn call(&self) -> CallId {
        self.id
    }

    /// From here on the call costs something.
    pub fn mark_sent(&mut self) {
        self.is_sent = true;
    }

    /// What was sent was refused, so that until the next attempt nothing is billed.
    pub fn mark_refused(&mut self) {
        self.is_sent = self.seen.is_some();
    }

    /// Takes note of what has been seen so far. Whoever has seen anything has sent something.
    pub fn observe(&mut self, seen: Seen) {
        self.is_sent = true;
        self.seen = Some(seen);
    }

    /// Ends the call with what it really cost. The record is durable when the book says so of the ticket.
    pub fn settle(mut self, settlement: Settlement) -> Ticket {
        match self.call.take() {
            Some(call) => self.book.settle(call, settlement),
            // Only `settle` and `drop` take the call, and both end the reservation.
            None => Ticket::default(),
        }
    }

    /// How a call is settled that was sent and of whose answer nothing is known: upstream may have written all of it, and
    /// bills it in full.
    pub fn unresolved(&self, outcome: Outcome) -> Settlement {
        let Seen { tokens, cost } = self.reserved;
        Settlement::new(outcome, Basis::Unresolved, cost, tokens)
    }

    /// Holds more for the same call, which goes on in a way that its quote did not cover: on every budget of the path, in the
    /// windows that it began in, or on none. It is one call all the same, settled and recorded once. Gives the output
    /// ceiling of what was added, which may be lower than asked for as in [`Book::reserve`].
    ///
    /// # Errors
    /// [`Shortfall`] where the budgets do not cover it; then the call holds what it held. Where a sync may bring more, await
    /// one and try again.
    pub fn extend(&mut self, more: Quote, now: Timestamp) -> Result<u64, Shortfall> {
        let Some(open) = &self.call else { return Err(Shortfall::not_ready()) };
        let (call, output_tokens) = self.book.extend(open, &more, now)?;
        self.reserved = call.reserved();
        self.call = Some(call);
        Ok(output_tokens)
    }

    /// Holds as much again, as a call of its own, for an attempt that may be billed though no answer came. What this
    /// reservation holds is then free for the next attempt.
    ///
    /// # Errors
    /// [`Shortfall`] where the budgets do not cover both.
    pub fn again(&self, call: CallId, now: Timestamp) -> Result<Reservation, Shortfall> {
        let Some(open) = &self.call else { return Err(Shortfall::not_ready()) };
        let output_tokens = self.output_tokens;
        let quote = Quote { output_tokens, least_output_tokens: output_tokens, ..self.quote };
        let draft = Draft { call, ..open.draft().clone() };
        self.book.reserve(open.path(), quote, draft, now)
    }

    /// How the call is settled if its reservation is dropped now.
    pub fn last_known(&self) -> Settlement {
        if !self.is_sent {
            return Settlement::new(
                Outcome::Abandoned,
                Basis::Estimated,
                Nanodollars::ZERO,
                Tokens::default(),
            );
        }
        let outcome = self.book.dropped();
        match self.seen {
            Some(Seen { tokens, cost }) => Settlement::new(outcome, Basis::Estimated, cost, tokens),
            None => self.unresolved(outcome),
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(call) = self.call.take() {
            self.book.settle(call, self.last_known());
        }
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Reservation")
            .field("call", &self.id)
            .field("output_tokens", &self.output_tokens)
            .field("is_sent", &self.is_sent)
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}
