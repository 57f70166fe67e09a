//! The command line as a gateway's client, beside a real `stonegate serve`: signing in with a key, what is told, how it ends.

use std::os::unix::fs::PermissionsExt as _;

use crate::person::{Person, scripted, served, text};
use serde_json::{Value, json};

#[test]
fn a_person_sets_up_signs_in_and_signs_out() {
    let gateway = served();
    let ada = Person::new();
    let key = gateway.key("ada", &[]);

    let (code, told) = ada.refuses(&["whoami"]);
    assert_eq!(code, Some(3), "{told}");
    assert!(told.contains("stonegate setup"), "{told}");
    let said = ada.says(&["setup", &gateway.url]);
    assert!(said.contains(&gateway.url) && said.contains("stonegate login"), "{said}");
    let (code, told) = ada.refuses(&["whoami"]);
    assert_eq!(code, Some(3), "{told}");
    assert!(told.contains("stonegate login"), "{told}");

    let signed_in = ada.given(&format!("{key}\n"), &["login", "--key"]);
    assert!(signed_in.status.success(), "{signed_in:?}");
    let whoami = ada.tells(&["whoami"]);
    assert_eq!((&whoami["url"], &whoami["whoami"]["user_name"]), (&json!(gateway.url), &json!("ada")));
    assert_eq!(text(&ada.run(&["token"]).stdout).trim(), key);
    let profile = ada.home().join(".config/stonegate/profiles/default.json");
    assert_eq!(profile.metadata().expect("saved").permissions().mode() & 0o777, 0o600);
    let directory = profile.parent().expect("a directory").metadata().expect("made");
    assert_eq!(directory.permissions().mode() & 0o777, 0o700);

    assert_eq!(ada.tells(&["logout"])["was_signed_in"], true);
    assert!(!std::fs::read_to_string(&profile).expect("kept").contains("sk-stone-"));
    assert_eq!(ada.refuses(&["token"]).0, Some(3));
    assert_eq!(ada.tells(&["logout", "--all"])["was_signed_in"], false);
    assert!(!profile.exists());
}

#[test]
fn a_wrong_key_is_refused_and_the_one_before_it_kept() {
    let gateway = served();
    let ada = Person::new();
    let key = gateway.key("ada", &[]);
    ada.says(&["setup", &gateway.url]);
    assert!(ada.given(&key, &["login", "--key"]).status.success());
    for (wrong, code) in [("hello", 2), ("sk-stone-0", 3), (&key.replace("sk-stone-", "sk-stone-0"), 3)] {
        let output = ada.given(wrong, &["login", "--key"]);
        assert_eq!(output.status.code(), Some(code), "{wrong}: {}", text(&output.stderr));
    }
    assert_eq!(ada.tells(&["whoami"])["whoami"]["user_name"], "ada");
}

#[test]
fn profiles_are_kept_apart_and_a_key_stays_with_its_gateway() {
    let (first, second) = (served(), served());
    let ada = Person::new();
    let key = first.key("ada", &[]);
    ada.says(&["setup", &first.url]);
    ada.says(&["setup", &second.url, "--profile", "second"]);
    assert!(ada.given(&key, &["login", "--key"]).status.success());
    assert_eq!(ada.tells(&["whoami"])["url"], json!(first.url));
    for elsewhere in [&["whoami", "--profile", "second"][..], &["whoami", "--url", &second.url]] {
        let (code, told) = ada.refuses(elsewhere);
        assert_eq!(code, Some(3), "{told}");
        assert!(told.contains("nobody is signed in"), "not sent there: {told}");
    }
    let (code, told) = ada.refuses(&["whoami", "--profile", "../x"]);
    assert_eq!(code, Some(2), "{told}");
}

