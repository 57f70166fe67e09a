//! [`TestGateway`]: the whole server over real sockets, the simulator behind it and a store of its own.
//!
//! Each test ends with [`TestGateway::finish`], which stops the server and looks whether anything was left open, lost or
//! said that must not be said.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use stonegate_api::{BudgetCreate, BudgetWindow, KeyCreated};
use stonegate_ledger::conformance::Unsteady;
use stonegate_ledger::{
    Adoption, BudgetFilter, JournalQuery, Outcome, ReplicaId, Unrecorded, UsageFilter, UsageRecord,
};
use stonegate_server::Gateway;
use stonegate_server::clock;
use stonegate_server::config::Config;
use stonegate_server::operator::{KeyRequest, Operator};
use stonegate_simulator::{Entry, Options, Running, SAMPLE_BEARER_TOKEN, Simulator, Verdict};
use stonegate_store::{Durability, Store};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing_subscriber::fmt::MakeWriter;

use crate::client::{Answer, Answering, Request};

/// The model of most tests; `us.anthropic.claude-sonnet-5-5` upstream.
pub(crate) const SONNET: &str = "claude-sonnet-5-5";
/// A model of the 4.5 generation.
pub(crate) const HAIKU: &str = "claude-haiku-4-5";
/// How long a test waits for what must happen, also on a machine that is busy with other things.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A Messages body with one user turn.
pub(crate) fn ask(text: &str) -> Value {
    json!({ "model": SONNET, "max_tokens": 1_000, "messages": [{ "role": "user", "content": text }] })
}

/// The same with further members, or others in their place.
pub(crate) fn with(mut body: Value, members: Value) -> Value {
    let members = members.as_object().expect("an object").clone();
    body.as_object_mut().expect("an object").extend(members);
    body
}

/// The same as a stream.
pub(crate) fn streamed(body: Value) -> Value {
    with(body, json!({ "stream": true }))
}

/// What a gateway is started with.
#[derive(Default)]
pub(crate) struct Builder {
    settings: String,
    simulator: Options,
    budgets: Vec<BudgetCreate>,
    keys: Vec<KeyRequest>,
    line: Line,
}

/// The gateway's line to its store: cut while it is true.
pub(crate) type Line = Arc<AtomicBool>;

impl Builder {
    /// Settings as lines of TOML with full names, such as `stream.ping_seconds = 1`.
    pub(crate) fn settings(mut self, lines: &str) -> Self {
        self.settings.push_str(lines);
        self.settings.push('\n');
        self
    }

    pub(crate) fn simulator(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(&mut self.simulator);
        self
    }

    /// A hard budget in USD without end, on an account such as `user:ann`.
    pub(crate) fn budget(self, account: &str, usd: &str) -> Self {
        self.any_budget(budget(account, usd))
    }

    pub(crate) fn any_budget(mut self, budget: BudgetCreate) -> Self {
        self.budgets.push(budget);
        self
    }

    /// A line that the test may cut.
    pub(crate) fn line(mut self, line: &Line) -> Self {
        self.line = Arc::clone(line);
        self
    }

    /// A further key, made before the start.
    pub(crate) fn key(mut self, key: KeyRequest) -> Self {
        self.keys.push(key);
        self
    }

    pub(crate) async fn start(self) -> TestGateway {
        let folder = tempfile::tempdir().expect("a folder");
        let recorded = Options { record: Some(recording()), ..self.simulator };
        let simulator = Simulator::start(recorded).await.expect("a simulator");
        let url = format!("sqlite:{}", folder.path().join("stonegate.db").display());
        let operator = Operator::open(&url).await.expect("a store");
        let ann = operator.create_key(&key_of("laptop", "ann")).await.expect("a key");
        let mut keys = vec![ann];
        for key in &self.keys {
            keys.push(operator.create_key(key).await.expect("a key"));
        }
        for budget in &self.budgets {
            operator.set_budget(budget).await.expect("a budget");
        }
        operator.close().await;
        let logs = Logs::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_ansi(false)
            .with_writer(logs.clone());
        let guard = tracing::subscriber::set_default(subscriber.finish());
        let served = Served::start(&folder, &simulator, &self.settings, &self.line).await;
        TestGateway {
            address: served.address,
            administration: served.administration,
            key: keys[0].key.clone(),
            keys,
            simulator,
            url,
            folder,
            settings: self.settings,
            line: self.line,
            served: Some(served),
            logs,
            _guard: guard,
            expected: Expected::default(),
        }
    }
}

