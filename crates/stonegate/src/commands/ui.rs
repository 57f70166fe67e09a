//! `stonegate ui`: one's account at the gateway in the browser, signed in.

use clap::Args;
use serde_json::json;
use stonegate_api::SignInLink;

use crate::browser;
use crate::connection::ConnectionArguments;
use crate::output::json;
use crate::terminal::{Style, print};
use crate::trouble::Trouble;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate ui
  stonegate ui --no-browser                         on a machine without one: open the address elsewhere

The address signs one browser in as you, once and within two minutes: keep it to yourself. That browser is signed out with
`stonegate logout`.")]
pub(crate) struct Arguments {
    /// Open no browser, only show the address.
    #[arg(long)]
    no_browser: bool,
    #[command(flatten)]
    connection: ConnectionArguments,
    /// Print JSON; opens no browser.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let connection = arguments.connection.find()?;
    let link = crate::wait(async {
        let client = connection.client().await?;
        client.post::<SignInLink>("/admin/v1/sign-in-links", &json!({})).await.map_err(
            |trouble| match trouble {
                Trouble::Refused { status: 404 | 405, .. } => {
                    Trouble::Wrong(format!("{} is too old to sign a browser in by a link", connection.url))
                        .into()
                }
                other => anyhow::Error::from(other),
            },
        )
    })?;
    if arguments.json {
        print(&json(&link)?)?;
        return Ok(());
    }
    // A page of another origin is for the person to judge, not for us to open.
    let is_ours = link.url.starts_with(&format!("{}/", connection.url));
    let opened = is_ours && !arguments.no_browser && browser::open(&link.url);
    let how =
        if opened { "Your browser opens this page. If not, open it yourself:" } else { "Open this page:" };
    let told =
        format!("{how}\n\n    {}\n\nIt works once, for two minutes.\n", Style::of_stdout().accent(&link.url));
    Ok(print(&told)?)
}
