//! Gateways that are older or newer than the command line.

use serde_json::{Value, json};

use crate::person::{Person, Scripted, scripted, text};

/// What a command that works at that gateway prints.
fn says(gateway: &Scripted, arguments: &[&str]) -> String {
    let ada = Person::new();
    let mut command = ada.command(arguments);
    command.env("STONEGATE_URL", &gateway.url).env("STONEGATE_KEY", "sk-stone-own");
    let output = command.output().expect("it runs");
    let told = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {told}");
    told
}

/// Every command works there, for people and for programs; each prints these words.
fn check(gateway: &Scripted, expected: &[(&[&str], &[&str])]) {
    for (arguments, words) in expected {
        let told = says(gateway, arguments);
        for word in *words {
            assert!(told.contains(word), "{arguments:?}: {word}: {told}");
        }
        let printed = says(gateway, &[arguments, &["--json"][..]].concat());
        assert!(serde_json::from_str::<Value>(&printed).is_ok(), "{arguments:?}: {printed}");
    }
}

#[test]
fn a_newer_gateway_is_understood_as_far_as_it_goes() {
    let gateway = scripted(|line, _| match line.split('?').next().unwrap_or_default() {
        "GET /.well-known/stonegate" => (200, json!({ "server_version": "100.0.0", "moons": 2 })),
        "GET /readyz" => (200, json!({ "ready": true })),
        "GET /admin/v1/whoami" => (
            200,
            json!({
                "tenant": "default", "user": "user_1", "user_name": "ada", "role": "auditor", "key": "key_1",
                "key_name": "laptop", "key_kind": "badge", "scopes": ["messages:send", "moons:read"], "moons": 2,
            }),
        ),
        "GET /admin/v1/keys" => (200, json!({ "data": [key("badge", "resting")], "moons": 2 })),
        "GET /admin/v1/budgets" => {
            let budget = json!({
                "id": "b1", "account": "moon:1", "window": "yearly", "time_zone": "UTC", "window_key": "y2026",
                "mode": "whisper", "when_short": "ask", "thresholds": [50], "unit": "moons", "limit": 9, "own_limit": 9,
                "credit": 0, "window_credit": 0, "spent": 1, "leased": 0, "remaining": 8, "unresolved": 0, "moons": 2,
            });
            (200, json!({ "data": [budget] }))
        }
        "GET /admin/v1/budgets/b1/adjustments" => {
            let adjustment = json!({
                "id": "adj_1", "budget": "b1", "at": "2026-11-21T12:00:00Z", "by": "user_1", "reason": "a trip",
                "kind": "loan", "amount": 5,
            });
            (200, json!({ "data": [adjustment] }))
        }
        "GET /admin/v1/usage" => {
            let mut row = usage_row();
            row["cache_savings_nanodollars"] = json!(7_000_000_000_u64);
            row["cache_savings_usd"] = json!("7.00");
            row["tokens"]["moons"] = json!(2);
            (200, json!({ "data": [row.clone()], "total": row, "moons": 2 }))
        }
        "GET /v1/models" => {
            let model = json!({
                "type": "model", "id": "claude-next", "display_name": "Claude Next", "max_input_tokens": 1000,
                "max_tokens": 10, "moons": 2,
            });
            (200, json!({ "data": [model], "has_more": false }))
        }
        "POST /v1/messages/count_tokens" => (200, json!({ "input_tokens": 1 })),
        _ => (404, json!({})),
    });
    check(
        &gateway,
        &[
            (&["whoami"], &["ada", "auditor", "badge", "moons:read"]),
            (&["keys", "list"], &["key_1", "resting"]),
            (&["budgets", "list"], &["moon:1", "y2026", "whisper", "9 moons"]),
            (&["budgets", "adjustments"], &["loan"]),
            (&["usage"], &["$3.00", "$7.00"]),
            (&["models"], &["claude-next", "Claude Next"]),
            (&["doctor"], &["is newer than this command line", "ada of default", "tokens of claude-next"]),
        ],
    );
    let told: Value = serde_json::from_str(&says(&gateway, &["keys", "list", "--json"])).expect("JSON");
    assert_eq!((&told["data"][0]["kind"], &told["data"][0]["status"]), (&json!("badge"), &json!("resting")));
}

