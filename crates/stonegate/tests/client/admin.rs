//! Keys, users, tenants, budgets and usage at a gateway, by the same commands as on a store.

use serde_json::{Value, json};

use crate::person::{Person, Served, scripted, served, served_with, text};

/// Somebody who is signed in with a key that may administer.
fn administrator(gateway: &Served) -> Person {
    let grace = Person::new();
    let made = gateway.operator(&["keys", "create", "--name", "admin", "--scopes", "all"]);
    grace.says(&["setup", &gateway.url]);
    assert!(grace.given(made["key"].as_str().expect("text"), &["login", "--key"]).status.success());
    grace
}

fn names(list: &Value, member: &str) -> Vec<String> {
    let items = list["data"].as_array().expect("a list");
    items.iter().map(|item| item[member].as_str().expect("text").to_owned()).collect()
}

#[test]
fn an_administrator_works_from_anywhere() {
    let gateway = served();
    let grace = administrator(&gateway);
    grace.says(&["tenants", "create", "acme", "--name", "Acme"]);
    grace.says(&["users", "create", "--name", "ann", "--tenant", "acme"]);
    assert_eq!(names(&grace.tells(&["users", "list", "--tenant", "acme"]), "name"), ["ann"]);
    let key = grace.tells(&[
        "keys",
        "create",
        "--name",
        "ci",
        "--user",
        "ann",
        "--tenant",
        "acme",
        "--expires",
        "90d",
    ]);
    assert_eq!((&key["tenant"], &key["user_name"]), (&json!("acme"), &json!("ann")));
    assert!(key["expires_at"].is_string(), "{key}");

    let budget =
        grace.tells(&["budgets", "set", "--account", "key:ci", "--window", "daily", "--limit-usd", "5"]);
    assert_eq!(budget["account"], json!(format!("key:{}", key["id"].as_str().expect("text"))));
    let id = budget["id"].as_str().expect("text");
    grace.says(&["budgets", "grant", id, "2", "--reason", "release"]);
    assert_eq!(grace.tells(&["budgets", "adjustments"])["data"][0]["reason"], "release");
    grace.says(&["budgets", "remove", id]);
    assert_eq!(grace.tells(&["budgets", "list"])["data"], json!([]));

    // The same from the store's side, and by name, id and text.
    assert!(names(&gateway.operator(&["keys", "list"]), "name").contains(&"ci".to_owned()));
    let rotated = grace.tells(&["keys", "rotate", "ci", "--overlap-seconds", "0"]);
    assert_ne!(rotated["key"], key["key"]);
    grace.says(&["keys", "revoke", rotated["key"].as_str().expect("text")]);
    assert!(!names(&grace.tells(&["keys", "list", "--tenant", "acme"]), "name").contains(&"ci".to_owned()));
    grace.says(&["users", "update", "ann", "--tenant", "acme", "--disable"]);
    assert_eq!(grace.tells(&["usage", "--by", "model", "--since", "7d"])["total"]["calls"], 0);
    let (code, told) = grace.refuses(&["keys", "revoke", "nothing"]);
    assert_eq!((code, told.contains("there is no key `nothing`")), (Some(1), true), "{told}");
}

