//! The binary as scripts see it: what it prints, how it ends.

mod recording;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

/// `stonegate` with nothing of this process's own set-up.
fn stonegate(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stonegate"));
    command.env_clear().env("HOME", home).args(arguments).stdin(Stdio::null());
    command
}

fn output(home: &Path, arguments: &[&str]) -> Output {
    stonegate(home, arguments).output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn home() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

/// What a program says when it is ready.
fn first_line(child: &mut Child) -> Value {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("a line");
    serde_json::from_str(&line).expect("JSON, as soon as it is ready")
}

fn terminate(child: &Child) {
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(told.expect("kill runs").success());
}

/// `stonegate serve`, and what it said when it was ready.
struct Served {
    child: Child,
    ready: Value,
}

impl Served {
    /// With nobody in Bedrock's place: most of these tests call no model.
    fn start(home: &Path) -> Served {
        Served::start_before(home, "http://127.0.0.1:9")
    }

    fn start_before(home: &Path, upstream: &str) -> Served {
        let data_dir = home.join("data");
        let arguments =
            ["serve", "--listen", "127.0.0.1:0", "--json", "--data-dir", data_dir.to_str().expect("text")];
        let mut child = stonegate(home, &arguments)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", upstream)
            .env("AWS_BEARER_TOKEN_BEDROCK", "bedrock-api-key-stonegate-simulator")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let ready = first_line(&mut child);
        Served { child, ready }
    }

    /// Status and body of one request.
    fn request(&self, line: &str, body: &str) -> (u16, String) {
        self.request_with("", line, body)
    }

    fn request_with(&self, key: &str, line: &str, body: &str) -> (u16, String) {
        let mut stream = self.send(key, line, body);
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
    }

    /// Sends a request whose answer is still to be read.
    fn send(&self, key: &str, line: &str, body: &str) -> TcpStream {
        let mut stream =
            TcpStream::connect(self.ready["listen"].as_str().expect("text")).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
        write!(
            stream,
            "{line} HTTP/1.1\r\nhost: stonegate\r\nconnection: close\r\nx-api-key: {key}\r\n\
             anthropic-version: 2023-06-01\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("sent");
        stream
    }

    /// SIGTERM, and what comes of it.
    fn stop(self) -> Output {
        terminate(&self.child);
        self.child.wait_with_output().expect("it ends")
    }
}

#[test]
fn the_first_start_makes_an_administrator_and_the_second_does_not_ask() {
    let home = home();
    let served = Served::start(home.path());
    assert_eq!(served.ready["event"], "ready");
    assert_eq!(served.request("GET /healthz", "").0, 200);
    assert_eq!(served.request("GET /readyz", "").0, 200);
    assert_eq!(served.request("HEAD /api/hello", "").0, 200);
    let token = served.ready["bootstrap_token"].as_str().expect("a first start has one");

    let exchange = json!({ "token": token, "name": "grace" }).to_string();
    let (status, key) = served.request("POST /admin/v1/bootstrap", &exchange);
    assert!((200..300).contains(&status), "{status} {key}");
    assert!(key.contains("sk-stone-"), "{key}");
    let (status, _) = served.request("POST /admin/v1/bootstrap", &exchange);
    assert!((400..500).contains(&status), "a token works once, and this is {status}");

    let ended = served.stop();
    assert_eq!(ended.status.code(), Some(0));
    let log = text(&ended.stderr);
    assert!(log.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "JSON lines: {log}");
    assert!(!log.contains("stone-bootstrap-") && !log.contains("sk-stone-"), "no secret in a log: {log}");

    let again = Served::start(home.path());
    assert_eq!(again.ready["bootstrap_token"], Value::Null);
    assert_eq!(again.stop().status.code(), Some(0));
}

#[test]
fn a_key_for_calls_leaves_the_token_for_the_first_administrator_good() {
    let home = home();
    let served = Served::start(home.path());
    let token = served.ready["bootstrap_token"].as_str().expect("a first start has one");
    let data_dir = home.path().join("data");
    let made = output(
        home.path(),
        &["keys", "create", "--name", "laptop", "--data-dir", data_dir.to_str().expect("text")],
    );
    assert!(made.status.success(), "{made:?}");

    let exchange = json!({ "token": token, "name": "admin" }).to_string();
    let (status, answer) = served.request("POST /admin/v1/bootstrap", &exchange);
    assert_eq!(status, 201, "{answer}");
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    let key = answer["key"].as_str().expect("a key");
    let (status, users) = served.request_with(key, "GET /admin/v1/users", "");
    assert_eq!(status, 200, "{users}");
    #[cfg(unix)]
    for (path, mode) in [(data_dir.clone(), 0o700), (data_dir.join("stonegate.db.lock"), 0o600)] {
        use std::os::unix::fs::PermissionsExt as _;
        let found = path.metadata().expect("it is there").permissions().mode() & 0o777;
        assert_eq!(found, mode, "{} is {found:o}", path.display());
    }
    assert_eq!(users.matches("\"admin\"").count(), 2, "one user of that name and role: {users}");
    served.stop();
}

#[test]
fn on_sigterm_open_streams_finish_and_new_calls_get_503() {
    let home = home();
    let mut simulator = stonegate(home.path(), &["simulate", "--listen", "127.0.0.1:0", "--json"])
        .args(["--pace", "150", "--record"])
        .arg(recording::file())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let upstream = first_line(&mut simulator)["url"].as_str().expect("text").to_owned();
    let served = Served::start_before(home.path(), &upstream);
    let token = &served.ready["bootstrap_token"];
    let exchange = json!({ "token": token, "name": "grace" }).to_string();
    let admin: Value =
        serde_json::from_str(&served.request("POST /admin/v1/bootstrap", &exchange).1).expect("JSON");
    let key = admin["key"].as_str().expect("text");
    let call = json!({
        "model": "claude-sonnet-5-5", "max_tokens": 100, "stream": true,
        "messages": [{ "role": "user", "content": "Tell me about the sea, in a few words." }],
    })
    .to_string();
    let mut open = BufReader::new(served.send(key, "POST /v1/messages", &call));
    let mut answer = String::new();
    while !answer.contains("content_block_delta") {
        assert!(open.read_line(&mut answer).expect("a line") > 0, "{answer}");
    }

    terminate(&served.child);
    // The order is under way to another process; until it has arrived, it is ready.
    while served.request("GET /readyz", "").0 == 200 {
        std::thread::sleep(Duration::from_millis(10));
    }

    let (status, refusal) = served.request_with(key, "POST /v1/messages", &call);
    assert_eq!(status, 503, "{refusal}");
    assert!(refusal.contains("\"type\":\"error\""), "in Anthropic's shape: {refusal}");
    open.read_to_string(&mut answer).expect("whole");
    assert!(answer.contains("message_stop"), "{answer}");
    let ended = served.child.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(0), "{}", text(&ended.stderr));
    terminate(&simulator);
    assert!(simulator.wait().expect("it ends").success());
}

#[test]
fn two_servers_do_not_share_a_data_directory() {
    let home = home();
    let served = Served::start(home.path());
    let data_dir = home.path().join("data");
    let flags = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir.to_str().expect("text")];
    let second = stonegate(home.path(), &flags).env("AWS_REGION", "us-east-1").output().expect("it runs");
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("another Stonegate serves from"), "{}", text(&second.stderr));
    served.stop();
}

