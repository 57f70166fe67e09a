//! Settings of other tools, written and taken back.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::person::{Person, Served, served, served_with, text};

/// Somebody who is signed in with a key that may make others.
fn ada(gateway: &Served) -> Person {
    let ada = Person::new();
    let key = gateway.key("ada", &["--scopes", "messages:send,chat:send,responses:send,keys:manage"]);
    ada.says(&["setup", &gateway.url]);
    assert!(ada.given(&key, &["login", "--key"]).status.success());
    ada
}

fn read(ada: &Person, path: &str) -> Option<String> {
    fs::read_to_string(ada.home().join(path)).ok()
}

#[test]
fn claude_code_is_told_and_gets_back_what_it_had() {
    let gateway = served();
    let ada = ada(&gateway);
    let before =
        "{\n  // mine\n  \"env\": { \"ANTHROPIC_API_KEY\": \"sk-ant-old\" },\n  \"model\": \"opus\"\n}\n";
    fs::create_dir(ada.home().join(".claude")).expect("made");
    fs::write(ada.home().join(".claude/settings.json"), before).expect("written");

    let said = ada.says(&["configure", "claude", "--dry-run"]);
    assert!(said.contains("Would change") && said.contains("ANTHROPIC_BASE_URL"), "{said}");
    assert_eq!(read(&ada, ".claude/settings.json").as_deref(), Some(before), "nothing yet");

    let told = ada.tells(&["configure", "claude"]);
    assert_eq!(
        (&told["tool"], told["members"].as_array().map(Vec::len)),
        (&json!("claude"), Some(3)),
        "{told}"
    );
    let after = read(&ada, ".claude/settings.json").expect("there");
    let plain: String = after.lines().filter(|line| !line.contains("// mine")).collect();
    let settings: Value = serde_json::from_str(&plain).expect("JSON");
    assert_eq!(settings["env"], json!({ "ANTHROPIC_BASE_URL": gateway.url }));
    assert!(after.contains("// mine") && settings["model"] == "opus", "{after}");
    let helper = settings["apiKeyHelper"].as_str().expect("a command").to_owned();
    let mut shell = std::process::Command::new("sh");
    shell.env_clear().env("HOME", ada.home()).args(["-c", &helper]);
    assert!(text(&shell.output().expect("it runs").stdout).starts_with("sk-stone-"), "{helper}");

    // Once more changes nothing, and what is taken back is what the person had.
    ada.says(&["configure", "claude", "--model", "sonnet"]);
    ada.says(&["configure", "claude", "--undo"]);
    assert_eq!(read(&ada, ".claude/settings.json").as_deref(), Some(before));
    let (code, told) = ada.refuses(&["configure", "claude", "--undo"]);
    assert_eq!(code, Some(2), "{told}");
}

/// A gateway that says which models to take.
fn suggesting() -> Served {
    let home = tempfile::tempdir().expect("a directory");
    let settings = home.path().join("stonegate.toml");
    let named = "[models]\ndefault = { anthropic = 'claude-sonnet-5-5', openai = 'gpt-6-sol', small = 'claude-haiku-5-5' }\n";
    fs::write(&settings, named).expect("written");
    let flag = settings.display().to_string();
    served_with(home, &["--config", &flag])
}

