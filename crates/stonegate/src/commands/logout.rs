//! `stonegate logout`: be nobody at the gateway again.

use clap::Args;
use hyper::Method;
use serde_json::json;

use crate::client::{Client, Content};
use crate::connection::{ConnectionArguments, Credential, KEY, variable};
use crate::output::json;
use crate::terminal::{note, print};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate logout
  stonegate logout --all                            forget the gateway's address, too

A sign-in ends at the gateway, too, with every key that was made by it for a program. A key that was given to `stonegate login --key`
is forgotten, not revoked: `stonegate keys revoke` does that.")]
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
    if let Some(profile) = saved {
        if let Some(Credential::Session(session)) = &profile.credential {
            end(profile.url.as_str(), &session.refresh_token);
        }
        if arguments.all {
            profiles.remove()?;
        } else {
            profiles.save(&profile.with(None))?;
        }
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

/// Ends a sign-in at the gateway. Where that does not work, it is forgotten all the same, and this is said.
fn end(url: &str, token: &str) {
    let ended = crate::wait(async {
        let form = Content::form(&[("token", token), ("token_type_hint", "refresh_token")]);
        Client::new(url, None)?.send(Method::POST, "/oauth/revoke", Some(form)).await?;
        Ok::<_, anyhow::Error>(())
    });
    if let Err(error) = ended {
        note(&format!(
            "The sign-in could not be ended at the gateway; unused, it ends by itself in 30 days: {error}"
        ));
    }
}
