//! Replicas, a store, and an auditor who trusts neither.

use std::{
    collections::BTreeMap,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use jiff::{SignedDuration, Timestamp};
use stonegate_ledger::{
    AccountPath, Adjustment, Adoption, Authorization, Authorized, Basis, Book, BookOptions, Budget,
    BudgetFilter, BudgetState, CallId, Change, ChargeEnd, ChargeId, ChargeState, Correction, Counter, Draft,
    EventQuery, JournalQuery, LedgerStore, Limit, MemoryStore, Mode, Nanodollars, Outcome, Override,
    Picodollars, Quote, ReplicaId, Reservation, Seen, Settlement, Shortfall, SyncReply, SyncRequest, Tags,
    Tokens, Truth, Unrecorded, UsageFilter, UsageRecord, Window,
};

use crate::step::Step;

/// The models that calls are for. With [`SEARCH`] there is one that every filter of [`World::filtered`] leaves out, and one
/// that each counts.
const MODELS: [&str; 3] = ["haiku-1", "opus-1", "sonnet-1"];
/// What services outside sell: filters see it in the place of a model.
const SEARCH: &str = "search";

/// A replica is taken for dead after so long a silence.
const SILENCE: SignedDuration = SignedDuration::from_secs(20);

struct Replica {
    book: Book,
    open: Vec<(Reservation, u64)>,
    /// All calls that it ever began.
    begun: Vec<CallId>,
    said: Vec<Arc<SyncRequest>>,
    /// An answer on its way.
    late: Option<(Arc<SyncRequest>, SyncReply)>,
    /// How far its clock is ahead.
    skew: SignedDuration,
}

/// The clocks of replicas agree with nobody's. One that is far behind is taken for dead again and again.
const SKEWS: [i64; 5] = [0, 2_000, -3_000, 30_000, -30_000];

/// How often replicas ask for news.
const POLL: SignedDuration = SignedDuration::from_millis(250);

pub(crate) struct World {
    store: MemoryStore,
    replicas: Vec<Replica>,
    /// Replicas that died, with the calls that died with them.
    dead: Vec<Replica>,
    now: Timestamp,
    calls: u128,
    lives: usize,
    /// What each settled call really cost.
    truth: BTreeMap<CallId, u64>,
    /// The highest limit that each counter had.
    highest: BTreeMap<Counter, u64>,
    adjustments: usize,
    charges: Vec<ChargeId>,
    /// What calls cost, in hundredths of what they are said to.
    dearness: u64,
    /// By how much all calls so far cost more than their quotes.
    exceeded: u64,
    /// Whether the store has a clock of its own, or goes by the replicas'.
    has_clock: bool,
}

fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("the reference store answers at once"),
    }
}

fn path() -> AccountPath {
    AccountPath::new("acme", Some("core".into()), "ada", Some("k1".into()))
}

/// One nano-dollar and one token for each token of output, so that both kinds of budget see the same number.
fn quote(ask: u64, least: u64) -> Quote {
    Quote {
        input: Nanodollars::ZERO,
        input_tokens: 0,
        per_output_token: Picodollars::new(1_000),
        output_tokens: ask,
        least_output_tokens: least,
    }
}

impl World {
    pub(crate) fn new(replicas: usize) -> Self {
        let mut world = Self {
            store: MemoryStore::new(),
            replicas: Vec::new(),
            dead: Vec::new(),
            now: "2026-11-21T12:00:00Z".parse().expect("a time"),
            calls: 0,
            lives: 0,
            truth: BTreeMap::new(),
            highest: BTreeMap::new(),
            adjustments: 0,
            charges: Vec::new(),
            dearness: 100,
            exceeded: 0,
            has_clock: false,
        };
        world.define("tenant", "tenant:acme", Window::Daily, Limit::Usd(Nanodollars::new(200)), Mode::Block);
        world.define("team", "team:core", Window::Weekly, Limit::Usd(Nanodollars::new(300)), Mode::Block);
        world.define("user", "user:ada", Window::Total, Limit::Tokens(400), Mode::Block);
        world.define("count", "key:k1", Window::Total, Limit::Usd(Nanodollars::new(1)), Mode::Notify);
        for _ in 0..replicas {
            let replica = world.born();
            world.replicas.push(replica);
        }
        world
    }

