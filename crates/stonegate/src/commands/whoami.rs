//! `stonegate whoami`: who one is at the gateway.

use clap::Args;
use serde_json::json;
use stonegate_api::{KeyKind, Whoami, Word};

use crate::connection::{Connection, ConnectionArguments, Found, KEY};
use crate::output::{facts, json};
use crate::terminal::{Style, print};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate whoami
  stonegate whoami --profile staging --json")]
pub(crate) struct Arguments {
    #[command(flatten)]
    connection: ConnectionArguments,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let connection = arguments.connection.find()?;
    let whoami: Whoami = crate::wait(async {
        Ok::<_, anyhow::Error>(connection.client().await?.get("/admin/v1/whoami").await?)
    })?;
    if arguments.json {
        print(&json(&json!({ "url": connection.url, "whoami": whoami }))?)?;
    } else {
        print(&text(&connection, &whoami, Style::of_stdout()))?;
    }
    Ok(())
}

fn text(connection: &Connection, whoami: &Whoami, style: Style) -> String {
    let by = match connection.credential_found {
        Found::Variable => format!(", from {KEY}"),
        Found::Flag | Found::Profile => format!(", of profile `{}`", connection.profiles.name()),
    };
    let named = |name: &str, id: &str| format!("{name} {}", style.dim(id));
    let kind = match &whoami.key_kind {
        Some(Word::Known(KeyKind::Session)) => "Sign-in",
        Some(Word::Known(KeyKind::LongLived | KeyKind::Browser | KeyKind::Ephemeral)) | None => "Key",
        Some(Word::Other(word)) => word,
    };
    let team = whoami.team.as_deref().map(|id| named(whoami.team_name.as_deref().unwrap_or("–"), id));
    let key = whoami.key.as_deref().map(|id| named(whoami.key_name.as_deref().unwrap_or("–"), id) + &by);
    facts(
        [
            ("Gateway", Some(connection.url.to_string())),
            ("User", Some(named(&style.bold(&whoami.user_name), &whoami.user))),
            ("Role", Some(whoami.role.to_string())),
            ("Tenant", Some(whoami.tenant.clone())),
            ("Team", team),
            (kind, key),
            ("Until", whoami.expires_at.clone()),
            ("Scopes", Some(whoami.scopes.join(" "))),
        ],
        style,
    )
}
