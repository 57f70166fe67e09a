//! `stonegate login`: who to be at the gateway, from now on.

use std::io::{BufRead as _, IsTerminal as _};

use clap::Args;
use serde_json::json;
use stonegate_api::Whoami;

use crate::client::Client;
use crate::connection::{Address, ConnectionArguments, Credential, Profile};
use crate::output::json;
use crate::terminal::{self, Style, print};
use crate::trouble::Trouble;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate login --key                             asks for a key and keeps it
  pass stonegate | stonegate login --key            takes it from another program

What you sign in with is kept in the profile's file, readable by you alone.")]
pub(crate) struct Arguments {
    /// Sign in with a key, `sk-stone-…`: asked for on a terminal, else read from standard input.
    #[arg(long, required = true)]
    key: bool,
    #[command(flatten)]
    connection: ConnectionArguments,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let connection = arguments.connection.find()?;
    let key = read_key()?;
    let whoami = crate::wait(check(&connection.url, &key))?;
    let _lock = connection.profiles.lock()?;
    let saved = connection.profiles.load()?.filter(|saved| saved.url == connection.url);
    let mut profile = saved.unwrap_or_else(|| Profile::of(connection.url.clone()));
    profile.credential = Some(Credential::Key(key));
    connection.profiles.save(&profile)?;
    if arguments.json {
        let told = json!({ "url": connection.url, "profile": connection.profiles.name(), "whoami": whoami });
        print(&json(&told)?)?;
    } else {
        let style = Style::of_stdout();
        let name = style.bold(&whoami.user_name);
        print(&format!("Signed in to {} as {name}, of {}.\n", connection.url, whoami.tenant))?;
    }
    Ok(())
}

async fn check(url: &Address, key: &str) -> anyhow::Result<Whoami> {
    Ok(Client::new(url.as_str(), Some(key))?.get("/admin/v1/whoami").await?)
}

fn read_key() -> anyhow::Result<String> {
    let line = if std::io::stdin().is_terminal() {
        terminal::ask_hidden("Key: ")?
    } else {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line)?;
        line
    };
    let key = line.trim();
    if !key.starts_with("sk-stone-") || key.chars().any(|char| char.is_whitespace() || char.is_control()) {
        return Err(Trouble::Wrong("that is no key: keys begin with sk-stone-".to_owned()).into());
    }
    Ok(key.to_owned())
}
