//! Three servers on one PostgreSQL: what fits a budget is served and nothing more, whoever serves it; and when servers are
//! killed and PostgreSQL is stopped at any moment, no answer whose end a client has seen is lost from the books. And what is
//! ordered at one server, the others heed within a second.
//!
//! `SOAK_SECONDS` says for how long servers are killed; some seconds without it.

mod processes;
mod recording;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stonegate_api::{BudgetCreate, BudgetWindow, KeyCreated};
use stonegate_ledger::{Adoption, BudgetState, ReplicaId, Unrecorded};
use stonegate_server::clock;
use stonegate_server::operator::{KeyRequest, Operator};
use stonegate_simulator::{Options, Running, Simulator};

use processes::{
    Seen, Server, check_that_every_end_is_recorded, check_that_everything_adds_up, people, read_books,
};

const REPLICAS: usize = 3;
const CLIENTS: usize = 200;
/// How many calls a budget is made for. A dozen or so of the last are refused: what they would take is on lease where nobody
/// asks any more.
const CALLS: u64 = 2_000;
/// Within what time an order holds everywhere, counted from the moment at which it is sent.
const PROMISED: Duration = Duration::from_secs(1);
/// How many orders are given, most of which must hold in time at *all* servers. A machine that is busy with something else
/// delays one or another, so a single late one proves nothing. But servers that asked the store every two seconds only, at
/// moments of their own, would be late with three of four, and would pass once in fourteen times; every five seconds, never.
const ORDERS: usize = 7;
/// After what time an order is not late but lost.
const AT_ALL: Duration = Duration::from_secs(20);
/// So long that what is unsure of a quote, its input, is a small part of it.
const TEXT: &str = "say one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen \
    seventeen eighteen nineteen twenty and then again one two three four five six seven eight nine ten eleven twelve";

/// A PostgreSQL of the test's own.
struct Database {
    folder: tempfile::TempDir,
    url: String,
}

impl Database {
    /// `None` where there are no programs to start one with.
    #[expect(clippy::print_stdout, reason = "whoever runs the tests should know what was not tested")]
    fn start() -> Option<Database> {
        // Not in the folder for temporary files that the variables name: a socket's path must be short.
        let folder =
            tempfile::Builder::new().prefix("stonegate-fleet.").tempdir_in("/tmp").expect("a folder");
        let made = script(&["create", folder.path().to_str()?]);
        if made.status.code() == Some(3) {
            let why = String::from_utf8_lossy(&made.stderr);
            assert!(std::env::var_os("CI").is_none(), "continuous integration has to have PostgreSQL: {why}");
            println!("not tested: {why}");
            return None;
        }
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let url = String::from_utf8(made.stdout).expect("an address").trim().to_owned();
        Some(Database { folder, url })
    }

    /// As a crash.
    fn stop(&self) {
        script(&["stop", self.path(), "immediate"]);
    }

    fn start_again(&self) {
        let done = script(&["start", self.path()]);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    fn path(&self) -> &str {
        self.folder.path().to_str().expect("text")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.stop();
    }
}

fn script(arguments: &[&str]) -> std::process::Output {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../xtask/postgres.sh");
    Command::new("bash").arg(path).args(arguments).output().expect("bash runs")
}

struct Fleet {
    runtime: tokio::runtime::Runtime,
    simulator: Running,
    home: tempfile::TempDir,
    database: Database,
    replicas: Vec<RwLock<Option<Server>>>,
}

impl Fleet {
    /// PostgreSQL and the simulator, and no server yet.
    fn start() -> Option<Fleet> {
        let database = Database::start()?;
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let options = Options { record: Some(recording::file()), ..Options::default() };
        let simulator = runtime.block_on(Simulator::start(options)).expect("a simulator");
        let home = tempfile::tempdir().expect("a folder");
        let replicas = (0..REPLICAS).map(|_| RwLock::new(None)).collect();
        Some(Fleet { runtime, simulator, home, database, replicas })
    }

    fn serve_all(&self) {
        (0..REPLICAS).for_each(|number| self.serve(number));
    }

