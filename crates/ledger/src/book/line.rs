//! One counter as one replica sees it: what it holds on lease, and what of that is free.

use jiff::{SignedDuration, Timestamp};

use super::BookOptions;
use crate::{
    budget::Amount,
    lease::{Counter, LeaseMove, LeaseState, worked_off},
    window::WindowKey,
};

/// A replica's part of a counter.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) window: WindowKey,
    /// What the store says is on lease, as of the last answer.
    leased: Amount,
    /// What calls under way have reserved of it, and how many they are.
    held: Amount,
    open: u64,
    /// What settled calls took and the store has not been told of.
    charged: Amount,
    /// What a request under way says of charges and returns.
    charging: Amount,
    returning: Amount,
    /// A request about this line is under way.
    asking: bool,
    /// What calls lacked that are waiting for the next answer.
    unmet: Amount,
    /// The smallest amount that would serve one of them.
    useful: Amount,
    /// A call wants to know how much is left.
    curious: bool,
    /// What calls took since the last request.
    taken: Amount,
    appetite: Appetite,
    answer: Option<LastAnswer>,
    /// That answer is none of the store's, which is away.
    is_given_up: bool,
    /// What the last request asked for calls that wait: theirs for a moment, though they have not taken it yet.
    earmarked: Amount,
    /// Nothing is left in the store, and there are others: what no call here needs goes back.
    exhausted: bool,
    /// What calls wait for was given back for the good of others, and is not asked for again before the next poll.
    yielded: bool,
    /// Past the limit of a budget that slows down: when the calls that were begun here have worked their input off.
    paced_until: Timestamp,
    /// The limit is another than it was: what is free goes back, so that the store can grant by the new one.
    recalled: bool,
    /// Listed among those that have something to say.
    pub(super) dirty: bool,
}

/// What the store had left when it last answered.
#[derive(Clone, Copy, Debug)]
struct LastAnswer {
    remaining: Amount,
    /// What others hold.
    elsewhere: Amount,
    /// What was spent of how much. `None` when the store has not said.
    spent_of_limit: Option<(Amount, Amount)>,
    paced_until: Timestamp,
    at: Timestamp,
}

/// How a line is to be provided for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Provision {
    /// Calls come and find credit.
    Stocked,
    /// Its window is over or its budget gone: what is free goes back.
    RunDown,
}

impl Line {
    pub(super) fn new(window: WindowKey, now: Timestamp) -> Self {
        Self {
            window,
            leased: 0,
            held: 0,
            open: 0,
            charged: 0,
            charging: 0,
            returning: 0,
            asking: false,
            unmet: 0,
            useful: Amount::MAX,
            curious: false,
            taken: 0,
            appetite: Appetite { current: 0, before: 0, turned_at: now },
            answer: None,
            is_given_up: false,
            earmarked: 0,
            exhausted: false,
            yielded: false,
            paced_until: Timestamp::UNIX_EPOCH,
            recalled: false,
            dirty: false,
        }
    }

    /// What calls may still reserve.
    pub(super) fn free(&self) -> Amount {
        [self.held, self.charged, self.charging, self.returning]
            .into_iter()
            .fold(self.leased, u64::saturating_sub)
    }

    /// Whether asking the store may bring so much that a call is served which takes `least`.
    pub(super) fn may_improve(&self, now: Timestamp, options: &BookOptions, least: Amount) -> bool {
        let is_left = self.answer.is_some_and(|answer| answer.remaining > 0);
        self.is_stale(now, options) || (is_left && self.at_most() >= least)
    }

    /// What is left as far as it is known here: what is free, and what the store had left when it last answered.
    pub(super) fn left(&self) -> Amount {
        self.free().saturating_add(self.answer.map_or(0, |answer| answer.remaining))
    }

    /// Whether what is [`Line::left`] is old news. What others hold may come back with their next poll.
    pub(super) fn is_stale(&self, now: Timestamp, options: &BookOptions) -> bool {
        self.answer.is_none_or(|answer| {
            let lasts =
                if answer.elsewhere > 0 { options.poll.min(options.recheck) } else { options.recheck };
            now < answer.at || now.duration_since(answer.at) >= lasts
        })
    }

    /// What others held when the store last answered.
    pub(super) fn elsewhere(&self) -> Amount {
        self.answer.map_or(0, |answer| answer.elsewhere)
    }

