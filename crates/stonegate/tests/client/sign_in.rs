//! Signing in with a browser or a password, and how a sign-in goes on, beside a gateway of the tests' own.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::person::{Person, Scripted, scripted, text};
use serde_json::{Value, json};

/// A gateway that confirms at the second time it is asked, and gives tokens with a number at their end.
fn gateway() -> Scripted {
    let asked = AtomicUsize::new(0);
    let given = AtomicUsize::new(0);
    scripted(move |line, body| match line {
        "GET /.well-known/stonegate" => (200, json!({ "version": 1, "server_version": "0.1.0" })),
        "POST /oauth/device_authorization" => {
            assert!(
                body.contains("scope=messages%3Asend") && body.contains("client_id=stonegate-cli"),
                "{body}"
            );
            let code = json!({
                "device_code": "dc", "user_code": "BCDF-GHJK", "verification_uri": "http://g/device",
                "verification_uri_complete": "http://g/device?user_code=BCDF-GHJK", "expires_in": 600, "interval": 0,
            });
            (200, code)
        }
        "POST /oauth/token"
            if body.contains("device_code=dc") && asked.fetch_add(1, Ordering::SeqCst) == 0 =>
        {
            (400, json!({ "error": "authorization_pending" }))
        }
        "POST /oauth/token" if body.contains("password=wrong") => {
            (400, json!({ "error": "invalid_grant", "error_description": "wrong e-mail or password" }))
        }
        "POST /oauth/token" if body.contains("gone") => (401, json!({ "error": "invalid_grant" })),
        "POST /oauth/token" => {
            let number = given.fetch_add(1, Ordering::SeqCst) + 1;
            let tokens = json!({
                "access_token": format!("sk-stone-{number}"), "refresh_token": format!("stone-refresh-{number}"),
                "token_type": "Bearer", "expires_in": 3600, "scope": "messages:send",
            });
            (200, tokens)
        }
        "GET /admin/v1/whoami" => {
            let ada = json!({
                "tenant": "default", "user": "user_1", "user_name": "ada", "role": "user", "scopes": ["messages:send"],
                "key_kind": "session", "key": "key_1",
            });
            (200, ada)
        }
        "POST /account/totp" if body.contains("otp=000000") => (
            400,
            json!({ "error": "invalid_grant", "error_description": "the code is not one of the secret" }),
        ),
        "POST /account/totp" if body.contains("action=begin") => {
            (200, json!({ "secret": "GEZDGNBV", "uri": "otpauth://totp/Stonegate:ada" }))
        }
        "POST /account/totp" if body.contains("action=enable") => {
            (200, json!({ "recovery_codes": ["abcd-efgh", "ijkl-mnop"] }))
        }
        "POST /account/totp" => (200, json!({})),
        "POST /oauth/revoke" => (200, Value::Null),
        "POST /admin/v1/sign-in-links" => {
            (201, json!({ "url": "https://evil.example/link", "expires_at": "2026-11-21T12:00:00Z" }))
        }
        _ => (404, json!({})),
    })
}

fn signed_in(gateway: &Scripted) -> Person {
    let ada = Person::new();
    ada.says(&["setup", &gateway.url]);
    ada.says(&["login", "--no-browser"]);
    ada
}

/// What is kept, as if so many minutes were left of it.
fn let_pass(ada: &Person, minutes_left: i64) {
    let path = ada.home().join(".config/stonegate/profiles/default.json");
    let mut kept: Value = serde_json::from_slice(&std::fs::read(&path).expect("kept")).expect("JSON");
    let ends = stonegate_server::clock::now() + jiff::SignedDuration::from_mins(minutes_left);
    kept["credential"]["session"]["expires_at"] = json!(ends);
    std::fs::write(&path, kept.to_string()).expect("written");
}

fn token(ada: &Person) -> String {
    ada.says(&["token"]).trim().to_owned()
}

