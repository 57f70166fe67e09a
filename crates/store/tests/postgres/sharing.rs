//! Several processes on one database.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use sqlx::{Connection as _, Executor as _};
use stonegate_ledger::{
    AccountPath, Adoption, Basis, Book, BookOptions, Budget, BudgetFilter, CallId, Corrected, Correction,
    Counter, Draft, JournalQuery, LeaseMove, LedgerStore, Limit, Nanodollars, Outcome, Picodollars, Quote,
    ReplicaId, Settlement, SyncRequest, Tags, Tokens, Truth, Unrecorded, UsageFilter, Window,
};
use stonegate_store::Store;

use crate::schema::{Schema, schema};

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

async fn with_budgets(schema: &Schema, limit: u64) -> Store {
    let store = schema.open().await;
    for (id, account) in [("b1", "tenant:acme"), ("b2", "user:ann"), ("b3", "user:ann")] {
        let limit = Limit::Usd(Nanodollars::new(limit));
        let budget = Budget::block(id, account.parse().unwrap(), Window::Total, limit);
        store.ledger.define_budget(budget).await.unwrap();
    }
    store
}

fn draft(number: u128) -> Draft {
    Draft {
        call: CallId::from(CallId::first_at(now()).get() + number),
        started_at: now(),
        dialect: "anthropic".into(),
        client: None,
        tags: Tags::default(),
        model_requested: "sonnet".into(),
        model_served: "claude-sonnet-5-5".into(),
        price_version: "2026-11".into(),
        stream: false,
    }
}

fn quote(asked: u64) -> Quote {
    Quote {
        input: Nanodollars::new(asked),
        input_tokens: asked,
        per_output_token: Picodollars::new(0),
        output_tokens: 0,
        least_output_tokens: 0,
    }
}

async fn sync(store: &dyn LedgerStore, book: &Book) {
    while let Some(request) = book.plan_sync(now()) {
        let reply = store.sync(&request).await.unwrap();
        book.apply_sync(reply, now());
    }
}