#[test]
fn a_taken_address_is_named_with_its_setting() {
    let home = home();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    let mut serve = stonegate(home.path(), &["serve", "--listen", &address]);
    let refused = serve.env("AWS_REGION", "us-east-1").output().expect("it runs");
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    assert!(said.contains(&address) && said.contains("server.listen"), "{said}");
}

#[test]
fn usage_by_day_is_usage_per_day() {
    let home = home();
    let usage = |flag: &str| text(&output(home.path(), &["usage", flag, "day", "--json"]).stdout);
    assert_eq!(usage("--by"), usage("--per"));
    assert!(usage("--by").contains("\"per\": \"day\""), "{}", usage("--by"));
}

#[test]
fn the_demo_answers_and_accounts_for_it() {
    let home = home();
    let record = recording::file();
    let flags = ["demo", "--once", "--json", "--listen", "127.0.0.1:0", "--record"];
    let demo = stonegate(home.path(), &flags).arg(&record).output().expect("it runs");
    assert_eq!(demo.status.code(), Some(0), "{}", text(&demo.stderr));
    let recorded = std::fs::read_to_string(&record).expect("a recording");
    assert_eq!(recorded.lines().count(), 1, "what reached Bedrock's place: {recorded}");
    let events: Vec<Value> =
        text(&demo.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(events[0]["event"], "ready");
    assert!(events[0]["key"].as_str().is_some_and(|key| key.starts_with("sk-stone-")));
    assert_eq!(events[1]["event"], "answer");
    assert!(!events[1]["text"].as_str().expect("text").is_empty());
    assert_eq!(events[1]["usage"]["calls"], 1);
    assert!(events[1]["usage"]["cost_nanodollars"].as_u64().expect("a number") > 0);
    assert!(!Path::new(events[0]["data_dir"].as_str().expect("text")).exists(), "deleted at the end");
}

#[test]
fn a_demo_that_is_kept_goes_on_with_its_keys() {
    let home = home();
    let kept = home.path().join("kept");
    let run = |flags: &[&str]| {
        let keep = kept.to_str().expect("text");
        let demo = stonegate(home.path(), &["demo", "--once", "--listen", "127.0.0.1:0", "--keep", keep])
            .args(flags)
            .arg("--record")
            .arg(recording::file())
            .output()
            .expect("it runs");
        assert_eq!(demo.status.code(), Some(0), "{}", text(&demo.stderr));
        text(&demo.stdout)
    };
    let first: Value = serde_json::from_str(run(&["--json"]).lines().next().expect("a line")).expect("JSON");
    let shown = run(&[]);
    let key = first["key"].as_str().expect("text");
    for part in
        [key, "curl", "Anthropic(base_url=", "new Anthropic({", "ANTHROPIC_AUTH_TOKEN=", "spent today"]
    {
        assert!(shown.contains(part), "{part} is missing in {shown}");
    }
    assert!(!shown.contains('\x1b'), "no colours in a pipe");
    assert!(shown.lines().all(|line| line.trim_end() == line), "no blanks at the ends of lines");
}

#[test]
fn wrong_settings_stop_every_command_with_code_2() {
    let home = home();
    let file = home.path().join("stonegate.toml");
    std::fs::write(&file, "[server]\nlisen = '127.0.0.1:80'\n").expect("written");
    let path = file.to_str().expect("text");
    for arguments in [
        &["config", "check", "--config", path][..],
        &["config", "show", "--config", path],
        &["serve", "--config", path],
        &["models", "--config", path],
        &["config", "check", "--config", "/nonexistent/stonegate.toml"],
        &["serve", "--listen", "nowhere"],
        &["serve", "--set", "nonsense"],
        &["no-such-command"],
    ] {
        let refused = output(home.path(), arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {}", text(&refused.stderr));
        assert!(refused.stdout.is_empty(), "{arguments:?}");
    }
    let said = text(&output(home.path(), &["config", "check", "--config", path]).stderr);
    for part in ["`server.lisen`", &format!("{path}:2:1"), "did you mean `server.listen`?"] {
        assert!(said.contains(part), "{part} is missing in {said}");
    }
}

#[test]
fn what_serve_refuses_of_the_settings_config_check_finds() {
    let home = home();
    let data_dir = home.path().join("data");
    for (setting, named) in [
        ("models.catalog_file=/nonexistent/models.toml", "`models.catalog_file`"),
        ("models.aliases=fast=claude-nope", "`models.aliases`"),
        ("models.rules=fast-*=claude-nope", "`models.rules`"),
        ("bedrock.endpoint_url=htp://ann:hush@host/", "`bedrock.endpoint_url`"),
        ("bedrock.endpoint_url=https://ann:hush@host", "`bedrock.endpoint_url`"),
        ("store.url=mysql://ann:hush@host/x", "`store.url`"),
        ("server.tls_cert=/nonexistent/cert.pem", "`server.tls_cert`"),
        ("bedrock.region=europe", "`bedrock.region`"),
        ("bedrock.geography=mars", "`bedrock.geography`"),
    ] {
        for command in
            [&["serve", "--listen", "127.0.0.1:0"][..], &["config", "check"], &["config", "check", "--json"]]
        {
            let data_dir = data_dir.to_str().expect("text");
            let key = "server.tls_key=/nonexistent/key.pem";
            let more = if setting.starts_with("server.tls") { &["--set", key][..] } else { &[] };
            let rest = ["--data-dir", data_dir, "--set", setting];
            let arguments = [command, &rest, more].concat();
            let refused =
                stonegate(home.path(), &arguments).env("AWS_REGION", "us-east-1").output().expect("it runs");
            let said = text(&refused.stderr);
            assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {said}");
            assert!(
                said.contains(named) && said.contains("at:  flag --set") && said.contains("fix: "),
                "{said}"
            );
            assert!(!said.contains("hush"), "{said}");
            assert_eq!(text(&refused.stdout).contains("\"ok\": false"), command.last() == Some(&"--json"));
        }
    }
    assert!(!data_dir.exists(), "nothing is made by settings that are refused");
}

#[test]
fn config_show_names_origins_and_hides_secrets() {
    let home = home();
    let file = home.path().join("stonegate.toml");
    std::fs::write(&file, "[stream]\nping_seconds = 20\n").expect("written");
    let shown = stonegate(home.path(), &["config", "show", "--json", "--set", "log.level=debug"])
        .env("STONEGATE_CONFIG", &file)
        .env("AWS_BEARER_TOKEN_BEDROCK", "hush")
        .output()
        .expect("it runs");
    assert_eq!(shown.status.code(), Some(0));
    let shown: Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    assert!(!shown.to_string().contains("hush"));
    let find = |name: &str| {
        let settings = shown["settings"].as_array().expect("a list");
        settings.iter().find(|setting| setting["name"] == name).expect("listed").clone()
    };
    let place = format!("{}:2:1", file.display());
    assert_eq!(
        find("stream.ping_seconds"),
        json!({ "name": "stream.ping_seconds", "value": "20", "origin": "file", "place": place })
    );
    assert_eq!(
        find("log.level"),
        json!({ "name": "log.level", "value": "debug", "origin": "flag", "place": "--set" })
    );
    assert_eq!(
        find("bedrock.bearer_token"),
        json!({ "name": "bedrock.bearer_token", "value": "(hidden)", "origin": "env", "place": "AWS_BEARER_TOKEN_BEDROCK" })
    );
}

#[test]
fn the_models_are_listed_with_prices() {
    let home = home();
    let listed = output(home.path(), &["models", "--json", "--set", "bedrock.region=eu-west-1"]);
    assert_eq!(listed.status.code(), Some(0), "{}", text(&listed.stderr));
    let listed: Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    let models = listed["models"].as_array().expect("a list");
    let sonnet = models.iter().find(|model| model["id"] == "claude-sonnet-5-5").expect("listed");
    assert_eq!(sonnet["upstream_id"], "eu.anthropic.claude-sonnet-5-5");
    let table = text(&output(home.path(), &["models"]).stdout);
    assert!(table.lines().next().is_some_and(|heading| heading.starts_with("MODEL")), "{table}");
    assert!(table.contains("USD per million tokens"), "{table}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let home = home();
    let mut child = stonegate(home.path(), &["models"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!((ended.status.code(), text(&ended.stderr)), (Some(0), String::new()));
}
