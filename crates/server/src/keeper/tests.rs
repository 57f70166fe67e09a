//! The keeper before a store that comes and goes.

use jiff::Timestamp;
use stonegate_ledger::{
    AccountPath, Adopted, Adoption, Answer, Basis, BookOptions, Budget, BudgetFilter, BudgetId, BudgetState,
    Draft, JournalPage, JournalQuery, MemoryStore, Nanodollars, Outcome, Picodollars, Quote, ReplicaId,
    Settlement, SyncReply, SyncRequest, Tokens, UsageQuery, UsageSum,
};

use super::*;

/// The reference store, on a line that can be cut.
struct Flaky {
    store: MemoryStore,
    is_cut: Arc<AtomicBool>,
}

impl LedgerStore for Flaky {
    fn sync<'a>(&'a self, request: &'a Arc<SyncRequest>) -> Answer<'a, SyncReply> {
        Box::pin(async move {
            if self.is_cut.load(Ordering::Relaxed) {
                return Err(StoreError::Unavailable("the line is cut".to_owned()));
            }
            self.store.sync(request).await
        })
    }

    fn adopt(&self, adoption: Adoption) -> Answer<'_, Adopted> {
        self.store.adopt(adoption)
    }

    fn define_budget(&self, budget: Budget) -> Answer<'_, ()> {
        self.store.define_budget(budget)
    }

    fn remove_budget(&self, id: BudgetId) -> Answer<'_, bool> {
        self.store.remove_budget(id)
    }

    fn list_budgets(&self, filter: BudgetFilter, at: Timestamp) -> Answer<'_, Vec<BudgetState>> {
        self.store.list_budgets(filter, at)
    }

    fn usage(&self, query: UsageQuery) -> Answer<'_, Vec<UsageSum>> {
        self.store.usage(query)
    }

    fn journal(&self, query: JournalQuery) -> Answer<'_, JournalPage> {
        self.store.journal(query)
    }
}

fn keeper() -> (Arc<Keeper>, Arc<AtomicBool>) {
    let is_cut = Arc::new(AtomicBool::new(false));
    let store = Flaky { store: MemoryStore::new(), is_cut: Arc::clone(&is_cut) };
    let book = Book::new(ReplicaId::new("r1"), BookOptions::default());
    let keeper = Keeper::new(book, Arc::new(store), Arc::default(), Duration::from_secs(10));
    (Arc::new(keeper), is_cut)
}

/// Settles a call that cost nothing, on an account without budgets.
fn settle(keeper: &Keeper) -> Ticket {
    let now = clock::now();
    let path = AccountPath::new("acme", None, "ann", None);
    let quote = Quote {
        input: Nanodollars::ZERO,
        input_tokens: 0,
        per_output_token: Picodollars::default(),
        output_tokens: 1,
        least_output_tokens: 1,
    };
    let draft = Draft {
        call: clock::call_id(now),
        started_at: now,
        dialect: "anthropic".into(),
        client: None,
        model_requested: "m".into(),
        model_served: "m".into(),
        price_version: "1".into(),
        stream: false,
    };
    let reservation = keeper.book().reserve(&path, quote, draft, now).expect("nothing limits it");
    reservation.settle(Settlement::new(
        Outcome::Complete,
        Basis::Reported,
        Nanodollars::ZERO,
        Tokens::default(),
    ))
}

#[tokio::test(start_paused = true)]
async fn a_record_waits_for_a_store_that_is_away_and_is_kept_when_it_returns() {
    let (keeper, is_cut) = keeper();
    keeper.sync().await.expect("the store answers");
    let stop = CancellationToken::new();
    let running = tokio_util::task::TaskTracker::new().spawn({
        let (keeper, stop) = (Arc::clone(&keeper), stop.clone());
        async move { keeper.run(stop).await }
    });

    is_cut.store(true, Ordering::Relaxed);
    let mut durable = Box::pin(keeper.durable(settle(&keeper)));
    assert!(tokio::time::timeout(Duration::from_secs(3), &mut durable).await.is_err(), "nothing is kept yet");
    assert!(keeper.is_away());

    is_cut.store(false, Ordering::Relaxed);
    assert_eq!(durable.await, Ok(()));
    assert!(!keeper.is_away());

    stop.cancel();
    running.await.expect("it ends");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_ever() {
    let (keeper, _) = keeper();
    keeper.sync().await.expect("the store answers");
    let ticket = settle(&keeper);

    // Nobody runs the keeper.
    assert_eq!(keeper.durable(ticket).await, Err(StoreAway));
    assert_eq!(keeper.news().await, Err(StoreAway));
}