#[test]
fn what_the_settings_made_of_a_gateway_is_seen_from_anywhere_by_administrators() {
    let home = tempfile::tempdir().expect("a directory");
    let settings = home.path().join("stonegate.toml");
    let written = r#"
        [models]
        aliases = { fast = "claude-haiku-5-5" }
        [[signin.providers]]
        id = "okta"
        issuer = "https://id.example.org"
        client_id = "stonegate"
        client_secret = "hush"
        rules = [{ group = "staff-*", role = "team_lead" }]
    "#;
    std::fs::write(&settings, written).expect("written");
    let flag = settings.display().to_string();
    let gateway = served_with(home, &["--config", &flag]);
    let grace = administrator(&gateway);
    let both = |arguments: &[&str]| {
        let told = grace.tells(&[&["admin"], arguments].concat());
        let flags = ["--config", &flag, "--set", "bedrock.region=us-east-1"];
        (told, grace.tells(&[&["admin"], arguments, &flags].concat()))
    };
    for arguments in [["trust", "list"], ["trust", "show"], ["endpoints", "list"], ["models", "list"]] {
        let name: &[&str] = if arguments[1] == "show" { &["okta"] } else { &[] };
        let (mut told, by_settings) = both(&[&arguments[..], name].concat());
        if arguments[0] == "models" {
            // Only calls teach, and so only a gateway knows.
            let models = told["data"].as_array_mut().expect("a list").iter_mut();
            let learned: Vec<_> =
                models.filter_map(|model| model.as_object_mut()?.remove("tokens_per_byte")).collect();
            assert!(learned.iter().all(|density| density == "0.333") && !learned.is_empty(), "{learned:?}");
        }
        assert!(!told.to_string().contains("hush"), "{told}");
        if arguments[0] != "endpoints" {
            assert_eq!(told, by_settings, "{arguments:?}");
        }
    }
    assert_eq!(names(&both(&["trust", "list"]).0, "name"), ["okta"]);
    assert_eq!(both(&["endpoints", "list"]).0["data"][0]["runtime_url"], "http://127.0.0.1:9");
    assert_eq!(both(&["models", "show", "fast"]).0["id"], "claude-haiku-5-5");
    assert!(grace.says(&["admin", "trust", "show", "okta"]).contains("staff-*"));
    assert!(grace.says(&["admin", "models", "show", "fast"]).contains("USD per million tokens"));
    let (code, told) = grace.refuses(&["admin", "trust", "show", "entra"]);
    assert_eq!((code, told.contains("`entra` is not trusted")), (Some(2), true), "{told}");

    let key = gateway.key("ada", &["--scopes", "messages:send,usage:read,keys:manage"]);
    for group in ["trust", "endpoints", "models"] {
        let refused = grace.as_caller(&gateway, &key, &["admin", group, "list"]);
        assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stderr));
    }
}

#[test]
fn the_audit_log_is_followed_from_anywhere_and_a_gateway_is_not_believed() {
    let gateway = served();
    let grace = administrator(&gateway);
    grace.says(&["tenants", "create", "acme", "--name", "Acme"]);
    let reader = gateway.operator(&["keys", "create", "--name", "reader", "--scopes", "all"]);
    let found = grace.tells(&["audit", "verify"]);
    let seal = found["seal"].as_str().expect("a seal").to_owned();
    assert_eq!(found, gateway.operator(&["audit", "verify"]));
    assert_eq!(grace.tells(&["audit", "verify", "--contains", &seal]), found);
    let (code, told) =
        grace.refuses(&["audit", "verify", "--contains", &seal.replace(char::is_alphabetic, "0")]);
    assert_eq!((code, told.contains("cut or written anew")), (Some(1), true), "{told}");

    grace.says(&["audit", "export", "ours.jsonl"]);
    let ours = std::fs::read_to_string(grace.home().join("ours.jsonl")).expect("written");
    let theirs = grace.home().join("theirs.jsonl");
    let entries = ours.lines().count();
    assert_eq!(Some(entries as u64), found["entries"].as_u64());
    gateway.export_audit(&theirs);
    assert_eq!(ours, std::fs::read_to_string(theirs).expect("written"), "the same as from the store");

    let told = gateway.asked(reader["key"].as_str().expect("text"), "/admin/v1/audit/chain");
    let ada = gateway.key("ada", &["--scopes", "messages:send,usage:read,keys:manage"]);
    let refused = Person::new().as_caller(&gateway, &ada, &["audit", "verify"]);
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stderr));

    // A gateway that leaves an entry out, or changes a word of one.
    let sealed = told["data"].as_array().expect("a list").clone();
    let without = [&sealed[..1], &sealed[2..]].concat();
    let mut changed = sealed.clone();
    changed[1]["actor"] = json!("user:somebody");
    for (told, entry) in [(without, &sealed[2]), (changed, &sealed[1])] {
        let liar = scripted(move |line, _| match line {
            "GET /admin/v1/audit/chain?limit=500" => (200, json!({ "data": told, "next": "9" })),
            _ => (200, json!({ "data": [] })),
        });
        let mut command = grace.command(&["audit", "verify"]);
        let output = command.env("STONEGATE_URL", &liar.url).env("STONEGATE_KEY", "sk-stone-x").output();
        let output = output.expect("it runs");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("the chain is broken at entry {}", entry["number"])), "{said}");
    }
}

