//! `stonegate admin`: everything that is administered, in one group. Each command stands without `admin`, too: keys, budgets
//! and usage are also looked at by those whose own they are.

use clap::Subcommand;

use super::{
    audit, budgets, charges, endpoints, keys, managed_settings, models, teams, tenants, trust, usage, users,
};

/// All of it under one name, with what is only looked at: the settings say it.
#[derive(Debug, Subcommand)]
pub(crate) enum Group {
    #[command(flatten)]
    Administer(Command),
    /// See every model that a gateway offers, with prices and the settings' own names for it.
    #[command(subcommand)]
    Models(models::Command),
    /// See where a gateway sends calls.
    #[command(subcommand)]
    Endpoints(endpoints::Command),
    /// See whose word a gateway takes for who somebody is: OpenID providers and AWS accounts.
    #[command(subcommand)]
    Trust(trust::Command),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create, list, revoke and rotate keys, at the gateway that one is signed in to or on the store of this machine.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Create, list and change users.
    #[command(subcommand)]
    Users(users::Command),
    /// Create, list, change and archive teams.
    #[command(subcommand)]
    Teams(teams::Command),
    /// Create, list and change tenants.
    #[command(subcommand)]
    Tenants(tenants::Command),
    /// Set, show and remove what Claude Code is told to have for settings, for a tenant or a team.
    #[command(subcommand)]
    ManagedSettings(managed_settings::Command),
    /// Set, list and remove budgets.
    #[command(subcommand)]
    Budgets(budgets::Command),
    /// Look at what services outside hold of budgets, and free it.
    #[command(subcommand)]
    Charges(charges::Command),
    /// What was used, and what it cost.
    Usage(Box<usage::Arguments>),
    /// What was done and by whom, and whether the log of it is whole.
    #[command(subcommand)]
    Audit(audit::Command),
}

pub(crate) fn run_group(group: &Group) -> anyhow::Result<()> {
    match group {
        Group::Administer(command) => run(command),
        Group::Models(command) => command.run(),
        Group::Endpoints(command) => command.run(),
        Group::Trust(command) => command.run(),
    }
}

pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Keys(command) => keys::run(command),
        Command::Users(command) => users::run(command),
        Command::Teams(command) => teams::run(command),
        Command::Tenants(command) => tenants::run(command),
        Command::ManagedSettings(command) => managed_settings::run(command),
        Command::Budgets(command) => budgets::run(command),
        Command::Charges(command) => charges::run(command),
        Command::Usage(arguments) => usage::run(arguments),
        Command::Audit(command) => audit::run(command),
    }
}
