//! `stonegate admin endpoints`: where a gateway sends calls. The settings say it.

use clap::{Args, Subcommand};
use stonegate_api::Endpoint;

use crate::operate::StoreArguments;
use crate::output::{Column, Table};
use crate::terminal::Style;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the regions that calls go to, with their addresses.
    List(List),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate admin endpoints list                    of the gateway that one is signed in to
  stonegate admin endpoints list --config stonegate.toml --json")]
pub(crate) struct List {
    #[command(flatten)]
    store: StoreArguments,
}

impl Command {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let Self::List(List { store }) = self;
        let endpoints = store.installed("/endpoints", |installation| installation.endpoints)?;
        store.print_list(&endpoints, table)
    }
}

fn table(endpoints: &[Endpoint], style: Style) -> String {
    let columns =
        ["NAME", "REGION", "BEDROCK-RUNTIME", "BEDROCK-MANTLE", "ACCESS", "PREFERS"].map(Column::Text);
    let rows = endpoints.iter().map(|endpoint| {
        let Endpoint { name, region, runtime_url, mantle_url, access, geography } = endpoint.clone();
        let geography = if geography.is_empty() { "the region's".to_owned() } else { geography.join(", ") };
        [name, region, runtime_url, mantle_url, access.to_string(), geography]
    });
    Table::new(columns, rows).render("no endpoints", style)
}
