//! Programs that `stonegate run` starts: what they see, how they end, and what becomes of their key.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use crate::person::{Person, Served, scripted, served, text};
use serde_json::{Value, json};

fn key(gateway: &Served) -> String {
    gateway.key("ada", &[])
}

/// What the gateway says to a key.
fn whoami(ada: &Person, gateway: &Served, key: &str) -> Option<Value> {
    let output = ada.as_caller(gateway, key, &["whoami", "--json"]);
    output.status.success().then(|| serde_json::from_slice(&output.stdout).expect("JSON"))
}

fn run(ada: &Person, gateway: &Served, key: &str, arguments: &[&str]) -> Command {
    let mut command = ada.command(&[&["run"], arguments].concat());
    command.env("STONEGATE_URL", &gateway.url).env("STONEGATE_KEY", key).env("PATH", "/usr/bin:/bin");
    command
}

#[test]
fn a_child_gets_a_key_of_its_own_and_no_other_credential() {
    let gateway = served();
    let ada = Person::new();
    let own = key(&gateway);
    // It asks who it is, as a program would.
    let script = "env > seen; STONEGATE_URL=$ANTHROPIC_BASE_URL STONEGATE_KEY=$ANTHROPIC_AUTH_TOKEN \"$0\" whoami --json";
    let output = run(&ada, &gateway, &own, &["--", "sh", "-c", script, env!("CARGO_BIN_EXE_stonegate")])
        .envs([("AWS_SECRET_ACCESS_KEY", "aws-1"), ("AWS_PROFILE", "work"), ("AWS_REGION", "eu-west-1")])
        .envs([
            ("ANTHROPIC_API_KEY", "sk-ant-1"),
            ("OPENAI_API_KEY", "sk-oai-1"),
            ("ANTHROPIC_MODEL", "opus"),
        ])
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (&told["whoami"]["scopes"], &told["whoami"]["user_name"]),
        (&json!(["messages:send"]), &json!("ada"))
    );

    let seen = std::fs::read_to_string(ada.home().join("seen")).expect("written");
    let value = |name: &str| seen.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
    let child = value("ANTHROPIC_AUTH_TOKEN").expect("a key");
    assert_ne!(child, own);
    assert_eq!(value("ANTHROPIC_BASE_URL"), Some(&*gateway.url));
    assert_eq!((value("AWS_REGION"), value("ANTHROPIC_MODEL")), (Some("eu-west-1"), Some("opus")));
    for secret in ["aws-1", "work", "sk-ant-1", "sk-oai-1", &own] {
        assert!(!seen.lines().any(|line| line.ends_with(secret)), "{secret}");
    }
    assert_eq!(whoami(&ada, &gateway, child), None, "it ended with the child");
    assert!(whoami(&ada, &gateway, &own).is_some());
}

#[test]
fn a_key_that_may_only_call_is_not_handed_over_either() {
    let gateway = served();
    let ada = Person::new();
    let own = gateway.key("ada", &[]);
    let script = ["--api", "chat", "--", "sh", "-c", "echo $OPENAI_BASE_URL $OPENAI_API_KEY"];
    let output = run(&ada, &gateway, &own, &script).output().expect("it runs");
    assert_eq!(text(&output.stderr), "");
    let told = text(&output.stdout);
    let (address, child) = told.trim().split_once(' ').expect("two words");
    assert_eq!(address, format!("{}/v1", gateway.url));
    assert!(child.starts_with("sk-stone-") && child != own, "{child}");
    assert_eq!(whoami(&ada, &gateway, child), None, "it ended with the child");
    assert!(whoami(&ada, &gateway, &own).is_some(), "and its own lives on");
}

