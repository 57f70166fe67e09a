//! The book of one replica: it decides what each call may spend, in memory and within what is on lease.
//!
//! A [`Book`] never does I/O. Whoever keeps it carries [`Book::plan_sync`]'s requests to the store and the answers to
//! [`Book::apply_sync`], one at a time. The same request is planned again until it is answered, so a lost answer costs
//! nothing but time.

mod calls;
mod holdings;
mod line;
mod queue;
mod reserving;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Poll, Waker},
};

use jiff::{SignedDuration, Timestamp};

pub(crate) use self::calls::OpenCall;
use self::{
    calls::Calls,
    holdings::{Holdings, Settling},
    line::Hold,
    queue::{Number, Queue},
    reserving::Request,
};
use crate::{
    account::AccountPath,
    call::ReplicaId,
    journal::{Draft, Opened, Outcome, Settlement, Tokens},
    lease::Counter,
    place::Place,
    quote::Quote,
    reservation::{Reservation, Shortfall},
    sync::{SyncReply, SyncRequest},
};

/// Reserves and settles, and says what the store should hear. A clone is another handle on the same book.
#[derive(Clone)]
pub struct Book(Arc<Shared>);

/// How a book behaves in time.
#[derive(Clone)]
pub struct BookOptions {
    /// The longest that the store is not asked for news of budgets.
    pub poll: SignedDuration,
    /// How long credit stays on lease that no call takes. The less, the less counts as spent after a crash; the more,
    /// the more seldom a call has to wait for the store.
    pub linger: SignedDuration,
    /// How long the store's word that nothing is left is believed.
    pub recheck: SignedDuration,
    /// The largest part of what is left, in per cent, that one call's output may hold. A call that asks for more gets a
    /// lower ceiling, down to its floor, so that a few calls with large ceilings do not lock an account up.
    pub share_percent: u8,
    /// How long a call is under way before the store is told of it.
    pub open_grace: SignedDuration,
    /// Is told, on the thread that brought it, when there is something to sync where there was nothing.
    pub on_work: Option<Arc<dyn Fn() + Send + Sync>>,
    /// Says whether calls that are dropped now are cut off by this process, not left by their clients.
    pub is_cutting_off: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
}

impl Default for BookOptions {
    fn default() -> Self {
        Self {
            poll: SignedDuration::from_millis(250),
            linger: SignedDuration::from_secs(30),
            recheck: SignedDuration::from_secs(1),
            share_percent: 25,
            open_grace: SignedDuration::from_millis(20),
            on_work: None,
            is_cutting_off: None,
        }
    }
}

impl fmt::Debug for BookOptions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { poll, linger, recheck, share_percent, open_grace, on_work: _, is_cutting_off: _ } = self;
        out.debug_struct("BookOptions")
            .field("poll", poll)
            .field("linger", linger)
            .field("recheck", recheck)
            .field("share_percent", share_percent)
            .field("open_grace", open_grace)
            .finish_non_exhaustive()
    }
}

/// A settled call's place in the order of settlements. It is durable once [`Book::durable`] has come that far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

struct Shared {
    replica: ReplicaId,
    options: BookOptions,
    state: Mutex<State>,
    has_work: AtomicBool,
    durable: AtomicU64,
}

#[derive(Default)]
struct State {
    holdings: Holdings,
    calls: Calls,
    queue: Queue,
    is_ready: bool,
    last_ticket: u64,
    /// The number of the last request that the store has answered.
    sequence: u64,
    in_flight: Option<InFlight>,
    /// How far the replica's clock is ahead of the store's.
    ahead: SignedDuration,
    answered_at: Option<Timestamp>,
    swept_at: Option<Timestamp>,
    is_retired: bool,
}

struct InFlight {
    request: Arc<SyncRequest>,
    /// When it was first planned, by the replica's clock.
    planned_at: Timestamp,
    up_to: Ticket,
}

impl Book {
    /// A book that knows no budget yet, and therefore grants nothing until the first answer.
    pub fn new(replica: ReplicaId, options: BookOptions) -> Self {
        let state = Mutex::new(State::default());
        let (has_work, durable) = (AtomicBool::new(false), AtomicU64::new(0));
        Self(Arc::new(Shared { replica, options, state, has_work, durable }))
    }

