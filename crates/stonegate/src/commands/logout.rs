//! `stonegate logout`: be nobody at the gateway again.

use clap::Args;
use serde_json::json;

use crate::connection::{ConnectionArguments, KEY, variable};
use crate::output::json;
use crate::terminal::{note, print};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate logout
  stonegate logout --all                            forget the gateway's address, too

A key that was given to `stonegate login --key` is forgotten, not revoked: `stonegate keys revoke` does that.")]
pub(crate) struct Arguments {
    /// Forget the gateway's address, too.
    #[arg(long)]
    all: bool,
    /// Name of the saved connection [variable: STONEGATE_PROFILE; else `default`]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let profiles = ConnectionArguments { url: None, profile: arguments.profile.clone() }.profiles()?;
    let _lock = profiles.lock()?;
    let saved = profiles.load()?;
    let was_signed_in = saved.as_ref().is_some_and(|saved| saved.credential.is_some());
    match saved {
        Some(_) if arguments.all => {
            profiles.remove()?;
        }
        Some(mut profile) if was_signed_in => {
            profile.credential = None;
            profiles.save(&profile)?;
        }
        Some(_) | None => {}
    }
    if arguments.json {
        print(&json(&json!({ "profile": profiles.name(), "was_signed_in": was_signed_in }))?)?;
        return Ok(());
    }
    let told = if was_signed_in { "Signed out" } else { "Nobody was signed in" };
    print(&format!("{told} (profile `{}`).\n", profiles.name()))?;
    if variable(KEY).is_some() {
        note(&format!("{KEY} is still set; unset it, too."));
    }
    Ok(())
}