/// A hard budget in USD without end.
pub(crate) fn budget(account: &str, usd: &str) -> BudgetCreate {
    BudgetCreate {
        account: account.to_owned(),
        window: BudgetWindow::Total,
        limit_usd: Some(usd.to_owned()),
        ..BudgetCreate::default()
    }
}

/// A key of a user, who is made if need be.
pub(crate) fn key_of(name: &str, user: &str) -> KeyRequest {
    KeyRequest { name: name.to_owned(), user: Some(user.to_owned()), ..KeyRequest::default() }
}

/// A server under way.
struct Served {
    address: SocketAddr,
    administration: Option<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Served {
    async fn start(folder: &TempDir, simulator: &Running, settings: &str, line: &Line) -> Served {
        let text = settings_text(folder, simulator, settings);
        let config = Config::from_toml(&text).expect("settings");
        let options = stonegate_store::Options {
            durability: Durability::Process,
            ..stonegate_store::Options::default()
        };
        let mut store =
            Box::pin(stonegate_store::open(&config.store.url, &options)).await.expect("the store");
        store.ledger = Arc::new(Unsteady::new(store.ledger, Arc::clone(line)));
        let own = match config.admin.listen {
            Some(address) => Some(TcpListener::bind(address).await.expect("a port")),
            None => None,
        };
        let administration = own.as_ref().map(|own| own.local_addr().expect("an address"));
        let mut gateway = Box::pin(Gateway::with_store(config, store)).await.expect("a gateway");
        own.into_iter().for_each(|own| gateway.administer_by(own));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(gateway.serve(listener, async { drop(stopped.await) }));
        Served { address, administration, stop: Some(stop), task }
    }
}

fn settings_text(folder: &TempDir, simulator: &Running, settings: &str) -> String {
    format!(
        "server.data_dir = {:?}\nstore.durability = \"process\"\nbedrock.region = \"us-east-1\"\n\
         bedrock.endpoint_url = {:?}\nbedrock.bearer_token = {SAMPLE_BEARER_TOKEN:?}\n{settings}",
        folder.path(),
        simulator.base_url(),
    )
}

/// What the end of a test shall find besides the ordinary: by default, one record for each call upstream.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Expected {
    /// Calls that went upstream more often than they have records: attempts that were repeated.
    pub(crate) repeated: usize,
    /// Calls that upstream found wrong.
    pub(crate) refused: usize,
    /// Calls that the test has cleared from upstream's log.
    pub(crate) forgotten: usize,
}

/// The whole server with all that belongs to it.
pub(crate) struct TestGateway {
    pub(crate) address: SocketAddr,
    /// Where it is administered, when that has a listener of its own.
    pub(crate) administration: Option<SocketAddr>,
    /// Ann's key, sent unless a request says otherwise.
    pub(crate) key: String,
    /// All keys, Ann's first.
    pub(crate) keys: Vec<KeyCreated>,
    pub(crate) simulator: Running,
    url: String,
    folder: TempDir,
    settings: String,
    line: Line,
    served: Option<Served>,
    logs: Logs,
    _guard: tracing::subscriber::DefaultGuard,
    expected: Expected,
}

impl TestGateway {
    pub(crate) fn builder() -> Builder {
        Builder::default()
    }

    /// One with nothing special about it.
    pub(crate) async fn start() -> TestGateway {
        Builder::default().start().await
    }

    /// The head of the answer to a request, with Ann's key if it has none of its own.
    pub(crate) async fn open(&self, request: Request) -> Answering {
        self.try_open(request).await.expect("an answer")
    }

    pub(crate) async fn try_open(&self, request: Request) -> Result<Answering, hyper::Error> {
        let is_keyed = request.has("x-api-key") || request.has("authorization");
        let request = if is_keyed { request } else { request.key(&self.key) };
        request.open(self.address).await
    }

