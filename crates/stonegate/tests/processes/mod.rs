//! Real servers, clients that call them, and what must be in the books in the end.
#![expect(unreachable_pub, reason = "each test that declares this module uses it")]

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use stonegate_api::{BudgetCreate, BudgetWindow};
use stonegate_ledger::{BudgetFilter, BudgetState, JournalQuery, Outcome, UsageFilter, UsageRecord};
use stonegate_server::clock;
use stonegate_server::operator::{KeyRequest, Operator};
use stonegate_simulator::SAMPLE_BEARER_TOKEN;

/// An answer whose end a client has seen.
#[derive(Debug)]
pub struct Seen {
    pub request_id: String,
    pub output_tokens: u64,
}

/// Users with keys, and hard budgets by account and dollars.
pub async fn people(
    url: &str,
    users: &[&'static str],
    budgets: &[(&str, &str)],
) -> Vec<(&'static str, String)> {
    let operator = Operator::open(url).await.expect("a store");
    let mut keys = Vec::new();
    for user in users {
        let wanted = KeyRequest {
            name: format!("of {user}"),
            user: Some((*user).to_owned()),
            ..KeyRequest::default()
        };
        keys.push((*user, operator.create_key(&wanted).await.expect("a key").key));
    }
    for (account, usd) in budgets {
        let budget = BudgetCreate {
            account: (*account).to_owned(),
            window: BudgetWindow::Total,
            limit_usd: Some((*usd).to_owned()),
            ..BudgetCreate::default()
        };
        operator.set_budget(&budget).await.expect("a budget");
    }
    operator.close().await;
    keys
}

/// A `stonegate serve`.
pub struct Server {
    child: std::sync::Mutex<Child>,
    address: String,
}

impl Server {
    pub fn start(home: &Path, store: &str, data_dir: &Path, upstream: &str, flags: &[&str]) -> Server {
        let mut child = Command::new(env!("CARGO_BIN_EXE_stonegate"))
            .env_clear()
            .env("HOME", home)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", upstream)
            .env("AWS_BEARER_TOKEN_BEDROCK", SAMPLE_BEARER_TOKEN)
            .args(["serve", "--listen", "127.0.0.1:0", "--json", "--data-dir"])
            .arg(data_dir)
            .args(["--store", store])
            .args(flags)
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
    pub fn kill(&self) {
        let mut child = self.child.lock().expect("no panic");
        child.kill().expect("killed");
        child.wait().expect("it is dead");
    }

    /// SIGTERM.
    pub fn stop(self) {
        let mut child = self.child.into_inner().expect("no panic");
        let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        assert!(told.expect("kill runs").success());
        assert!(child.wait().expect("it ends").success());
    }

    /// `None` when nobody listens any more.
    pub fn connect(&self) -> Option<Connection> {
        TcpStream::connect(&self.address).ok().map(Connection)
    }
}

/// A connection for one call.
pub struct Connection(TcpStream);

impl Connection {
    /// Whatever of an answer arrived; `None` when the server is gone.
    pub fn call(self, key: &str, text: &str, max_tokens: u64, stream: bool) -> Option<Answer> {
        let body = json!({
            "model": "claude-sonnet-5-5", "max_tokens": max_tokens, "stream": stream,
            "messages": [{ "role": "user", "content": text }],
        });
        self.post("/v1/messages", key, &body)
    }

    /// As [`Connection::call`], wherever it goes.
    pub fn post(self, path: &str, key: &str, body: &Value) -> Option<Answer> {
        let Connection(mut connection) = self;
        let stream = body["stream"] == true;
        let body = body.to_string();
        write!(
            connection,
            "POST {path} HTTP/1.1\r\nhost: stonegate\r\nconnection: close\r\nx-api-key: {key}\r\n\
             anthropic-version: 2023-06-01\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
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
#[derive(Debug)]
pub struct Answer {
    text: String,
    stream: bool,
}

impl Answer {
    /// The status, where so much arrived.
    pub fn status(&self) -> Option<u16> {
        let (head, _) = self.text.split_once("\r\n\r\n")?;
        head.split(' ').nth(1)?.parse().ok()
    }

    /// What the client knows if it saw the end of a good answer.
    pub fn end(&self) -> Option<Seen> {
        let (head, body) = self.text.split_once("\r\n\r\n")?;
        if self.status() != Some(200) {
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
pub struct Books {
    pub records: Vec<UsageRecord>,
    pub budgets: Vec<BudgetState>,
}

pub async fn read_books(url: &str) -> Books {
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

pub fn check_that_every_end_is_recorded(seen: &[Seen], records: &[UsageRecord]) {
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

pub fn check_that_everything_adds_up(books: &Books) {
    for state in &books.budgets {
        let id = &state.budget.id;
        let is_charged = |record: &&UsageRecord| record.counters.iter().any(|counter| counter.budget == *id);
        let sum: u64 = books.records.iter().filter(is_charged).map(|record| record.cost.get()).sum();
        assert_eq!(state.counter.spent, sum + state.unresolved, "{id}, to the nano-dollar");
        assert_eq!((state.counter.leased, state.counter.uncovered), (0, 0), "{id}");
        assert!(state.counter.spent <= state.budget.limit.amount(), "{id} is overspent");
    }
}