    /// Starts a replica; until PostgreSQL is there, it does not start.
    fn serve(&self, number: usize) {
        let data_dir: PathBuf = self.home.path().join(format!("data{number}"));
        // A call that does not fit is refused, not cut to fit: so all calls cost the same.
        let flags = ["--set", "budget.fit_floor_tokens=0"];
        let upstream = self.simulator.base_url();
        let server = Server::start(self.home.path(), &self.database.url, &data_dir, &upstream, &flags);
        *self.replicas[number].write().expect("no panic") = Some(server);
    }

    fn kill(&self, number: usize) {
        if let Some(server) = self.replicas[number].write().expect("no panic").take() {
            server.kill();
        }
    }

    /// All stop in good order, and the books of those that did not are closed.
    fn stop(&self) {
        for replica in &self.replicas {
            if let Some(server) = replica.write().expect("no panic").take() {
                server.stop();
            }
        }
        self.runtime.block_on(async {
            let options = stonegate_store::Options::default();
            let store = stonegate_store::open(&self.database.url, &options).await.expect("the store");
            let by = ReplicaId::new("heir");
            let (at, silent_since) = (clock::now(), None);
            let adoption = Adoption { at, by, silent_since, unrecorded: Unrecorded::Unknown };
            store.ledger.adopt(adoption).await.expect("adopted");
            store.close().await;
        });
    }

    fn call(&self, number: usize, key: &str, max_tokens: u64, stream: bool) -> Call {
        // Who calls holds nobody up who would take the server away.
        let connection = match &*self.replicas[number].read().expect("no panic") {
            Some(server) => server.connect(),
            None => None,
        };
        let Some(answer) = connection.and_then(|connection| connection.call(key, TEXT, max_tokens, stream))
        else {
            return Call::Nothing;
        };
        match (answer.end(), answer.status()) {
            (Some(seen), _) => Call::Ended(seen),
            (None, Some(429)) => Call::Refused,
            (None, _) => Call::Nothing,
        }
    }

    /// An act over the admin API of one of the servers.
    fn act(&self, number: usize, admin: &str, path: &str, body: &Value) {
        let server = self.replicas[number].read().expect("no panic");
        let connection = server.as_ref().and_then(Server::connect).expect("it is up");
        let status = connection.post(path, admin, body).expect("an answer").status();
        assert!(matches!(status, Some(200 | 201)), "{path}: {status:?}");
    }

    /// The status that a call gets from one of the servers.
    fn status(&self, number: usize, key: &str) -> u16 {
        let server = self.replicas[number].read().expect("no panic");
        let connection = server.as_ref().and_then(Server::connect).expect("it is up");
        let answer = connection.call(key, TEXT, 10, false).expect("an answer");
        answer.status().expect("a status")
    }

    /// Whether the first call is refused that a server gets once the promised time is over. It gets none before, for a call
    /// makes a server ask the store for news of budgets.
    fn heeds_in_time(&self, number: usize, key: &str, refusal: u16, ordered: Instant) -> bool {
        std::thread::sleep(PROMISED.saturating_sub(ordered.elapsed()));
        let mut tries = 0;
        loop {
            match self.status(number, key) {
                status if status == refusal => return tries == 0,
                status => assert_eq!(status, 200, "served, or refused as it should be"),
            }
            tries += 1;
            assert!(ordered.elapsed() < AT_ALL, "server {number} has not heard of it");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What one such call takes: its output tokens, and its cost in nano-dollars.
    fn measure(&self, key: &str) -> (u64, u64) {
        let Call::Ended(seen) = self.call(0, key, 1_000, false) else {
            unreachable!("there is no budget yet")
        };
        let Call::Ended(again) = self.call(0, key, seen.output_tokens, false) else {
            unreachable!("as before")
        };
        assert_eq!(seen.output_tokens, again.output_tokens, "it ends by itself");
        let books = self.runtime.block_on(read_books(&self.database.url));
        (seen.output_tokens, books.records[0].cost.get())
    }
}

enum Call {
    Ended(Seen),
    Refused,
    Nothing,
}

fn dollars(nanodollars: u64) -> String {
    format!("{}.{:09}", nanodollars / 1_000_000_000, nanodollars % 1_000_000_000)
}

#[test]
fn what_fits_a_budget_is_served_by_three_replicas_and_nothing_more() {
    let Some(fleet) = Fleet::start() else { return };
    let people_of = |users: &[&'static str], budgets: &[(&str, &str)]| {
        fleet.runtime.block_on(people(&fleet.database.url, users, budgets))
    };
    let (_, measuring) = people_of(&["eve"], &[]).remove(0);
    fleet.serve_all();
    let (tokens, cost) = fleet.measure(&measuring);
    let (_, key) = people_of(&["ann"], &[("user:ann", &dollars(cost * CALLS))]).remove(0);
    // By then every replica knows of it.
    std::thread::sleep(Duration::from_secs(1));

    let served = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (fleet, key, served) = (&fleet, &key, &served);
            scope.spawn(move || {
                loop {
                    match fleet.call(client % REPLICAS, key, tokens, false) {
                        Call::Ended(_) => served.fetch_add(1, Ordering::Relaxed),
                        Call::Refused => return,
                        Call::Nothing => unreachable!("all servers are up"),
                    };
                }
            });
        }
    });
    fleet.stop();

