//! The operator's commands as scripts see them: on an empty store, beside each other, and how they end.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// A home with a data directory that nobody has made yet.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Home {
        Home(tempfile::tempdir().expect("a directory"))
    }

    fn data(&self) -> String {
        self.0.path().join("data").display().to_string()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stonegate"));
        command.env_clear().env("HOME", self.0.path()).args(arguments).args(["--data-dir", &self.data()]);
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("it runs")
    }

    /// What a command that works prints for people.
    fn says(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        assert_eq!(text(&output.stderr), "");
        text(&output.stdout)
    }

    /// What a command that works prints for programs.
    fn tells(&self, arguments: &[&str]) -> Value {
        let printed = self.says(&[arguments, &["--json"]].concat());
        serde_json::from_str(&printed).expect("JSON and nothing else")
    }

    /// Exit code and message of a command that does not work.
    fn refuses(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.run(arguments);
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
        (output.status.code(), text(&output.stderr))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[test]
fn a_key_is_made_on_an_empty_data_directory() {
    let home = Home::new();
    let key = home.tells(&["keys", "create", "--name", "script"]);
    assert!(key["key"].as_str().is_some_and(|key| key.starts_with("sk-stone-") && key.len() == 55), "{key}");
    assert_eq!(
        (&key["name"], &key["tenant"], &key["user_name"]),
        (&json!("script"), &json!("default"), &json!("admin"))
    );
    let listed = home.tells(&["keys", "list"]);
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["data"][0]["id"], key["id"]);
    assert!(!listed.to_string().contains(key["key"].as_str().expect("text")));
    assert!(Path::new(&home.data()).join("stonegate.db").is_file());
}

