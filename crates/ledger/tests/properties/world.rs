//! Replicas, a store, and an auditor who trusts neither.

use std::{
    collections::BTreeMap,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use jiff::{SignedDuration, Timestamp};
use stonegate_ledger::{
    AccountPath, Adoption, Basis, Book, BookOptions, Budget, BudgetFilter, BudgetState, CallId, Counter,
    Draft, JournalQuery, LedgerStore, Limit, MemoryStore, Mode, Nanodollars, Outcome, Picodollars, Quote,
    ReplicaId, Reservation, Seen, Settlement, SyncRequest, Tokens, Unrecorded, UsageFilter, UsageRecord,
    Window,
};

use crate::step::Step;

/// A replica is taken for dead after so long a silence.
const SILENCE: SignedDuration = SignedDuration::from_secs(20);

struct Replica {
    book: Book,
    open: Vec<(Reservation, u64)>,
    said: Vec<Arc<SyncRequest>>,
}

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
}

fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("the reference store answers at once"),
    }
}

fn path() -> AccountPath {
    AccountPath::new("acme", None, "ada", Some("k1".into()))
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
        };
        world.define("tenant", "tenant:acme", Window::Daily, Limit::Usd(Nanodollars::new(200)), Mode::Block);
        world.define("user", "user:ada", Window::Total, Limit::Tokens(400), Mode::Block);
        world.define("count", "key:k1", Window::Total, Limit::Usd(Nanodollars::new(1)), Mode::Notify);
        for _ in 0..replicas {
            let replica = world.born();
            world.replicas.push(replica);
        }
        world
    }

    fn born(&mut self) -> Replica {
        self.lives += 1;
        let id = ReplicaId::new(format!("life-{}", self.lives));
        Replica { book: Book::new(id, BookOptions::default()), open: Vec::new(), said: Vec::new() }
    }

    fn define(&self, id: &str, account: &str, window: Window, limit: Limit, mode: Mode) {
        let account = account.parse().expect("an account");
        let budget = Budget { mode, ..Budget::block(id, account, window, limit) };
        at_once(self.store.define_budget(budget)).expect("the budget can be");
    }

    pub(crate) fn take(&mut self, step: &Step) {
        let count = self.replicas.len();
        match *step {
            Step::Reserve { replica, quote, least } => self.reserve(replica % count, quote, least),
            Step::Settle { replica, nth, percent } => self.settle(replica % count, nth, percent),
            Step::Drop { replica, nth, sent } => self.drop_call(replica % count, nth, sent),
            Step::Sync { replica } => self.sync(replica % count),
            Step::LoseRequest { replica } => self.lose(replica % count, false),
            Step::LoseAnswer { replica } => self.lose(replica % count, true),
            Step::Double { replica } => self.double(replica % count),
            Step::Echo { replica, nth } => self.echo(replica % count, nth),
            Step::Crash { replica } => self.crash(replica % count),
            Step::Adopt { by } => self.adopt(by % count, Some(SILENCE)),
            Step::Raise { budget, by } => self.raise(budget, by),
            Step::Define { limit } => self.define_late(limit),
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

    fn reserve(&mut self, replica: usize, ask: u64, least: u64) {
        self.calls += 1;
        let call = CallId::from(CallId::first_at(self.now).get() + self.calls);
        // One nano-dollar and one token for each token of output, so that both kinds of budget see the same number.
        let quote = Quote {
            input: Nanodollars::ZERO,
            input_tokens: 0,
            per_output_token: Picodollars::new(1_000),
            output_tokens: ask,
            least_output_tokens: least,
        };
        let name: Arc<str> = "model".into();
        let draft = Draft {
            call,
            started_at: self.now,
            dialect: "anthropic".into(),
            client: None,
            model_requested: name.clone(),
            model_served: name,
            price_version: "1".into(),
            stream: false,
        };
        let replica = &mut self.replicas[replica];
        if let Ok(reservation) = replica.book.reserve(&path(), quote, draft, self.now) {
            let granted = reservation.output_tokens();
            assert!(granted <= ask && granted >= least);
            replica.open.push((reservation, granted));
        }
    }

    fn settle(&mut self, replica: usize, nth: usize, percent: u64) {
        let open = &mut self.replicas[replica].open;
        if open.is_empty() {
            return;
        }
        let (reservation, granted) = open.swap_remove(nth % open.len());
        let cost = granted * percent / 100;
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
        let replica = &mut self.replicas[replica];
        let Some(request) = replica.book.plan_sync(self.now) else { return };
        let reply = at_once(self.store.sync(&request)).expect("in order");
        replica.said.push(request);
        replica.book.apply_sync(reply, self.now);
    }

    fn lose(&mut self, replica: usize, arrived: bool) {
        let replica = &mut self.replicas[replica];
        let Some(request) = replica.book.plan_sync(self.now) else { return };
        if arrived {
            at_once(self.store.sync(&request)).expect("in order");
            replica.said.push(request);
        }
        replica.book.sync_failed(self.now);
    }

    fn double(&mut self, replica: usize) {
        let replica = &mut self.replicas[replica];
        let Some(request) = replica.book.plan_sync(self.now) else { return };
        let first = at_once(self.store.sync(&request)).expect("in order");
        let second = at_once(self.store.sync(&request)).expect("again");
        replica.said.push(request);
        replica.book.apply_sync(first, self.now);
        replica.book.apply_sync(second, self.now);
    }

    fn echo(&mut self, replica: usize, nth: usize) {
        let replica = &mut self.replicas[replica];
        if replica.said.is_empty() {
            return;
        }
        let request = &replica.said[nth % replica.said.len()];
        let reply = at_once(self.store.sync(request)).expect("it was in order once");
        // The answer to something said long ago. The last word's own answer may be the one that is awaited.
        if replica.book.plan_sync(self.now).is_none_or(|current| current.sequence != reply.sequence) {
            replica.book.apply_sync(reply, self.now);
        }
    }

    fn crash(&mut self, replica: usize) {
        let heir = self.born();
        self.dead.push(std::mem::replace(&mut self.replicas[replica], heir));
    }

    fn adopt(&self, by: usize, silence: Option<SignedDuration>) {
        let by = self.replicas[by].book.replica().clone();
        let silent_since = silence.map(|silence| self.now - silence);
        let unrecorded = Unrecorded::Unknown;
        let adoption = Adoption { at: self.now, by, silent_since, unrecorded };
        at_once(self.store.adopt(adoption)).expect("it adopts");
    }

    fn raise(&self, budget: usize, by: u64) {
        let states = self.budgets();
        let Some(state) = states.get(budget % states.len()) else { return };
        let limit = state.budget.limit.with_amount(state.budget.limit.amount() + by);
        at_once(self.store.define_budget(Budget { limit, ..state.budget.clone() })).expect("it is raised");
    }

    fn budgets(&self) -> Vec<BudgetState> {
        at_once(self.store.list_budgets(BudgetFilter::default(), self.now)).expect("it lists")
    }

    fn journal(&self) -> Vec<UsageRecord> {
        let query = JournalQuery { filter: UsageFilter::default(), before: None, limit: u32::MAX };
        at_once(self.store.journal(query)).expect("it reads").records
    }

    /// What must be true at any time.
    pub(crate) fn audit(&self) {
        let journal = self.journal();
        for BudgetState { budget, window, counter, unresolved, .. } in self.budgets() {
            if let Some(limit) = budget.hard_limit() {
                let bound = limit + counter.uncovered;
                assert!(counter.spent + counter.leased <= bound, "{budget:?} {counter:?}");
                // Quotes here are upper bounds, so only a budget that came later than a call can be surprised by it.
                assert!(counter.uncovered == 0 || budget.id.as_str() == "late", "{budget:?} {counter:?}");
            }
            let counter_id = Counter { budget: budget.id.clone(), window };
            let charged: u64 = journal
                .iter()
                .filter(|record| record.counters.contains(&counter_id))
                .map(|record| record.amount(budget.limit))
                .sum();
            assert_eq!(charged + unresolved, counter.spent, "the journal and {counter_id} tell the same");
        }
        for record in journal.iter().filter(|record| record.basis != Basis::Unresolved) {
            assert_eq!(self.truth.get(&record.call), Some(&record.cost.get()), "{record:?}");
        }
        for replica in &self.replicas {
            assert_eq!(replica.book.in_flight(), replica.open.len());
        }
    }

    /// All calls end, everything is said, the dead are buried, and nobody asks for anything for a while.
    pub(crate) fn come_to_rest(&mut self) {
        for replica in 0..self.replicas.len() {
            while !self.replicas[replica].open.is_empty() {
                self.settle(replica, 0, 50);
            }
        }
        for _ in 0..8 {
            self.now += SignedDuration::from_secs(10);
            for replica in 0..self.replicas.len() {
                self.sync(replica);
                self.sync(replica);
            }
        }
        self.adopt(0, Some(SILENCE));
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
        let free = |state: &BudgetState| {
            let limit = state.budget.hard_limit()?;
            Some(limit - state.counter.spent)
        };
        self.budgets().iter().filter_map(free).min().expect("there are budgets")
    }

    /// One call, served as a server does it; all of its quote is spent.
    pub(crate) fn call_to_the_end(&mut self, cost: u64) -> bool {
        self.sync(0);
        self.reserve(0, cost, cost);
        if self.replicas[0].open.is_empty() {
            self.sync(0);
            self.reserve(0, cost, cost);
        }
        let served = !self.replicas[0].open.is_empty();
        self.settle(0, 0, 100);
        self.sync(0);
        served
    }
}
