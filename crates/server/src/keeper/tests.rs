//! The keeper before a store that comes and goes.

use stonegate_ledger::conformance::Unsteady;
use stonegate_ledger::{
    AccountPath, Basis, BookOptions, Draft, MemoryStore, Nanodollars, Outcome, Picodollars, Quote, ReplicaId,
    Settlement, Tags, Tokens,
};

use super::*;

fn keeper(on_outage: OnOutage) -> (Arc<Keeper>, Arc<AtomicBool>) {
    let patience = Patience { wait: Duration::from_secs(10), on_outage };
    let is_cut = Arc::new(AtomicBool::new(false));
    let store = Unsteady::new(Arc::new(MemoryStore::new()), Arc::clone(&is_cut));
    let book = Book::new(ReplicaId::new("r1"), BookOptions::default());
    let keeper = Keeper::new(book, Arc::new(store), Arc::default(), patience);
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
        tags: Tags::default(),
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
    let (keeper, is_cut) = keeper(OnOutage::Refuse);
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
    let (keeper, _) = keeper(OnOutage::Refuse);
    keeper.sync().await.expect("the store answers");
    let ticket = settle(&keeper);

    // Nobody runs the keeper.
    assert_eq!(keeper.durable(ticket).await, Err(StoreAway));
    assert_eq!(keeper.news().await, Err(StoreAway));
}

#[tokio::test(start_paused = true)]
async fn new_calls_are_refused_while_the_store_is_away_but_not_for_a_hiccup() {
    let (keeper, is_cut) = keeper(OnOutage::Refuse);
    keeper.sync().await.expect("the store answers");
    settle(&keeper);
    is_cut.store(true, Ordering::Relaxed);
    keeper.sync().await.expect_err("the line is cut");
    assert_eq!(keeper.admit(), Ok(()), "it may be nothing");
    tokio::time::advance(SLOW).await;
    assert_eq!(keeper.admit(), Err(StoreAway));
    is_cut.store(false, Ordering::Relaxed);
    keeper.sync().await.expect("it is back");
    assert_eq!(keeper.admit(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn calls_go_on_while_the_store_is_away_where_that_is_set() {
    let (keeper, is_cut) = keeper(OnOutage::ServeLeased);
    keeper.sync().await.expect("the store answers");
    let first = keeper.durable(settle(&keeper));
    is_cut.store(true, Ordering::Relaxed);
    keeper.sync().await.expect_err("the line is cut");
    tokio::time::advance(SLOW).await;
    assert_eq!(keeper.admit(), Ok(()));
    let started = Instant::now();
    assert_eq!(keeper.durable(settle(&keeper)).await, Ok(()));
    assert_eq!(started.elapsed(), Duration::ZERO, "nobody waits for a store that is known to be away");
    assert_eq!(first.await, Ok(()), "nor for ever for one that was there a moment ago");
    let last = settle(&keeper);
    assert!(keeper.book().durable() < last);
    is_cut.store(false, Ordering::Relaxed);
    while keeper.book().durable() < last {
        keeper.sync().await.expect("it is back");
    }
}
