//! How long reports take over a year of calls.
//!
//! `STONEGATE_BENCH_CALLS` says how many calls the year has (default 1,000,000). PostgreSQL is the one that
//! `TEST_POSTGRES_URL` names, in a database in which nothing is: `xtask/postgres.sh run cargo bench -p stonegate-store
//! --bench reports`; `-- postgres` or `-- sqlite` behind it measures one of them.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark says what it found, and ends where it cannot"
)]

mod generator;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use stonegate_ledger::{
    Budget, JournalQuery, Limit, Nanodollars, UsageBy, UsageFilter, UsagePer, UsageQuery, Window,
};
use stonegate_store::{Durability, Options, Store, open};

use generator::Generator;

/// So many calls are told to the store at a time while the year is made.
const BATCH: u64 = 10_000;
/// A question is asked so often; the median is told.
const ROUNDS: usize = 5;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = Options { durability: Durability::Process, ..Options::default() };
        let named: Vec<String> =
            std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
        let is_wanted = |name: &str| named.is_empty() || named.iter().any(|wanted| wanted == name);
        if is_wanted("sqlite") {
            let folder = tempfile::tempdir().unwrap();
            println!("SQLite");
            let file = format!("sqlite:{}", folder.path().join("year.db").display());
            measure(open(&file, &options).await.unwrap()).await;
        }
        if is_wanted("postgres")
            && let Ok(server) = std::env::var("TEST_POSTGRES_URL")
        {
            println!("PostgreSQL");
            measure(open(&server, &options).await.unwrap()).await;
        }
    });
}

/// Makes a year of calls and asks what people ask.
async fn measure(store: Store) {
    let calls: u64 =
        std::env::var("STONEGATE_BENCH_CALLS").ok().map_or(1_000_000, |text| text.parse().unwrap());
    let step = Duration::from_secs(365 * 24 * 3600) / u32::try_from(calls).unwrap();
    let mut generator = Generator::new(1_000, step);
    let limit = Limit::Usd(Nanodollars::new(i64::MAX.unsigned_abs()));
    let account = "tenant:tenant-1".parse().unwrap();
    store.ledger.define_budget(Budget::block("b1", account, Window::Monthly, limit)).await.unwrap();
    let began = Instant::now();
    for _ in 0..calls / BATCH {
        store.ledger.sync(&Arc::new(generator.request(BATCH))).await.unwrap();
    }
    println!("  {calls} calls of a year made in {:.0?}", began.elapsed());
    sums(&store).await;
    records(&store).await;
    store.close().await;
}

/// What is asked of the sums: by whom, per day or hour, and of which calls.
async fn sums(store: &Store) {
    let year = UsageFilter { from: at("2026-01-01T00:00:00Z"), ..UsageFilter::default() };
    let month =
        UsageFilter { from: at("2026-06-01T00:00:00Z"), until: at("2026-07-01T00:00:00Z"), ..year.clone() };
    let hours =
        UsageFilter { from: at("2026-06-01T09:00:00Z"), until: at("2026-06-29T17:00:00Z"), ..year.clone() };
    let of_user = UsageFilter { user: Some(generator::user(7).into()), ..year.clone() };
    let of_tenant = UsageFilter { tenant: Some("tenant-1".into()), ..year.clone() };
    let of_model = UsageFilter { model: Some("claude-opus-5-5".into()), ..year.clone() };
    let (day, hour) = (Some(UsagePer::Day), Some(UsagePer::Hour));
    for (what, by, per, filter) in [
        ("a year, in one sum", None, None, &year),
        ("a year, by user", Some(UsageBy::User), None, &year),
        ("a year, by key", Some(UsageBy::Key), None, &year),
        ("a year, by model, per day", Some(UsageBy::Model), day, &year),
        ("a year, by user, per day", Some(UsageBy::User), day, &year),
        ("a year, by tag", Some(UsageBy::Tag), None, &year),
        ("a year of one user, per day", None, day, &of_user),
        ("a year of one tenant, by user", Some(UsageBy::User), None, &of_tenant),
        ("a year of one model, by team", Some(UsageBy::Team), None, &of_model),
        ("a month, by user", Some(UsageBy::User), None, &month),
        ("four weeks from nine to five, by user", Some(UsageBy::User), None, &hours),
        ("a month, by model, per hour", Some(UsageBy::Model), hour, &month),
        ("a month, by user, per hour", Some(UsageBy::User), hour, &month),
    ] {
        let query = UsageQuery { by, per, limit: 1_000, ..UsageQuery::of(filter.clone()) };
        tell(what, async || store.ledger.usage(query.clone()).await.unwrap().len()).await;
    }
}

/// What is asked of the records: a page of the newest calls.
async fn records(store: &Store) {
    let of = |filter| JournalQuery { filter, before: None, limit: 100 };
    let user = UsageFilter { user: Some(generator::user(7).into()), ..UsageFilter::default() };
    let long_ago = UsageFilter { until: at("2026-03-01T00:00:00Z"), ..user.clone() };
    let nobody = UsageFilter { user: Some("nobody".into()), ..UsageFilter::default() };
    for (what, filter) in [
        ("100 calls of anybody", UsageFilter::default()),
        ("100 calls of one user", user),
        ("100 calls of one user, long ago", long_ago),
        ("no call of nobody", nobody),
    ] {
        tell(what, async || store.ledger.journal(of(filter.clone())).await.unwrap().records.len()).await;
    }
}

async fn tell(what: &str, ask: impl AsyncFn() -> usize) {
    let mut times = Vec::with_capacity(ROUNDS);
    let mut found = 0;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        found = ask().await;
        times.push(began.elapsed());
    }
    times.sort();
    println!("  {what}: {:.1?} ({found} found)", times[ROUNDS / 2]);
}

fn at(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}