    /// Who keeps this book.
    pub fn replica(&self) -> &ReplicaId {
        &self.0.replica
    }

    /// Whether budgets were read at least once. Until then nothing is granted: unknown budgets are no credit, not
    /// endless credit.
    pub fn is_ready(&self) -> bool {
        self.state().is_ready
    }

    /// What the store's clock says when the replica's says `now`, as far as that is known: windows begin and end by it. Every
    /// time that a book is told is the replica's, and every time that it tells is the store's.
    pub fn store_time(&self, now: Timestamp) -> Timestamp {
        self.state().store_time(now)
    }

    /// Holds a quote against every budget on the path, all or none. The output ceiling may come out lower than asked
    /// for ([`Reservation::output_tokens`]) when that is what the budgets pay for.
    ///
    /// # Errors
    /// The budget that is shortest, and whether a sync may bring more. If it may, await one and try again: what the
    /// call lacks has been noted, and the next request asks for it.
    pub fn reserve(
        &self,
        path: &AccountPath,
        quote: Quote,
        draft: Draft,
        now: Timestamp,
    ) -> Result<Reservation, Shortfall> {
        self.reserve_in_turn(Number::MAX, path, quote, draft, now)
    }

    /// Takes a place among those that wait for the end of calls under way. Whoever has none leaves them what they wait
    /// for.
    pub fn line_up(&self, shortfall: &Shortfall) -> Place {
        let number = self.state().queue.join(shortfall.short.clone());
        Place::new(self.clone(), number)
    }

    pub(crate) fn stay(&self, number: Number, shortfall: &Shortfall) {
        if !shortfall.short.is_empty() {
            self.state().queue.stay(number, shortfall.short.clone());
        }
    }

