//! `kill -9` at any moment, under load, again and again: no answer whose end a client has seen is lost from the books, no
//! budget is overspent, and everything adds up to the nano-dollar.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use stonegate_api::{BudgetCreate, BudgetMode, BudgetWindow};
use stonegate_ledger::{
    AccountKind, BudgetFilter, BudgetState, JournalQuery, Outcome, UsageFilter, UsageRecord,
};
use stonegate_server::clock;
use stonegate_server::operator::{KeyRequest, Operator};
use stonegate_simulator::{Options, Running, SAMPLE_BEARER_TOKEN, Simulator};

/// How often the server is killed.
const CRASHES: usize = 5;
/// Ann has a budget that is soon used up, Bob one that lasts, Carol none.
const USERS: [&str; 3] = ["ann", "bob", "carol"];
/// How many of each call at a time.
const CLIENTS: usize = 3;
/// Ann's budget, in nano-dollars.
const ANNS_LIMIT: u64 = 60_000_000;

/// An answer whose end a client has seen.
struct Seen {
    request_id: String,
    output_tokens: u64,
}

struct World {
    runtime: tokio::runtime::Runtime,
    simulator: Running,
    home: tempfile::TempDir,
    keys: Vec<(&'static str, String)>,
}

impl World {
    fn new() -> World {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let options = Options { pace: Duration::from_millis(2), ..Options::default() };
        let simulator = runtime.block_on(Simulator::start(options)).expect("a simulator");
        let home = tempfile::tempdir().expect("a folder");
        let mut world = World { runtime, simulator, home, keys: Vec::new() };
        world.keys = world.runtime.block_on(people(&world.store_url()));
        world
    }

    fn data_dir(&self) -> PathBuf {
        self.home.path().join("data")
    }

    fn store_url(&self) -> String {
        format!("sqlite:{}", self.data_dir().join("stonegate.db").display())
    }

    fn serve(&self) -> Server {
        Server::start(self.home.path(), &self.data_dir(), &self.simulator.base_url())
    }

    /// Clients that call and call until the server is killed.
    fn load(&self, server: &Server, seen: &std::sync::Mutex<Vec<Seen>>) {
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for (user, key) in self.keys.iter().flat_map(|key| std::iter::repeat_n(key, CLIENTS)) {
                let is_over = &is_over;
                scope.spawn(move || {
                    for number in 0.. {
                        if is_over.load(Ordering::Acquire) {
                            return;
                        }
                        let Some(answer) = server.call(user, key, number % 3 != 0) else { return };
                        seen.lock().expect("no panic").extend(answer.end());
                    }
                });
            }
            let [moment, finer] = clock::random::<2>();
            std::thread::sleep(Duration::from_millis(100 + u64::from(moment) + u64::from(finer % 8)));
            server.kill();
            is_over.store(true, Ordering::Release);
        });
    }
}

/// Users with keys, and budgets for two of them and for all.
async fn people(url: &str) -> Vec<(&'static str, String)> {
    let operator = Operator::open(url).await.expect("a store");
    let mut keys = Vec::new();
    for user in USERS {
        let wanted =
            KeyRequest { name: format!("of {user}"), user: Some(user.to_owned()), ..KeyRequest::default() };
        keys.push((user, operator.create_key(&wanted).await.expect("a key").key));
    }
    for (account, usd) in [("user:ann", "0.06"), ("user:bob", "100"), ("tenant:default", "1000")] {
        let budget = BudgetCreate {
            id: None,
            account: account.to_owned(),
            window: BudgetWindow::Total,
            limit_usd: Some(usd.to_owned()),
            limit_tokens: None,
            mode: BudgetMode::Block,
            model_filter: None,
            thresholds: Vec::new(),
        };
        operator.set_budget(&budget).await.expect("a budget");
    }
    operator.close().await;
    keys
}

/// A `stonegate serve`.
struct Server {
    child: std::sync::Mutex<Child>,
    address: String,
}