    /// The same with budgets that count some models only: two that refuse, one in each unit, and one that tells.
    fn filtered(replicas: usize) -> Self {
        let world = Self::new(replicas);
        for (id, account, window, limit, mode, filter) in [
            ("opus", "team:core", Window::Daily, Limit::Usd(Nanodollars::new(80)), Mode::Block, "OPUS-*"),
            ("s", "key:k1", Window::Total, Limit::Tokens(120), Mode::Block, "s*"),
            ("told", "tenant:acme", Window::Weekly, Limit::Usd(Nanodollars::new(9)), Mode::Notify, "*-1"),
        ] {
            let plain = Self::budget(id, account, window, limit, mode);
            let budget = Budget { model_filter: Some(filter.to_owned()), ..plain };
            at_once(world.store.define_budget(budget)).expect("the budget can be");
        }
        world
    }

    /// The same with a budget that slows down.
    pub(crate) fn slowed(replicas: usize) -> Self {
        let world = Self::filtered(replicas);
        let slow = Mode::Throttle { per_minute: 100 };
        world.define("slow", "user:ada", Window::Weekly, Limit::Usd(Nanodollars::new(100)), slow);
        world
    }

    /// The same where calls may cost up to twice their quotes, and the store has a clock of its own.
    pub(crate) fn dear(replicas: usize) -> Self {
        Self { dearness: 200, has_clock: true, ..Self::slowed(replicas) }
    }

    fn born(&mut self) -> Replica {
        self.lives += 1;
        let id = ReplicaId::new(format!("life-{}", self.lives));
        let skew = SignedDuration::from_millis(SKEWS[self.lives % SKEWS.len()]);
        let book = Book::new(id, BookOptions::default());
        Replica { book, open: Vec::new(), begun: Vec::new(), said: Vec::new(), late: None, skew }
    }

    fn define(&self, id: &str, account: &str, window: Window, limit: Limit, mode: Mode) {
        let budget = Self::budget(id, account, window, limit, mode);
        at_once(self.store.define_budget(budget)).expect("the budget can be");
    }

    fn budget(id: &str, account: &str, window: Window, limit: Limit, mode: Mode) -> Budget {
        let account = account.parse().expect("an account");
        let time_zone = "America/Sao_Paulo".parse().expect("a zone");
        let plain = Budget::block(id, account, window, limit);
        Budget { mode, time_zone, thresholds: vec![50, 80, 100], ..plain }
    }

    pub(crate) fn take(&mut self, step: &Step) {
        let count = self.replicas.len();
        match *step {
            Step::Reserve { replica, model, quote, least } => {
                drop(self.reserve(replica % count, MODELS[model % MODELS.len()], quote, least));
            }
            Step::Extend { replica, nth, quote, least } => self.extend(replica % count, nth, quote, least),
            Step::Settle { replica, nth, percent } => self.settle(replica % count, nth, percent),
            Step::Drop { replica, nth, sent } => self.drop_call(replica % count, nth, sent),
            Step::Sync { replica } => self.sync(replica % count),
            Step::LoseRequest { replica } => self.lose(replica % count, false),
            Step::LoseAnswer { replica } => self.lose(replica % count, true),
            Step::Delay { replica } => self.delay(replica % count),
            Step::Arrive { replica } => self.arrive(replica % count),
            Step::Double { replica } => self.double(replica % count),
            Step::Echo { replica, nth } => self.echo(replica % count, nth),
            Step::Crash { replica } => self.crash(replica % count),
            Step::Adopt { by } => self.adopt(by % count, Some(SILENCE)),
            Step::Raise { budget, by } => self.raise(budget, by),
            Step::Define { limit } => self.define_late(limit),
            Step::Credit { budget, amount, for_ever } => {
                let window = |state: &BudgetState| (!for_ever).then_some(state.window);
                self.adjust(budget, |state, _| Change::Credit { amount, window: window(state) });
            }
            Step::Override { budget, more, hours } => self.adjust(budget, |state, now| {
                let until = now + SignedDuration::from_hours(hours);
                let amount = state.budget.limit.amount() + more;
                Change::Override(Override { amount, from: now, until })
            }),
            Step::Authorize { amount } => self.authorize(amount),
            Step::EndCharge { nth, percent } => self.end_charge(nth, percent),
            Step::Expire => self.expire(),
            Step::Correct { nth, percent } => self.correct(nth, percent),
            Step::Seconds { seconds } => self.now += SignedDuration::from_secs(seconds),
            Step::Hours { hours } => self.now += SignedDuration::from_hours(hours),
        }
    }

