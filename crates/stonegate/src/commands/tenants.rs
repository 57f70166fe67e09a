//! `stonegate tenants`: tenants on the store of this machine.

use clap::{Args, Subcommand};
use stonegate_api::{ModelRule, Tenant, TenantCreate, TenantUpdate};

use crate::{
    operate::StoreArguments,
    output::{Column, Table},
    terminal::Style,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a tenant.
    Create(Create),
    /// List tenants.
    List(List),
    /// Change a tenant, lock its users out, or let them in again.
    Update(Update),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate tenants create acme
  stonegate tenants create acme --name 'Acme Corporation' --time-zone Europe/Berlin")]
pub(crate) struct Create {
    /// A short name for it, for good.
    #[arg(value_name = "ID")]
    id: String,
    /// Its name for people [default: the id]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The calendar by which its budgets renew, such as Europe/Berlin [default: UTC]
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate tenants list
  stonegate tenants list --json")]
pub(crate) struct List {
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate tenants update acme --allow-model 'claude-*' --deny-model '*-opus-*'
  stonegate tenants update acme --disable")]
pub(crate) struct Update {
    /// The tenant.
    #[arg(value_name = "ID")]
    id: String,
    /// A new name for people.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Only models that fit this pattern; may be repeated, and takes the place of all patterns before.
    #[arg(long = "allow-model", value_name = "PATTERN")]
    allow_models: Vec<String>,
    /// No models that fit this pattern; may be repeated, and takes the place of all patterns before.
    #[arg(long = "deny-model", value_name = "PATTERN")]
    deny_models: Vec<String>,
    /// The calendar by which its budgets renew, such as Europe/Berlin.
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Lock its users out.
    #[arg(long, conflicts_with = "enable")]
    disable: bool,
    /// Let its users in again.
    #[arg(long)]
    enable: bool,
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
        let (id, name, time_zone) = (self.id.clone(), self.name.clone(), self.time_zone.clone());
        let wanted = TenantCreate { id, name, time_zone, models: None };
        let tenant = self.store.operate(async |operator| operator.create_tenant(&wanted).await)?;
        self.store.print(&tenant, |tenant, style| table(std::slice::from_ref(tenant), style))
    }
}

impl List {
    fn run(&self) -> anyhow::Result<()> {
        let tenants = self.store.operate(async |operator| operator.list_tenants().await)?;
        self.store.print_list(&tenants, table)
    }
}

impl Update {
    fn run(&self) -> anyhow::Result<()> {
        let wanted = TenantUpdate {
            name: self.name.clone(),
            time_zone: self.time_zone.clone(),
            managed_settings: None,
            models: (!self.allow_models.is_empty() || !self.deny_models.is_empty())
                .then(|| ModelRule { allow: self.allow_models.clone(), deny: self.deny_models.clone() }),
            disabled: match (self.disable, self.enable) {
                (true, _) => Some(true),
                (false, true) => Some(false),
                (false, false) => None,
            },
        };
        let tenant = self.store.operate(async |operator| operator.update_tenant(&self.id, &wanted).await)?;
        self.store.print(&tenant, |tenant, style| table(std::slice::from_ref(tenant), style))
    }
}

fn table(tenants: &[Tenant], style: Style) -> String {
    let columns =
        [Column::Text("ID"), Column::Text("NAME"), Column::Text("TIME ZONE"), Column::Text("STATUS")];
    let rows = tenants.iter().map(|tenant| {
        let status = if tenant.disabled_at.is_some() { "disabled" } else { "active" };
        [tenant.id.clone(), tenant.name.clone(), tenant.time_zone.clone(), status.to_owned()]
    });
    Table::new(columns, rows).render("no tenants", style)
}