#[test]
fn a_code_is_shown_and_the_persons_word_awaited() {
    let gateway = gateway();
    let ada = Person::new();
    ada.says(&["setup", &gateway.url]);
    let said = ada.says(&["login"]);
    for shown in ["http://g/device?user_code=BCDF-GHJK", "    BCDF-GHJK\n", "Signed in", "as ada"] {
        assert!(said.contains(shown), "{shown}: {said}");
    }
    assert_eq!(gateway.count("device_code=dc"), 2);
    assert_eq!(token(&ada), "sk-stone-1");
    let lines = ada.says(&["login", "--json"]);
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((&events[0]["event"], &events[0]["user_code"]), (&json!("code"), &json!("BCDF-GHJK")));
    assert_eq!(
        (&events[1]["event"], &events[1]["whoami"]["user_name"]),
        (&json!("signed_in"), &json!("ada"))
    );
}

#[test]
fn a_password_signs_in_and_a_wrong_one_does_not() {
    let gateway = gateway();
    let ada = Person::new();
    ada.says(&["setup", &gateway.url]);
    let refused = ada.given("wrong\n", &["login", "--email", "ada@example.com"]);
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("wrong e-mail or password"), "{}", text(&refused.stderr));
    let taken = ada.given("a good one\n", &["login", "--email", "ada@example.com"]);
    assert!(taken.status.success(), "{}", text(&taken.stderr));
    assert_eq!(gateway.count("username=ada%40example.com&password=a%20good%20one"), 1);
    assert_eq!(token(&ada), "sk-stone-1");
}

#[test]
fn a_code_goes_with_the_password_where_there_is_one() {
    let gateway = gateway();
    let ada = Person::new();
    ada.says(&["setup", &gateway.url]);
    for given in ["a good one\n", "a good one\n123456\n"] {
        let taken = ada.given(given, &["login", "--email", "ada@example.com"]);
        assert!(taken.status.success(), "{}", text(&taken.stderr));
    }
    assert_eq!((gateway.count("&otp=&"), gateway.count("&otp=123456&")), (1, 1));
}