    /// The answer to a request.
    pub(crate) async fn send(&self, request: Request) -> Answer {
        self.open(request).await.whole().await
    }

    /// The answer to a Messages call.
    pub(crate) async fn messages(&self, body: &Value) -> Answer {
        self.send(Request::messages(body)).await
    }

    /// The operator's hands on the store, as another process has them.
    pub(crate) async fn operator(&self) -> Operator {
        Operator::open(&self.url).await.expect("the store")
    }

    /// What upstream got of calls to models, oldest first.
    pub(crate) fn invocations(&self) -> Vec<Entry> {
        let of_a_model = ["/invoke", "/converse", "/chat/completions", "/responses"];
        let is_call = |entry: &Entry| of_a_model.iter().any(|operation| entry.path.contains(operation));
        self.simulator.log().into_iter().filter(is_call).collect()
    }

    /// The one call that upstream got, as JSON.
    pub(crate) fn sent_upstream(&self) -> Value {
        let invocations = self.invocations();
        assert_eq!(invocations.len(), 1, "one call went upstream");
        invocations[0].json().expect("JSON")
    }

    /// All records, oldest first.
    pub(crate) async fn records(&self) -> Vec<UsageRecord> {
        let store = self.store().await;
        let records = records(&store).await;
        store.close().await;
        records
    }

    /// The only record there is, as soon as there is one.
    pub(crate) async fn record(&self) -> UsageRecord {
        let mut records = self.records_soon(1).await;
        assert_eq!(records.len(), 1, "{records:#?}");
        records.remove(0)
    }