#[test]
fn teams_are_administered_from_anywhere_by_name() {
    let gateway = served();
    let grace = administrator(&gateway);
    grace.says(&["teams", "create", "core", "--allow-model", "claude-*"]);
    gateway.operator(&["teams", "create", "rest"]);
    assert_eq!(names(&grace.tells(&["teams", "list"]), "name"), ["core", "rest"]);
    grace.says(&["users", "create", "--name", "ann", "--team", "core"]);
    assert!(grace.says(&["users", "list", "--team", "core"]).contains("core"));
    let made = grace.tells(&["keys", "create", "--name", "ci", "--user", "ann"]);
    assert_eq!(names(&grace.tells(&["keys", "list", "--team", "core"]), "name"), ["ci"]);
    let budget = ["budgets", "set", "--account", "team:core", "--window", "daily", "--limit-usd", "5"];
    let team = grace.tells(&["teams", "list"])["data"][0]["id"].as_str().expect("text").to_owned();
    assert_eq!(grace.tells(&budget)["account"], json!(format!("team:{team}")));
    assert_eq!(grace.tells(&["usage", "--by", "team", "--team", "core"])["total"]["calls"], 0);
    let ann = Person::new();
    let whoami = ann.as_caller(&gateway, made["key"].as_str().expect("text"), &["whoami"]);
    assert!(text(&whoami.stdout).contains("core"), "{}", text(&whoami.stdout));

    let (code, told) = grace.refuses(&["teams", "update", "core", "--archive"]);
    assert_eq!((code, told.contains("move them first")), (Some(1), true), "{told}");
    grace.says(&["users", "update", "ann", "--team", "rest"]);
    grace.says(&["teams", "update", "core", "--archive"]);
    assert_eq!(names(&grace.tells(&["teams", "list"]), "name"), ["rest"]);
    assert_eq!(names(&grace.tells(&["teams", "list", "--all"]), "name"), ["core", "rest"]);
    grace.says(&["users", "update", "ann", "--no-team"]);
    let (code, told) = grace.refuses(&["users", "update", "ann", "--team", "nothing"]);
    assert_eq!((code, told.contains("there is no team `nothing`")), (Some(1), true), "{told}");
}

#[test]
fn a_person_looks_after_their_own_keys_and_no_others() {
    let gateway = served();
    gateway.key("bob", &[]);
    let ada = Person::new();
    let key = gateway.key("ada", &["--scopes", "messages:send,usage:read,keys:manage"]);
    let run = |arguments: &[&str]| ada.as_caller(&gateway, &key, arguments);
    let listed: Value = serde_json::from_slice(&run(&["keys", "list", "--json"]).stdout).expect("JSON");
    assert_eq!(names(&listed, "user_name"), ["ada"]);
    assert!(run(&["keys", "create", "--name", "second", "--scopes", "messages:send"]).status.success());
    assert!(run(&["usage"]).status.success());
    let refused = run(&["keys", "create", "--name", "third", "--scopes", "all"]);
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stderr));
    let refused = run(&["users", "create", "--name", "eve"]);
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stderr));
}

#[test]
fn whoever_names_a_store_means_it() {
    let gateway = served();
    let grace = administrator(&gateway);
    let elsewhere = grace.home().join("data").display().to_string();
    grace.says(&["keys", "create", "--name", "here", "--data-dir", &elsewhere]);
    assert!(!names(&gateway.operator(&["keys", "list"]), "name").contains(&"here".to_owned()));
    assert!(
        names(&grace.tells(&["keys", "list", "--data-dir", &elsewhere]), "name").contains(&"here".to_owned())
    );
    let (code, told) = grace.refuses(&["keys", "list", "--data-dir", &elsewhere, "--url", &gateway.url]);
    assert_eq!(code, Some(2), "{told}");
}

#[test]
fn what_works_on_a_store_alone_says_so_to_whoever_is_signed_in_elsewhere() {
    let gateway = served();
    let grace = administrator(&gateway);
    for arguments in [&["store", "status"][..], &["store", "export"]] {
        let (code, told) = grace.refuses(arguments);
        assert_eq!((code, told.contains("name the store")), (Some(2), true), "{arguments:?}: {told}");
    }
    let elsewhere = grace.home().join("data").display().to_string();
    grace.says(&["audit", "verify", "--data-dir", &elsewhere]);
}