    pub(crate) fn leave(&self, number: Number) {
        let called = self.state().queue.leave(number);
        called.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn poll_place(&self, number: Number, waker: &Waker) -> Poll<()> {
        self.state().queue.poll(number, waker)
    }

    /// Reserves after those who wait with a smaller number.
    pub(crate) fn reserve_in_turn(
        &self,
        number: Number,
        path: &AccountPath,
        quote: Quote,
        draft: Draft,
        now: Timestamp,
    ) -> Result<Reservation, Shortfall> {
        let mut state = self.state();
        if !state.is_ready {
            return Err(Shortfall::not_ready());
        }
        let now = state.store_time(now);
        let State { holdings, queue, .. } = &mut *state;
        let (quote_of, options) = (&quote, &self.0.options);
        let model = &draft.model_served;
        let request = Request { path, model, quote: quote_of, now, options, queue, number };
        let grant = match holdings.reserve(&request) {
            Ok(grant) => grant,
            Err(shortfall) => {
                drop(state);
                if shortfall.may_improve {
                    self.announce_work();
                }
                return Err(shortfall);
            }
        };
        let reserved = (quote.unresolved(grant.output_tokens), quote.unresolved_tokens(grant.output_tokens));
        let call = Arc::new(OpenCall {
            draft,
            path: path.clone(),
            holds: grant.holds,
            reserved,
            began: now,
            known: state.holdings.version,
        });
        state.calls.open(call.clone());
        drop(state);
        Ok(Reservation::new(self.clone(), call, quote, grant.output_tokens, grant.near))
    }

    /// Holds more for a call under way. Gives the call as it is then, and the output ceiling of what is added.
    pub(crate) fn extend(
        &self,
        call: &Arc<OpenCall>,
        more: &Quote,
        now: Timestamp,
    ) -> Result<(Arc<OpenCall>, u64), Shortfall> {
        let mut state = self.state();
        if !state.is_ready {
            return Err(Shortfall::not_ready());
        }
        let now = state.store_time(now);
        let State { holdings, queue, calls, .. } = &mut *state;
        let (path, model, options) = (&call.path, &call.draft.model_served, &self.0.options);
        let request = Request { path, model, quote: more, now, options, queue, number: Number::MAX };
        let (output_tokens, holds) = match holdings.extend(&request, &call.holds, call.began) {
            Ok(extended) => extended,
            Err(shortfall) => {
                drop(state);
                if shortfall.may_improve {
                    self.announce_work();
                }
                return Err(shortfall);
            }
        };
        let (cost, tokens) = call.reserved;
        let added = more.unresolved_tokens(output_tokens);
        let tokens = Tokens {
            input: tokens.input.saturating_add(added.input),
            output: tokens.output.saturating_add(added.output),
            ..tokens
        };
        let reserved = (cost.saturating_add(more.unresolved(output_tokens)), tokens);
        let extended = Arc::new(OpenCall { holds, reserved, ..OpenCall::clone(call) });
        calls.replace(extended.clone());
        Ok((extended, output_tokens))
    }

    /// Ends a call: frees what it held, charges what it took.
    pub(crate) fn settle(&self, call: Arc<OpenCall>, settlement: Settlement) -> Ticket {
        let mut state = self.state();
        let State { holdings, calls, queue, last_ticket, .. } = &mut *state;
        let counters = holdings.settle(&Settling {
            path: &call.path,
            model: &call.draft.model_served,
            holds: &call.holds,
            began: call.began,
            known: call.known,
            cost: settlement.cost,
            tokens: &settlement.tokens,
        });
        calls.close(call.draft.call);
        let called = if queue.is_empty() { Vec::new() } else { queue.call(&slots(&call.holds)) };
        let OpenCall { draft, path, .. } = Arc::unwrap_or_clone(call);
        calls.records.push(draft.finish(path, settlement, counters));
        *last_ticket = last_ticket.saturating_add(1);
        let ticket = Ticket(*last_ticket);
        drop(state);
        called.into_iter().for_each(Waker::wake);
        self.announce_work();
        ticket
    }

    /// How a call ended that is dropped now, after something was sent.
    pub(crate) fn dropped(&self) -> Outcome {
        match &self.0.options.is_cutting_off {
            Some(is_cutting_off) if is_cutting_off() => Outcome::GatewayStopped,
            Some(_) | None => Outcome::ClientGone,
        }
    }

    /// The last settlement that is durable, and with it all before.
    pub fn durable(&self) -> Ticket {
        Ticket(self.0.durable.load(Ordering::Acquire))
    }

    /// How many calls are under way.
    pub fn in_flight(&self) -> usize {
        self.state().calls.in_flight()
    }

    /// How many records the store has not taken yet.
    pub fn unsaid(&self) -> usize {
        let state = self.state();
        let in_flight = state.in_flight.as_ref().map_or(0, |in_flight| in_flight.request.records.len());
        state.calls.records.len().saturating_add(in_flight)
    }

    /// Whether something waits to be synced: cheap enough to ask at any time. It says nothing of a poll that is due
    /// or a request that awaits its answer.
    pub fn has_work(&self) -> bool {
        self.0.has_work.load(Ordering::Acquire)
    }

    /// Gives back what no call needs of these counters, for someone lacks it who asked the store itself.
    pub fn give_back(&self, counters: &[Counter]) {
        let mut state = self.state();
        state.holdings.exhaust(counters);
        for counter in counters {
            state.holdings.mark_counter(counter);
        }
        drop(state);
        self.announce_work();
    }

    /// Makes the next [`Book::plan_sync`] ask for news of budgets, even if no poll is due.
    pub fn ask_for_news(&self) {
        self.state().answered_at = None;
        self.announce_work();
    }

    /// Grants nothing from now on and gives back all that no call holds, so that nothing has to be written off when the
    /// process ends. Calls under way settle as ever.
    pub fn retire(&self) {
        let mut state = self.state();
        state.is_retired = true;
        state.is_ready = false;
        state.answered_at = None;
        state.holdings.retire();
        drop(state);
        self.announce_work();
    }

    /// What the store should hear now. `None` when there is nothing to say and no poll is due. While a request awaits
    /// its answer, it is that same request again.
    pub fn plan_sync(&self, now: Timestamp) -> Option<Arc<SyncRequest>> {
        let options = &self.0.options;
        let mut state = self.state();
        if let Some(in_flight) = &state.in_flight {
            return Some(in_flight.request.clone());
        }
        let planned_at = now;
        let now = state.store_time(now);
        let is_due = |last: Option<Timestamp>| {
            last.is_none_or(|at| {
                let age = now.duration_since(at);
                age >= options.poll || age.is_negative()
            })
        };
        let (poll_is_due, sweep_is_due) = (is_due(state.answered_at), is_due(state.swept_at));
        if !self.0.has_work.swap(false, Ordering::AcqRel) && !poll_is_due {
            return None;
        }
        // However busy the replica is: what lies unused on one account is not forgotten for the traffic of another.
        let is_poll = poll_is_due || sweep_is_due;
        if is_poll {
            state.holdings.sweep(now);
            state.swept_at = Some(now);
        }
        let mut request = state.collect(self.0.replica.clone(), now, options);
        request.is_poll = is_poll;
        if request.is_idle() {
            if !poll_is_due {
                return None;
            }
        } else {
            request.sequence = request.sequence.saturating_add(1);
        }
        let request = Arc::new(request);
        state.in_flight =
            Some(InFlight { request: request.clone(), planned_at, up_to: Ticket(state.last_ticket) });
        Some(request)
    }

    /// Takes the store's answer. An answer to any other request than the one under way is no news and is passed over.
    pub fn apply_sync(&self, reply: SyncReply, now: Timestamp) {
        let mut state = self.state();
        let is_answer = |in_flight: &mut InFlight| in_flight.request.sequence == reply.sequence;
        let Some(InFlight { request, planned_at, up_to }) = state.in_flight.take_if(is_answer) else {
            return;
        };
        if let Some(store_time) = reply.store_time {
            state.agree(store_time, planned_at, now);
        }
        let now = state.store_time(now);
        state.holdings.apply(&request.moves, &reply.leases, now);
        state.holdings.exhaust(&reply.exhausted);
        state.holdings.change(reply.budgets, reply.budgets_version);
        state.sequence = reply.sequence;
        state.answered_at = Some(now);
        state.is_ready = !state.is_retired;
        if state.is_retired {
            // The request may have been made before that, and asked for something.
            state.holdings.sweep(now);
        }
        let is_dirty = state.holdings.is_dirty();
        let called = state.queue.call_all();
        drop(state);
        called.into_iter().for_each(Waker::wake);
        self.0.durable.fetch_max(up_to.0, Ordering::AcqRel);
        if is_dirty {
            self.announce_work();
        }
    }

    /// Notes that the store did not answer. The request stays planned; until the next answer, calls get what is on
    /// lease here, lowered if need be, and are told not to hope for more.
    pub fn sync_failed(&self, now: Timestamp) {
        let mut state = self.state();
        let now = state.store_time(now);
        state.holdings.give_up_asking(now);
    }

    fn announce_work(&self) {
        let was_known = self.0.has_work.swap(true, Ordering::AcqRel);
        if let (false, Some(on_work)) = (was_known, &self.0.options.on_work) {
            on_work();
        }
    }

    /// A panic elsewhere cannot leave the state half done: nothing in here panics between two changes to it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn slots(holds: &[Hold]) -> Vec<usize> {
    holds.iter().map(|hold| hold.slot).collect()
}

impl State {
    fn store_time(&self, now: Timestamp) -> Timestamp {
        now.saturating_sub(self.ahead).unwrap_or(now)
    }