    let served = u64::try_from(served.into_inner()).expect("not that many");
    let books = fleet.runtime.block_on(read_books(&fleet.database.url));
    check_that_everything_adds_up(&books);
    let [BudgetState { counter, unresolved, .. }] = books.budgets.as_slice() else {
        unreachable!("one budget")
    };
    assert_eq!((counter.spent, *unresolved), (served * cost, 0));
    println!("{served} of {CALLS} calls were served");
    assert!(served <= CALLS, "{served}");
    assert!(served * 100 >= CALLS * 99, "{served} of {CALLS} calls that fit were served");
}

#[test]
fn killing_replicas_and_stopping_the_store_loses_nothing_and_overspends_nothing() {
    let Some(fleet) = Fleet::start() else { return };
    let users = ["ann", "bob", "carol"];
    let budgets = [("user:ann", "0.2"), ("user:bob", "100"), ("tenant:default", "1000")];
    // Before the servers start: a call that is under way when its budget is made is charged to it all the same.
    let keys = fleet.runtime.block_on(people(&fleet.database.url, &users, &budgets));
    fleet.serve_all();
    #[expect(clippy::disallowed_methods, reason = "a test's surroundings are in its variables")]
    let wanted = std::env::var("SOAK_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let until = Instant::now() + Duration::from_secs(wanted.unwrap_or(8));

    let seen = Mutex::new(Vec::new());
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (fleet, keys, seen, is_over) = (&fleet, &keys, &seen, &is_over);
            scope.spawn(move || {
                let (_, key) = &keys[client % keys.len()];
                for number in client.. {
                    if is_over.load(Ordering::Acquire) {
                        return;
                    }
                    match fleet.call(number % REPLICAS, key, 100, number % 3 == 0) {
                        Call::Ended(end) => seen.lock().expect("no panic").push(end),
                        // It comes again as a person would, not as a loop.
                        Call::Refused | Call::Nothing => std::thread::sleep(Duration::from_millis(50)),
                    }
                }
            });
        }
        while Instant::now() < until {
            disturb(&fleet);
        }
        is_over.store(true, Ordering::Release);
    });
    fleet.stop();

    let seen = seen.into_inner().expect("no panic");
    let books = fleet.runtime.block_on(read_books(&fleet.database.url));
    println!("{} ends seen, {} records", seen.len(), books.records.len());
    assert!(seen.len() > CLIENTS, "there was some load: {}", seen.len());
    check_that_every_end_is_recorded(&seen, &books.records);
    check_that_everything_adds_up(&books);
}

#[test]
fn a_budget_that_is_set_at_one_server_holds_at_all_within_a_second() {
    check_that_all_heed(429, Budgets::None, |key, _| set_least(key));
}

#[test]
fn a_budget_that_is_lowered_at_one_server_holds_at_all_within_a_second() {
    check_that_all_heed(429, Budgets::OneEach, |key, _| set_least(key));
}

#[test]
fn credit_that_is_taken_at_one_server_is_gone_at_all_within_a_second() {
    let body = json!({ "kind": "credit", "amount": "-100", "reason": "taken back" });
    check_that_all_heed(429, Budgets::OneEach, |_, budget| (adjustments(budget), body.clone()));
}

#[test]
fn a_limit_that_is_overridden_at_one_server_holds_at_all_within_a_second() {
    let until = "2099-01-01T00:00:00Z";
    let body = json!({ "kind": "override", "amount": "0", "until": until, "reason": "held" });
    check_that_all_heed(429, Budgets::OneEach, |_, budget| (adjustments(budget), body.clone()));
}