#[test]
fn what_claude_code_is_told_is_administered_from_anywhere() {
    let gateway = served();
    let grace = administrator(&gateway);
    grace.says(&["teams", "create", "core"]);
    let file = grace.home().join("policy.json");
    let path = file.display().to_string();
    let wanted = json!({ "permissions": { "deny": ["WebFetch"] } });
    std::fs::write(&file, wanted.to_string()).expect("written");

    let told = grace.says(&["managed-settings", "set", &path]);
    assert!(told.contains("tenant `default`"), "{told}");
    assert_eq!(gateway.operator(&["managed-settings", "show"]), wanted);
    let given = grace.given("{\"env\": {\"A\": \"1\"}}", &["managed-settings", "set", "--team", "core", "-"]);
    assert!(given.status.success(), "{}", text(&given.stderr));
    let listed = grace.tells(&["managed-settings", "list"]);
    assert_eq!(listed["data"][0]["managed_settings"], wanted);
    assert_eq!(
        (&listed["data"][1]["team_name"], &listed["data"][1]["tenant"]),
        (&json!("core"), &json!("default"))
    );
    assert!(grace.says(&["managed-settings", "list"]).contains("core  env"), "{listed}");

    grace.says(&["managed-settings", "remove", "--team", "core"]);
    let (code, told) = grace.refuses(&["managed-settings", "show", "--team", "core"]);
    assert_eq!((code, told.contains("team `core` has no managed settings")), (Some(1), true), "{told}");
    for (written, code, place) in [
        ("{\n  \"env\": {}\n  \"a\": 1 }", 2, ":3:3: "),
        ("[]", 2, ":1:1: "),
        ("{\"env\": {\"A\": 1}}", 1, "`env.A`: a variable's value is text"),
    ] {
        std::fs::write(&file, written).expect("written");
        let (found, told) = grace.refuses(&["managed-settings", "set", &path]);
        assert_eq!((found, told.contains(place)), (Some(code), true), "{written}: {told}");
    }
    assert_eq!(grace.tells(&["managed-settings", "show"]), wanted, "what was wrong changed nothing");
    grace.says(&["tenants", "create", "acme"]);
    let (code, told) = grace.refuses(&["managed-settings", "show"]);
    assert_eq!((code, told.contains("--tenant")), (Some(2), true), "{told}");
    grace.says(&["managed-settings", "remove", "--tenant", "default"]);
    assert_eq!(grace.tells(&["managed-settings", "list"])["data"], json!([]));
}

#[test]
fn a_script_makes_a_charge_and_captures_it() {
    let gateway = served();
    let ada = Person::new();
    let key = gateway.key("ada", &["--scopes", "charges:make,usage:read"]);
    gateway.operator(&["budgets", "set", "--account", "user:ada", "--window", "monthly", "--limit-usd", "1"]);
    let run = |arguments: &[&str]| ada.as_caller(&gateway, &key, &[arguments, &["--json"]].concat());
    let tells = |arguments: &[&str]| -> Value {
        let output = run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let authorize = ["charges", "authorize", "web-search", "0.50", "--once", "search-1"];
    let held = tells(&authorize);
    assert_eq!((&held["state"], &held["amount_usd"]), (&json!("held"), &json!("0.50")));
    assert_eq!(tells(&authorize)["id"], held["id"], "once is once");
    let short = run(&["charges", "authorise", "web-search", "0.60"]);
    assert_eq!(short.status.code(), Some(1));
    assert!(text(&short.stderr).contains("not covered by"), "{}", text(&short.stderr));
    let id = held["id"].as_str().expect("text");
    assert_eq!(tells(&["charges", "list"])["data"][0]["id"], held["id"]);
    assert_eq!(gateway.operator(&["charges", "list"])["data"][0]["id"], held["id"]);
    let captured = tells(&["charges", "capture", id, "0.20"]);
    assert_eq!((&captured["state"], &captured["amount_usd"]), (&json!("captured"), &json!("0.20")));
    assert_eq!(run(&["charges", "capture", id, "0.30"]).status.code(), Some(1));
    assert_eq!(tells(&["charges", "list"])["data"], json!([]));
    let none = ada.as_caller(&gateway, &key, &["charges", "list"]);
    assert!(text(&none.stdout).contains("no charge holds anything"), "{}", text(&none.stdout));

    let outlook = tells(&["usage", "--forecast"]);
    assert_eq!(
        (&outlook["total"]["calls"], &outlook["budgets"][0]["spent_usd"]),
        (&json!(1), &json!("0.20"))
    );
    assert!(outlook["budgets"][0]["forecast"].is_object(), "{outlook}");
    let of_store = gateway.operator(&["usage", "--forecast", "--user", "ada", "--last", "1d"]);
    assert_eq!(of_store["budgets"][0]["spent_usd"], "0.20");
    let shown = ada.as_caller(&gateway, &key, &["usage", "--forecast"]);
    let shown = text(&shown.stdout);
    assert!(shown.contains("BUDGET OF") && shown.contains("$0.20"), "{shown}");
    let (code, told) = ada.refuses(&["charges", "authorize", "x", "1", "--data-dir", "store"]);
    assert_eq!((code, told.contains("at a gateway")), (Some(2), true), "{told}");
}
