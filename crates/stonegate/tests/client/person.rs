//! A person with a home of their own, and a gateway to be a client of.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// Somebody's home, and `stonegate` run in it with nothing of this process's own set-up.
pub(crate) struct Person(tempfile::TempDir);

impl Person {
    pub(crate) fn new() -> Person {
        Person(tempfile::tempdir().expect("a directory"))
    }

    pub(crate) fn home(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stonegate"));
        command.env_clear().env("HOME", self.home()).current_dir(self.home());
        command.args(arguments).stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("it runs")
    }

    /// With the variables of somebody who has not signed in.
    pub(crate) fn as_caller(&self, gateway: &Served, key: &str, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        command.env("STONEGATE_URL", &gateway.url).env("STONEGATE_KEY", key).output().expect("it runs")
    }

    /// With something on its standard input.
    pub(crate) fn given(&self, input: &str, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it runs");
        child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("written");
        child.wait_with_output().expect("it ends")
    }

    /// What a command that works prints for people.
    pub(crate) fn says(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// What a command that works prints for programs.
    pub(crate) fn tells(&self, arguments: &[&str]) -> Value {
        let printed = self.says(&[arguments, &["--json"]].concat());
        serde_json::from_str(&printed).expect("JSON and nothing else")
    }

    /// Exit code and message of a command that does not work.
    pub(crate) fn refuses(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.run(arguments);
        assert!(!output.status.success(), "{arguments:?}: {}", text(&output.stdout));
        (output.status.code(), text(&output.stderr))
    }
}

/// A `stonegate serve` before nobody: these tests call no model.
pub(crate) struct Served {
    home: tempfile::TempDir,
    child: Child,
    pub(crate) url: String,
}

/// Starts a gateway on a free port.
pub(crate) fn served() -> Served {
    served_with(tempfile::tempdir().expect("a directory"), &[])
}

/// Starts one with these flags, and its home in that directory.
pub(crate) fn served_with(home: tempfile::TempDir, flags: &[&str]) -> Served {
    let mut child = Command::new(env!("CARGO_BIN_EXE_stonegate"))
        .env_clear()
        .env("HOME", home.path())
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "http://127.0.0.1:9")
        .env("AWS_BEARER_TOKEN_BEDROCK", "bedrock-api-key-stonegate-simulator")
        .args(["serve", "--listen", "127.0.0.1:0", "--json", "--data-dir"])
        .arg(home.path().join("data"))
        .args(flags)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("a line");
    let ready: Value = serde_json::from_str(&line).expect("JSON, as soon as it is ready");
    Served { url: ready["url"].as_str().expect("text").to_owned(), home, child }
}

impl Served {
    /// Runs a command of the operator's on the gateway's store.
    pub(crate) fn operator(&self, arguments: &[&str]) -> Value {
        let output = Command::new(env!("CARGO_BIN_EXE_stonegate"))
            .env_clear()
            .env("HOME", self.home.path())
            .args(arguments)
            .args(["--json", "--data-dir"])
            .arg(self.home.path().join("data"))
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// What a `GET` with that key gives, as JSON.
    pub(crate) fn asked(&self, key: &str, path: &str) -> Value {
        let address = self.url.strip_prefix("http://").expect("an address");
        let mut stream = TcpStream::connect(address).expect("it listens");
        let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n");
        stream.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        serde_json::from_str(body).expect("JSON")
    }

    /// Writes the audit log that the store holds to a file.
    pub(crate) fn export_audit(&self, to: &Path) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stonegate"));
        command.env_clear().env("HOME", self.home.path()).args(["audit", "export"]).arg(to);
        let output = command.arg("--data-dir").arg(self.home.path().join("data")).output().expect("it runs");
        assert!(output.status.success(), "{}", text(&output.stderr));
    }

    /// A key of that user.
    pub(crate) fn key(&self, user: &str, flags: &[&str]) -> String {
        let made = self.operator(&[&["keys", "create", "--name", "laptop", "--user", user], flags].concat());
        made["key"].as_str().expect("text").to_owned()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A server of ours in a gateway's place, for what takes a real one an hour or a person's word.
pub(crate) struct Scripted {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

/// Starts one that answers a request, its first line and its body, with a status and JSON.
pub(crate) fn scripted(answer: impl Fn(&str, &str) -> (u16, Value) + Send + 'static) -> Scripted {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&asked);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let Some((line, body)) = request(&mut stream) else { continue };
            log.lock().expect("whole").push(format!("{line} {body}"));
            let (status, told) = answer(&line, &body);
            let told = told.to_string();
            let length = told.len();
            let head = format!("HTTP/1.1 {status} OK\r\nconnection: close\r\ncontent-length: {length}\r\n");
            stream.write_all(format!("{head}content-type: application/json\r\n\r\n{told}").as_bytes()).ok();
        }
    });
    Scripted { url, asked }
}

impl Scripted {
    /// How many requests held this.
    pub(crate) fn count(&self, part: &str) -> usize {
        self.asked.lock().expect("whole").iter().filter(|asked| asked.contains(part)).count()
    }
}

/// Method and path of a request, and its body.
fn request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let line = line.rsplit_once(' ').map(|(line, _)| line.to_owned())?;
    Some((line, String::from_utf8(body).ok()?))
}