    /// Lowering a limit below what is out on lease cannot hold at once, so it is defined once.
    fn define_late(&self, limit: u64) {
        if self.budgets().iter().all(|state| state.budget.id.as_str() != "late") {
            let limit = Limit::Usd(Nanodollars::new(limit));
            self.define("late", "user:ada", Window::Weekly, limit, Mode::Block);
        }
    }

    fn reserve(&mut self, replica: usize, model: &str, ask: u64, least: u64) -> Result<(), Shortfall> {
        self.calls += 1;
        let call = CallId::from(CallId::first_at(self.now).get() + self.calls);
        let quote = quote(ask, least);
        let name: Arc<str> = model.into();
        let now = self.time_of(replica);
        let draft = Draft {
            call,
            started_at: now,
            dialect: "anthropic".into(),
            client: None,
            tags: Tags::default(),
            model_requested: name.clone(),
            model_served: name,
            price_version: "1".into(),
            stream: false,
        };
        let replica = &mut self.replicas[replica];
        let reservation = replica.book.reserve(&path(), quote, draft, now)?;
        let granted = reservation.output_tokens();
        assert!(granted <= ask && granted >= least);
        replica.begun.push(reservation.call());
        replica.open.push((reservation, granted));
        Ok(())
    }

    /// What a replica's clock says.
    fn time_of(&self, replica: usize) -> Timestamp {
        self.now + self.replicas[replica].skew
    }

    fn extend(&mut self, replica: usize, nth: usize, ask: u64, least: u64) {
        let now = self.time_of(replica);
        let open = &mut self.replicas[replica].open;
        let nth = nth.checked_rem(open.len()).unwrap_or(0);
        let Some((reservation, granted)) = open.get_mut(nth) else { return };
        if let Ok(more) = reservation.extend(quote(ask, least), now) {
            assert!(more <= ask && more >= least);
            *granted += more;
        }
    }

    fn settle(&mut self, replica: usize, nth: usize, percent: u64) {
        let open = &mut self.replicas[replica].open;
        if open.is_empty() {
            return;
        }
        let (reservation, granted) = open.swap_remove(nth % open.len());
        let cost = granted * percent * self.dearness / 10_000;
        self.exceeded += cost.saturating_sub(granted);
        self.truth.insert(reservation.call(), cost);
        reservation.settle(Settlement::new(
            Outcome::Complete,
            Basis::Reported,
            Nanodollars::new(cost),
            Tokens { output: cost, ..Tokens::default() },
        ));
    }

    fn drop_call(&mut self, replica: usize, nth: usize, sent: bool) {
        let open = &mut self.replicas[replica].open;
        if open.is_empty() {
            return;
        }
        let (mut reservation, granted) = open.swap_remove(nth % open.len());
        let cost = if sent { granted / 2 } else { 0 };
        if sent {
            let tokens = Tokens { output: cost, ..Tokens::default() };
            reservation.observe(Seen { tokens, cost: Nanodollars::new(cost) });
        }
        self.truth.insert(reservation.call(), cost);
    }

    fn sync(&mut self, replica: usize) {
        if self.has_clock {
            self.store.set_time(self.now);
        }
        let now = self.time_of(replica);
        let replica = &mut self.replicas[replica];
        let Some(request) = replica.book.plan_sync(now) else { return };
        let reply = at_once(self.store.sync(&request)).expect("in order");
        replica.said.push(request);
        replica.book.apply_sync(reply, now);
    }

    fn lose(&mut self, replica: usize, arrived: bool) {
        let now = self.time_of(replica);
        let replica = &mut self.replicas[replica];
        let Some(request) = replica.book.plan_sync(now) else { return };
        if arrived {
            at_once(self.store.sync(&request)).expect("in order");
            replica.said.push(request);
        }
        replica.book.sync_failed(now);
    }

