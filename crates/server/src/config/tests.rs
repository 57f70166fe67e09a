//! Tables: what is written, and what comes of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use insta::assert_snapshot;

use super::{
    Config, Environment, FileText, Flag, Loaded, OnDisconnect, Origin, Problems, SETTINGS, Setting, Sources,
    load, reference,
};

const HOME: (&str, &str) = ("HOME", "/home/ada");

fn sources(file: &str, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> Sources {
    Sources {
        file: Some(FileText { path: PathBuf::from("/etc/stonegate/stonegate.toml"), text: file.to_owned() }),
        environment: std::iter::once(&HOME).chain(variables).copied().collect(),
        flags: flags.iter().map(|(name, value)| Flag::own("--set", name, *value)).collect(),
    }
}

fn loaded(file: &str, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> Loaded {
    load(&sources(file, variables, flags)).expect("the settings are right")
}

fn problems(file: &str, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> String {
    load(&sources(file, variables, flags)).expect_err("the settings are wrong").to_string()
}

/// What `config show` says of one setting.
fn shown(loaded: &Loaded, name: &str) -> (String, Origin) {
    let shown = loaded.shown.iter().find(|shown| shown.name == name).expect("every setting is shown");
    (shown.value.clone().unwrap_or_default(), shown.origin.clone())
}

#[test]
fn without_any_source_the_defaults_hold() {
    let config = Config::from_toml("").expect("defaults are right");
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.server.data_dir, Path::new("/nonexistent/.local/share/stonegate"));
    assert_eq!(config.store.url, "sqlite:/nonexistent/.local/share/stonegate/stonegate.db");
    assert_eq!(config.server.max_body_bytes, 25_000_000);
    assert_eq!(config.stream.ping, Duration::from_secs(15));
    assert_eq!(config.stream.on_disconnect, OnDisconnect::Drain);
    assert_eq!(config.bedrock.region, None);
    assert!(config.models.aliases.is_empty());
}

#[test]
fn the_later_source_wins_and_is_named() {
    let file = "[stream]\nping_seconds = 20\n";
    let variable = [("STONEGATE_STREAM_PING_SECONDS", "30")];
    let flag = [("stream.ping_seconds", "40")];
    let path: std::sync::Arc<Path> = Path::new("/etc/stonegate/stonegate.toml").into();
    for (file, variables, flags, seconds, origin) in [
        ("", &[][..], &[][..], 15, Origin::Default),
        (file, &[], &[], 20, Origin::File { path, line: 2, column: 1 }),
        (file, &variable, &[], 30, Origin::Variable("STONEGATE_STREAM_PING_SECONDS".to_owned())),
        (file, &variable, &flag, 40, Origin::Flag("--set".to_owned())),
    ] {
        let loaded = loaded(file, variables, flags);
        assert_eq!(loaded.config.stream.ping, Duration::from_secs(seconds));
        assert_eq!(shown(&loaded, "stream.ping_seconds"), (seconds.to_string(), origin));
    }
}

#[test]
fn awss_own_variables_count_below_ours() {
    let aws = [("AWS_DEFAULT_REGION", "eu-west-1"), ("AWS_ENDPOINT_URL", "http://127.0.0.1:9")];
    let loaded = loaded("", &aws, &[]);
    assert_eq!(loaded.config.bedrock.region.as_deref(), Some("eu-west-1"));
    assert_eq!(loaded.config.bedrock.endpoint_url.as_deref(), Some("http://127.0.0.1:9"));
    assert_eq!(shown(&loaded, "bedrock.region").1, Origin::Variable("AWS_DEFAULT_REGION".to_owned()));

    let both = [("AWS_DEFAULT_REGION", "eu-west-1"), ("AWS_REGION", "eu-west-2")];
    let nearer = load(&sources("", &both, &[])).expect("right").config;
    assert_eq!(nearer.bedrock.region.as_deref(), Some("eu-west-2"));

    let file = load(&sources("[bedrock]\nregion = 'eu-west-3'", &both, &[])).expect("right").config;
    assert_eq!(file.bedrock.region.as_deref(), Some("eu-west-3"));
}

#[test]
fn every_setting_has_a_variable() {
    let listen = SETTINGS.iter().find(|setting| setting.name == "server.listen").expect("in the table");
    assert_eq!(listen.variable(), "STONEGATE_SERVER_LISTEN");
    let mut variables: Vec<String> = SETTINGS.iter().map(Setting::variable).collect();
    variables.sort();
    variables.dedup();
    assert_eq!(variables.len(), SETTINGS.len(), "two settings would share a variable");
}

#[test]
fn tables_and_lists_can_be_written_in_a_file_and_in_a_variable() {
    let file = "[bedrock]\ngeography = ['eu', 'global']\n\
        [models.aliases]\nfast = 'claude-haiku-5-5'\n\
        [[models.rules]]\nmatch = '*-mini'\nmodel = 'claude-haiku-5-5'\n";
    let variables = [
        ("STONEGATE_BEDROCK_GEOGRAPHY", "eu, global"),
        ("STONEGATE_MODELS_ALIASES", "fast=claude-haiku-5-5"),
        ("STONEGATE_MODELS_RULES", "*-mini=claude-haiku-5-5"),
    ];
    for config in [loaded(file, &[], &[]).config, loaded("", &variables, &[]).config] {
        assert_eq!(config.bedrock.geography, ["eu", "global"]);
        assert_eq!(config.models.aliases["fast"], "claude-haiku-5-5");
        assert_eq!(config.models.rules[0].pattern, "*-mini");
        assert_eq!(config.models.rules[0].model, "claude-haiku-5-5");
    }
}

#[test]
fn a_value_can_come_from_a_variable_or_a_file() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("token"), "from-a-file\n").expect("written");
    let file = FileText {
        path: dir.path().join("stonegate.toml"),
        text: "[bedrock]\nbearer_token = '${file:token}'\nregion = '${PLACE}-1'\nprofile = '$${PLACE}'\n\
            [server]\nworkers = '${CORES}'\ntls_cert = 'cert.pem'\ntls_key = '/key.pem'\n"
            .to_owned(),
    };
    let environment = Environment::from_iter([HOME, ("PLACE", "eu-west"), ("CORES", "3")]);
    let loaded = load(&Sources { file: Some(file), environment, flags: Vec::new() }).expect("right");

    let bedrock = &loaded.config.bedrock;
    assert_eq!(bedrock.bearer_token.as_ref().expect("set").reveal(), "from-a-file");
    assert_eq!(bedrock.region.as_deref(), Some("eu-west-1"));
    assert_eq!(bedrock.profile.as_deref(), Some("${PLACE}"));
    assert_eq!(loaded.config.server.workers, Some(3));
    assert_eq!(loaded.config.server.tls_cert, Some(dir.path().join("cert.pem")), "beside the file");
    assert_eq!(loaded.config.server.tls_key.as_deref(), Some(Path::new("/key.pem")));
    // What is shown is what holds, and what leads to it; of a secret only the latter.
    let written = |name: &str| {
        let shown = loaded.shown.iter().find(|shown| shown.name == name).expect("every setting is shown");
        (shown.value.clone().unwrap_or_default(), shown.written.clone().unwrap_or_default())
    };
    for (name, value, as_written) in [
        ("bedrock.bearer_token", "(hidden)", "${file:token}"),
        ("bedrock.region", "eu-west-1", "${PLACE}-1"),
        ("bedrock.profile", "${PLACE}", ""),
        ("server.workers", "3", "${CORES}"),
        ("server.tls_cert", "cert.pem", ""),
    ] {
        assert_eq!(written(name), (value.to_owned(), as_written.to_owned()), "{name}");
    }
}

