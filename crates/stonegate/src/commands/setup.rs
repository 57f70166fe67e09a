//! `stonegate setup`: which gateway to be a client of, from now on.

use clap::Args;
use hyper::Method;
use serde_json::{Value, json};

use crate::client::{Client, whole};
use crate::connection::{Address, ConnectionArguments, Profile};
use crate::output::json;
use crate::terminal::{Style, note, print};
use crate::trouble::Trouble;

/// Where a gateway says what it is and how to sign in, to anybody.
pub(crate) const DISCOVERY: &str = "/.well-known/stonegate";

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate setup https://stonegate.example.com
  stonegate setup https://staging.example.com --profile staging
  stonegate setup localhost:8080                    the demo on this machine

The address is kept in a profile, readable by you alone; see `stonegate login` for the next step.")]
pub(crate) struct Arguments {
    /// Address of the gateway, as its operator gave it out.
    #[arg(value_name = "URL")]
    url: String,
    /// Name to keep the connection under [variable: STONEGATE_PROFILE; else `default`]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let url: Address = arguments.url.parse()?;
    let told = crate::wait(discover(&Client::new(url.as_str(), None)?))?;
    let profiles = ConnectionArguments { url: None, profile: arguments.profile.clone() }.profiles()?;
    let _lock = profiles.lock()?;
    let known = profiles.load()?.filter(|known| known.url == url);
    let is_signed_in = known.as_ref().is_some_and(|known| known.credential.is_some());
    profiles.save(&known.unwrap_or_else(|| Profile::of(url.clone())))?;
    let version = told.as_ref().and_then(|told| told["server_version"].as_str());
    if arguments.json {
        let saved = json!({
            "url": url, "profile": profiles.name(), "path": profiles.path(), "version": version,
            "signed_in": is_signed_in,
        });
        print(&json(&saved)?)?;
        return Ok(());
    }
    let style = Style::of_stdout();
    let version = version.map(|version| format!(", version {version}")).unwrap_or_default();
    let has_pages = told.as_ref().is_some_and(|told| told["sign_in"]["device"] == true);
    let next = match (is_signed_in, has_pages) {
        (true, _) => "stonegate claude",
        (false, true) => "stonegate login",
        (false, false) => "stonegate login --key",
    };
    print(&format!(
        "Connected to {}{version} (profile `{}`).\nNext: {}\n",
        style.bold(url.as_str()),
        profiles.name(),
        style.accent(next)
    ))?;
    if url.is_exposed() {
        note("It speaks plain HTTP: keys and prompts can be read on the way.");
    }
    Ok(())
}

/// What the gateway tells about itself; `None` from one that is too old to.
///
/// # Errors
/// When nothing answers there, or something that is no gateway.
pub(crate) async fn discover(client: &Client) -> Result<Option<Value>, Trouble> {
    match client.get(DISCOVERY).await {
        Ok(told) => return Ok(Some(told)),
        Err(Trouble::Refused { status: 404, .. }) => {}
        Err(error) => return Err(error),
    }
    let hello = client.answer(Method::GET, "/api/hello", None).await?;
    let status = hello.status().as_u16();
    let said = whole("/api/hello", hello.into_body()).await?;
    if said.starts_with(b"Stonegate") {
        return Ok(None);
    }
    let message = "something answers there that is no Stonegate; check the address".to_owned();
    Err(Trouble::Refused { status, code: None, message, request_id: None })
}