    fn double(&mut self, replica: usize) {
        let now = self.time_of(replica);
        let replica = &mut self.replicas[replica];
        let Some(request) = replica.book.plan_sync(now) else { return };
        let first = at_once(self.store.sync(&request)).expect("in order");
        let second = at_once(self.store.sync(&request)).expect("again");
        replica.said.push(request);
        replica.book.apply_sync(first, now);
        replica.book.apply_sync(second, now);
    }

    fn delay(&mut self, replica: usize) {
        let now = self.time_of(replica);
        let replica = &mut self.replicas[replica];
        let Some(request) = replica.book.plan_sync(now) else { return };
        let reply = at_once(self.store.sync(&request)).expect("in order");
        replica.said.push(request.clone());
        replica.late = Some((request, reply));
    }

    fn arrive(&mut self, replica: usize) {
        let now = self.time_of(replica);
        let replica = &mut self.replicas[replica];
        let Some((request, reply)) = replica.late.take() else { return };
        // A line gives the answers to what was asked on it; what was given up for lost may come all the same.
        let awaited = replica.book.plan_sync(now);
        let is_awaited = awaited.as_ref().is_some_and(|awaited| Arc::ptr_eq(awaited, &request));
        if is_awaited || awaited.is_none_or(|awaited| awaited.sequence != reply.sequence) {
            replica.book.apply_sync(reply, now);
        }
    }

    fn echo(&mut self, replica: usize, nth: usize) {
        let now = self.time_of(replica);
        let replica = &mut self.replicas[replica];
        if replica.said.is_empty() {
            return;
        }
        let request = &replica.said[nth % replica.said.len()];
        let reply = at_once(self.store.sync(request)).expect("it was in order once");
        // The answer to something said long ago. The last word's own answer may be the one that is awaited.
        if replica.book.plan_sync(now).is_none_or(|current| current.sequence != reply.sequence) {
            replica.book.apply_sync(reply, now);
        }
    }

    fn crash(&mut self, replica: usize) {
        let heir = self.born();
        self.dead.push(std::mem::replace(&mut self.replicas[replica], heir));
    }

    fn adopt(&self, by: usize, silence: Option<SignedDuration>) {
        let at = self.time_of(by);
        let by = self.replicas[by].book.replica().clone();
        let silent_since = silence.map(|silence| at - silence);
        let unrecorded = Unrecorded::Unknown;
        let adoption = Adoption { at, by, silent_since, unrecorded };
        at_once(self.store.adopt(adoption)).expect("it adopts");
    }

    fn raise(&self, budget: usize, by: u64) {
        let states = self.budgets();
        let Some(state) = states.get(budget % states.len()) else { return };
        let limit = state.budget.limit.with_amount(state.budget.limit.amount() + by);
        at_once(self.store.define_budget(Budget { limit, ..state.budget.clone() })).expect("it is raised");
    }

    fn adjust(&mut self, budget: usize, change: impl Fn(&BudgetState, Timestamp) -> Change) {
        let states = self.budgets();
        let Some(state) = states.get(budget % states.len()) else { return };
        self.adjustments += 1;
        let adjustment = Adjustment {
            id: self.adjustments.to_string().into(),
            budget: state.budget.id.clone(),
            at: self.now,
            by: "operator".into(),
            reason: "a test".to_owned(),
            change: change(state, self.now),
        };
        // An answer that was lost makes people do it again.
        for _ in 0..2 {
            at_once(self.store.adjust_budget(adjustment.clone())).expect("it is adjusted");
        }
        self.note_limits();
    }

    /// What was allowed for a time may be out on lease when that ends; and a replica whose clock is behind goes by the
    /// budget's own limit for a while yet, which someone may have raised above the one in its place.
    fn note_limits(&mut self) {
        for BudgetState { budget, window, limit, counter, .. } in self.budgets() {
            let credit = budget.allowance.credit + counter.credit;
            let limit = limit.max(budget.limit.amount().saturating_add_signed(credit));
            let highest = self.highest.entry(Counter { budget: budget.id, window }).or_default();
            *highest = limit.max(*highest);
        }
    }

