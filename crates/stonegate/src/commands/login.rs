//! `stonegate login`: who to be at the gateway, from now on.

mod aws;
mod device;

use std::io::{BufRead as _, IsTerminal as _};

use clap::Args;
use serde_json::json;
use stonegate_api::Whoami;
use stonegate_server::clock;

use crate::client::Client;
use crate::connection::{CLIENT_ID, Connection, ConnectionArguments, Credential, Keeping, Profile, Tokens};
use crate::terminal::{self, Style, note, print};
use crate::trouble::Trouble;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate login                                   in the browser; a code is shown
  stonegate login --no-browser                      on a machine without one: open the address elsewhere
  stonegate login --email ann@example.com           with the password of an account of the gateway's own
  stonegate login --aws-profile dev                 with the AWS credentials of that profile
  stonegate login --aws-profile                     with those that AWS's own tools would use
  stonegate login --key                             with a key, asked for
  pass stonegate | stonegate login --key            with a key that another program prints

What you sign in with is kept in the profile's file, readable by you alone, or with --keep-in keychain in the keychain of the
operating system. A sign-in renews itself as long as it is used,
and ends with `stonegate logout`.")]
pub(crate) struct Arguments {
    /// Sign in with a key, `sk-stone-…`: asked for on a terminal, else read from standard input.
    #[arg(long, conflicts_with_all = ["email", "aws_profile", "admin", "no_browser"])]
    key: bool,
    /// Sign in with this address and a password, and the code of an app where one is set up: asked for on a terminal, else read
    /// from standard input, a line each.
    #[arg(long, value_name = "EMAIL", conflicts_with_all = ["aws_profile", "no_browser"])]
    email: Option<String>,
    /// Sign in with AWS credentials: those of this profile, or without a name those that AWS's own tools would use. They
    /// stay here: the gateway gets a signature that is good for it alone, once, and for five minutes.
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "", conflicts_with = "no_browser")]
    aws_profile: Option<String>,
    /// Also for administration, as far as your role goes.
    #[arg(long)]
    admin: bool,
    /// Open no browser, only show the address.
    #[arg(long)]
    no_browser: bool,
    /// Where to keep what one signs in with [else the variable STONEGATE_TOKEN_STORE; else where it was before; else `file`]
    #[arg(long, value_name = "PLACE")]
    keep_in: Option<Keeping>,
    #[command(flatten)]
    connection: ConnectionArguments,
    /// Print a JSON object per line.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let connection = arguments.connection.find()?;
    if connection.url.is_exposed() {
        note("It speaks plain HTTP: what you sign in with can be read on the way.");
    }
    let credential = match (&arguments.email, &arguments.aws_profile, arguments.key) {
        (_, _, true) => Credential::Key(key(&ask("Key: ")?)?),
        (Some(email), _, false) => {
            let password = ask("Password: ")?;
            // Asked of everyone: the gateway does not tell who has one before both are right.
            let code = ask("Code of your app (Enter for none): ")?;
            session(crate::wait(arguments.by_password(&connection, email, (&password, &code)))?)
        }
        (None, Some(profile), false) => {
            let profile = Some(profile.as_str()).filter(|profile| !profile.is_empty());
            session(crate::wait(aws::sign_in(arguments, &connection, profile))?)
        }
        (None, None, false) => session(crate::wait(device::sign_in(arguments, &connection))?),
    };
    let text = match &credential {
        Credential::Key(key) => key,
        Credential::Session(session) => &session.access_token,
    };
    let client = Client::new(connection.url.as_str(), Some(text))?;
    let whoami: Whoami = crate::wait(client.get("/admin/v1/whoami"))?;
    keep(&connection, credential, arguments.keep_in)?;
    if arguments.json {
        let profile = connection.profiles.name();
        let told =
            json!({ "event": "signed_in", "url": connection.url, "profile": profile, "whoami": whoami });
        print(&format!("{told}\n"))?;
    } else {
        let name = Style::of_stdout().bold(&whoami.user_name);
        print(&format!("Signed in to {} as {name}, of {}.\n", connection.url, whoami.tenant))?;
    }
    Ok(())
}

fn keep(connection: &Connection, credential: Credential, place: Option<Keeping>) -> Result<(), Trouble> {
    let _lock = connection.profiles.lock()?;
    let saved = connection.profiles.load()?.filter(|saved| saved.url == connection.url);
    let profile = saved.unwrap_or_else(|| Profile::of(connection.url.clone()));
    let profile = profile.with(Some(credential));
    match place {
        Some(place) => connection.profiles.save_in(&profile, place),
        None => connection.profiles.save(&profile),
    }
}

fn session(tokens: Tokens) -> Credential {
    Credential::Session(tokens.into_session(clock::now()))
}

impl Arguments {
    async fn by_password(
        &self,
        connection: &Connection,
        email: &str,
        (password, code): (&str, &str),
    ) -> anyhow::Result<Tokens> {
        let form = [
            ("grant_type", "password"),
            ("username", email),
            ("password", password),
            ("otp", code),
            ("scope", self.scopes()),
            ("device_name", &device_name()),
            ("client_id", CLIENT_ID),
        ];
        let given = connection.stranger()?.post_form("/oauth/token", &form).await;
        Ok(given.map_err(not_taken)?)
    }

    /// What a sign-in is asked for. What a person's role may not hold, the gateway leaves out.
    fn scopes(&self) -> &'static str {
        if self.admin {
            "messages:send chat:send responses:send embeddings:send bedrock:invoke usage:read keys:manage \
             admin:read admin:write"
        } else {
            "messages:send chat:send responses:send embeddings:send bedrock:invoke usage:read keys:manage"
        }
    }
}

/// What was shown to the gateway does not let anybody in.
pub(super) fn not_taken(trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::Refused { code: Some(code), message, .. } if code == "invalid_grant" => {
            Trouble::SignedOut(message)
        }
        other => other,
    }
}

/// What the sign-in is shown as: this machine's name.
fn device_name() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    host.chars().filter(|char| !char.is_control()).take(100).collect()
}

/// Asks where there is somebody to ask, else reads a line.
pub(super) fn ask(question: &str) -> anyhow::Result<String> {
    let line = if std::io::stdin().is_terminal() {
        terminal::ask_hidden(question)?
    } else {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line)?;
        line
    };
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn key(line: &str) -> Result<String, Trouble> {
    let key = line.trim();
    if !key.starts_with("sk-stone-") || key.chars().any(|char| char.is_whitespace() || char.is_control()) {
        return Err(Trouble::Wrong("that is no key: keys begin with sk-stone-".to_owned()));
    }
    Ok(key.to_owned())
}