/// Calls of one nano-dollar by one replica, until the budgets are used up. Gives how many there were.
async fn spend(store: Store, replica: u128) -> u64 {
    let book = Book::new(ReplicaId::new(format!("r{replica}")), BookOptions::default());
    sync(&*store.ledger, &book).await;
    let path = AccountPath::new("acme", None, "ann", None);
    let mut served = 0;
    for number in 0.. {
        match book.reserve(&path, quote(1), draft(replica << 32 | number), now()) {
            Ok(reservation) => {
                let tokens = Tokens::default();
                let end = Settlement::new(Outcome::Complete, Basis::Reported, Nanodollars::new(1), tokens);
                reservation.settle(end);
                served += 1;
            }
            Err(shortfall) if shortfall.may_improve => sync(&*store.ledger, &book).await,
            Err(_) => break,
        }
    }
    book.retire();
    sync(&*store.ledger, &book).await;
    served
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_spend_at_the_same_time_spend_no_more_than_there_is() {
    let schema = schema!();
    let store = with_budgets(&schema, 1_000).await;
    let mut replicas = tokio::task::JoinSet::new();
    for number in 0..4 {
        replicas.spawn(spend(schema.open().await, number));
    }
    let mut served = 0;
    while let Some(done) = replicas.join_next().await {
        served += done.unwrap();
    }
    let states = store.ledger.list_budgets(BudgetFilter::default(), now()).await.unwrap();
    for state in &states {
        let counter = state.counter;
        assert_eq!((counter.spent, counter.leased, counter.uncovered), (served, 0, 0), "{}", state.budget.id);
    }
    assert!(served <= 1_000, "{served}");
    // Whoever stops first may leave something to the others that have stopped as well.
    assert!(served >= 900, "{served}");
    let query = JournalQuery { filter: UsageFilter::default(), before: None, limit: 10_000 };
    let records = store.ledger.journal(query).await.unwrap().records;
    assert_eq!(u64::try_from(records.len()).unwrap(), served);
}

#[tokio::test]
async fn windows_begin_and_end_by_the_databases_clock() {
    let schema = schema!();
    let store = schema.open().await;
    let limit = Limit::Usd(Nanodollars::new(1_000));
    let daily = Budget::block("daily", "tenant:acme".parse().unwrap(), Window::Daily, limit);
    store.ledger.define_budget(daily.clone()).await.unwrap();
    for (number, days) in [(1, -4_000), (2, 4_000)] {
        let clock = now() + SignedDuration::from_hours(days * 24);
        let book = Book::new(ReplicaId::new(format!("r{number}")), BookOptions::default());
        // What the database said first and last: a day may end in between.
        let mut said = Vec::new();
        for _ in 0..3 {
            book.ask_for_news();
            let request = book.plan_sync(clock).expect("news are wanted");
            let reply = store.ledger.sync(&request).await.unwrap();
            said.push(reply.store_time.expect("it has a clock"));
            book.apply_sync(reply, clock);
            let path = AccountPath::new("acme", None, "ann", None);
            drop(book.reserve(&path, quote(1), draft(number), clock).map(|reservation| {
                let (outcome, tokens) = (Outcome::Complete, Tokens::default());
                reservation.settle(Settlement::new(outcome, Basis::Reported, Nanodollars::new(1), tokens))
            }));
        }
        let filter = BudgetFilter::default();
        let days = said.iter().map(|time| daily.counter_at(*time));
        let mut spent = 0;
        for (counter, time) in days.zip(&said) {
            let states = store.ledger.list_budgets(filter.clone(), *time).await.unwrap();
            assert_eq!(states[0].window, counter.window);
            spent = spent.max(states[0].counter.spent + states[0].counter.leased);
        }
        assert!(spent > 0, "booked today by a clock that is years off");
    }
}

fn asking(replica: &str, counters: &[&str]) -> Arc<SyncRequest> {
    let step = |budget: &&str| LeaseMove {
        counter: Counter {
            budget: stonegate_ledger::BudgetId::new(*budget),
            window: "total".parse().unwrap(),
        },
        charged: 0,
        returned: 0,
        least: 1,
        most: 1,
    };
    Arc::new(SyncRequest {
        replica: ReplicaId::new(replica),
        sequence: 1,
        at: now(),
        budgets_version: 0,
        is_poll: false,
        opened: Vec::new(),
        records: Vec::new(),
        closed: Vec::new(),
        moves: counters.iter().map(step).collect(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_name_counters_in_another_order_do_not_block_each_other() {
    let schema = schema!();
    let _store = with_budgets(&schema, 1_000_000).await;
    let mut replicas = tokio::task::JoinSet::new();
    for (replica, order) in
        [("r1", ["b1", "b2", "b3"]), ("r2", ["b3", "b2", "b1"]), ("r3", ["b2", "b3", "b1"])]
    {
        let store = schema.open().await;
        replicas.spawn(async move {
            for sequence in 1..=100 {
                let mut request = (*asking(replica, &order)).clone();
                request.sequence = sequence;
                store.ledger.sync(&Arc::new(request)).await.unwrap();
            }
        });
    }
    while let Some(done) = replicas.join_next().await {
        done.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_would_adopt_the_dead_one_does() {
    let schema = schema!();
    let store = with_budgets(&schema, 1_000).await;
    for replica in ["dead1", "dead2", "dead3"] {
        store.ledger.sync(&asking(replica, &["b1", "b2"])).await.unwrap();
    }
    let mut heirs = tokio::task::JoinSet::new();
    for number in 0..6 {
        let store = schema.open().await;
        heirs.spawn(async move {
            let by = ReplicaId::new(format!("heir{number}"));
            let adoption =
                Adoption { at: now(), by, silent_since: Some(now()), unrecorded: Unrecorded::Unknown };
            store.ledger.adopt(adoption).await.unwrap()
        });
    }
    let mut replicas = 0;
    while let Some(adopted) = heirs.join_next().await {
        replicas += adopted.unwrap().replicas;
    }
    assert_eq!(replicas, 3);
    let states = store.ledger.list_budgets(BudgetFilter::default(), now()).await.unwrap();
    let counts =
        |state: &stonegate_ledger::BudgetState| (state.counter.spent, state.counter.leased, state.unresolved);
    assert_eq!(states.iter().map(counts).collect::<Vec<_>>(), [(3, 0, 3), (3, 0, 3), (0, 0, 0)]);
}

/// A replica that hangs in the midst of its sync and is given up: what it held is free, and its request can be said again.
#[tokio::test]
async fn a_request_is_taken_once_though_an_older_connection_is_at_it() {
    let schema = schema!();
    let store = with_budgets(&schema, 1_000).await;
    store.ledger.sync(&asking("r1", &["b1"])).await.unwrap();
    let mut hanging = schema.connect().await;
    hanging
        .execute("BEGIN; SELECT * FROM replicas FOR UPDATE; SELECT * FROM counters FOR UPDATE")
        .await
        .unwrap();
    // What the hanging one does before it ends is what a sync does: it moves money and counts the request.
    hanging
        .execute(
            "UPDATE replicas SET sequence = 2; UPDATE counters SET leased = 11 WHERE budget = 'b1';
             UPDATE leases SET leased = 11 WHERE budget = 'b1'",
        )
        .await
        .unwrap();
    let mut request = (*asking("r1", &["b1"])).clone();
    request.sequence = 2;
    let request = Arc::new(request);
    let (reply, ()) = tokio::join!(store.ledger.sync(&request), async {
        // By then the other one waits for the row, or has yet to ask for it; either way it has to see what is written here.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        hanging.execute("COMMIT").await.unwrap();
        hanging.close().await.unwrap();
    });
    let leases: Vec<_> = reply.unwrap().leases.iter().map(|lease| lease.leased).collect();
    assert_eq!(leases, [11], "counted once, and answered with what holds now");
}

#[tokio::test]
async fn a_connection_that_the_server_ends_is_made_anew() {
    let schema = schema!();
    let store = with_budgets(&schema, 1_000).await;
    store.ledger.sync(&asking("r1", &["b1"])).await.unwrap();
    let mut connection = schema.connect().await;
    // All but this one that have its name: the test's own.
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE pid <> pg_backend_pid() AND application_name = current_setting('application_name')";
    connection.execute(end).await.unwrap();
    connection.close().await.unwrap();
    let mut request = (*asking("r1", &["b1"])).clone();
    request.sequence = 2;
    let request = Arc::new(request);
    let mut failures = 0;
    let reply = loop {
        match store.ledger.sync(&request).await {
            Ok(reply) => break reply,
            Err(error) => {
                failures += 1;
                assert!(failures < 3, "{error}");
            }
        }
    };
    assert!(failures > 0, "it was ended");
    assert_eq!(reply.leases[0].leased, 2);
}

#[tokio::test]
async fn a_name_with_a_nul_in_it_is_recorded_all_the_same() {
    let schema = schema!();
    let store = with_budgets(&schema, 1_000).await;
    let book = Book::new(
        ReplicaId::new("r1"),
        BookOptions { open_grace: SignedDuration::ZERO, ..BookOptions::default() },
    );
    sync(&*store.ledger, &book).await;
    let path = AccountPath::new("other", None, "bob", None);
    let odd = Draft { model_requested: "a\0b".into(), client: Some("\0".into()), ..draft(1) };
    let settled = book.reserve(&path, quote(1), odd.clone(), now()).unwrap();
    let lost = Draft { call: draft(2).call, ..odd };
    std::mem::forget(book.reserve(&path, quote(1), lost, now()).unwrap());
    settled.settle(Settlement::new(
        Outcome::Complete,
        Basis::Reported,
        Nanodollars::new(1),
        Tokens::default(),
    ));
    sync(&*store.ledger, &book).await;
    let adoption =
        Adoption { at: now(), by: ReplicaId::new("heir"), silent_since: None, unrecorded: Unrecorded::None };
    assert_eq!(store.ledger.adopt(adoption).await.unwrap().calls, 1);
    let query = JournalQuery { filter: UsageFilter::default(), before: None, limit: 10 };
    let records = store.ledger.journal(query).await.unwrap().records;
    let names: Vec<_> = records.iter().map(|record| &*record.model_requested).collect();
    assert_eq!(names, ["a\u{fffd}b", "a\u{fffd}b"]);
}

#[tokio::test]
async fn a_sync_of_many_records_has_more_time() {
    let schema = schema!();
    let store = with_budgets(&schema, 1_000_000).await;
    // A server that is so slow that ten seconds would not do.
    let mut connection = schema.connect().await;
    let slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    IF current_setting('statement_timeout') = '10s' THEN RAISE EXCEPTION 'too slow'; END IF;
                    RETURN NULL;
                END $$;
                CREATE TRIGGER slow AFTER INSERT ON journal FOR EACH STATEMENT EXECUTE FUNCTION slow()";
    connection.execute(sqlx::raw_sql(slow)).await.unwrap();
    connection.close().await.unwrap();
    let book = Book::new(ReplicaId::new("r1"), BookOptions::default());
    sync(&*store.ledger, &book).await;
    let path = AccountPath::new("other", None, "bob", None);
    for number in 0..1_500 {
        let reservation = book.reserve(&path, quote(1), draft(number), now()).unwrap();
        let cost = Nanodollars::new(1);
        reservation.settle(Settlement::new(Outcome::Complete, Basis::Reported, cost, Tokens::default()));
    }

    sync(&*store.ledger, &book).await;

    let query = JournalQuery { filter: UsageFilter::default(), before: None, limit: 10_000 };
    assert_eq!(store.ledger.journal(query).await.unwrap().records.len(), 1_500);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_that_several_send_at_once_is_made_once() {
    let schema = schema!();
    let store = with_budgets(&schema, 1_000).await;
    let book = Book::new(
        ReplicaId::new("dead"),
        BookOptions { open_grace: SignedDuration::ZERO, ..BookOptions::default() },
    );
    sync(&*store.ledger, &book).await;
    let path = AccountPath::new("other", None, "bob", None);
    std::mem::forget(book.reserve(&path, quote(9), draft(1), now()).unwrap());
    let other = book.reserve(&path, quote(1), draft(2), now()).unwrap();
    other.settle(Settlement::new(Outcome::Complete, Basis::Reported, Nanodollars::new(1), Tokens::default()));
    sync(&*store.ledger, &book).await;
    let adoption =
        Adoption { at: now(), by: ReplicaId::new("heir"), silent_since: None, unrecorded: Unrecorded::None };
    assert_eq!(store.ledger.adopt(adoption).await.unwrap().calls, 1);
    let truth = Truth::Call { call: draft(1).call, cost: Nanodollars::new(4), tokens: Tokens::default() };
    let correction =
        Correction { id: "c1".into(), at: now(), by: "ann".into(), reason: "its log".into(), truth };
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (store, correction) = (schema.open().await, correction.clone());
        senders.spawn(async move { store.ledger.correct(correction).await });
    }
    while let Some(sent) = senders.join_next().await {
        sent.unwrap().unwrap();
    }
    assert_eq!(store.ledger.corrections(9).await.unwrap(), [Corrected { correction, before: 9, after: 4 }]);
}