    /// All records, once there are so many.
    pub(crate) async fn records_soon(&self, count: usize) -> Vec<UsageRecord> {
        let store = self.store().await;
        let many = async {
            loop {
                let records = records(&store).await;
                if records.len() >= count {
                    return records;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let records = tokio::time::timeout(SOON, many).await.expect("so many records");
        store.close().await;
        records
    }

    async fn store(&self) -> Store {
        open_store(&self.url).await
    }

    /// What upstream got, once it is as wished.
    pub(crate) async fn upstream(&self, wished: impl Fn(&[Entry]) -> bool) -> Vec<Entry> {
        self.simulator.wait_for(SOON, wished).await.expect("upstream saw what it should")
    }

    pub(crate) fn log_text(&self) -> String {
        self.logs.text()
    }

    /// How many calls the log tells the end of.
    pub(crate) fn call_lines(&self) -> usize {
        let log = self.logs.text();
        let ends = |line: &&str| {
            line.contains("call::record") && line.contains("request_id=") && !line.contains("call refused")
        };
        log.lines().filter(ends).count()
    }

    pub(crate) fn expect(&mut self, expected: Expected) {
        self.expected = expected;
    }

    /// The settings of this gateway, for one who wants to start another on the same data directory.
    pub(crate) fn settings_text(&self) -> String {
        settings_text(&self.folder, &self.simulator, &self.settings)
    }

    /// Tells the server to stop.
    pub(crate) fn order_stop(&mut self) {
        let stop = self.served.as_mut().and_then(|served| served.stop.take());
        // The server may be gone already.
        stop.map(|stop| stop.send(()).ok());
    }

    /// Waits until the server has stopped.
    pub(crate) async fn stopped(&mut self) {
        self.order_stop();
        if let Some(served) = self.served.take() {
            served.task.await.expect("the server does not panic");
        }
    }

    /// Stops the server in good order and starts another on the same store.
    pub(crate) async fn restart(&mut self) {
        self.stopped().await;
        let served = Served::start(&self.folder, &self.simulator, &self.settings, &self.line).await;
        self.address = served.address;
        self.served = Some(served);
    }

    /// Stops the server and checks that all is in order: nothing open, nothing lost, nothing said that is secret.
    pub(crate) async fn finish(mut self) {
        tokio::time::timeout(SOON, self.stopped()).await.expect("the server stops soon");
        let invocations = self.invocations();
        let refused = |entry: &&Entry| matches!(entry.verdict, Verdict::Refused { .. });
        let refusals: Vec<_> = invocations.iter().filter(refused).map(|entry| &entry.verdict).collect();
        assert_eq!(refusals.len(), self.expected.refused, "what upstream found wrong: {refusals:#?}");

        let store = self.store().await;
        let records = records(&store).await;
        let sent = |record: &&UsageRecord| {
            record.outcome != Outcome::Abandoned
                && (record.outcome != Outcome::Refused || record.endpoint.is_some())
        };
        assert_eq!(
            records.iter().filter(sent).count() + self.expected.repeated,
            invocations.len() + self.expected.forgotten,
            "one record for each call that went upstream: {records:#?}"
        );
        assert_nothing_is_open(&store, &records).await;
        store.close().await;
        self.assert_logs_are_clean();
    }

    /// No line may hold a key, a credential or the text of a prompt.
    fn assert_logs_are_clean(&self) {
        let log = self.logs.text();
        for key in &self.keys {
            assert!(!log.contains(&key.key), "a key stands in the log");
        }
        assert!(!log.contains(SAMPLE_BEARER_TOKEN), "the upstream credential stands in the log");
        for invocation in self.invocations() {
            for text in prompts(&invocation) {
                assert!(!log.contains(&text), "a prompt stands in the log: {text}");
            }
        }
    }
}

impl Drop for TestGateway {
    fn drop(&mut self) {
        let is_finished = self.served.is_none();
        assert!(is_finished || std::thread::panicking(), "the test does not end with `finish`");
    }
}

/// The texts of the user's turns.
fn prompts(entry: &Entry) -> Vec<String> {
    let body = entry.json().unwrap_or_default();
    let turns = body["messages"].as_array().cloned().unwrap_or_default();
    let texts = turns.iter().filter_map(|turn| turn["content"].as_str().map(str::to_owned));
    texts.filter(|text| text.len() > 3).collect()
}

pub(crate) async fn open_store(url: &str) -> Store {
    stonegate_store::open(url, &stonegate_store::Options::default()).await.expect("the store")
}

/// All records of a store, oldest first.
pub(crate) async fn records(store: &Store) -> Vec<UsageRecord> {
    let mut records = Vec::new();
    let mut before = None;
    loop {
        let query = JournalQuery { filter: UsageFilter::default(), before, limit: 500 };
        let page = store.ledger.journal(query).await.expect("the journal");
        records.extend(page.records);
        before = page.next;
        if before.is_none() {
            records.reverse();
            return records;
        }
    }
}

/// A successor finds nothing of a server that stopped in good order: no call, no lease; and every budget's counter is
/// the sum of its records.
async fn assert_nothing_is_open(store: &Store, records: &[UsageRecord]) {
    let adoption = Adoption {
        at: clock::now(),
        by: ReplicaId::new("successor"),
        silent_since: None,
        unrecorded: Unrecorded::Unknown,
    };
    let adopted = store.ledger.adopt(adoption).await.expect("adoption");
    assert_eq!((adopted.calls, adopted.leases), (0, 0), "left open: {adopted:?}");
    let states = store.ledger.list_budgets(BudgetFilter::default(), clock::now()).await.expect("budgets");
    for state in states {
        let unit = state.budget.limit;
        let is_charged =
            |record: &&UsageRecord| record.counters.iter().any(|counter| counter.budget == state.budget.id);
        let sum: u64 = records.iter().filter(is_charged).map(|record| record.amount(unit)).sum();
        assert_eq!(state.counter.spent, sum, "{} is the sum of its records", state.budget.id);
        assert_eq!(state.counter.leased, 0, "nothing of {} is on lease", state.budget.id);
        let is_kept = state.counter.spent <= state.limit || !state.budget.is_hard();
        assert!(is_kept, "{} is not overspent", state.budget.id);
    }
}

/// Everything that was logged on the test's thread, where the whole server runs.
#[derive(Clone, Debug, Default)]
struct Logs(Arc<Mutex<Vec<u8>>>);

impl Logs {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("no panic")).into_owned()
    }
}

impl std::io::Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Logs {
    type Writer = Logs;

    fn make_writer(&'a self) -> Logs {
        self.clone()
    }
}

/// Where this gateway's requests to Bedrock are kept: `make clients` holds them against AWS's own service model.
fn recording() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bedrock-{}-{number}.jsonl", std::process::id()))
}