#[test]
fn many_keys_can_be_made_at_once_on_an_empty_data_directory() {
    let home = Home::new();
    let children: Vec<_> = (0..6)
        .map(|number| {
            let name = format!("key {number}");
            let mut command = home.command(&["keys", "create", "--name", &name]);
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it runs")
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    assert_eq!(home.tells(&["keys", "list"])["data"].as_array().map(Vec::len), Some(6));
    assert_eq!(home.tells(&["users", "list"])["data"].as_array().map(Vec::len), Some(1));
}

#[test]
fn people_read_tables_and_a_key_stands_alone_on_its_line() {
    let home = Home::new();
    assert_eq!(home.says(&["usage"]), "no calls in this time\n");
    assert_eq!(home.says(&["budgets", "list"]), "no budgets: nothing is limited\n");
    assert_eq!(home.says(&["usage", "unresolved"]), "nothing is charged on suspicion\n");
    assert_eq!(home.says(&["usage", "corrections"]), "nothing was corrected\n");
    let made = home.says(&["keys", "create", "--name", "laptop", "--user", "ann"]);
    let (key, note) = made.split_once('\n').expect("two lines");
    assert!(
        key.starts_with("sk-stone-") && note.contains("of ann. Keep it: it is not shown again."),
        "{made}"
    );
    let table = home.says(&["keys", "list"]);
    let heading: Vec<&str> = table.lines().next().expect("a line").split_whitespace().collect();
    assert_eq!(
        heading,
        ["ID", "NAME", "TENANT", "USER", "KEY", "STATUS", "EXPIRES", "LAST", "USED", "CREATED"]
    );
    let set = ["budgets", "set", "--account", "user:ann", "--window", "daily", "--limit-usd", "0.000125"];
    let table = home.says(&set);
    assert!(table.contains("$0.00013") && !table.contains("$0.000125 "), "{table}");
}

#[test]
fn a_key_is_rotated_and_revoked_by_name() {
    let home = Home::new();
    let made = home.tells(&["keys", "create", "--name", "laptop", "--expires", "30d"]);
    let rotated = home.tells(&["keys", "rotate", "laptop", "--overlap-seconds", "0"]);
    assert_eq!(rotated["id"], made["id"]);
    assert_ne!(rotated["key"], made["key"]);
    assert_eq!(home.tells(&["keys", "revoke", "laptop"])["status"], json!("revoked"));
    assert_eq!(home.tells(&["keys", "list"]), json!({ "data": [] }));
    assert_eq!(home.tells(&["keys", "list", "--all"])["data"][0]["status"], json!("revoked"));
}

#[test]
fn teams_are_kept_and_named() {
    let home = Home::new();
    home.tells(&["tenants", "create", "acme"]);
    for tenant in ["default", "acme"] {
        home.tells(&["teams", "create", "core", "--tenant", tenant]);
    }
    let ann = home.tells(&["users", "create", "--name", "ann", "--tenant", "acme", "--team", "core"]);
    let listed = home.tells(&["teams", "list", "--tenant", "acme"]);
    assert_eq!((&ann["team"], listed["data"].as_array().map(Vec::len)), (&listed["data"][0]["id"], Some(1)));
    let (code, told) = home.refuses(&["teams", "update", "core", "--name", "heart"]);
    assert_eq!((code, told.contains("several tenants have a team `core`")), (Some(2), true), "{told}");
    home.says(&["teams", "update", "core", "--tenant", "acme", "--name", "heart", "--deny-model", "nova-*"]);
    let budget = ["budgets", "set", "--account", "team:heart", "--window", "daily", "--limit-usd", "5"];
    assert_eq!(home.tells(&budget)["account_name"], "heart");
    assert!(home.says(&["budgets", "list", "--account", "team:heart"]).contains("team:heart"));
    let (code, told) = home.refuses(&["teams", "update", "heart", "--archive"]);
    assert_eq!((code, told.contains("a user is in the team `heart`")), (Some(1), true), "{told}");
    home.says(&["users", "update", "ann", "--tenant", "acme", "--no-team"]);
    home.says(&["teams", "update", "heart", "--archive"]);
    home.says(&["teams", "update", "heart", "--restore"]);
    assert_eq!(home.tells(&["usage", "--team", "heart"])["total"]["calls"], 0);
    let (code, told) = home.refuses(&["usage", "--team", "nothing"]);
    assert_eq!((code, told.contains("there is no team `nothing`")), (Some(1), true), "{told}");
}

#[test]
fn what_is_administered_stands_in_a_group_of_its_own_too() {
    let home = Home::new();
    home.says(&["admin", "tenants", "create", "acme"]);
    home.says(&["admin", "teams", "create", "core"]);
    home.says(&["admin", "users", "create", "--name", "ann"]);
    home.says(&["admin", "keys", "create", "--name", "laptop", "--user", "ann"]);
    for group in ["tenants", "teams", "users", "keys", "budgets", "audit"] {
        assert_eq!(home.tells(&["admin", group, "list"]), home.tells(&[group, "list"]), "{group}");
    }
    assert_eq!(home.tells(&["admin", "usage"]), home.tells(&["usage"]));
}

#[test]
fn tenants_users_and_budgets_are_kept() {
    let home = Home::new();
    home.tells(&["tenants", "create", "acme", "--name", "Acme Corp"]);
    let ann = home.tells(&["users", "create", "--name", "ann", "--tenant", "acme", "--role", "team_lead"]);
    assert_eq!((&ann["tenant"], &ann["role"]), (&json!("acme"), &json!("team_lead")));
    let locked = home.tells(&["users", "update", "ann", "--tenant", "acme", "--disable"]);
    assert!(locked["disabled_at"].is_string(), "{locked}");
    assert!(home.tells(&["users", "update", "ann", "--tenant", "acme", "--enable"])["disabled_at"].is_null());
    let set = ["budgets", "set", "--account", "tenant:acme", "--window", "monthly", "--limit-usd", "12.5"];
    let budget = home.tells(&set);
    assert_eq!((&budget["limit"], &budget["limit_usd"]), (&json!(12_500_000_000_u64), &json!("12.50")));
    let id = budget["id"].as_str().expect("text");
    assert_eq!(home.tells(&["budgets", "remove", id]), json!({ "id": id, "removed": true }));
    assert_eq!(home.tells(&["budgets", "list"]), json!({ "data": [] }));
    home.tells(&["users", "create", "--name", "bob"]);
    let of_bob =
        home.tells(&["budgets", "set", "--account", "user:bob", "--window", "total", "--limit-tokens", "9"]);
    assert_eq!((&of_bob["account_name"], &of_bob["remaining"]), (&json!("bob"), &json!(9)));
    let table = home.says(&["budgets", "list"]);
    assert!(table.contains("user:bob") && table.contains("LEASED"), "{table}");
    assert_eq!(home.tells(&["usage", "--per", "day", "--last", "7d"])["total"]["calls"], json!(0));
}

#[test]
fn exit_codes_tell_a_wrong_command_line_from_what_did_not_work() {
    let home = Home::new();
    let budget = |more: &[&'static str]| [&["budgets", "set", "--window", "daily"], more].concat();
    for (arguments, code, message) in [
        (vec!["keys", "revoke", "nothing"], 1, "there is no key `nothing`"),
        (vec!["users", "update", "nobody", "--disable"], 1, "there is no user `nobody`"),
        (vec!["tenants", "create", "default"], 1, "id: there is a tenant `default` already"),
        (budget(&["--account", "user:nobody", "--limit-usd", "1"]), 1, "there is no account `user:nobody`"),
        (budget(&["--account", "nobody", "--limit-usd", "1"]), 2, "account: "),
        (budget(&["--account", "tenant:default", "--limit-usd", "1.0000000001"]), 2, "limit_usd: "),
        (budget(&["--account", "tenant:default"]), 2, "--limit-usd"),
        (
            budget(&["--account", "tenant:default", "--limit-usd", "1", "--limit-tokens", "1"]),
            2,
            "cannot be used",
        ),
        (vec!["keys", "create", "--name", ""], 2, "name: "),
        (vec!["keys", "create", "--name", "a", "--scopes", "fly"], 2, "unknown scope `fly`"),
        (vec!["keys", "create", "--name", "a", "--expires", "2020-01-01"], 2, "expires_at: "),
        (vec!["keys", "create"], 2, "--name"),
        (vec!["usage", "--by", "day", "--per", "hour"], 2, "--by names one time and --per another"),
        (vec!["usage", "--since", "yesterday"], 2, "from: `yesterday` is no time"),
    ] {
        let (found, said) = home.refuses(&arguments);
        assert_eq!(found, Some(code), "{arguments:?}: {said}");
        assert!(said.contains(message), "{arguments:?}: {said}");
    }
    assert_eq!(home.tells(&["keys", "list"]), json!({ "data": [] }));
}

#[test]
fn what_was_done_is_in_a_log_that_can_be_checked() {
    let home = Home::new();
    assert_eq!(home.says(&["audit", "list"]), "nothing was done\n");
    home.says(&["tenants", "create", "acme"]);
    home.says(&["tenants", "update", "acme", "--name", "Acme Corp"]);
    let set = ["budgets", "set", "--account", "tenant:acme", "--window", "daily", "--limit-usd", "5"];
    let budget = home.tells(&set)["id"].as_str().expect("text").to_owned();
    home.says(&["budgets", "remove", &budget]);
    let log = home.tells(&["audit", "list"]);
    let said: Vec<&Value> =
        log["data"].as_array().expect("a list").iter().map(|act| &act["action"]).collect();
    assert_eq!(said, ["budget.remove", "budget.set", "tenant.update", "tenant.create"]);
    assert_eq!(log["data"][1]["after"]["own_limit"], json!(5_000_000_000_u64));
    let table = home.says(&["audit", "list", "--subject", "tenant:acme"]);
    assert!(table.contains(r#"name: "acme" → "Acme Corp""#), "{table}");

    let checked = home.tells(&["audit", "verify"]);
    assert_eq!(checked["entries"], json!(4));
    let seal = checked["seal"].as_str().expect("text").to_owned();
    home.says(&["tenants", "create", "other"]);
    let shown = home.says(&["audit", "verify", "--contains", &seal]);
    assert!(shown.starts_with("5 entries, one whole chain\n"), "{shown}");
    let (code, message) = home.refuses(&["audit", "verify", "--contains", &"0".repeat(64)]);
    assert!(code == Some(1) && message.contains("cut or written anew"), "{message}");

    let exported = home.run(&["audit", "export"]);
    let lines = text(&exported.stdout);
    assert_eq!(lines.lines().count(), 5);
    let first: Value = serde_json::from_str(lines.lines().next().expect("a line")).expect("JSON");
    assert_eq!((&first["action"], &first["actor"]), (&json!("tenant.create"), &json!("operator")));
}

#[test]
fn an_installation_moves_to_another_store() {
    let (old, new) = (Home::new(), Home::new());
    old.says(&["keys", "create", "--name", "laptop", "--user", "ann"]);
    old.says(&["budgets", "set", "--account", "user:ann", "--window", "daily", "--limit-usd", "5"]);
    let file = |name: &str| old.0.path().join(name).display().to_string();
    let (copy, cut_off) = (file("copy.jsonl"), file("cut_off.jsonl"));
    assert_eq!(old.run(&["store", "export", &copy]).status.code(), Some(0));

    // The variable says which store, and a flag has the last word.
    let url = format!("sqlite:{}", new.0.path().join("elsewhere.db").display());
    let import = |file: &str, store: &str| {
        let mut command = new.command(&["store", "import", file]);
        let output = command.env("STONEGATE_STORE", store).output().expect("it runs");
        (output.status.code(), text(&output.stderr))
    };
    assert_eq!(import(&copy, &url).0, Some(0));
    for listed in
        [["users", "list"], ["keys", "list"], ["budgets", "list"], ["audit", "list"], ["store", "status"]]
    {
        assert_eq!(old.tells(&listed), new.tells(&[&listed[..], &["--store", &url]].concat()), "{listed:?}");
    }
    assert_eq!(new.tells(&["store", "migrate", "--store", &url]), old.tells(&["store", "status"]));
    let (code, told) = import(&copy, &url);
    assert!(code == Some(1) && told.contains("the store is not empty"), "{told}");

    let lines = std::fs::read_to_string(&copy).expect("a copy");
    let first: Vec<&str> = lines.lines().take(4).collect();
    std::fs::write(&cut_off, first.join("\n")).expect("a file");
    let other = format!("sqlite:{}", new.0.path().join("other.db").display());
    let (code, told) = import(&cut_off, &other);
    assert!(code == Some(1) && told.contains("the copy was cut off"), "{told}");
    assert_eq!(new.tells(&["users", "list", "--store", &other]), json!({ "data": [] }));
}
