//! `stonegate env`: what to set so that clients find the gateway.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use crate::connection::{ConnectionArguments, Credential, variable};
use crate::output::json;
use crate::terminal::{note, print};
use crate::variables::Api;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eval \"$(stonegate env)\"                           in bash or zsh
  stonegate env | source                            in fish
  stonegate env --api bedrock --format dotenv > .env

`stonegate claude`, `stonegate codex` and `stonegate run` do without: what they start gets a key of its own.")]
pub(crate) struct Arguments {
    /// Clients of which API; may be repeated [default: messages and chat]
    #[arg(long = "api", value_name = "API", value_enum)]
    apis: Vec<Api>,
    /// In whose words [default: those of the shell in SHELL]
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Option<Format>,
    #[command(flatten)]
    connection: ConnectionArguments,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// How variables are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// bash, zsh, dash and others.
    Sh,
    /// fish.
    Fish,
    /// PowerShell.
    Powershell,
    /// `NAME=value`, for files and for `docker --env-file`.
    Dotenv,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let connection = arguments.connection.find()?;
    let secret = crate::wait(connection.secret())?;
    if matches!(connection.credential, Some(Credential::Session(_))) {
        note(
            "This is good for an hour at most. `stonegate claude`, `codex` and `run` renew what they hand over.",
        );
    }
    let apis = if arguments.apis.is_empty() { &[Api::Messages, Api::Chat][..] } else { &arguments.apis };
    let mut set: Vec<(&str, String)> = Vec::new();
    for (name, value) in apis.iter().flat_map(|api| api.variables(connection.url.as_str(), &secret)) {
        if !set.iter().any(|(known, _)| *known == name) {
            set.push((name, value));
        }
    }
    let rivals = apis.iter().flat_map(|api| api.rivals()).filter(|rival| variable(rival).is_some());
    let unset: Vec<&str> = rivals.copied().collect();
    if arguments.json {
        let set: Map<String, Value> =
            set.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        print(&json(&json!({ "set": set, "unset": unset }))?)?;
        return Ok(());
    }
    print(&text(&set, &unset, arguments.format.unwrap_or_else(of_shell)))?;
    Ok(())
}

fn of_shell() -> Format {
    match variable("SHELL") {
        Some(shell) if shell.ends_with("/fish") => Format::Fish,
        Some(shell) if shell.ends_with("/pwsh") => Format::Powershell,
        Some(_) | None => Format::Sh,
    }
}

fn text(set: &[(&str, String)], unset: &[&str], format: Format) -> String {
    let set = set.iter().map(|(name, value)| match format {
        Format::Sh => format!("export {name}={}\n", quoted(value, "'\\''")),
        Format::Fish => format!("set -gx {name} {}\n", quoted(&value.replace('\\', "\\\\"), "\\'")),
        Format::Powershell => format!("$env:{name} = {}\n", quoted(value, "''")),
        Format::Dotenv => format!("{name}={value}\n"),
    });
    let unset = unset.iter().map(|name| match format {
        Format::Sh => format!("unset {name}\n"),
        Format::Fish => format!("set -e {name}\n"),
        Format::Powershell => format!("Remove-Item Env:{name}\n"),
        Format::Dotenv => format!("# unset {name}\n"),
    });
    set.chain(unset).collect()
}

/// In single quotes, where only the quote itself needs something else.
fn quoted(value: &str, quote: &str) -> String {
    format!("'{}'", value.replace('\'', quote))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_gets_its_own_words() {
        let set = [("KEY", "it's".to_owned())];
        for (format, expected) in [
            (Format::Sh, "export KEY='it'\\''s'\nunset OLD\n"),
            (Format::Fish, "set -gx KEY 'it\\'s'\nset -e OLD\n"),
            (Format::Powershell, "$env:KEY = 'it''s'\nRemove-Item Env:OLD\n"),
            (Format::Dotenv, "KEY=it's\n# unset OLD\n"),
        ] {
            assert_eq!(text(&set, &["OLD"], format), expected);
        }
    }
}