    /// The store's clock said `store_time` at some moment between two of the replica's. Where what is known of the two clocks
    /// has room for that, it stays, so that time does not run to and fro with every answer; else it is moved as far as it
    /// takes.
    fn agree(&mut self, store_time: Timestamp, planned_at: Timestamp, now: Timestamp) {
        let (least, most) = (planned_at.duration_since(store_time), now.duration_since(store_time));
        // A clock that was set back meanwhile leaves no room at all, and what it says now counts.
        self.ahead = self.ahead.max(least).min(most);
    }

    fn collect(&mut self, replica: ReplicaId, now: Timestamp, options: &BookOptions) -> SyncRequest {
        let told = self.calls.tell(now, options.open_grace);
        let opened = |call: &Arc<OpenCall>| {
            let counters = self.holdings.counters(&call.holds);
            Opened::new(call.draft.clone(), call.path.clone(), call.reserved, counters)
        };
        SyncRequest {
            replica,
            sequence: self.sequence,
            at: now,
            budgets_version: self.holdings.version,
            opened: told.iter().map(opened).collect(),
            records: std::mem::take(&mut self.calls.records),
            closed: std::mem::take(&mut self.calls.closed),
            is_poll: false,
            moves: self.holdings.plan(now, options),
        }
    }
}

impl fmt::Debug for Book {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Book").field("replica", &self.0.replica).finish_non_exhaustive()
    }
}
