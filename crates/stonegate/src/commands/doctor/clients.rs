//! What clients on this machine are told that leads them past the gateway: variables, and settings that override them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::Finding;
use crate::connection::{Connection, variable};
use crate::variables::Api;

/// Everything of this machine that clients read.
pub(super) struct Surroundings {
    pub(super) url: String,
    pub(super) variables: BTreeMap<String, String>,
    /// Claude Code's settings files that are there, weakest first.
    pub(super) claude: Vec<(PathBuf, String)>,
    /// Codex's, if it is there.
    pub(super) codex: Option<(PathBuf, String)>,
}

impl Surroundings {
    pub(super) fn of_machine(connection: &Connection) -> Surroundings {
        let home = std::env::home_dir().unwrap_or_default();
        let place = |name: &str, usual: &str| variable(name).map_or_else(|| home.join(usual), PathBuf::from);
        let claude = [
            place("CLAUDE_CONFIG_DIR", ".claude").join("settings.json"),
            PathBuf::from(".claude/settings.json"),
            PathBuf::from(".claude/settings.local.json"),
            PathBuf::from("/Library/Application Support/ClaudeCode/managed-settings.json"),
            PathBuf::from("/etc/claude-code/managed-settings.json"),
        ];
        let read = |path: PathBuf| fs::read_to_string(&path).ok().map(|text| (path, text));
        Surroundings {
            url: connection.url.to_string(),
            variables: std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .filter(|(_, value)| !value.is_empty())
                .collect(),
            claude: claude.into_iter().filter_map(read).collect(),
            codex: read(place("CODEX_HOME", ".codex").join("config.toml")),
        }
    }
}

/// What leads clients elsewhere.
pub(super) fn examine(surroundings: &Surroundings) -> Vec<Finding> {
    let url = surroundings.url.as_str();
    let variable = |name: &str| surroundings.variables.get(name).map(String::as_str);
    let mut findings = anthropic(url, "the environment", &variable);
    findings.extend(openai(url, variable("OPENAI_BASE_URL")));
    if variable("NODE_TLS_REJECT_UNAUTHORIZED") == Some("0") {
        let fix = "unset it, and let NODE_EXTRA_CA_CERTS name the authority's file instead";
        let told =
            "NODE_TLS_REJECT_UNAUTHORIZED=0: Claude Code takes anybody's certificate for the gateway's";
        findings.push(Finding::bad("environment", told, fix));
    }
    for (path, text) in &surroundings.claude {
        findings.extend(claude_settings(url, path, text));
    }
    if let Some((path, text)) = &surroundings.codex {
        findings.extend(codex_settings(url, path, text));
    }
    if findings.is_empty() {
        findings.push(Finding::good("clients", "nothing leads them past the gateway"));
    }
    findings
}

/// The variables of Claude Code and Anthropic's SDKs, wherever they stand.
fn anthropic<'a>(url: &str, place: &str, variable: &impl Fn(&str) -> Option<&'a str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let check = "claude";
    let is_at_gateway = match variable("ANTHROPIC_BASE_URL").map(|address| address.trim_end_matches('/')) {
        Some(address) if address == url => true,
        Some(address) if address.strip_suffix("/v1") == Some(url) => {
            let told = format!("ANTHROPIC_BASE_URL in {place} ends in /v1, which its clients add themselves");
            findings.push(Finding::bad(check, told, format!("set it to {url}")));
            false
        }
        Some(address) => {
            let told = format!("ANTHROPIC_BASE_URL in {place} leads to {address}");
            findings.push(Finding::doubtful(check, told, format!("unset it, or set it to {url}")));
            false
        }
        None => false,
    };
    let bedrock = variable("ANTHROPIC_BEDROCK_BASE_URL").is_some_and(|address| address.starts_with(url));
    for name in Api::Messages.rivals().iter().filter(|name| name.starts_with("CLAUDE_CODE_USE_")) {
        let is_ours = *name == "CLAUDE_CODE_USE_BEDROCK" && bedrock;
        if !is_ours && variable(name).is_some_and(|value| !["0", "false", "no", "off"].contains(&value)) {
            let told = format!("{name} in {place} leads Claude Code past ANTHROPIC_BASE_URL");
            findings.push(Finding::doubtful(check, told, "unset it; `stonegate claude` does without it"));
        }
    }
    let token = variable("ANTHROPIC_AUTH_TOKEN");
    match variable("ANTHROPIC_API_KEY") {
        Some(_) if token.is_some() => {
            let told = format!("ANTHROPIC_API_KEY and ANTHROPIC_AUTH_TOKEN are both set in {place}");
            findings.push(Finding::doubtful(check, told, "unset ANTHROPIC_API_KEY"));
        }
        Some(key) if is_at_gateway && !key.starts_with("sk-stone-") => {
            let told = format!("ANTHROPIC_API_KEY in {place} is no key of a Stonegate");
            findings.push(Finding::bad(
                check,
                told,
                "unset it, and run `stonegate env` or `stonegate configure claude`",
            ));
        }
        Some(_) | None => {}
    }
    findings
}

