//! Runs a program with a key of its own: one API, half an hour, renewed while it runs, revoked when it ends.
//!
//! The program shares our terminal and process group; it sees no credential but its key, and no settings file is touched.

mod environment;
mod key;
mod signals;

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use clap::Args;

use crate::connection::ConnectionArguments;
use crate::defaults::DefaultModels;
use crate::trouble::Trouble;
use crate::variables::Api;
use key::ChildKey;
use signals::Arriving;

/// The flags of every command that runs a program.
#[derive(Debug, Args)]
pub(crate) struct ChildArguments {
    /// Leave this variable to the program although it looks like a credential; may be repeated.
    #[arg(long = "keep", value_name = "VARIABLE")]
    kept: Vec<String>,
    #[command(flatten)]
    connection: ConnectionArguments,
}

/// A program to run.
pub(crate) struct Errand<'a> {
    pub(crate) program: OsString,
    pub(crate) api: Api,
    /// The name that its key is listed under.
    pub(crate) name: String,
    /// The rest of the command line, and further variables, for a gateway's address and a key.
    pub(crate) prepare: &'a dyn Fn(&str, &str) -> Handed,
    /// What to do where there is no such program.
    pub(crate) missing: &'a str,
}

/// What a program is told.
pub(crate) struct Handed {
    pub(crate) arguments: Vec<OsString>,
    pub(crate) variables: Vec<(&'static str, String)>,
}

/// The program cannot be run.
const CANNOT_RUN: u8 = 126;
/// There is no such program.
const NOT_FOUND: u8 = 127;

impl ChildArguments {
    /// The models that the gateway says to take. Whoever is signed in to none hears of that when a key is to be made.
    pub(crate) fn default_models(&self) -> anyhow::Result<DefaultModels> {
        let connection = self.connection.find()?;
        match connection.credential {
            Some(_) => crate::wait(DefaultModels::of(&connection)),
            None => Ok(DefaultModels::default()),
        }
    }

    /// Runs the program to its end; what it ends with is what we end with.
    pub(crate) fn run(&self, errand: &Errand<'_>) -> anyhow::Result<()> {
        let code = crate::wait(self.run_to_end(errand))?;
        if code == 0 { Ok(()) } else { Err(crate::Silent(code).into()) }
    }

    async fn run_to_end(&self, errand: &Errand<'_>) -> anyhow::Result<u8> {
        let connection = self.connection.find()?;
        let key = ChildKey::mint(&connection, errand.api, &errand.name).await?;
        let handed = (errand.prepare)(connection.url.as_str(), key.text());
        let variables = environment::of_child(std::env::vars_os(), &handed.variables, &self.kept);
        let signals = Arriving::listen()?;
        let mut command = tokio::process::Command::new(&errand.program);
        command.args(&handed.arguments).env_clear().envs(variables);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                key.revoke().await;
                let program = errand.program.to_string_lossy();
                let (code, fix) = match error.kind() {
                    ErrorKind::NotFound => (NOT_FOUND, errand.missing),
                    _ => (CANNOT_RUN, ""),
                };
                return Err(Trouble::NotRun { code, message: format!("{program}: {error}{fix}") }.into());
            }
        };
        let passing = child.id().map(|id| signals.pass_on_to(id));
        let ended = tokio::select! {
            ended = child.wait() => ended,
            never = key.renew() => match never {},
        };
        key.revoke().await;
        drop(passing);
        Ok(code(ended?))
    }
}

/// As a shell tells it: a signal is 128 and its number.
fn code(ended: ExitStatus) -> u8 {
    let code = ended.code().or_else(|| ended.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}
