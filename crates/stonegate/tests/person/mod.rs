//! A person with a home of their own, and a gateway to be a client of.
#![expect(unreachable_pub, reason = "each test that declares this module uses it")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// Somebody's home, and `stonegate` run in it with nothing of this process's own set-up.
pub struct Person(tempfile::TempDir);

impl Person {
    pub fn new() -> Person {
        Person(tempfile::tempdir().expect("a directory"))
    }

    pub fn home(&self) -> &Path {
        self.0.path()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stonegate"));
        command.env_clear().env("HOME", self.home()).current_dir(self.home());
        command.args(arguments).stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("it runs")
    }

    /// With the variables of somebody who has not signed in.
    pub fn as_caller(&self, gateway: &Served, key: &str, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        command.env("STONEGATE_URL", &gateway.url).env("STONEGATE_KEY", key).output().expect("it runs")
    }

    /// With something on its standard input.
    pub fn given(&self, input: &str, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it runs");
        child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("written");
        child.wait_with_output().expect("it ends")
    }

    /// What a command that works prints for people.
    pub fn says(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// What a command that works prints for programs.
    pub fn tells(&self, arguments: &[&str]) -> Value {
        let printed = self.says(&[arguments, &["--json"]].concat());
        serde_json::from_str(&printed).expect("JSON and nothing else")
    }

    /// Exit code and message of a command that does not work.
    pub fn refuses(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.run(arguments);
        assert!(!output.status.success(), "{arguments:?}: {}", text(&output.stdout));
        (output.status.code(), text(&output.stderr))
    }
}

/// A `stonegate serve` before nobody: these tests call no model.
pub struct Served {
    home: tempfile::TempDir,
    child: Child,
    pub url: String,
}

/// Starts a gateway on a free port.
pub fn served() -> Served {
    let home = tempfile::tempdir().expect("a directory");
    let mut child = Command::new(env!("CARGO_BIN_EXE_stonegate"))
        .env_clear()
        .env("HOME", home.path())
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "http://127.0.0.1:9")
        .env("AWS_BEARER_TOKEN_BEDROCK", "bedrock-api-key-stonegate-simulator")
        .args(["serve", "--listen", "127.0.0.1:0", "--json", "--data-dir"])
        .arg(home.path().join("data"))
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
    pub fn operator(&self, arguments: &[&str]) -> Value {
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

    /// A key of that user.
    pub fn key(&self, user: &str, flags: &[&str]) -> String {
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

/// The address of a server that says the same to everybody.
pub fn answers(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut asked = [0; 4096];
            if stream.read(&mut asked).is_ok() {
                stream.write_all(answer.as_bytes()).ok();
            }
        }
    });
    url
}
