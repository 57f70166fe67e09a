//! `stonegate users`: users on the store of this machine.

use clap::{Args, Subcommand, ValueEnum};
use stonegate_api::{ModelRule, Role, User, UserCreate, UserUpdate};

use crate::{
    operate::StoreArguments,
    output::{Column, Table},
    terminal::Style,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a user.
    Create(Create),
    /// List users.
    List(List),
    /// Change a user, lock one out, or let one in again.
    Update(Update),
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The user's name, the only one of its kind in the tenant.
    #[arg(long, value_name = "NAME")]
    name: String,
    /// The user's tenant [default: default]
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// An address.
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// What the user is.
    #[arg(long, value_enum, default_value = "user")]
    role: RoleArgument,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only this tenant's.
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate users update ann --disable         her keys stop within a second
  stonegate users update ann --role team_lead
  stonegate users update ann --allow-model 'claude-haiku-*'")]
pub(crate) struct Update {
    /// The user's id or name.
    #[arg(value_name = "USER")]
    user: String,
    /// The user's tenant, where the user is given by name [default: default]
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// A new name.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// A new address.
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// A new role.
    #[arg(long, value_enum)]
    role: Option<RoleArgument>,
    /// Only models that fit this pattern; may be repeated, and takes the place of all patterns before.
    #[arg(long = "allow-model", value_name = "PATTERN")]
    allow_models: Vec<String>,
    /// No models that fit this pattern; may be repeated, and takes the place of all patterns before.
    #[arg(long = "deny-model", value_name = "PATTERN")]
    deny_models: Vec<String>,
    /// Lock the user out.
    #[arg(long, conflicts_with = "enable")]
    disable: bool,
    /// Let the user in again.
    #[arg(long)]
    enable: bool,
    #[command(flatten)]
    store: StoreArguments,
}

/// A role as it is typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum RoleArgument {
    /// Uses models.
    User,
    /// Also looks after the tenant's users.
    TeamLead,
    /// Looks after the whole installation.
    Admin,
}

impl From<RoleArgument> for Role {
    fn from(role: RoleArgument) -> Self {
        match role {
            RoleArgument::User => Self::User,
            RoleArgument::TeamLead => Self::TeamLead,
            RoleArgument::Admin => Self::Admin,
        }
    }
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
        let wanted = UserCreate {
            name: self.name.clone(),
            tenant: self.tenant.clone(),
            email: self.email.clone(),
            role: self.role.into(),
            models: None,
        };
        let user = self.store.operate(async |operator| operator.create_user(&wanted).await)?;
        self.store.print(&user, |user, style| table(std::slice::from_ref(user), style))
    }
}

impl List {
    fn run(&self) -> anyhow::Result<()> {
        let users = self.store.operate(async |operator| operator.list_users(self.tenant.as_deref()).await)?;
        self.store.print_list(&users, table)
    }
}

impl Update {
    fn run(&self) -> anyhow::Result<()> {
        let wanted = UserUpdate {
            name: self.name.clone(),
            email: self.email.clone(),
            role: self.role.map(Into::into),
            models: (!self.allow_models.is_empty() || !self.deny_models.is_empty())
                .then(|| ModelRule { allow: self.allow_models.clone(), deny: self.deny_models.clone() }),
            disabled: match (self.disable, self.enable) {
                (true, _) => Some(true),
                (false, true) => Some(false),
                (false, false) => None,
            },
        };
        let tenant = self.tenant.as_deref();
        let user =
            self.store.operate(async |operator| operator.update_user(tenant, &self.user, &wanted).await)?;
        self.store.print(&user, |user, style| table(std::slice::from_ref(user), style))
    }
}

fn table(users: &[User], style: Style) -> String {
    let columns = [
        Column::Text("ID"),
        Column::Text("NAME"),
        Column::Text("TENANT"),
        Column::Text("ROLE"),
        Column::Text("EMAIL"),
        Column::Text("STATUS"),
    ];
    let rows = users.iter().map(|user| {
        [
            user.id.clone(),
            user.name.clone(),
            user.tenant.clone(),
            match user.role {
                Role::User => "user",
                Role::TeamLead => "team_lead",
                Role::Admin => "admin",
            }
            .to_owned(),
            user.email.clone().unwrap_or_default(),
            if user.disabled_at.is_some() { "disabled" } else { "active" }.to_owned(),
        ]
    });
    Table::new(columns, rows).render("no users", style)
}