#[test]
fn it_ends_as_the_child_does() {
    let gateway = served();
    let ada = Person::new();
    let own = key(&gateway);
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137)] {
        let output = run(&ada, &gateway, &own, &["--", "sh", "-c", script]).output().expect("it runs");
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(code), String::new()), "{script}");
    }
    std::fs::write(ada.home().join("notes.txt"), "no program").expect("written");
    for (program, code, told) in [("no-such-program", 127, "PATH"), ("./notes.txt", 126, "denied")] {
        let output = run(&ada, &gateway, &own, &["--", program]).output().expect("it runs");
        assert_eq!(output.status.code(), Some(code), "{program}");
        assert!(text(&output.stderr).contains(told), "{}", text(&output.stderr));
    }
    let output = run(&ada, &gateway, "sk-stone-0", &["--", "touch", "ran"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(!ada.home().join("ran").exists(), "without a key nothing is run");
}

#[test]
fn signals_reach_the_child_and_its_key_ends_with_it() {
    let gateway = served();
    let ada = Person::new();
    let own = key(&gateway);
    for (signal, name, number) in [("-INT", "INT", 2), ("-TERM", "TERM", 15), ("-HUP", "HUP", 1)] {
        if is_ignored(number) {
            continue;
        }
        let script =
            "trap 'echo told; exit 9' \"$0\"; echo $ANTHROPIC_AUTH_TOKEN; while :; do sleep 0.05; done";
        let mut child = run(&ada, &gateway, &own, &["--", "sh", "-c", script, name])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let key = lines.next().expect("a line").expect("text");
        assert!(whoami(&ada, &gateway, &key).is_some(), "while it runs");
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
        assert_eq!(child.wait().expect("it ends").code(), Some(9), "{signal}");
        assert_eq!(lines.map_while(Result::ok).collect::<Vec<_>>(), ["told"], "{signal}, once");
        assert_eq!(whoami(&ada, &gateway, &key), None, "{signal}");
    }
}

/// Whether these tests run under `nohup` or in the background: what they start ignores the signal, too.
fn is_ignored(signal: u32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    mask >> (signal - 1) & 1 == 1
}

#[test]
fn what_was_ignored_is_ignored_by_the_child_too() {
    let gateway = served();
    let ada = Person::new();
    let own = key(&gateway);
    let script = "trap '' HUP; exec \"$0\" run -- sh -c 'kill -HUP $PPID; kill -HUP $$; echo alive'";
    let mut command = Command::new("sh");
    command.env_clear().env("HOME", ada.home()).env("PATH", "/usr/bin:/bin");
    command.env("STONEGATE_URL", &gateway.url).env("STONEGATE_KEY", &own);
    let output = command.args(["-c", script, env!("CARGO_BIN_EXE_stonegate")]).output().expect("it runs");
    assert_eq!(text(&output.stdout), "alive\n", "as under nohup: {}", text(&output.stderr));
}

#[test]
fn a_key_is_renewed_before_half_its_time_is_over() {
    let ada = Person::new();
    let renewed = ada.home().join("renewed");
    let gateway = scripted(move |line, _| {
        let key = |minutes: i64| {
            let ends = stonegate_server::clock::now() + jiff::SignedDuration::from_mins(minutes);
            json!({
                "id": "key_1", "name": "n", "kind": "ephemeral", "tenant": "default", "user": "user_1", "user_name": "ada",
                "public_form": "sk-stone-…", "scopes": ["messages:send"], "models": { "allow": [], "deny": [] },
                "status": "active", "created_at": ends.to_string(), "expires_at": ends.to_string(),
                "key": "sk-stone-child",
            })
        };
        match line {
            "POST /admin/v1/keys/ephemeral" => (201, key(14)),
            "POST /admin/v1/keys/key_1/renew" => {
                std::fs::write(&renewed, "").expect("written");
                (200, key(30))
            }
            "POST /admin/v1/keys/key_1/revoke" => (200, key(0)),
            _ => (404, json!({})),
        }
    });
    let output = ada
        .command(&[
            "run",
            "--",
            "sh",
            "-c",
            "while [ ! -e renewed ]; do sleep 0.05; done; echo $ANTHROPIC_AUTH_TOKEN",
        ])
        .envs([
            ("STONEGATE_URL", &*gateway.url),
            ("STONEGATE_KEY", "sk-stone-own"),
            ("PATH", "/usr/bin:/bin"),
        ])
        .output()
        .expect("it runs");
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("sk-stone-child\n".to_owned(), String::new()));
    assert_eq!(gateway.count("/renew"), 1, "and then not for another quarter of an hour");
    assert_eq!(gateway.count("POST /admin/v1/keys/key_1/revoke"), 1);
}

#[test]
fn an_older_gateway_gives_a_key_for_the_day() {
    let ada = Person::new();
    let gateway = scripted(|line, _| match line {
        "POST /admin/v1/keys" => (201, day_key()),
        "POST /admin/v1/keys/key_2/revoke" => (200, day_key()),
        _ => (405, json!({})),
    });
    let output = ada
        .command(&["run", "--", "sh", "-c", "echo $ANTHROPIC_AUTH_TOKEN"])
        .envs([
            ("STONEGATE_URL", &*gateway.url),
            ("STONEGATE_KEY", "sk-stone-own"),
            ("PATH", "/usr/bin:/bin"),
        ])
        .output()
        .expect("it runs");
    assert_eq!(text(&output.stdout), "sk-stone-day\n");
    assert_eq!(gateway.count("expires_at"), 1);
    assert_eq!(gateway.count("POST /admin/v1/keys/key_2/revoke"), 1);
}

fn day_key() -> Value {
    json!({
        "id": "key_2", "name": "n", "tenant": "default", "user": "user_1", "user_name": "ada",
        "public_form": "sk-stone-…", "scopes": ["messages:send"], "models": { "allow": [], "deny": [] },
        "status": "active", "created_at": "2026-11-21T12:00:00Z", "key": "sk-stone-day",
    })
}