#[test]
fn an_older_gateway_is_asked_for_what_it_knows() {
    let gateway = scripted(|line, _| match line.split('?').next().unwrap_or_default() {
        "GET /.well-known/stonegate" => (200, json!({ "server_version": "0.0.9" })),
        "GET /readyz" => (200, json!({ "ready": true })),
        "GET /admin/v1/whoami" => (
            200,
            json!({
                "tenant": "default", "user": "user_1", "user_name": "ada", "role": "user", "key": "key_1",
                "scopes": ["messages:send"],
            }),
        ),
        "GET /admin/v1/keys" => {
            let mut key = key("long_lived", "active");
            key.as_object_mut().expect("an object").remove("kind");
            (200, json!({ "data": [key] }))
        }
        "GET /admin/v1/budgets" if line.contains("forecast") => {
            let told = "Failed to deserialize query string: unknown field `forecast`, expected `account`";
            (400, json!({ "error": { "type": "invalid_request", "message": told, "request_id": "req_1" } }))
        }
        "GET /admin/v1/budgets" => {
            let budget = json!({
                "id": "b1", "account": "user:user_1", "window": "monthly", "window_key": "2026-11", "mode": "block",
                "thresholds": [50], "unit": "usd", "limit": 9_000_000_000_u64, "spent": 0, "leased": 0,
                "remaining": 9_000_000_000_u64, "unresolved": 0,
            });
            (200, json!({ "data": [budget] }))
        }
        "GET /admin/v1/usage" => (200, json!({ "data": [usage_row()], "total": usage_row() })),
        "GET /v1/models" => (200, json!({ "data": [{ "type": "model", "id": "claude-old" }] })),
        "POST /v1/messages/count_tokens" => (200, json!({ "input_tokens": 1 })),
        // It makes charges, and lists none.
        "GET /admin/v1/charges" => (405, json!({})),
        _ => (404, json!({})),
    });
    check(
        &gateway,
        &[
            (&["whoami"], &["ada", "user", "key_1"]),
            (&["keys", "list"], &["key_1", "active"]),
            (&["budgets", "list"], &["user:user_1", "2026-11", "$9.00"]),
            (&["usage"], &["$3.00", "–"]),
            (&["usage", "--forecast"], &["$3.00", "2026-11"]),
            (&["models"], &["claude-old"]),
            (&["doctor"], &["version 0.0.9", "ada of default", "tokens of claude-old"]),
        ],
    );
    // What it has not got at all is said to be so.
    for arguments in [&["audit", "verify"][..], &["admin", "trust", "list"], &["charges", "list"]] {
        let ada = Person::new();
        let mut command = ada.command(arguments);
        command.env("STONEGATE_URL", &gateway.url).env("STONEGATE_KEY", "sk-stone-own");
        let output = command.output().expect("it runs");
        let said = text(&output.stderr);
        assert_eq!(
            (output.status.code(), said.contains("older than this command line")),
            (Some(1), true),
            "{said}"
        );
    }
}

#[test]
fn an_answer_that_is_not_understood_is_not_the_keys_fault() {
    let gateway = scripted(|line, _| match line.split('?').next().unwrap_or_default() {
        "GET /.well-known/stonegate" => (200, json!({ "server_version": "100.0.0" })),
        "GET /readyz" => (200, json!({ "ready": true })),
        "GET /admin/v1/whoami" => (200, json!({ "whole": "other" })),
        "GET /v1/models" => (200, json!({ "data": [{ "id": "claude-next" }] })),
        "POST /v1/messages/count_tokens" => (200, json!({ "input_tokens": 1 })),
        _ => (404, json!({})),
    });
    let ada = Person::new();
    let mut command = ada.command(&["doctor", "--json"]);
    command.env("STONEGATE_URL", &gateway.url).env("STONEGATE_KEY", "sk-stone-own");
    let output = command.output().expect("it runs");
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let bad: Vec<&Value> =
        told["checks"].as_array().expect("a list").iter().filter(|check| check["state"] == "bad").collect();
    assert_eq!((bad.len(), output.status.code()), (1, Some(1)), "{told:#}");
    assert_eq!((&bad[0]["check"], &bad[0]["fix"]), (&json!("version"), &json!("install stonegate 100.0.0")));
    let found = bad[0]["found"].as_str().expect("text");
    assert!(found.contains("is newer than this command line"), "{found}");
}

#[test]
fn what_is_typed_for_a_charges_id_stays_one_part_of_the_path() {
    let gateway =
        scripted(|_, _| (404, json!({ "error": { "type": "not_found", "message": "no such charge" } })));
    let ada = Person::new();
    for act in ["show", "void", "capture"] {
        let mut command = ada.command(&["charges", act, "../keys/key_1?x"]);
        command.env("STONEGATE_URL", &gateway.url).env("STONEGATE_KEY", "sk-stone-own");
        let output = command.output().expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{act}: {}", text(&output.stderr));
    }
    assert_eq!(gateway.count("/admin/v1/charges/%2E%2E%2Fkeys%2Fkey%5F1%3Fx"), 3);
}

fn key(kind: &str, status: &str) -> Value {
    json!({
        "id": "key_1", "name": "laptop", "kind": kind, "tenant": "default", "user": "user_1", "user_name": "ada",
        "public_form": "sk-stone-…", "scopes": ["messages:send"], "models": { "allow": [], "deny": [] },
        "status": status, "created_at": "2026-11-21T12:00:00Z",
    })
}

fn usage_row() -> Value {
    json!({
        "group": "total", "calls": 1, "estimated": 0, "unresolved": 0, "cost_nanodollars": 3_000_000_000_u64,
        "cost_usd": "3.00",
        "tokens": { "input": 1, "output": 1, "cache_read": 0, "cache_write_5m": 0, "cache_write_1h": 0 },
    })
}
