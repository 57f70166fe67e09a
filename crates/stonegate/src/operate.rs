//! Acts on the store of this machine, whether a server runs on it or not, or at a gateway.

use std::io::{self, IsTerminal as _};

use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;
use stonegate_server::config::Loaded;
use stonegate_server::installation::Installation;
use stonegate_server::operator::{Operator, store_file};

use crate::{
    connection::ConnectionArguments,
    desk::{Desk, Remote},
    output::json,
    settings::{SettingsArguments, told},
    terminal::{Style, note, print},
    trouble::Trouble,
};

/// A list as JSON has it.
#[derive(Serialize)]
struct List<'a, T> {
    data: &'a [T],
}

/// The flags of every command that administers, at the store of this machine or at a gateway.
#[derive(Debug, Clone, Args)]
pub(crate) struct StoreArguments {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ConnectionArguments,
    #[command(flatten)]
    settings: SettingsArguments,
}

/// The flags of commands that work on the store itself, and never at a gateway.
#[derive(Debug, Clone, Args)]
pub(crate) struct LocalArguments {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingsArguments,
}

/// Whoever names a gateway means it, and whoever names this machine's settings or store means that; else it is the gateway
/// that one is signed in to, and else this machine.
pub(crate) fn is_of_gateway(
    connection: &ConnectionArguments,
    settings: &SettingsArguments,
) -> Result<bool, Trouble> {
    match (connection.is_given(), settings.is_given()) {
        (true, true) => Err(Trouble::Wrong(
            "a gateway and a store of this machine are both named; leave one out".to_owned(),
        )),
        (true, false) => Ok(true),
        (false, true) => Ok(false),
        (false, false) => match connection.find() {
            Ok(connection) => Ok(connection.credential.is_some()),
            Err(Trouble::SignedOut(_)) => Ok(false),
            Err(trouble) => Err(trouble),
        },
    }
}

impl StoreArguments {
    /// Does one thing where it is to be done, and leaves a store tidy.
    pub(crate) fn operate<T>(&self, act: impl AsyncFnOnce(&Desk) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let is_of_gateway = is_of_gateway(&self.connection, &self.settings)?;
        crate::wait(async {
            let desk = if is_of_gateway {
                let connection = self.connection.find()?;
                Desk::Gateway(Box::new(Remote::new(connection.url.as_str(), connection.client().await?)))
            } else {
                Desk::Store(open(&self.settings).await?)
            };
            let done = act(&desk).await;
            desk.close().await;
            done
        })
    }

    /// What a gateway was set up with, as it says under this path itself; or what this machine's settings make of one.
    pub(crate) fn installed<T: DeserializeOwned>(
        &self,
        path: &str,
        part: impl FnOnce(Installation) -> Vec<T>,
    ) -> anyhow::Result<Vec<T>> {
        if is_of_gateway(&self.connection, &self.settings)? {
            let connection = self.connection.find()?;
            return crate::wait(async {
                let client = connection.client().await?;
                Remote::new(connection.url.as_str(), client).installed(path).await
            });
        }
        let Loaded { config, shown } = self.settings.load(Vec::new())?;
        let made = async { Installation::of(&config).await.map_err(|wrong| told(wrong, &shown)) };
        Ok(part(crate::wait(made)?))
    }

    /// Prints what came of it: JSON where it is wanted, `text` otherwise.
    pub(crate) fn print<T: Serialize>(
        &self,
        value: &T,
        text: impl FnOnce(&T, Style) -> String,
    ) -> anyhow::Result<()> {
        print(&if self.json { json(value)? } else { text(value, Style::of_stdout()) })?;
        Ok(())
    }

    /// Prints a list: `{"data": […]}` where JSON is wanted, `text` otherwise.
    pub(crate) fn print_list<T: Serialize>(
        &self,
        items: &[T],
        text: impl FnOnce(&[T], Style) -> String,
    ) -> anyhow::Result<()> {
        print(&if self.json { json(&List { data: items })? } else { text(items, Style::of_stdout()) })?;
        Ok(())
    }
}

impl LocalArguments {
    /// Opens the store, does one thing to it, and leaves it tidy. Whoever is signed in to a gateway and names no store most
    /// likely means that gateway, and would be told of a store of this machine that has nothing in it.
    pub(crate) fn operate<T, E: Into<anyhow::Error>>(
        &self,
        act: impl AsyncFnOnce(&Operator) -> Result<T, E>,
    ) -> anyhow::Result<T> {
        if is_of_gateway(&ConnectionArguments::default(), &self.settings)? {
            let fix = "this works on a store and not at the gateway that you are signed in to: name the store by \
                       --data-dir, --store or --config";
            return Err(Trouble::Wrong(fix.to_owned()).into());
        }
        crate::wait(async {
            let operator = open(&self.settings).await?;
            let done = act(&operator).await;
            operator.close().await;
            done.map_err(Into::into)
        })
    }

    /// Prints what came of it: JSON where it is wanted, `text` otherwise.
    pub(crate) fn print<T: Serialize>(
        &self,
        value: &T,
        text: impl FnOnce(&T, Style) -> String,
    ) -> anyhow::Result<()> {
        print(&if self.json { json(value)? } else { text(value, Style::of_stdout()) })?;
        Ok(())
    }
}

async fn open(settings: &SettingsArguments) -> anyhow::Result<Operator> {
    let Loaded { config, shown } = settings.load(Vec::new())?;
    let url = &config.store.url;
    let is_new = store_file(url).is_some_and(|file| !file.exists());
    let operator = Operator::open(url).await.map_err(|error| told(error.into(), &shown))?;
    // A person may have mistyped the place; a script that makes one knows.
    if is_new && io::stderr().is_terminal() {
        note(&format!("there was no store at {url}: this is a new one"));
    }
    Ok(operator)
}