#[test]
fn a_key_that_is_revoked_at_one_server_stops_at_all_within_a_second() {
    check_that_all_heed(401, Budgets::None, |key, _| (format!("/admin/v1/keys/{key}/revoke"), json!({})));
}

/// Sets the least budget that there is.
fn set_least(key: &str) -> (String, Value) {
    let account = format!("key:{key}");
    let body = json!({ "account": account, "window": "total", "limit_usd": "0.000000001" });
    ("/admin/v1/budgets".to_owned(), body)
}

fn adjustments(budget: Option<&str>) -> String {
    format!("/admin/v1/budgets/{}/adjustments", budget.expect("each has one"))
}

/// Whether keys have budgets before an order is given.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Budgets {
    None,
    OneEach,
}

/// One order after another, of which each makes another key useless, is given at one server after another, and holds
/// everywhere within a second of being given. An order is made of the key and the key's budget.
fn check_that_all_heed(
    refusal: u16,
    budgets: Budgets,
    order: impl Fn(&str, Option<&str>) -> (String, Value),
) {
    let Some(fleet) = Fleet::start() else { return };
    let (admin, keys) = fleet.runtime.block_on(keys_to_lose(&fleet.database.url, budgets));
    fleet.serve_all();
    let mut in_time = 0;
    for (nth, (made, budget)) in keys.iter().enumerate() {
        let key = made.key.as_str();
        (0..REPLICAS).for_each(|number| assert_eq!(fleet.status(number, key), 200));
        let (path, body) = order(&made.about.id, budget.as_deref());
        let ordered = Instant::now();
        fleet.act(nth % REPLICAS, &admin, &path, &body);
        let is_in_time = std::thread::scope(|scope| {
            let fleet = &fleet;
            let asks = |number| scope.spawn(move || fleet.heeds_in_time(number, key, refusal, ordered));
            let asking: Vec<_> = (0..REPLICAS).map(asks).collect();
            // Each is awaited, also where one was late.
            let heeded: Vec<_> =
                asking.into_iter().map(|asked| asked.join().expect("it is heeded")).collect();
            heeded.into_iter().all(|in_time| in_time)
        });
        in_time += usize::from(is_in_time);
    }
    fleet.stop();
    assert!(in_time > ORDERS / 2, "{in_time} of {ORDERS}");
}

/// An administrator's key, and keys, each with its budget's id if it has one.
async fn keys_to_lose(url: &str, budgets: Budgets) -> (String, Vec<(KeyCreated, Option<String>)>) {
    let operator = Operator::open(url).await.expect("a store");
    let wanted =
        KeyRequest { name: "admin".to_owned(), scopes: Some("all".to_owned()), ..KeyRequest::default() };
    let admin = operator.create_key(&wanted).await.expect("a key").key;
    let mut keys = Vec::new();
    for number in 0..ORDERS {
        let user = Some("ann".to_owned());
        let wanted = KeyRequest { name: format!("key {number}"), user, ..KeyRequest::default() };
        let made = operator.create_key(&wanted).await.expect("a key");
        let mut budget = None;
        if budgets == Budgets::OneEach {
            let wanted = BudgetCreate {
                account: format!("key:{}", made.about.id),
                window: BudgetWindow::Total,
                limit_usd: Some("100".to_owned()),
                ..BudgetCreate::default()
            };
            budget = Some(operator.set_budget(&wanted).await.expect("a budget").id);
        }
        keys.push((made, budget));
    }
    operator.close().await;
    (admin, keys)
}

/// Kills a replica and starts it again, or stops PostgreSQL and starts it again.
fn disturb(fleet: &Fleet) {
    let [what, moment] = clock::random::<2>();
    std::thread::sleep(Duration::from_millis(200 + u64::from(moment)));
    match usize::from(what) % (REPLICAS + 1) {
        REPLICAS => {
            fleet.database.stop();
            std::thread::sleep(Duration::from_millis(u64::from(moment) * 2));
            fleet.database.start_again();
        }
        number => {
            fleet.kill(number);
            std::thread::sleep(Duration::from_millis(u64::from(moment)));
            fleet.serve(number);
        }
    }
}