    fn authorize(&mut self, amount: u64) {
        self.calls += 1;
        let call = CallId::from(CallId::first_at(self.now).get() + self.calls);
        let record = UsageRecord {
            call,
            started_at: self.now,
            path: path(),
            dialect: "charge".into(),
            client: None,
            tags: Tags::default(),
            model_requested: SEARCH.into(),
            model_served: SEARCH.into(),
            endpoint: Some("charge".into()),
            tokens: Tokens { input: amount, ..Tokens::default() },
            cost: Nanodollars::new(amount),
            uncached_cost: Nanodollars::new(amount),
            price_version: "charge".into(),
            first_byte_us: None,
            total_us: 0,
            outcome: Outcome::Complete,
            basis: Basis::Reported,
            stop_reason: None,
            upstream_request_id: None,
            status: 0,
            stream: false,
            counters: Vec::new(),
        };
        let (at, key) = (self.now, call.to_string().into());
        let (expires_at, waits_until) =
            (at + SignedDuration::from_secs(60), at + SignedDuration::from_secs(5));
        let wanted = Authorization { record, key, request: "".into(), at, expires_at, waits_until };
        let mut answers = Vec::new();
        // An answer that was lost makes services ask again.
        for _ in 0..2 {
            answers.push(at_once(self.store.authorize(wanted.clone())).expect("it answers"));
        }
        match (&answers[0], &answers[1]) {
            (Authorized::Charge(first), Authorized::Charge(second)) => assert_eq!(first, second),
            (Authorized::Short { .. }, Authorized::Short { .. }) => {}
            other => unreachable!("nothing happened in between: {other:?}"),
        }
        self.charges.push(ChargeId(call));
    }

    fn end_charge(&mut self, nth: usize, percent: u64) {
        let Some(id) = self.charges.get(nth.checked_rem(self.charges.len()).unwrap_or(0)).copied() else {
            return;
        };
        let Some(charge) = at_once(self.store.find_charge(id)).expect("it reads") else { return };
        let cost = charge.record.cost.get() * percent / 100;
        let end = match percent {
            0 => ChargeEnd::Void,
            _ => ChargeEnd::Capture {
                cost: Nanodollars::new(cost),
                tokens: Tokens { input: cost, ..Tokens::default() },
            },
        };
        for _ in 0..2 {
            let ended = at_once(self.store.end_charge(id, end.clone(), self.now));
            if let Ok(charge) = ended
                && charge.state == ChargeState::Captured
            {
                self.truth.insert(id.0, charge.record.cost.get());
            }
        }
    }

    fn expire(&self) {
        at_once(self.store.expire_charges(self.now)).expect("it ends them");
    }

    /// Only what the dead left behind: a replica that returns knows better.
    fn correct(&mut self, nth: usize, percent: u64) {
        let is_dead = |call: &CallId| self.dead.iter().any(|dead| dead.begun.contains(call));
        let calls = self.journal().into_iter().filter(|record| record.basis.can_be_corrected());
        let calls = calls.filter(|record| is_dead(&record.call)).map(|record| {
            let cost = record.cost.get() * percent / 100;
            let tokens = Tokens { output: cost, ..Tokens::default() };
            Truth::Call { call: record.call, cost: Nanodollars::new(cost), tokens }
        });
        let is_buried = |id: &ReplicaId| self.dead.iter().any(|dead| dead.book.replica() == id);
        let write_offs = at_once(self.store.write_offs()).expect("it lists");
        let leases = write_offs.into_iter().filter(|write_off| is_buried(&write_off.replica));
        let leases = leases.map(|write_off| {
            let spent = write_off.amount.amount() * percent / 100;
            Truth::WriteOff { replica: write_off.replica, counter: write_off.counter, spent }
        });
        let truths: Vec<_> = calls.chain(leases).collect();
        let Some(truth) = truths.get(nth.checked_rem(truths.len()).unwrap_or(0)) else { return };
        if let Truth::Call { call, cost, .. } = truth {
            self.truth.insert(*call, cost.get());
        }
        self.adjustments += 1;
        let (id, by) = (self.adjustments.to_string().into(), "operator".into());
        let (at, reason, truth) = (self.now, "a test".to_owned(), truth.clone());
        let correction = Correction { id, at, by, reason, truth };
        for _ in 0..2 {
            at_once(self.store.correct(correction.clone())).expect("it is corrected");
        }
    }