    /// Whether the store was ever asked, so that what is left is known at all.
    pub(super) fn is_known(&self) -> bool {
        self.answer.is_some()
    }

    /// What was spent of how much, as far as it is known here; calls under way are left out.
    pub(super) fn spent_of_limit(&self) -> Option<(Amount, Amount)> {
        let (spent, limit) = self.answer?.spent_of_limit?;
        Some((spent.saturating_add(self.charged).saturating_add(self.charging), limit))
    }

    /// When a call may begin, for a budget that slows down. `None` up to its limit.
    pub(super) fn paced_until(&self) -> Option<Timestamp> {
        let answer = self.answer?;
        let (spent, limit) = self.spent_of_limit()?;
        (spent >= limit).then_some(answer.paced_until.max(self.paced_until))
    }

    /// Notes that a call began past the limit of a budget that slows down. Its output is worked off when it is known.
    pub(super) fn pace(&mut self, now: Timestamp, input: Amount, per_minute: Amount) {
        if self.paced_until().is_some() {
            self.paced_until = worked_off(self.paced_until.max(now), input, per_minute);
        }
    }

    /// What would be left if calls under way took nothing, here and elsewhere.
    pub(super) fn at_most(&self) -> Amount {
        self.left().saturating_add(self.held).saturating_add(self.elsewhere())
    }

    /// Nothing is left in the store: what is unused here goes back, for others lack it.
    pub(super) fn exhaust(&mut self) {
        self.exhausted = true;
    }

    /// Asks how much is left.
    pub(super) fn ask(&mut self) {
        self.curious = true;
    }

    /// Asks for what a call lacks that takes `amount`, or `least` if need be. The store then gives all that it has, be it
    /// too little, which tells others that it is lacked here; so what cannot suffice in any case is only asked about.
    pub(super) fn want(&mut self, amount: Amount, least: Amount) {
        if self.answer.is_some() && self.at_most() < least {
            self.curious = true;
            return;
        }
        // What is here may cover it, and then nothing would be asked for.
        self.curious |= self.answer.is_none();
        self.unmet = self.unmet.saturating_add(amount);
        self.useful = self.useful.min(least);
    }

    pub(super) fn hold(&mut self, amount: Amount) {
        self.hold_more(amount);
        self.open = self.open.saturating_add(1);
    }

    /// Holds more for a call that holds something already.
    pub(super) fn hold_more(&mut self, amount: Amount) {
        self.held = self.held.saturating_add(amount);
        self.taken = self.taken.saturating_add(amount);
    }

    /// Ends what [`Line::hold`] began: the call took `charge` of the `held` amount, or beyond it.
    pub(super) fn settle(&mut self, held: Amount, charge: Amount) {
        self.held = self.held.saturating_sub(held);
        self.open = self.open.saturating_sub(1);
        self.charge(charge);
    }

    /// Takes an amount without a reservation.
    pub(super) fn charge(&mut self, amount: Amount) {
        self.charged = self.charged.saturating_add(amount);
    }

    pub(super) fn recall(&mut self) {
        self.recalled = true;
        self.answer = None;
    }

    /// What there is to say to the store, if anything.
    pub(super) fn plan(
        &mut self,
        counter: impl FnOnce() -> Counter,
        provision: Provision,
        now: Timestamp,
        options: &BookOptions,
    ) -> Option<LeaseMove> {
        let free = self.free();
        let mut unmet = std::mem::take(&mut self.unmet);
        let useful = std::mem::replace(&mut self.useful, Amount::MAX);
        let demand = std::mem::take(&mut self.taken).saturating_add(unmet);
        let is_exhausted = std::mem::take(&mut self.exhausted);
        let stock = match provision {
            Provision::Stocked => self.appetite.feed(demand, now, options.linger).saturating_mul(2),
            Provision::RunDown => {
                // Whoever waits gets nothing of it any more.
                unmet = 0;
                0
            }
        };
        let stock = if is_exhausted { 0 } else { stock };
        let returned = match () {
            () if std::mem::take(&mut self.recalled) || provision == Provision::RunDown => free,
            () if is_exhausted => {
                let spare = free.saturating_sub(self.earmark(now, options));
                if spare > 0 && unmet > 0 && useful > free {
                    // Too little for the calls that wait here, and perhaps enough for those that wait elsewhere. Two
                    // that held on to their parts would wait for each other; asking comes next time.
                    unmet = 0;
                    self.yielded = true;
                    spare
                } else {
                    spare.min(free.saturating_sub(unmet))
                }
            }
            // Twice the stock may lie about, lest small changes go back and forth.
            () if free > stock.saturating_mul(2) => free.saturating_sub(stock),
            () => 0,
        };
        let kept = free.saturating_sub(returned);
        let least = unmet.saturating_sub(kept);
        let room = stock.saturating_sub(kept);
        let most = match () {
            () if kept < stock / 2 => room,
            // What was charged is asked for again as it goes: the lease then stays what it is, and the store writes less. Where
            // others hold a part, it is left to them.
            () if self.elsewhere() == 0 => self.charged.min(room),
            () => 0,
        };
        let is_curious = std::mem::take(&mut self.curious);
        if self.charged == 0 && returned == 0 && least == 0 && most == 0 && !is_curious {
            return None;
        }
        self.charging = std::mem::take(&mut self.charged);
        self.returning = returned;
        self.earmarked = least;
        self.asking = true;
        Some(LeaseMove { counter: counter(), charged: self.charging, returned, least, most })
    }

