//! Acts on the store of this machine, whether a server runs on it or not.

use clap::Args;
use serde::Serialize;
use stonegate_server::config::Loaded;
use stonegate_server::operator::Operator;

use crate::{
    output::json,
    settings::{SettingsArguments, told},
    terminal::{Style, print},
};

/// A list as JSON has it.
#[derive(Serialize)]
struct List<'a, T> {
    data: &'a [T],
}

/// The flags of every command that works on the store.
#[derive(Debug, Clone, Args)]
pub(crate) struct StoreArguments {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingsArguments,
}

impl StoreArguments {
    /// Opens the store, does one thing to it, and leaves it tidy.
    pub(crate) fn operate<T, E: Into<anyhow::Error>>(
        &self,
        act: impl AsyncFnOnce(&Operator) -> Result<T, E>,
    ) -> anyhow::Result<T> {
        let Loaded { config, shown } = self.settings.load(Vec::new())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let operator =
                Operator::open(&config.store.url).await.map_err(|error| told(error.into(), &shown))?;
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