    /// A call counts on every budget that counts its model, and on no other. All but one are older than any call, and all are
    /// on its path.
    fn audit_filters(&self, journal: &[UsageRecord]) {
        let budgets = self.budgets();
        for record in journal {
            for BudgetState { budget, .. } in &budgets {
                let is_counted = record.counters.iter().any(|counter| counter.budget == budget.id);
                let is_meant = budget.counts(&record.model_served);
                let is_late = budget.id.as_str() == "late";
                assert!(is_counted == is_meant || is_late && !is_counted, "{budget:?} {record:?}");
            }
        }
    }

    /// No threshold is told twice, and none that was reached is kept back.
    fn audit_events(&self) {
        let query = EventQuery { limit: u32::MAX, ..EventQuery::default() };
        let events = at_once(self.store.events(query)).expect("it lists");
        let mut told: Vec<_> =
            events.iter().map(|event| (event.counter(), event.crossing.threshold)).collect();
        told.sort();
        assert!(told.windows(2).all(|pair| pair[0] != pair[1]), "{told:?}");
        for BudgetState { budget, window, limit, counter, .. } in self.budgets() {
            let id = Counter { budget: budget.id.clone(), window };
            // Where a limit was lowered, what it makes of the past is told with the next charge.
            let was_lowered = self.highest.get(&id) != Some(&limit);
            for threshold in budget.thresholds {
                let is_reached = counter.spent > 0 && counter.spent * 100 >= limit * u64::from(threshold);
                let is_told = told.contains(&(&id, threshold));
                assert!(is_told || was_lowered || !is_reached, "{id} {threshold} {counter:?}");
            }
        }
    }

    fn budgets(&self) -> Vec<BudgetState> {
        at_once(self.store.list_budgets(BudgetFilter::default(), self.now)).expect("it lists")
    }

    fn journal(&self) -> Vec<UsageRecord> {
        let query = JournalQuery { filter: UsageFilter::default(), before: None, limit: u32::MAX };
        at_once(self.store.journal(query)).expect("it reads").records
    }

    /// What must be true at any time.
    pub(crate) fn audit(&mut self) {
        self.note_limits();
        let journal = self.journal();
        for BudgetState { budget, window, counter, unresolved, .. } in self.budgets() {
            let counter_id = Counter { budget: budget.id.clone(), window };
            if budget.is_hard() {
                let bound = self.highest[&counter_id] + counter.uncovered;
                assert!(counter.spent + counter.leased <= bound, "{budget:?} {counter:?}");
                // Only what exceeded its quote, and a budget that came later than a call can be surprised by it.
                let is_late = budget.id.as_str() == "late";
                assert!(
                    is_late || counter.uncovered <= self.exceeded,
                    "{budget:?} {counter:?} {}",
                    self.exceeded
                );
            }
            let charged: u64 = journal
                .iter()
                .filter(|record| record.counters.contains(&counter_id))
                .map(|record| record.amount(budget.limit))
                .sum();
            assert_eq!(charged + unresolved, counter.spent, "the journal and {counter_id} tell the same");
        }
        self.audit_filters(&journal);
        for record in journal.iter().filter(|record| record.basis != Basis::Unresolved) {
            assert_eq!(self.truth.get(&record.call), Some(&record.cost.get()), "{record:?}");
        }
        for replica in &self.replicas {
            assert_eq!(replica.book.in_flight(), replica.open.len());
        }
        self.audit_events();
    }

    /// All calls end, everything is said, the dead are buried, and nobody asks for anything for a while.
    pub(crate) fn come_to_rest(&mut self) {
        for replica in 0..self.replicas.len() {
            while !self.replicas[replica].open.is_empty() {
                self.settle(replica, 0, 50);
            }
        }
        // Long enough for the clocks that differ most.
        for _ in 0..15 {
            self.now += SignedDuration::from_secs(10);
            for replica in 0..self.replicas.len() {
                self.sync(replica);
                self.sync(replica);
            }
        }
        self.adopt(0, Some(SILENCE));
        self.expire();
    }