    /// What calls that have been waiting for it may still be about to take.
    fn earmark(&self, now: Timestamp, options: &BookOptions) -> Amount {
        let is_fresh = self.answer.is_some_and(|answer| {
            let age = now.duration_since(answer.at);
            age < options.poll && !age.is_negative()
        });
        if is_fresh { self.earmarked } else { 0 }
    }

    /// Takes the store's answer to the last plan. `None`: it knows nothing of this counter.
    pub(super) fn apply(&mut self, state: Option<&LeaseState>, now: Timestamp) {
        self.leased = state.map_or(0, |state| state.leased);
        let remaining = state.map_or(0, |state| state.remaining);
        let elsewhere = state.map_or(0, |state| state.elsewhere);
        let (remaining, elsewhere) = match std::mem::take(&mut self.yielded) {
            true => (0, elsewhere.saturating_add(remaining)),
            false => (remaining, elsewhere),
        };
        self.answer = Some(LastAnswer {
            remaining,
            elsewhere,
            spent_of_limit: state.map(|state| (state.spent, state.limit)),
            paced_until: state.map_or(Timestamp::UNIX_EPOCH, |state| state.paced_until),
            at: now,
        });
        self.charging = 0;
        self.returning = 0;
        self.asking = false;
    }

    /// The store did not answer: for now, what is here is all there is.
    pub(super) fn give_up_asking(&mut self, now: Timestamp) {
        self.answer = Some(LastAnswer {
            remaining: 0,
            elsewhere: 0,
            spent_of_limit: self.answer.and_then(|answer| answer.spent_of_limit),
            paced_until: self.answer.map_or(Timestamp::UNIX_EPOCH, |answer| answer.paced_until),
            at: now,
        });
        self.is_given_up = true;
        self.unmet = 0;
        self.useful = Amount::MAX;
        self.curious = false;
    }

    /// The store answers again: what is left is not known until it is asked about.
    pub(super) fn hope_again(&mut self) {
        if std::mem::take(&mut self.is_given_up) {
            self.answer = None;
        }
    }

    /// Whether nothing is left that the store or a call would ask about.
    pub(super) fn is_finished(&self) -> bool {
        self.leased == 0 && self.open == 0 && self.charged == 0 && !self.asking && !self.dirty
    }

    /// Whether time alone may give it something to say.
    pub(super) fn is_stocked(&self) -> bool {
        self.leased > 0
    }
}

/// The largest demand between two requests within the last while: what a stock has to cover.
#[derive(Debug)]
struct Appetite {
    current: Amount,
    before: Amount,
    turned_at: Timestamp,
}

impl Appetite {
    /// Notes a demand and says the largest of the last `linger`, give or take half.
    fn feed(&mut self, demand: Amount, now: Timestamp, linger: SignedDuration) -> Amount {
        let age = now.duration_since(self.turned_at);
        if age.saturating_mul(2) >= linger || age.is_negative() {
            self.before = if age >= linger { 0 } else { self.current };
            self.current = 0;
            self.turned_at = now;
        }
        self.current = self.current.max(demand);
        self.current.max(self.before)
    }
}

/// What one call holds on one line.
#[derive(Clone, Debug)]
pub(super) struct Hold {
    /// The index of the budget.
    pub(super) slot: usize,
    pub(super) window: WindowKey,
    pub(super) amount: Amount,
}