#[test]
fn an_app_is_set_up_by_the_password_and_its_first_code() {
    let gateway = gateway();
    let ada = Person::new();
    ada.says(&["setup", &gateway.url]);
    let totp = |given: &str, what: &str, more: &[&str]| {
        let line = [&["account", "totp", what, "--email", "ada@example.com"][..], more].concat();
        let done = ada.given(given, &line);
        (done.status.code(), text(&done.stdout), text(&done.stderr))
    };
    let (code, shown, _) = totp("a good one\n123456\n", "enable", &[]);
    assert_eq!(code, Some(0), "{shown}");
    for part in ["GEZDGNBV", "otpauth://totp/Stonegate:ada", "abcd-efgh\n  ijkl-mnop"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert_eq!(
        gateway.count("action=enable&username=ada%40example.com&password=a%20good%20one&otp=123456"),
        1
    );
    let (_, lines, _) = totp("a good one\n123456\n", "enable", &["--json"]);
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((&events[0]["event"], &events[1]["event"]), (&json!("begun"), &json!("enabled")), "{lines}");
    let (code, _, wrong) = totp("a good one\n000000\n", "enable", &[]);
    assert!(code == Some(3) && wrong.contains("not one of the secret"), "{code:?} {wrong}");
    assert_eq!(totp("a good one\n123456\n", "disable", &[]).0, Some(0));
}

#[test]
fn a_token_is_renewed_before_it_ends_and_by_one_process_only() {
    let gateway = gateway();
    let ada = signed_in(&gateway);
    let_pass(&ada, 6);
    assert_eq!(token(&ada), "sk-stone-1", "six minutes are enough");
    let_pass(&ada, 4);
    let together: Vec<_> = (0..6)
        .map(|_| {
            let mut command = ada.command(&["token"]);
            command.stdout(std::process::Stdio::piped()).spawn().expect("it starts")
        })
        .collect();
    for child in together {
        assert_eq!(text(&child.wait_with_output().expect("it ends").stdout), "sk-stone-2\n");
    }
    assert_eq!(gateway.count("refresh_token=stone-refresh-1"), 1);
}

#[test]
fn a_sign_in_that_ended_elsewhere_is_told_with_the_fix() {
    let gateway = gateway();
    let ada = signed_in(&gateway);
    let path = ada.home().join(".config/stonegate/profiles/default.json");
    let kept = std::fs::read_to_string(&path).expect("kept").replace("stone-refresh-1", "gone");
    std::fs::write(&path, kept).expect("written");
    let_pass(&ada, 1);
    let (code, told) = ada.refuses(&["token"]);
    assert_eq!(code, Some(3), "{told}");
    assert!(told.contains("has ended") && told.contains("stonegate login"), "{told}");
}

#[test]
fn while_the_gateway_is_away_a_token_does_as_long_as_it_lasts() {
    let gateway = gateway();
    let ada = signed_in(&gateway);
    let path = ada.home().join(".config/stonegate/profiles/default.json");
    let kept = std::fs::read_to_string(&path).expect("kept").replace(&gateway.url, "http://127.0.0.1:9");
    std::fs::write(&path, kept).expect("written");
    let_pass(&ada, 2);
    assert_eq!(token(&ada), "sk-stone-1");
    let_pass(&ada, 0);
    assert_eq!(ada.refuses(&["token"]).0, Some(4));
}

#[test]
fn signing_out_ends_the_sign_in_at_the_gateway() {
    let gateway = gateway();
    let ada = signed_in(&gateway);
    ada.says(&["logout"]);
    assert_eq!(gateway.count("POST /oauth/revoke token=stone-refresh-1"), 1);
    assert_eq!(ada.refuses(&["token"]).0, Some(3));
}

#[test]
fn a_gateway_without_sign_in_leaves_keys() {
    let older = scripted(|line, _| match line {
        "GET /api/hello" => (200, json!("Stonegate")),
        _ => (404, json!({})),
    });
    let ada = Person::new();
    let (code, told) = ada.refuses(&["login", "--url", &older.url]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("login --key"), "{told}");
}

/// A home with a `secret-tool` that keeps what it is given in files of that home, and is as silent as the real one.
fn with_keychain() -> (Person, String) {
    let ada = Person::new();
    let programs = ada.home().join("programs");
    std::fs::create_dir(&programs).expect("made");
    let script = r#"#!/bin/sh
cd "$(dirname "$0")" || exit 9
test -e locked && { echo "secret-tool: the collection is locked" >&2; exit 1; }
order=$1; shift
case $1 in --label=*) shift;; esac
test "$1 $2 $3" = "service stonegate profile" || { echo "usage" >&2; exit 2; }
item=$(echo "$4" | tr / _)
case $order in
  store) cat > "$item" ;;
  lookup) test -e "$item" || exit 1; cat "$item" ;;
  clear) test -e "$item" || exit 1; rm "$item" ;;
esac
"#;
    let program = programs.join("secret-tool");
    std::fs::write(&program, script).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, mode).expect("set");
    let path = format!("{}:/usr/bin:/bin", programs.display());
    (ada, path)
}