    /// Every replica stops in good order: its calls end, and it says all that it has to say.
    pub(crate) fn stop_all(&mut self) {
        for replica in 0..self.replicas.len() {
            while !self.replicas[replica].open.is_empty() {
                self.settle(replica, 0, 50);
            }
            self.replicas[replica].book.retire();
            while self.replicas[replica].book.has_work() {
                self.sync(replica);
            }
        }
        self.now += SignedDuration::from_secs(60);
        self.expire();
    }

    /// What must be true when nothing is under way any more.
    pub(crate) fn audit_at_rest(&self) {
        for BudgetState { budget, counter, .. } in self.budgets() {
            assert_eq!(counter.leased, 0, "nothing of {} is stranded", budget.id);
        }
        let journal: BTreeMap<_, _> =
            self.journal().into_iter().map(|record| (record.call, record)).collect();
        for replica in &self.replicas {
            assert_eq!(replica.book.in_flight(), 0);
            let synced = replica.said.iter().flat_map(|request| &request.records);
            for record in synced {
                assert_eq!(journal.get(&record.call).map(|kept| kept.cost), Some(record.cost));
            }
        }
        // Whatever a living replica settled is there; the dead took with them only what they had not said.
        let dead_calls = self.dead.iter().flat_map(|dead| dead.open.iter().map(|(call, _)| call.call()));
        for call in dead_calls {
            let kept = journal.get(&call);
            assert!(kept.is_none_or(|record| record.outcome == Outcome::Lost), "{kept:?}");
        }
    }

    /// What the tenant's budget and the user's have left.
    pub(crate) fn free_of_tenant(&self) -> u64 {
        let free = |state: &BudgetState| state.budget.is_hard().then(|| state.remaining());
        self.budgets().iter().filter_map(free).min().expect("there are budgets")
    }

    /// One call, served as a server does it; all of its quote is spent.
    pub(crate) fn call_to_the_end(&mut self, cost: u64) -> bool {
        self.sync(0);
        let served = self.ask(0, cost).is_ok();
        self.settle(0, 0, 100);
        self.sync(0);
        served
    }

    /// The same on any replica, while the others poll.
    pub(crate) fn call_with_recall(&mut self, replica: usize, cost: u64) -> bool {
        let replica = replica % self.replicas.len();
        // A server waits for five polls before it refuses; the first may be the one that brings word.
        for _ in 0..6 {
            match self.ask(replica, cost) {
                Ok(()) => {
                    self.settle(replica, 0, 100);
                    self.sync(replica);
                    return true;
                }
                Err(short) if short.may_free => self.poll_all(),
                Err(_) => return false,
            }
        }
        false
    }

    /// Calls of which each waits on its replica for as long as there is hope. Gives the costs of those that it leaves.
    pub(crate) fn wait_together(&mut self, calls: Vec<(usize, u64)>) -> Vec<u64> {
        let count = self.replicas.len();
        let mut waiting: Vec<_> = calls.into_iter().map(|(replica, cost)| (replica % count, cost)).collect();
        let mut refused = Vec::new();
        for _ in 0..40 {
            waiting.retain(|(replica, cost)| match self.ask(*replica, *cost) {
                Ok(()) => false,
                Err(short) if short.may_free => true,
                Err(_) => {
                    refused.push(*cost);
                    false
                }
            });
            self.poll_all();
            for replica in 0..count {
                while !self.replicas[replica].open.is_empty() {
                    self.settle(replica, 0, 100);
                }
                self.sync(replica);
            }
        }
        refused.extend(waiting.into_iter().map(|(_, cost)| cost));
        refused
    }

    /// Asks for credit, and the store for as long as it may have some.
    fn ask(&mut self, replica: usize, cost: u64) -> Result<(), Shortfall> {
        for _ in 0..8 {
            match self.reserve(replica, MODELS[0], cost, cost) {
                Err(short) if short.may_improve => self.sync(replica),
                result => return result,
            }
        }
        unreachable!("nobody else takes what the store grants")
    }

    fn poll_all(&mut self) {
        self.now += POLL;
        for replica in 0..self.replicas.len() {
            self.sync(replica);
            self.sync(replica);
        }
    }
}