#[test]
fn secrets_are_never_shown() {
    let token = [("AWS_BEARER_TOKEN_BEDROCK", "bedrock-api-key-hush")];
    let file = "[store]\nurl = 'postgres://ada:hush@db/stonegate'\n";
    let loaded = loaded(file, &token, &[]);
    assert_eq!(shown(&loaded, "bedrock.bearer_token").0, "(hidden)");
    assert_eq!(shown(&loaded, "store.url").0, "postgres://ada:***@db/stonegate");
    let beside = [("STONEGATE_STORE", "postgres://db/stonegate?user=ada&password=hush")];
    let short = self::loaded("", &beside, &[]);
    assert_eq!(shown(&short, "store.url").0, "postgres://db/stonegate?user=ada&password=***");
    assert_eq!(short.config.store.url, "postgres://db/stonegate?user=ada&password=hush");
    for text in [format!("{:?}", loaded.shown), format!("{:?}", loaded.config.bedrock)] {
        assert!(!text.contains("hush"), "{text}");
    }
    let wrong = problems("[bedrock]\nbearer_token = ['hush']\n", &[], &[]);
    assert!(!wrong.contains("hush"), "{wrong}");
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let file = "workers = 4\n[server]\nlisten = 'localhost'\nlisen = '0.0.0.0:80'\n\
        [stream]\non_disconnect = 'explode'\nping_seconds = 1.5\n\
        [bedrock]\nbearer_token = '${file:/nonexistent/token}'\nregion = '${PLACE'\nprofile = '${NOT_SET}'\n";
    let variables = [("STONEGATE_SEVER_LISTEN", "0.0.0.0:80"), ("STONEGATE_LOG_LEVEL", "loud")];
    assert_snapshot!(problems(file, &variables, &[("server.drain", "5m"), ("nothing.like.it", "1")]), @r#"
    `workers` is not a setting
      at:  /etc/stonegate/stonegate.toml:1:1
      fix: did you mean `server.workers`?
    `server.lisen` is not a setting
      at:  /etc/stonegate/stonegate.toml:4:1
      fix: did you mean `server.listen`?
    STONEGATE_SEVER_LISTEN is not the variable of a setting
      at:  variable STONEGATE_SEVER_LISTEN
      fix: did you mean STONEGATE_SERVER_LISTEN?
    `server.drain` is not a setting
      at:  flag --set
      fix: did you mean `server.drain_seconds`?
    `nothing.like.it` is not a setting
      at:  flag --set
      fix: take it out, or take a name that `stonegate config show` lists
    `server.listen` cannot be "localhost"
      at:  /etc/stonegate/stonegate.toml:3:1
      fix: give it an IP address and a port, such as `127.0.0.1:8080` or `[::]:8080`
    `log.level` cannot be "loud"
      at:  variable STONEGATE_LOG_LEVEL
      fix: give it `error`, `warn`, `info`, `debug` or `trace`, also by module: `info,stonegate_server=debug`
    `bedrock.region` has a `${` without its `}`
      at:  /etc/stonegate/stonegate.toml:10:1
      fix: close it, or write `$${` for the characters themselves
    `bedrock.bearer_token` refers to the file /nonexistent/token, which cannot be read: No such file or directory (os error 2)
      at:  /etc/stonegate/stonegate.toml:9:1
      fix: correct the path, or let the user that runs stonegate read the file
    `bedrock.profile` refers to the variable NOT_SET, which is not set
      at:  /etc/stonegate/stonegate.toml:11:1
      fix: set NOT_SET, or write the value itself
    `stream.ping_seconds` cannot be 1.5
      at:  /etc/stonegate/stonegate.toml:7:1
      fix: give it a whole number of seconds from 1 to 86400
    `stream.on_disconnect` cannot be "explode"
      at:  /etc/stonegate/stonegate.toml:6:1
      fix: give it one of `drain`, `cancel`
    "#);
}

#[test]
fn a_file_that_is_not_toml_is_said_to_be_so() {
    assert_snapshot!(problems("[server]\nlisten = 127.0.0.1:80\n", &[], &[]), @r#"
    the file is not TOML: invalid float, expected nothing
      at:  /etc/stonegate/stonegate.toml:2:15
      fix: mend the syntax, such as quotes around text; https://toml.io shows it
    "#);
}

#[test]
fn settings_that_do_not_go_together_are_found() {
    assert_snapshot!(problems("[server]\ntls_cert = 'cert.pem'\n", &[], &[]), @r#"
    `server.tls_cert` is set and `server.tls_key` is not
      at:  /etc/stonegate/stonegate.toml:2:1
      fix: set `server.tls_key` too for TLS, or neither for plain HTTP
    "#);
}

#[test]
fn a_section_written_as_a_setting_is_explained() {
    assert_snapshot!(problems("server = 1\n", &[], &[]), @r#"
    `server` is a section, not a setting
      at:  /etc/stonegate/stonegate.toml:1:1
      fix: write the settings of `server` under a line `[server]`
    "#);
}

#[test]
fn without_a_home_the_data_directory_has_to_be_named() {
    let nowhere = load(&Sources::default()).expect_err("no directory").to_string();
    assert!(nowhere.contains("`server.data_dir` has no value"), "{nowhere}");
    let flags = vec![Flag::own("--data-dir", "server.data_dir", "data")];
    let loaded = load(&Sources { flags, ..Sources::default() }).expect("named");
    assert_eq!(loaded.config.store.url, "sqlite:data/stonegate.db");
}

#[test]
fn variables_that_others_set_are_let_be() {
    let links = [
        ("STONEGATE_SERVICE_HOST", "10.0.0.1"),
        ("STONEGATE_PORT", "tcp://10.0.0.1:8080"),
        ("STONEGATE_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("STONEGATE_CONFIG", "/etc/stonegate.toml"),
        ("STONEGATE_SIM_SECRET_ACCESS_KEY", "sample"),
        ("STONEGATE_BEDROCK_PROFILE", ""),
        ("STONEGATE_URL", "https://stonegate.example.com"),
        ("STONEGATE_KEY", "sk-stone-0"),
        ("STONEGATE_PROFILE", "work"),
    ];
    assert_eq!(loaded("", &links, &[]).config.bedrock.profile, None);
}

#[test]
fn values_out_of_range_are_refused() {
    for (name, value) in [
        ("server.listen", "8080"),
        ("server.drain_seconds", "86401"),
        ("server.drain_seconds", "-1"),
        ("server.workers", "0"),
        ("server.max_body_bytes", "0"),
        ("bedrock.endpoint_url", "127.0.0.1:9"),
        ("bedrock.max_attempts", "0"),
        ("bedrock.connect_timeout_ms", "0"),
        ("bedrock.first_byte_timeout_seconds", "0"),
        ("bedrock.idle_timeout_seconds", "0"),
        ("media.timeout_seconds", "0"),
        ("server.header_timeout_seconds", "0"),
        ("stream.ping_seconds", "0"),
        ("bedrock.region", "europe"),
        ("bedrock.geography", "eu,mars"),
        ("bedrock.use_fips", "yes"),
        ("log.level", "loud"),
        ("log.level", "info,loud"),
        ("models.aliases", "fast"),
        ("models.rules", "=claude"),
        ("models.rules", "[{match=\"fast\",model=\"claude-haiku-5-5\"}]"),
        ("store.url", "stonegate.db"),
    ] {
        let Problems(problems) = load(&sources("", &[], &[(name, value)])).expect_err(value);
        assert_eq!(problems.len(), 1, "{name} = {value}");
        assert_eq!(problems[0].setting.as_deref(), Some(name));
    }
}

#[test]
fn no_text_makes_it_panic() {
    for text in
        ["\u{0}", "[", "a = '${'", "[server]\n\"\" = 1", "=", "[[server]]", "server.listen = []", "é = 'ü"]
    {
        load(&sources(text, &[], &[])).expect_err(text);
    }
}

/// `stonegate config reference` prints what belongs between the markers.
#[test]
fn the_manual_has_the_settings_of_the_code() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let page = std::fs::read_to_string(page).expect("the page exists");
    let between = page
        .split_once("<!-- settings: begin -->")
        .and_then(|(_, rest)| rest.split_once("<!-- settings: end -->"))
        .expect("the page has its markers")
        .0;
    assert_eq!(
        between.trim(),
        reference().trim(),
        "put the output of `stonegate config reference` between the markers of docs/configuration.md"
    );
}
