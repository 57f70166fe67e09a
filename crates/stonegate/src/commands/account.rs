//! `stonegate account`: what people do about an account of the gateway's own, by its password.

use std::io::IsTerminal as _;

use clap::{Args, Subcommand};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde::Deserialize;
use serde_json::{Value, json};

use super::login::{ask, not_taken};
use crate::connection::{Connection, ConnectionArguments};
use crate::terminal::print;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Codes of an authenticator app beside the password (TOTP).
    #[command(subcommand)]
    Totp(Totp),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Totp {
    /// Set up an app: from then on, signing in takes its code, too.
    Enable(One),
    /// Ask for no codes any more; takes one, of the app or for recovery.
    Disable(One),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate account totp enable --email ann@example.com
  stonegate account totp disable --email ann@example.com

Password and codes are asked for on a terminal, else read from standard input, a line each. Whoever has lost both app and
recovery codes asks an administrator, who has `stonegate users totp-reset`.")]
pub(crate) struct One {
    /// The account's address.
    #[arg(long, value_name = "EMAIL")]
    email: String,
    #[command(flatten)]
    connection: ConnectionArguments,
    /// Print a JSON object per line.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    let Command::Totp(totp) = command;
    match totp {
        Totp::Enable(one) => one.enable(),
        Totp::Disable(one) => one.disable(),
    }
}

#[derive(Debug, Deserialize)]
struct Begun {
    secret: String,
    uri: String,
}

#[derive(Debug, Deserialize)]
struct Enabled {
    recovery_codes: Vec<String>,
}

/// What a phone's camera reads this text from, for a terminal; nothing elsewhere.
fn picture(text: &str) -> String {
    match QrCode::new(text) {
        // Light on dark, as most terminals are; readers take it the other way round, too.
        Ok(code) if std::io::stdout().is_terminal() => {
            let drawn =
                code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
            format!("{drawn}\n\n")
        }
        Ok(_) | Err(_) => String::new(),
    }
}

impl One {
    fn enable(&self) -> anyhow::Result<()> {
        let connection = self.connection.find()?;
        let password = ask("Password: ")?;
        let begun: Begun = self.step(&connection, "begin", &password, "")?;
        self.tell(
            &json!({ "event": "begun", "secret": begun.secret, "uri": begun.uri }),
            &format!(
                "{}Give this secret to your authenticator app:\n\n  {}\n\nor this address, where it takes one:\n\n  {}\n\n",
                picture(&begun.uri), begun.secret, begun.uri
            ),
        )?;
        let code = ask("Code that the app shows: ")?;
        let enabled: Enabled = self.step(&connection, "enable", &password, &code)?;
        let codes = enabled.recovery_codes;
        self.tell(
            &json!({ "event": "enabled", "recovery_codes": codes }),
            &format!(
                "Signing in takes a code from now on. If you lose the app, each of these signs you in once; keep them where \
                 the app is not:\n\n  {}\n",
                codes.join("\n  ")
            ),
        )
    }

    fn disable(&self) -> anyhow::Result<()> {
        let connection = self.connection.find()?;
        let (password, code) = (ask("Password: ")?, ask("Code of your app, or for recovery: ")?);
        let _: Value = self.step(&connection, "disable", &password, &code)?;
        self.tell(&json!({ "event": "disabled" }), "The password alone signs you in from now on.\n")
    }

    fn step<T: serde::de::DeserializeOwned>(
        &self,
        connection: &Connection,
        action: &str,
        password: &str,
        code: &str,
    ) -> anyhow::Result<T> {
        let form = [("action", action), ("username", &*self.email), ("password", password), ("otp", code)];
        crate::wait(async {
            let client = connection.stranger()?;
            client.post_form("/account/totp", &form).await.map_err(not_taken).map_err(anyhow::Error::from)
        })
    }

    fn tell(&self, event: &Value, text: &str) -> anyhow::Result<()> {
        if self.json {
            print(&format!("{event}\n"))?
        } else {
            print(text)?
        }
        Ok(())
    }
}
