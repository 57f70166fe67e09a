//! What the tests are arranged with: a store, a clock that is moved by hand, and books that are synced by hand.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::{
    AccountPath, Adopted, Adoption, Answer, Basis, Book, BookOptions, Budget, BudgetFilter, BudgetState,
    CallId, Draft, JournalQuery, LedgerStore, Limit, Nanodollars, Outcome, Picodollars, Quote, ReplicaId,
    Reservation, Settlement, Shortfall, SyncReply, Tags, Tally, Tokens, Unrecorded, UsageBy, UsageFilter,
    UsagePer, UsageQuery, UsageRecord, Window,
};

/// A store under test, with whatever it needs to live.
pub trait Fixture {
    /// The store.
    fn store(&self) -> &dyn LedgerStore;

    /// Lets time pass in a store that goes by a clock of its own.
    fn pass(&self, _time: SignedDuration) -> Answer<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

impl<T: LedgerStore> Fixture for T {
    fn store(&self) -> &dyn LedgerStore {
        self
    }
}

/// A store, and the time.
pub(super) struct Desk<S> {
    fixture: S,
    pub(super) now: Timestamp,
}

impl<S: Fixture> Desk<S> {
    pub(super) fn new(fixture: S) -> Self {
        Self { fixture, now: "2026-11-21T12:00:00Z".parse().expect("it is a time") }
    }

    pub(super) fn store(&self) -> &dyn LedgerStore {
        self.fixture.store()
    }

    pub(super) fn pass(&mut self, time: SignedDuration) {
        self.now += time;
    }

    /// Lets time pass by the store's clock as well.
    pub(super) async fn pass_for_all(&mut self, time: SignedDuration) {
        self.pass(time);
        self.fixture.pass(time).await.expect("time passes");
    }

    /// Defines `b1`, a hard budget in nano-dollars on tenant `acme`, by the month.
    pub(super) async fn with_budget(self, limit: u64) -> Self {
        let account = "tenant:acme".parse().expect("it is an account");
        let limit = Limit::Usd(Nanodollars::new(limit));
        self.define(Budget::block("b1", account, Window::Monthly, limit)).await;
        self
    }

    pub(super) async fn define(&self, budget: Budget) {
        self.store().define_budget(budget).await.expect("the budget can be");
    }

    /// A new replica's book, which has read the budgets.
    pub(super) async fn book(&self, replica: &str) -> Book {
        let options = BookOptions { open_grace: SignedDuration::ZERO, ..BookOptions::default() };
        let book = Book::new(ReplicaId::new(replica), options);
        self.sync(&book).await;
        assert!(book.is_ready());
        book
    }

    /// Syncs until there is nothing more to say.
    pub(super) async fn sync(&self, book: &Book) {
        while let Some(request) = book.plan_sync(self.now) {
            let reply = self.store().sync(&request).await.expect("the store takes it");
            self.hear(book, reply);
        }
    }

    /// Brings an answer to a book. The clock of a database cannot be moved by a test, so what it says is left out.
    pub(super) fn hear(&self, book: &Book, reply: SyncReply) {
        book.apply_sync(SyncReply { store_time: None, ..reply }, self.now);
    }

    /// Reserves as a server does: on a shortfall that may improve it syncs once and tries once more.
    pub(super) async fn reserve(
        &self,
        book: &Book,
        number: u8,
        asked: u64,
    ) -> Result<Reservation, Shortfall> {
        match self.try_reserve(book, number, asked) {
            Err(shortfall) if shortfall.may_improve => {
                self.sync(book).await;
                self.try_reserve(book, number, asked)
            }
            result => result,
        }
    }

    /// Reserves what is at hand.
    pub(super) fn try_reserve(&self, book: &Book, number: u8, asked: u64) -> Result<Reservation, Shortfall> {
        book.reserve(&path(), quote(asked), self.draft(number), self.now)
    }

    pub(super) fn draft(&self, number: u8) -> Draft {
        Draft {
            call: CallId::from_parts(self.now, [number; 10]),
            started_at: self.now,
            dialect: "anthropic".into(),
            client: Some("claude-code".into()),
            tags: Tags::default(),
            model_requested: "sonnet".into(),
            model_served: "claude-sonnet-5-5".into(),
            price_version: "2026-11".into(),
            stream: true,
        }
    }

    /// How budget `b1` stands.
    pub(super) async fn b1(&self) -> BudgetState {
        let states = self.store().list_budgets(BudgetFilter::default(), self.now).await.expect("it lists");
        states.into_iter().find(|state| state.budget.id.as_str() == "b1").expect("there is a b1")
    }

    /// Spent, leased, uncovered and unresolved of `b1`.
    pub(super) async fn b1_counts(&self) -> (u64, u64, u64, u64) {
        let BudgetState { counter, unresolved, .. } = self.b1().await;
        (counter.spent, counter.leased, counter.uncovered, unresolved)
    }

    pub(super) async fn records(&self) -> Vec<UsageRecord> {
        let query = JournalQuery { filter: UsageFilter::default(), before: None, limit: 10_000 };
        let records = self.store().journal(query).await.expect("it reads").records;
        self.check_sums(&records).await;
        records
    }

    /// The sums are those of the records, in whichever way they are asked for.
    async fn check_sums(&self, records: &[UsageRecord]) {
        let mut tally = Tally::default();
        records.iter().for_each(|record| tally.add(record));
        for per in [None, Some(UsagePer::Day), Some(UsagePer::Hour)] {
            let by = Some(UsageBy::User);
            let query = UsageQuery { by, per, ..UsageQuery::of(UsageFilter::default()) };
            let expected = tally.answer(&query);
            assert_eq!(self.store().usage(query).await.expect("it sums"), expected, "per {per:?}");
        }
    }

    /// Declares dead whoever has been silent since `silent_since`, or all but `by`.
    pub(super) async fn adopt(
        &self,
        by: &str,
        silent_since: Option<Timestamp>,
        unrecorded: Unrecorded,
    ) -> Adopted {
        let adoption = Adoption { at: self.now, by: ReplicaId::new(by), silent_since, unrecorded };
        self.store().adopt(adoption).await.expect("it adopts")
    }
}

/// A caller of tenant `acme`.
pub(super) fn path() -> AccountPath {
    let [acme, core, ada, k1]: [Arc<str>; 4] = ["acme", "core", "ada", "k1"].map(Arc::from);
    AccountPath::new(acme, Some(core), ada, Some(k1))
}

/// A quote of exactly that many nano-dollars, which cannot be lowered.
pub(super) fn quote(asked: u64) -> Quote {
    Quote {
        input: Nanodollars::new(asked),
        input_tokens: asked,
        per_output_token: Picodollars::new(0),
        output_tokens: 0,
        least_output_tokens: 0,
    }
}

/// A complete call that cost so many nano-dollars and took as many tokens.
pub(super) fn settled(cost: u64) -> Settlement {
    let tokens = Tokens { input: cost, ..Tokens::default() };
    Settlement::new(Outcome::Complete, Basis::Reported, Nanodollars::new(cost), tokens)
}
