//! What 100,000 keys cost: loading them at the start, and telling who is calling by one of them.
//!
//! PostgreSQL is the one that `TEST_POSTGRES_URL` names, in a database in which nothing is: `make bench-keys`.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark says what it found, and ends where it cannot"
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;
use stonegate_identity::{KeyText, Scopes};
use stonegate_server::directory::DirectoryCache;
use stonegate_store::{Durability, Options, Store, open};

const KEYS: u64 = 100_000;
/// Each has so many of the keys, as the settings allow.
const KEYS_PER_USER: u64 = 5;
const ROUNDS: usize = 5;
/// What both may cost at most.
const START_MOST: Duration = Duration::from_secs(2);
const CALL_MOST: Duration = Duration::from_micros(5);

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = Options { durability: Durability::Process, ..Options::default() };
        let folder = tempfile::tempdir().unwrap();
        println!("SQLite, {KEYS} keys");
        let file = format!("sqlite:{}", folder.path().join("keys.db").display());
        measure(open(&file, &options).await.unwrap()).await;
        if let Ok(server) = std::env::var("TEST_POSTGRES_URL") {
            println!("PostgreSQL, {KEYS} keys");
            measure(open(&server, &options).await.unwrap()).await;
        }
    });
}

async fn measure(store: Store) {
    store.import(&mut lines().as_bytes()).await.unwrap();
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        black_box(DirectoryCache::load(Arc::clone(&store.directory), now()).await.unwrap());
        times.push(began.elapsed());
    }
    tell("the directory is loaded", median(times), START_MOST);

    let cache = DirectoryCache::load(Arc::clone(&store.directory), now()).await.unwrap();
    // Each key comes once a round, in an order that no cache of the processor foresees.
    let shown: Vec<String> = (0..KEYS).map(|at| text(at * 48_271 % KEYS).as_str().to_owned()).collect();
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        for shown in &shown {
            let key = KeyText::parse(shown).unwrap();
            let grant = cache.grant(&key.digest(), now()).await.unwrap().unwrap();
            black_box(grant.admit(now()).unwrap());
        }
        times.push(began.elapsed() / u32::try_from(KEYS).unwrap());
    }
    tell("a caller is told by their key", median(times), CALL_MOST);
    store.close().await;
}

fn tell(what: &str, time: Duration, most: Duration) {
    println!("  {what} in {time:.2?} (at most {most:?})");
    assert!(time < most, "{what} in {time:?}");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn now() -> Timestamp {
    Timestamp::from_second(1_795_262_400).unwrap()
}

fn text(number: u64) -> KeyText {
    let mut random = [0; 24];
    random[..8].copy_from_slice(&number.to_le_bytes());
    KeyText::mint(random)
}

/// A copy of a store with these keys.
fn lines() -> String {
    let mut lines = String::from("{\"stonegate_store\":1}\n");
    let mut rows = 0_u64;
    let mut row = |table: &str, row: serde_json::Value| {
        writeln!(lines, "{}", json!({ table: row })).unwrap();
        rows += 1;
    };
    row("directory_version", json!({ "only": 1, "version": 1 }));
    row("tenants", json!({ "id": "acme", "name": "Acme", "models": "", "created_at": 0, "version": 1 }));
    let user = |number: u64| format!("usr_{:06}", number / KEYS_PER_USER);
    for number in (0..KEYS).step_by(5) {
        let (id, name) = (user(number), format!("user {number}"));
        row(
            "users",
            json!({ "id": id, "tenant_id": "acme", "name": name, "role": "user", "models": "", "created_at": 0,
                    "version": 1 }),
        );
    }
    let (id, scopes) = (|number: u64| format!("key_{number:06}"), Scopes::for_calls().to_string());
    for number in 0..KEYS {
        row(
            "keys",
            json!({ "id": id(number), "user_id": user(number), "name": "laptop", "scopes": scopes, "models": "",
                    "public_form": "sk-stone-0000…0000000", "created_at": 0, "version": 1 }),
        );
    }
    for number in 0..KEYS {
        let digest = format!("\\x{}", text(number).digest().to_hex());
        row("key_texts", json!({ "digest": digest, "key_id": id(number), "created_at": 0 }));
    }
    writeln!(lines, "{}", json!({ "end": { "rows": rows } })).unwrap();
    lines
}
