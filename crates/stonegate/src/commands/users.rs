//! `stonegate users`: users on the store of this machine.

use std::collections::HashMap;

use clap::{Args, Subcommand, ValueEnum};
use stonegate_api::{ModelRule, Role, TotpReset, User, UserCreate, UserUpdate};

use crate::{
    desk::Desk,
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
    /// Ask no codes of an app of a user any more, who has lost it.
    TotpReset(Reset),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  stonegate users totp-reset ann --reason 'has lost the phone'")]
pub(crate) struct Reset {
    /// The user's id or name.
    #[arg(value_name = "USER")]
    user: String,
    /// The user's tenant, where the user is given by name [default: default]
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// Why; the audit log keeps it.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate users create --name ann --email ann@example.com
  stonegate users create --name lea --tenant acme --role team_lead --team platform")]
pub(crate) struct Create {
    /// The user's name, the only one of its kind in the tenant.
    #[arg(long, value_name = "NAME")]
    name: String,
    /// The user's tenant [default: default]
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// A team of that tenant, by id or name.
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
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
#[command(after_help = "\
Examples:
  stonegate users list
  stonegate users list --tenant acme --team platform --json")]
pub(crate) struct List {
    /// Only this tenant's.
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// Only this team's, by id or name.
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate users update ann --disable         her keys stop within a second
  stonegate users update ann --role team_lead  she looks after her team; in none, after her tenant
  stonegate users update ann --team platform
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
    /// Another team, by id or name; what was used before stays the former team's.
    #[arg(long, value_name = "TEAM", conflicts_with = "no_team")]
    team: Option<String>,
    /// No team any more.
    #[arg(long)]
    no_team: bool,
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
    /// Also looks after the users of the team; in no team, of the tenant.
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
        Command::TotpReset(reset) => reset.run(),
    }
}

impl Create {
    fn run(&self) -> anyhow::Result<()> {
        let wanted = UserCreate {
            name: self.name.clone(),
            tenant: self.tenant.clone(),
            team: self.team.clone(),
            email: self.email.clone(),
            role: self.role.into(),
            models: None,
        };
        let (user, teams) = self.store.operate(async |desk| {
            let user = desk.create_user(&wanted).await?;
            let teams = team_names(desk, std::slice::from_ref(&user)).await;
            Ok((user, teams))
        })?;
        self.store.print(&user, |user, style| table(std::slice::from_ref(user), &teams, style))
    }
}

impl List {
    fn run(&self) -> anyhow::Result<()> {
        let (users, teams) = self.store.operate(async |desk| {
            let users = desk.list_users(self.tenant.as_deref(), self.team.as_deref()).await?;
            let teams = team_names(desk, &users).await;
            Ok((users, teams))
        })?;
        self.store.print_list(&users, |users, style| table(users, &teams, style))
    }
}

impl Update {
    fn run(&self) -> anyhow::Result<()> {
        let wanted = UserUpdate {
            name: self.name.clone(),
            email: self.email.clone(),
            team: match (&self.team, self.no_team) {
                (Some(team), _) => Some(Some(team.clone())),
                (None, true) => Some(None),
                (None, false) => None,
            },
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
        let (user, teams) = self.store.operate(async |desk| {
            let user = desk.update_user(tenant, &self.user, &wanted).await?;
            let teams = team_names(desk, std::slice::from_ref(&user)).await;
            Ok((user, teams))
        })?;
        self.store.print(&user, |user, style| table(std::slice::from_ref(user), &teams, style))
    }
}

impl Reset {
    fn run(&self) -> anyhow::Result<()> {
        let wanted = TotpReset { reason: self.reason.clone() };
        let (user, teams) = self.store.operate(async |desk| {
            let user = desk.reset_totp(self.tenant.as_deref(), &self.user, &wanted).await?;
            let teams = team_names(desk, std::slice::from_ref(&user)).await;
            Ok((user, teams))
        })?;
        self.store.print(&user, |user, style| table(std::slice::from_ref(user), &teams, style))
    }
}

/// The names of the teams that these users are in. Whoever may not list teams sees ids.
async fn team_names(desk: &Desk, users: &[User]) -> HashMap<String, String> {
    if users.iter().all(|user| user.team.is_none()) {
        return HashMap::new();
    }
    let teams = desk.list_teams(None, true).await.unwrap_or_default();
    teams.into_iter().map(|team| (team.id, team.name)).collect()
}

fn table(users: &[User], teams: &HashMap<String, String>, style: Style) -> String {
    let columns = [
        Column::Text("ID"),
        Column::Text("NAME"),
        Column::Text("TENANT"),
        Column::Text("TEAM"),
        Column::Text("ROLE"),
        Column::Text("EMAIL"),
        Column::Text("STATUS"),
    ];
    let rows = users.iter().map(|user| {
        [
            user.id.clone(),
            user.name.clone(),
            user.tenant.clone(),
            user.team.as_ref().map(|id| teams.get(id).unwrap_or(id).clone()).unwrap_or_default(),
            user.role.to_string(),
            user.email.clone().unwrap_or_default(),
            if user.disabled_at.is_some() { "disabled" } else { "active" }.to_owned(),
        ]
    });
    Table::new(columns, rows).render("no users", style)
}