impl Server {
    fn start(home: &Path, data_dir: &Path, upstream: &str) -> Server {
        let mut child = Command::new(env!("CARGO_BIN_EXE_stonegate"))
            .env_clear()
            .env("HOME", home)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", upstream)
            .env("AWS_BEARER_TOKEN_BEDROCK", SAMPLE_BEARER_TOKEN)
            .args(["serve", "--listen", "127.0.0.1:0", "--json", "--data-dir"])
            .arg(data_dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("a line");
        let ready: Value = serde_json::from_str(&line).expect("it is ready");
        let address = ready["listen"].as_str().expect("an address").to_owned();
        Server { child: std::sync::Mutex::new(child), address }
    }

    /// SIGKILL.
    fn kill(&self) {
        let mut child = self.child.lock().expect("no panic");
        child.kill().expect("killed");
        child.wait().expect("it is dead");
    }

    /// SIGTERM.
    fn stop(self) {
        let mut child = self.child.into_inner().expect("no panic");
        let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        assert!(told.expect("kill runs").success());
        assert!(child.wait().expect("it ends").success());
    }

    /// Whatever of an answer arrived; `None` when nobody listens any more.
    fn call(&self, user: &str, key: &str, stream: bool) -> Option<Answer> {
        let body = json!({
            "model": "claude-sonnet-5-5", "max_tokens": 100, "stream": stream,
            "messages": [{ "role": "user", "content": format!("say {user} counts one two three four five") }],
        })
        .to_string();
        let mut connection = TcpStream::connect(&self.address).ok()?;
        write!(
            connection,
            "POST /v1/messages HTTP/1.1\r\nhost: stonegate\r\nconnection: close\r\nx-api-key: {key}\r\n\
             anthropic-version: 2023-06-01\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .ok()?;
        let mut bytes = Vec::new();
        let mut piece = [0; 4096];
        while let Ok(read @ 1..) = connection.read(&mut piece) {
            bytes.extend_from_slice(&piece[..read]);
        }
        Some(Answer { text: String::from_utf8_lossy(&bytes).into_owned(), stream })
    }
}

/// What arrived of an answer, head and all.
struct Answer {
    text: String,
    stream: bool,
}

impl Answer {
    /// What the client knows if it saw the end of a good answer.
    fn end(&self) -> Option<Seen> {
        let (head, body) = self.text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?;
        // A server that is up has nothing but answers and refusals by budget.
        assert!(matches!(status, "200" | "429"), "{}", self.text);
        if status != "200" {
            return None;
        }
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let request_id = header("request-id:")?.to_owned();
        let usage = if self.stream {
            // Each event is one line, and no line is cut by a chunk: the last write is `message_stop` alone.
            body.lines().find(|line| line.starts_with("data: {\"type\":\"message_stop\""))?;
            let delta = body.lines().find(|line| line.starts_with("data: {\"type\":\"message_delta\""))?;
            serde_json::from_str::<Value>(delta.strip_prefix("data: ")?).ok()?["usage"].clone()
        } else {
            let length: usize = header("content-length:")?.parse().ok()?;
            (body.len() == length).then_some(())?;
            serde_json::from_str::<Value>(body).ok()?["usage"].clone()
        };
        Some(Seen { request_id, output_tokens: usage["output_tokens"].as_u64()? })
    }
}

/// What the store holds in the end.
struct Books {
    records: Vec<UsageRecord>,
    budgets: Vec<BudgetState>,
}

async fn read_books(url: &str) -> Books {
    let store = stonegate_store::open(url, &stonegate_store::Options::default()).await.expect("the store");
    let mut records = Vec::new();
    let mut before = None;
    loop {
        let query = JournalQuery { filter: UsageFilter::default(), before, limit: 500 };
        let page = store.ledger.journal(query).await.expect("the journal");
        records.extend(page.records);
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    let budgets = store.ledger.list_budgets(BudgetFilter::default(), clock::now()).await.expect("budgets");
    store.close().await;
    Books { records, budgets }
}

#[test]
fn a_server_that_is_killed_again_and_again_loses_nothing_and_overspends_nothing() {
    let world = World::new();
    let seen = std::sync::Mutex::new(Vec::new());
    for _ in 0..CRASHES {
        let server = world.serve();
        world.load(&server, &seen);
    }
    // The last one closes the books of the dead.
    world.serve().stop();
    let seen = seen.into_inner().expect("no panic");
    assert!(seen.len() > CRASHES * 5, "there was some load: {}", seen.len());

    let books = world.runtime.block_on(read_books(&world.store_url()));
    check_that_every_end_is_recorded(&seen, &books.records);
    check_that_everything_adds_up(&books);
    check_that_what_upstream_bills_is_covered(&world.simulator, &books);
    println!("{} ends seen, {} records", seen.len(), books.records.len());
}

fn check_that_every_end_is_recorded(seen: &[Seen], records: &[UsageRecord]) {
    let mut by_id: HashMap<String, Vec<&UsageRecord>> = HashMap::new();
    for record in records {
        by_id.entry(record.call.to_string()).or_default().push(record);
    }
    for Seen { request_id, output_tokens } in seen {
        let found = by_id.get(request_id).map(Vec::as_slice).unwrap_or_default();
        assert_eq!(found.len(), 1, "records of {request_id}");
        let record = found[0];
        assert_eq!((record.outcome, record.tokens.output), (Outcome::Complete, *output_tokens), "{record:?}");
        assert!(record.cost.get() > 0, "{record:?}");
    }
    assert_eq!(by_id.len(), records.len(), "no record is there twice");
}

fn check_that_everything_adds_up(books: &Books) {
    assert_eq!(books.budgets.len(), 3);
    for state in &books.budgets {
        let id = &state.budget.id;
        let is_charged = |record: &&UsageRecord| record.counters.iter().any(|counter| counter.budget == *id);
        let sum: u64 = books.records.iter().filter(is_charged).map(|record| record.cost.get()).sum();
        assert_eq!(state.counter.spent, sum + state.unresolved, "{id}, to the nano-dollar");
        assert_eq!((state.counter.leased, state.counter.uncovered), (0, 0), "{id}");
        assert!(state.counter.spent <= state.budget.limit.amount(), "{id} is overspent");
    }
}

/// AWS bills an answer in full, whether anyone read it or not, and all of these answers cost the same.
fn check_that_what_upstream_bills_is_covered(simulator: &Running, books: &Books) {
    let complete = |record: &&UsageRecord| record.outcome == Outcome::Complete;
    let dearest = books.records.iter().filter(complete).map(|record| record.cost.get()).max().expect("one");
    let log = simulator.log();
    let billed = |user: &str| {
        let text = format!("say {user} ");
        let calls = log.iter().filter(|entry| String::from_utf8_lossy(&entry.body).contains(&text)).count();
        dearest * u64::try_from(calls).expect("not that many")
    };
    let of_all = books.budgets.iter().find(|state| state.budget.account.kind == AccountKind::Tenant);
    let spent = of_all.expect("the tenant's budget").counter.spent;
    assert!(billed("ann") <= ANNS_LIMIT, "Ann is billed {} of {ANNS_LIMIT}", billed("ann"));
    let all: u64 = USERS.into_iter().map(billed).sum();
    assert!(all <= spent, "{all} is billed, and {spent} is in the books");
}