fn openai(url: &str, address: Option<&str>) -> Option<Finding> {
    let address = address?.trim_end_matches('/');
    let wanted = format!("{url}/v1");
    if address == wanted {
        return None;
    }
    let told = format!("OPENAI_BASE_URL leads to {address}");
    Some(if address == url {
        Finding::bad("openai", format!("{told}, without /v1"), format!("set it to {wanted}"))
    } else {
        Finding::doubtful("openai", told, format!("unset it, or set it to {wanted}"))
    })
}

/// Claude Code sets what its settings name over what the environment has.
fn claude_settings(url: &str, path: &std::path::Path, text: &str) -> Vec<Finding> {
    let place = path.display().to_string();
    let settings: Value = match serde_json::from_str(text) {
        Ok(settings) => settings,
        Err(error) => {
            let told = format!("{place} is no JSON ({error}); Claude Code leaves it out");
            return vec![Finding::bad("claude", told, "mend the file")];
        }
    };
    let variable = |name: &str| settings["env"][name].as_str().filter(|value| !value.is_empty());
    anthropic(url, &place, &variable)
}

fn codex_settings(url: &str, path: &std::path::Path, text: &str) -> Option<Finding> {
    let place = path.display();
    let settings: toml_edit::DocumentMut = match text.parse() {
        Ok(settings) => settings,
        Err(error) => {
            let told = format!("{place} is no TOML: {}", error.message());
            return Some(Finding::bad("codex", told, "mend the file"));
        }
    };
    let provider = settings.get("model_provider")?.as_str()?;
    let about = settings.get("model_providers")?.get(provider)?;
    let address = about.get("base_url")?.as_str()?.trim_end_matches('/');
    let wanted = format!("{url}/v1");
    if address == url {
        let told = format!("base_url of provider {provider} in {place} lacks /v1");
        return Some(Finding::bad("codex", told, format!("set it to {wanted}")));
    }
    if address == wanted && about.get("wire_api").and_then(|api| api.as_str()) == Some("chat") {
        let told = format!("wire_api of provider {provider} in {place} is one that Codex has no more");
        return Some(Finding::bad("codex", told, "set wire_api = \"responses\""));
    }
    (address != wanted).then(|| {
        let told = format!("model_provider in {place} leads to {address}");
        Finding::doubtful(
            "codex",
            told,
            "run `stonegate codex`, which leaves it aside, or `stonegate configure codex`",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::State;

    const URL: &str = "https://gate";

    fn check(surroundings: &Surroundings, expected: &[(State, &str)]) {
        let found = examine(surroundings);
        let told: Vec<_> = found.iter().map(|finding| (finding.state, finding.found.as_str())).collect();
        assert_eq!(told.len(), expected.len(), "{told:#?}");
        for ((state, found), (expected_state, expected_part)) in told.iter().zip(expected) {
            assert_eq!(state, expected_state, "{found}");
            assert!(found.contains(expected_part), "{found}: {expected_part}");
        }
    }

    fn of(variables: &[(&str, &str)], claude: Option<&str>, codex: Option<&str>) -> Surroundings {
        Surroundings {
            url: URL.to_owned(),
            variables: variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            claude: claude.map(|text| ("settings.json".into(), text.to_owned())).into_iter().collect(),
            codex: codex.map(|text| ("config.toml".into(), text.to_owned())),
        }
    }

    #[test]
    fn variables_that_lead_elsewhere_are_found() {
        for (variables, expected) in [
            (&[][..], (State::Good, "nothing")),
            (&[("ANTHROPIC_BASE_URL", "https://gate/")], (State::Good, "nothing")),
            (&[("ANTHROPIC_BASE_URL", "https://gate/v1")], (State::Bad, "ends in /v1")),
            (&[("ANTHROPIC_BASE_URL", "https://other")], (State::Doubtful, "leads to https://other")),
            (&[("CLAUDE_CODE_USE_VERTEX", "1")], (State::Doubtful, "CLAUDE_CODE_USE_VERTEX")),
            (&[("CLAUDE_CODE_USE_VERTEX", "0")], (State::Good, "nothing")),
            (
                &[("CLAUDE_CODE_USE_BEDROCK", "1"), ("ANTHROPIC_BEDROCK_BASE_URL", "https://gate/bedrock")],
                (State::Good, "nothing"),
            ),
            (&[("ANTHROPIC_API_KEY", "a"), ("ANTHROPIC_AUTH_TOKEN", "b")], (State::Doubtful, "both set")),
            (
                &[("ANTHROPIC_BASE_URL", URL), ("ANTHROPIC_API_KEY", "sk-ant-1")],
                (State::Bad, "no key of a Stonegate"),
            ),
            (&[("OPENAI_BASE_URL", "https://gate")], (State::Bad, "without /v1")),
            (&[("OPENAI_BASE_URL", "https://gate/v1")], (State::Good, "nothing")),
            (&[("NODE_TLS_REJECT_UNAUTHORIZED", "0")], (State::Bad, "anybody's certificate")),
        ] {
            check(&of(variables, None, None), &[expected]);
        }
    }

    #[test]
    fn settings_that_override_variables_are_found_by_their_file() {
        let right = [("ANTHROPIC_BASE_URL", URL)];
        for (settings, expected) in [
            (
                r#"{"env": {"ANTHROPIC_BASE_URL": "https://old"}}"#,
                (State::Doubtful, "settings.json leads to https://old"),
            ),
            (
                r#"{"env": {"CLAUDE_CODE_USE_BEDROCK": "1"}}"#,
                (State::Doubtful, "settings.json leads Claude Code past"),
            ),
            (r#"{"env": "#, (State::Bad, "settings.json is no JSON")),
            (r#"{"env": {"ANTHROPIC_BASE_URL": "https://gate"}}"#, (State::Good, "nothing")),
        ] {
            check(&of(&right, Some(settings), None), &[expected]);
        }
    }

    #[test]
    fn a_provider_of_codex_that_is_not_the_gateway_is_found() {
        let provider = |base_url: &str, wire_api: &str| {
            format!(
                "model_provider = \"s\"\n[model_providers.s]\nbase_url = \"{base_url}\"\nwire_api = \"{wire_api}\"\n"
            )
        };
        for (settings, expected) in [
            (provider("https://gate/v1", "responses"), (State::Good, "nothing")),
            (provider("https://gate", "responses"), (State::Bad, "lacks /v1")),
            (provider("https://gate/v1", "chat"), (State::Bad, "has no more")),
            (provider("https://other/v1", "responses"), (State::Doubtful, "leads to https://other/v1")),
            ("model = \"gpt\"".to_owned(), (State::Good, "nothing")),
            ("model =".to_owned(), (State::Bad, "no TOML")),
        ] {
            check(&of(&[], None, Some(&settings)), &[expected]);
        }
    }
}