#[test]
fn the_gateways_default_models_are_written_where_a_person_has_named_none() {
    let gateway = suggesting();
    let ada = ada(&gateway);
    let after = |tool: &str, before: Option<&str>, path: &str, flags: &[&str]| {
        let path = ada.home().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        match before {
            Some(text) => fs::write(&path, text).expect("written"),
            None => drop(fs::remove_file(&path)),
        }
        ada.says(&[&["configure", tool], flags].concat());
        let written = fs::read_to_string(&path).expect("written");
        ada.says(&["configure", tool, "--undo"]);
        assert_eq!(fs::read_to_string(&path).ok().as_deref(), before, "{tool}: nothing is left of it");
        written
    };
    for (before, flags, main, small) in [
        (None, &[][..], Some("claude-sonnet-5-5"), Some("claude-haiku-5-5")),
        (Some("{\"model\": \"opus\"}\n"), &[], None, Some("claude-haiku-5-5")),
        (Some("{\"env\": {\"ANTHROPIC_MODEL\": \"opus\"}}\n"), &[], None, Some("claude-haiku-5-5")),
        (None, &["--model", "opus"], None, Some("claude-haiku-5-5")),
        (
            Some("{\"env\": {\"ANTHROPIC_DEFAULT_HAIKU_MODEL\": \"mine\"}}\n"),
            &[],
            Some("claude-sonnet-5-5"),
            Some("mine"),
        ),
    ] {
        let settings: Value =
            serde_json::from_str(&after("claude", before, ".claude/settings.json", flags)).expect("JSON");
        let env = |name: &str| settings["env"][name].as_str();
        let found = (env("ANTHROPIC_DEFAULT_MODEL"), env("ANTHROPIC_DEFAULT_HAIKU_MODEL"));
        assert_eq!(found, (main, small), "{before:?} {flags:?}");
    }
    for (before, flags, model) in [
        (None, &[][..], "model = \"gpt-6-sol\""),
        (None, &["--model", "nova-pro"], "model = \"nova-pro\""),
        (Some("model = \"gpt-5.5\"\n"), &[], "model = \"gpt-5.5\""),
    ] {
        let settings = after("codex", before, ".codex/config.toml", flags);
        let models: Vec<&str> = settings.lines().filter(|line| line.starts_with("model =")).collect();
        assert_eq!(models, [model], "{before:?} {flags:?}");
    }
    let aider = after("aider", Some("dark-mode: true\n"), ".aider.conf.yml", &[]);
    assert!(aider.contains("\nmodel: \"openai/gpt-6-sol\"\n"), "{aider}");
    assert!(aider.contains("weak-model: \"openai/claude-haiku-5-5\""), "{aider}");
    assert!(ada.says(&["configure", "cursor"]).contains("the gateway suggests gpt-6-sol"));
}