#[test]
fn variables_do_without_a_profile() {
    let gateway = served();
    let ada = Person::new();
    let key = gateway.key("ada", &[]);
    let output = ada
        .command(&["env", "--json", "--api", "messages", "--api", "responses"])
        .env("STONEGATE_URL", format!("{}/v1/", gateway.url))
        .env("STONEGATE_KEY", &key)
        .env("ANTHROPIC_API_KEY", "sk-ant-old")
        .output()
        .expect("it runs");
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let set = json!({
        "ANTHROPIC_BASE_URL": gateway.url, "ANTHROPIC_AUTH_TOKEN": key,
        "OPENAI_BASE_URL": format!("{}/v1", gateway.url), "OPENAI_API_BASE": format!("{}/v1", gateway.url),
        "OPENAI_API_KEY": key,
    });
    assert_eq!(told, json!({ "set": set, "unset": ["ANTHROPIC_API_KEY"] }));
    assert!(!ada.home().join(".config").exists(), "nothing is saved");
}

#[test]
fn models_are_those_that_the_key_may_use() {
    let gateway = served();
    let ada = Person::new();
    let key = gateway.key("ada", &["--allow-model", "claude-haiku-*"]);
    let all = ada.tells(&["models"]);
    assert!(all["region"].is_string(), "without a gateway, the catalog: {all}");
    let mine: Value =
        serde_json::from_slice(&ada.as_caller(&gateway, &key, &["models", "--json"]).stdout).expect("JSON");
    let ids: Vec<&str> =
        mine["models"].as_array().expect("a list").iter().filter_map(|m| m["id"].as_str()).collect();
    assert!(!ids.is_empty() && ids.iter().all(|id| id.starts_with("claude-haiku-")), "{ids:?}");
}

#[test]
fn the_doctor_says_what_is_wrong_and_the_fix() {
    let gateway = served();
    let ada = Person::new();
    let key = gateway.key("ada", &[]);
    let healthy = ada.as_caller(&gateway, &key, &["doctor", "--json"]);
    let told: Value = serde_json::from_slice(&healthy.stdout).expect("JSON");
    let states: Vec<(&str, &str)> = checks(&told);
    // Nobody is in Bedrock's place, so that no tokens can be counted by it; they are estimated.
    for expected in ["address", "gateway", "clock", "key", "models", "clients"] {
        assert!(states.contains(&(expected, "good")), "{expected}: {told:#}");
    }
    assert!(healthy.status.success(), "{told:#}");

    let revoked = ada.as_caller(&gateway, &key.replace("sk-stone-", "sk-stone-0"), &["doctor", "--json"]);
    let told: Value = serde_json::from_slice(&revoked.stdout).expect("JSON");
    assert!(checks(&told).contains(&("key", "bad")), "{told:#}");
    assert_eq!(revoked.status.code(), Some(3));

    let nowhere = ada.run(&["doctor", "--url", "http://127.0.0.1:9", "--json"]);
    let told: Value = serde_json::from_slice(&nowhere.stdout).expect("JSON");
    assert!(checks(&told).contains(&("gateway", "bad")), "{told:#}");
    assert!(told.to_string().contains("nothing listens there"), "{told:#}");
    assert_eq!(nowhere.status.code(), Some(4));
}

fn checks(told: &Value) -> Vec<(&str, &str)> {
    told["checks"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|check| Some((check["check"].as_str()?, check["state"].as_str()?)))
        .collect()
}

#[test]
fn what_is_no_gateway_is_not_saved() {
    let ada = Person::new();
    for (url, code) in [("ftp://gateway", 2), ("http://127.0.0.1:9", 4)] {
        let (found, told) = ada.refuses(&["setup", url]);
        assert_eq!(found, Some(code), "{told}");
    }
    let other = scripted(|line, _| (if line.contains("hello") { 200 } else { 404 }, json!("Hello")));
    let (code, told) = ada.refuses(&["setup", &other.url]);
    assert_eq!(code, Some(1), "{told}");
    assert!(!ada.home().join(".config").exists());
}

#[test]
fn every_shell_gets_a_script_that_it_can_read() {
    let ada = Person::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = ada.says(&["completions", shell]);
        assert!(script.contains("whoami") && script.contains("doctor"), "{shell}");
    }
    let script = ada.home().join("completions.bash");
    std::fs::write(&script, ada.says(&["completions", "bash"])).expect("written");
    let read = std::process::Command::new("bash").arg("-n").arg(&script).status().expect("bash runs");
    assert!(read.success());
}