#[cfg(not(target_os = "macos"))]
#[test]
fn a_sign_in_is_kept_in_the_keychain_where_it_is_wanted() {
    let gateway = gateway();
    let (ada, path) = with_keychain();
    let run = |arguments: &[&str], keeping: &str| {
        let mut command = ada.command(arguments);
        command.env("PATH", &path).env("STONEGATE_TOKEN_STORE", keeping).output().expect("it runs")
    };
    let says = |arguments: &[&str], keeping: &str| {
        let output = run(arguments, keeping);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    let profile = ada.home().join(".config/stonegate/profiles/default.json");
    let item = ada.home().join("programs").join(profile.display().to_string().replace('/', "_"));
    let is_in_file = || std::fs::read_to_string(&profile).expect("kept").contains("sk-stone-");

    says(&["setup", &gateway.url], "");
    says(&["login", "--no-browser", "--keep-in", "keychain"], "");
    assert!(!is_in_file() && item.exists());
    assert_eq!(says(&["token"], "").trim(), "sk-stone-1");
    assert!(says(&["setup", &gateway.url], "").contains("stonegate claude"), "it is still signed in");
    assert!(text(&run(&["doctor"], "").stdout).contains("kept in the keychain"));

    // A flag is nearer than a variable.
    says(&["login", "--no-browser", "--keep-in", "file"], "keychain");
    assert!(is_in_file() && !item.exists());
    says(&["login", "--no-browser", "--keep-in", "keychain"], "file");
    assert!(!is_in_file() && item.exists());

    // To the file and back, without signing in anew.
    says(&["setup", &gateway.url], "file");
    assert!(is_in_file() && !item.exists());
    says(&["setup", &gateway.url], "keychain");
    assert!(!is_in_file() && item.exists());
    assert_eq!(says(&["token"], "").trim(), "sk-stone-3");
    assert_eq!(run(&["setup", &gateway.url], "drawer").status.code(), Some(2));

    std::fs::write(ada.home().join("programs/locked"), "").expect("written");
    let locked = run(&["token"], "");
    assert_eq!(locked.status.code(), Some(2));
    assert!(text(&locked.stderr).contains("the collection is locked"), "{}", text(&locked.stderr));
    std::fs::remove_file(ada.home().join("programs/locked")).expect("removed");

    says(&["logout"], "");
    assert!(!item.exists(), "nothing is left of it");
    assert_eq!(gateway.count("POST /oauth/revoke token=stone-refresh-3"), 1);
    assert_eq!(run(&["token"], "").status.code(), Some(3));
    says(&["login", "--no-browser"], "");
    assert!(item.exists(), "it stays where it was");
    says(&["logout", "--all"], "");
    assert!(!item.exists() && !profile.exists());
}

#[cfg(not(target_os = "macos"))]
#[test]
fn without_a_keychain_nothing_is_lost_and_the_fix_is_told() {
    let gateway = gateway();
    let ada = signed_in(&gateway);
    let mut command = ada.command(&["setup", &gateway.url]);
    let output = command.env("STONEGATE_TOKEN_STORE", "keychain").env("PATH", "/nonexistent").output();
    let output = output.expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("libsecret-tools"), "{}", text(&output.stderr));
    assert_eq!(token(&ada), "sk-stone-1");
}

#[test]
fn a_link_to_the_account_is_shown_and_one_of_another_origin_not_opened() {
    let gateway = gateway();
    let ada = signed_in(&gateway);
    // A desktop whose browser tells that it was started.
    let programs = ada.home().join("programs");
    std::fs::create_dir(&programs).expect("made");
    let opened = ada.home().join("opened");
    let program = programs.join(if cfg!(target_os = "macos") { "open" } else { "xdg-open" });
    std::fs::write(&program, format!("#!/bin/sh\necho \"$1\" > '{}'\n", opened.display())).expect("written");
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("set");
    let mut command = ada.command(&["ui"]);
    let path = format!("{}:/usr/bin:/bin", programs.display());
    let shown = command.env("PATH", path).env("DISPLAY", ":0").output().expect("it runs");
    assert!(shown.status.success(), "{}", text(&shown.stderr));
    let said = text(&shown.stdout);
    assert!(said.contains("Open this page:\n\n    https://evil.example/link"), "{said}");
    assert!(!opened.exists(), "what is not the gateway's is for the person to judge");
    assert_eq!(ada.tells(&["ui"])["url"], "https://evil.example/link");
    assert_eq!(gateway.count("POST /admin/v1/sign-in-links"), 2);
}