#[test]
fn programs_that_are_run_get_the_gateways_default_models_unless_another_is_named() {
    let gateway = suggesting();
    let ada = ada(&gateway);
    let program = ada.home().join("program");
    fs::write(&program, "#!/bin/sh\nenv | grep ANTHROPIC_DEFAULT | sort\necho \"$@\"\n").expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("set");
    let run = |arguments: &[&str], own: &[(&str, &str)]| {
        let mut command =
            ada.command(&[&arguments[..1], &["--program", "./program", "--"], &arguments[1..]].concat());
        let output =
            command.env("PATH", "/usr/bin:/bin").envs(own.iter().copied()).output().expect("it runs");
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let both = "ANTHROPIC_DEFAULT_HAIKU_MODEL=claude-haiku-5-5\nANTHROPIC_DEFAULT_MODEL=claude-sonnet-5-5\n";
    assert_eq!(run(&["claude", "-p", "hi"], &[]), format!("{both}-p hi\n"));
    let own = run(&["claude"], &[("ANTHROPIC_DEFAULT_MODEL", "opus")]);
    assert!(own.contains("ANTHROPIC_DEFAULT_MODEL=opus\n"), "{own}");
    assert!(run(&["codex", "exec"], &[]).contains("-c model=\"gpt-6-sol\" exec"));
    for own in [&["codex", "-m", "nova-pro"][..], &["codex", "--profile", "work"]] {
        assert!(!run(own, &[]).contains("gpt-6-sol"), "{own:?}");
    }
    fs::create_dir(ada.home().join(".codex")).expect("made");
    fs::write(ada.home().join(".codex/config.toml"), "model = \"gpt-5.5\"\n").expect("written");
    assert!(!run(&["codex", "exec"], &[]).contains("gpt-6-sol"), "the person's own settings name one");
}

#[test]
fn codex_gets_a_provider_that_asks_for_its_key() {
    let gateway = served();
    let ada = ada(&gateway);
    ada.says(&["configure", "codex", "--model", "gpt-5.5"]);
    let settings = read(&ada, ".codex/config.toml").expect("made");
    for line in [
        "model = \"gpt-5.5\"".to_owned(),
        "model_provider = \"stonegate\"".to_owned(),
        "[model_providers.stonegate]".to_owned(),
        format!("base_url = \"{}/v1\"", gateway.url),
        "wire_api = \"responses\"".to_owned(),
    ] {
        assert!(settings.lines().any(|found| found == line), "{line}: {settings}");
    }
    assert!(settings.contains("args = [\"token\"]") && !settings.contains("sk-stone-"), "{settings}");
    ada.says(&["configure", "codex", "--undo"]);
    assert_eq!(read(&ada, ".codex/config.toml"), None);
}

#[test]
fn aider_gets_a_key_of_its_own_which_ends_with_the_undoing() {
    let gateway = served();
    let ada = ada(&gateway);
    fs::write(ada.home().join(".aider.conf.yml"), "dark-mode: true\n").expect("written");
    let output = ada.run(&["configure", "aider", "--model", "claude-sonnet-5-5"]);
    assert!(text(&output.stderr).contains("chmod 600"), "others can read it: {}", text(&output.stderr));
    let settings = read(&ada, ".aider.conf.yml").expect("there");
    let value = |name: &str| {
        let line = settings.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")))?;
        serde_json::from_str::<String>(line).ok()
    };
    assert_eq!(value("openai-api-base"), Some(format!("{}/v1", gateway.url)));
    assert_eq!(value("model").as_deref(), Some("openai/claude-sonnet-5-5"));
    let key = value("openai-api-key").expect("a key");
    let whoami = ada.as_caller(&gateway, &key, &["whoami", "--json"]);
    let told: Value = serde_json::from_slice(&whoami.stdout).expect("JSON");
    assert_eq!(told["whoami"]["scopes"], json!(["chat:send"]));

    ada.says(&["configure", "aider", "--undo"]);
    assert_eq!(read(&ada, ".aider.conf.yml").as_deref(), Some("dark-mode: true\n"));
    assert_eq!(ada.as_caller(&gateway, &key, &["whoami"]).status.code(), Some(3), "it is revoked");
    let kept = ada.home().join(".config/stonegate/configured");
    assert_eq!(fs::read_dir(kept).expect("there").count(), 0);
}

#[test]
fn rights_and_links_of_a_file_stay() {
    let gateway = served();
    let ada = ada(&gateway);
    let real = ada.home().join("dotfiles.json");
    fs::write(&real, "{}\n").expect("written");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).expect("set");
    fs::create_dir(ada.home().join(".claude")).expect("made");
    std::os::unix::fs::symlink(&real, ada.home().join(".claude/settings.json")).expect("linked");
    ada.says(&["configure", "claude"]);
    assert!(fs::read_to_string(&real).expect("there").contains("apiKeyHelper"));
    assert_eq!(real.metadata().expect("there").permissions().mode() & 0o777, 0o640);
    let record = ada.home().join(".config/stonegate/configured/claude.json");
    assert_eq!(record.metadata().expect("kept").permissions().mode() & 0o777, 0o600);
    assert!(ada.home().join(".claude/settings.json").is_symlink());
}

#[test]
fn nothing_is_written_that_could_not_work() {
    let gateway = served();
    let ada = ada(&gateway);
    let by_variable = ada
        .command(&["configure", "claude"])
        .envs([("STONEGATE_URL", &*gateway.url), ("STONEGATE_KEY", "sk-stone-1")])
        .output()
        .expect("it runs");
    assert_eq!(by_variable.status.code(), Some(2), "{}", text(&by_variable.stderr));
    ada.says(&["logout"]);
    let (code, told) = ada.refuses(&["configure", "claude"]);
    assert_eq!(code, Some(3), "{told}");
    fs::create_dir(ada.home().join(".claude")).expect("made");
    fs::write(ada.home().join(".claude/settings.json"), "{\"env\": ").expect("written");
    ada.given(&gateway.key("ada", &[]), &["login", "--key"]);
    let (code, told) = ada.refuses(&["configure", "claude"]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("settings.json"), "{told}");
    assert_eq!(read(&ada, ".claude/settings.json").as_deref(), Some("{\"env\": "));
    assert!(ada.says(&["configure", "cursor"]).contains(&format!("{}/v1", gateway.url)));
}
