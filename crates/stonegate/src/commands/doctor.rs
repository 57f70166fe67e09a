//! `stonegate doctor`: finds what is wrong with a connection, and says the fix.

mod clients;
mod gateway;
mod version;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use crate::connection::{Connection, ConnectionArguments, Found, Keeping};
use crate::output::json;
use crate::terminal::{Style, print};
use crate::trouble::Trouble;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate doctor
  stonegate doctor --json | jq '.checks[] | select(.state == \"bad\")'

It asks the gateway who you are, which models you may use, and to count the tokens of one word; no model is called.
It ends with 0 when nothing is bad, 3 when the credential is, 4 when the gateway does not answer, else 1.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    connection: ConnectionArguments,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Good,
    /// It may be meant so.
    Doubtful,
    Bad,
}

/// What one check found, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    check: &'static str,
    state: State,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

impl Finding {
    fn good(check: &'static str, found: impl Into<String>) -> Finding {
        Finding { check, state: State::Good, found: found.into(), fix: None }
    }

    fn doubtful(check: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding { check, state: State::Doubtful, found: found.into(), fix: Some(fix.into()) }
    }

    fn bad(check: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding { check, state: State::Bad, found: found.into(), fix: Some(fix.into()) }
    }
}

/// What stands in the way of everything after it.
type Stop = Option<Trouble>;

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let connection = arguments.connection.find()?;
    let mut findings = vec![address(&connection.url, connection.url_found, connection.profiles.name())];
    findings.extend(private(&connection.profiles.path()));
    findings.extend(kept(&connection)?);
    let stop = crate::wait(gateway::examine(&connection, &mut findings))?;
    findings.extend(clients::examine(&clients::Surroundings::of_machine(&connection)));
    if arguments.json {
        print(&json(&json!({ "url": connection.url, "checks": findings }))?)?;
    } else {
        print(&text(&findings, Style::of_stdout()))?;
    }
    let bad = findings.iter().filter(|finding| finding.state == State::Bad).count();
    match (stop, bad) {
        (_, 0) => Ok(()),
        (Some(trouble), _) => Err(crate::Silent(trouble.exit_code()).into()),
        (None, _) => Err(crate::Silent(1).into()),
    }
}

fn address(url: &crate::connection::Address, found: Found, profile: &str) -> Finding {
    let from = match found {
        Found::Flag => "from --url".to_owned(),
        Found::Variable => format!("from {}", crate::connection::URL),
        Found::Profile => format!("from profile `{profile}`"),
    };
    let told = format!("{url}, {from}");
    if url.is_exposed() {
        let fix = "ask the operator for its https address; keys and prompts can be read on the way";
        return Finding::doubtful("address", format!("{told}, in clear text"), fix);
    }
    Finding::good("address", told)
}

/// Whether others of this machine can read what one is signed in with.
fn private(path: &std::path::Path) -> Option<Finding> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = path.metadata().ok()?.permissions().mode() & 0o777;
    let path = path.display();
    (mode & 0o077 != 0).then(|| {
        Finding::bad(
            "profile",
            format!("{path} is open to others (mode {mode:o})"),
            format!("chmod 600 {path}"),
        )
    })
}

/// Where what one is signed in with is kept.
fn kept(connection: &Connection) -> Result<Option<Finding>, Trouble> {
    if connection.credential.is_none() || connection.credential_found != Found::Profile {
        return Ok(None);
    }
    let path = connection.profiles.path();
    let told = match connection.profiles.load()?.map(|profile| profile.kept_in) {
        Some(Keeping::Keychain) => "in the keychain of the operating system".to_owned(),
        Some(Keeping::File) | None => format!("in {}", path.display()),
    };
    Ok(Some(Finding::good("sign-in", format!("kept {told}"))))
}

fn text(findings: &[Finding], style: Style) -> String {
    let width = findings.iter().map(|finding| finding.check.len()).max().unwrap_or_default();
    let mut text = String::new();
    for Finding { check, state, found, fix } in findings {
        let mark = match state {
            State::Good => style.accent("ok "),
            State::Doubtful => style.bold("?  "),
            State::Bad => style.bold("BAD"),
        };
        text.push_str(&format!("{mark}  {check:width$}  {found}\n"));
        if let Some(fix) = fix {
            text.push_str(&format!("     {:width$}  {} {fix}\n", "", style.dim("→")));
        }
    }
    text
}
