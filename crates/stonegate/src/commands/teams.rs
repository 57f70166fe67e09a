//! `stonegate teams`: groups of a tenant's users, at a gateway or on the store of this machine.

use clap::{Args, Subcommand};
use stonegate_api::{ModelRule, Team, TeamCreate, TeamUpdate};

use crate::{
    operate::StoreArguments,
    output::{Column, Table},
    terminal::Style,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a team.
    Create(Create),
    /// List teams.
    List(List),
    /// Change a team, archive it, or take it out of the archive.
    Update(Update),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate teams create platform
  stonegate users update ann --team platform
  stonegate budgets set --account team:platform --window monthly --limit-usd 500
  stonegate usage --by team --last 30d")]
pub(crate) struct Create {
    /// Its name, the only one of its kind in the tenant.
    #[arg(value_name = "NAME")]
    name: String,
    /// The tenant that it belongs to, for good [default: one's own; on a store default]
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// Only models that fit this pattern, of those that the tenant may use; may be repeated.
    #[arg(long = "allow-model", value_name = "PATTERN")]
    allow_models: Vec<String>,
    /// No models that fit this pattern; may be repeated.
    #[arg(long = "deny-model", value_name = "PATTERN")]
    deny_models: Vec<String>,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate teams list
  stonegate teams list --tenant acme --all")]
pub(crate) struct List {
    /// Only this tenant's.
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// Also those that are archived.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate teams update platform --allow-model 'claude-*'
  stonegate teams update platform --archive")]
pub(crate) struct Update {
    /// The team's id or name.
    #[arg(value_name = "TEAM")]
    team: String,
    /// The team's tenant, where several have a team of that name.
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// A new name.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Only models that fit this pattern; may be repeated, and takes the place of all patterns before.
    #[arg(long = "allow-model", value_name = "PATTERN")]
    allow_models: Vec<String>,
    /// No models that fit this pattern; may be repeated, and takes the place of all patterns before.
    #[arg(long = "deny-model", value_name = "PATTERN")]
    deny_models: Vec<String>,
    /// End it, once no user is in it any more; reports go on naming it.
    #[arg(long, conflicts_with = "restore")]
    archive: bool,
    /// Take it out of the archive.
    #[arg(long)]
    restore: bool,
    #[command(flatten)]
    store: StoreArguments,
}

pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Create(create) => create.run(),
        Command::List(list) => list.run(),
        Command::Update(update) => update.run(),
    }
}

impl Create {
    fn run(&self) -> anyhow::Result<()> {
        let wanted = TeamCreate {
            name: self.name.clone(),
            tenant: self.tenant.clone(),
            models: models(&self.allow_models, &self.deny_models),
        };
        let team = self.store.operate(async |operator| operator.create_team(&wanted).await)?;
        self.store.print(&team, |team, style| table(std::slice::from_ref(team), style))
    }
}

impl List {
    fn run(&self) -> anyhow::Result<()> {
        let tenant = self.tenant.as_deref();
        let teams = self.store.operate(async |operator| operator.list_teams(tenant, self.all).await)?;
        self.store.print_list(&teams, table)
    }
}

impl Update {
    fn run(&self) -> anyhow::Result<()> {
        let wanted = TeamUpdate {
            name: self.name.clone(),
            models: models(&self.allow_models, &self.deny_models),
            managed_settings: None,
            archived: match (self.archive, self.restore) {
                (true, _) => Some(true),
                (false, true) => Some(false),
                (false, false) => None,
            },
        };
        let tenant = self.tenant.as_deref();
        let team =
            self.store.operate(async |operator| operator.update_team(tenant, &self.team, &wanted).await)?;
        self.store.print(&team, |team, style| table(std::slice::from_ref(team), style))
    }
}

fn models(allow: &[String], deny: &[String]) -> Option<ModelRule> {
    (!allow.is_empty() || !deny.is_empty()).then(|| ModelRule { allow: allow.to_vec(), deny: deny.to_vec() })
}

fn table(teams: &[Team], style: Style) -> String {
    let columns = [Column::Text("ID"), Column::Text("NAME"), Column::Text("TENANT"), Column::Text("STATUS")];
    let rows = teams.iter().map(|team| {
        let status = if team.archived_at.is_some() { "archived" } else { "active" };
        [team.id.clone(), team.name.clone(), team.tenant.clone(), status.to_owned()]
    });
    Table::new(columns, rows).render("no teams; make one with `stonegate teams create NAME`", style)
}
