//! How many settled calls a store takes a second: what a book says of five hundred calls, each on three budgets, in syncs
//! one after another, as one server does them. Each call is a record of its own. And what a single call waits for that has
//! a sync to itself, with and without budgets.
//!
//! PostgreSQL is the one that `TEST_POSTGRES_URL` names: `POSTGRES_FSYNC=on xtask/postgres.sh run cargo bench -p
//! stonegate-store`. Each run leaves its schema there.

use std::sync::Arc;

use divan::{Bencher, counter::ItemsCount};
use jiff::Timestamp;
use sqlx::{Connection as _, Executor as _};
use stonegate_ledger::{
    AccountPath, Basis, Book, BookOptions, Budget, CallId, Draft, Limit, Nanodollars, Outcome, Picodollars,
    Quote, ReplicaId, Settlement, Tags, Tokens, Window,
};
use stonegate_store::{Durability, Options, Store, open};
use tokio::runtime::Runtime;

/// So many calls end while one sync is under way.
const CALLS: u32 = 500;
/// Who may have a budget.
const ACCOUNTS: [&str; 3] = ["tenant:acme", "user:ann", "key:k1"];

fn main() {
    divan::main();
}

#[divan::bench]
fn sqlite(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().expect("a folder");
    settle(bencher, &format!("sqlite:{}", folder.path().join("bench.db").display()), CALLS, ACCOUNTS.len());
}

#[divan::bench(args = [0, 3])]
fn sqlite_alone(bencher: Bencher<'_, '_>, budgets: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    settle(bencher, &format!("sqlite:{}", folder.path().join("bench.db").display()), 1, budgets);
}

#[divan::bench]
fn postgres(bencher: Bencher<'_, '_>) {
    #[expect(clippy::disallowed_methods, reason = "a benchmark's surroundings are in its variables")]
    let server = std::env::var("TEST_POSTGRES_URL");
    if let Ok(server) = server {
        settle(bencher, &in_a_schema(&server, "many"), CALLS, ACCOUNTS.len());
    }
}

#[divan::bench(args = [0, 3])]
fn postgres_alone(bencher: Bencher<'_, '_>, budgets: usize) {
    #[expect(clippy::disallowed_methods, reason = "a benchmark's surroundings are in its variables")]
    let server = std::env::var("TEST_POSTGRES_URL");
    if let Ok(server) = server {
        settle(bencher, &in_a_schema(&server, &format!("alone_{budgets}")), 1, budgets);
    }
}

fn in_a_schema(server: &str, name: &str) -> String {
    let name = format!("bench_{}_{name}", std::process::id());
    Runtime::new().expect("a runtime").block_on(async {
        let mut connection = sqlx::PgConnection::connect(server).await.expect("a server");
        let create = format!("CREATE SCHEMA {name}");
        connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(create))).await.expect("a schema");
    });
    let mark = if server.contains('?') { '&' } else { '?' };
    format!("{server}{mark}options=-csearch_path%3D{name}")
}

fn settle(bencher: Bencher<'_, '_>, url: &str, calls: u32, budgets: usize) {
    let runtime = Runtime::new().expect("a runtime");
    // What the disk takes to be sure is not what is compared.
    let durability = if calls == 1 { Durability::Process } else { Durability::Power };
    let options = Options { durability, ..Options::default() };
    let store = runtime.block_on(open(url, &options)).expect("a store");
    let book = Book::new(ReplicaId::new("bench"), BookOptions::default());
    runtime.block_on(async {
        for account in ACCOUNTS.into_iter().take(budgets) {
            let limit = Limit::Usd(Nanodollars::new(i64::MAX.unsigned_abs()));
            let id = account.replace(':', "-");
            let budget = Budget::block(id, account.parse().expect("an account"), Window::Total, limit);
            store.ledger.define_budget(budget).await.expect("a budget");
        }
        sync(&store, &book).await;
    });
    let path = AccountPath::new("acme", None, "ann", Some("k1".into()));
    let mut number = 0_u128;
    bencher.counter(ItemsCount::new(calls)).bench_local(|| {
        for _ in 0..calls {
            number += 1;
            let reservation = loop {
                match book.reserve(&path, quote(), draft(number), now()) {
                    Ok(reservation) => break reservation,
                    Err(_) => runtime.block_on(sync(&store, &book)),
                }
            };
            let tokens = Tokens { input: 900, output: 100, ..Tokens::default() };
            let cost = Nanodollars::new(4_200_000);
            reservation.settle(Settlement::new(Outcome::Complete, Basis::Reported, cost, tokens));
        }
        runtime.block_on(sync(&store, &book));
    });
}

async fn sync(store: &Store, book: &Book) {
    while let Some(request) = book.plan_sync(now()) {
        let reply = store.ledger.sync(&Arc::clone(&request)).await.expect("it is taken");
        book.apply_sync(reply, now());
    }
}

fn now() -> Timestamp {
    Timestamp::from_second(1_795_262_400).expect("a time")
}

fn quote() -> Quote {
    Quote {
        input: Nanodollars::new(5_000_000),
        input_tokens: 1_000,
        per_output_token: Picodollars::new(0),
        output_tokens: 0,
        least_output_tokens: 0,
    }
}

fn draft(number: u128) -> Draft {
    Draft {
        call: CallId::from(CallId::first_at(now()).get() + number),
        started_at: now(),
        dialect: "anthropic".into(),
        client: Some("claude-cli".into()),
        tags: Tags::default(),
        model_requested: "claude-sonnet-5-5".into(),
        model_served: "claude-sonnet-5-5".into(),
        price_version: "2026-11".into(),
        stream: true,
    }
}
