//! `stonegate managed-settings`: what Claude Code is told at `/managed/settings`, for the users of a tenant or of a team.

use std::fs;
use std::io::{self, Read as _};
use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;
use stonegate_api::{Team, TeamUpdate, Tenant, TenantUpdate};

use crate::{
    desk::Desk,
    operate::StoreArguments,
    output::{Column, Table, json},
    terminal::{Style, print},
    trouble::Trouble,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List whose users have managed settings.
    List(List),
    /// Print a tenant's or a team's managed settings as JSON.
    Show(Show),
    /// Give the users of a tenant or a team these settings, in the place of those before.
    Set(Set),
    /// Take a tenant's or a team's managed settings away.
    Remove(Remove),
}

/// Whose users.
#[derive(Debug, Args)]
struct Whose {
    /// The tenant [default: the only one that there is]
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// A team of it, by id or name; its settings stand in the place of the tenant's.
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate managed-settings list
  stonegate managed-settings list --tenant acme")]
pub(crate) struct List {
    /// Only this tenant's and those of its teams.
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate managed-settings show
  stonegate managed-settings show --tenant acme --team platform")]
pub(crate) struct Show {
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate managed-settings set policy.json
  stonegate managed-settings set --team platform policy.json
  stonegate managed-settings show | jq '.env.A = \"1\"' | stonegate managed-settings set -")]
pub(crate) struct Set {
    /// A file with the settings as JSON; `-` reads them from standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  stonegate managed-settings remove --team platform  then the tenant's hold")]
pub(crate) struct Remove {
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    store: StoreArguments,
}

/// A tenant's or a team's settings.
#[derive(Debug, Serialize)]
struct Policy {
    tenant: String,
    team: Option<String>,
    team_name: Option<String>,
    managed_settings: Option<Value>,
}

pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::List(list) => list.run(),
        Command::Show(show) => show.run(),
        Command::Set(set) => set.run(),
        Command::Remove(remove) => remove.run(),
    }
}

impl List {
    fn run(&self) -> anyhow::Result<()> {
        let tenant = self.tenant.as_deref();
        let (tenants, teams) = self
            .store
            .operate(async |desk| Ok((desk.list_tenants().await?, desk.list_teams(tenant, false).await?)))?;
        let of_tenants = tenants.into_iter().filter(|found| tenant.is_none_or(|id| found.id == id));
        let policies: Vec<Policy> = of_tenants
            .map(Policy::of_tenant)
            .chain(teams.into_iter().map(Policy::of_team))
            .filter(|policy| policy.managed_settings.is_some())
            .collect();
        self.store.print_list(&policies, table)
    }
}

impl Show {
    fn run(&self) -> anyhow::Result<()> {
        let policy = self.store.operate(async |desk| self.whose.find(desk).await)?;
        let Some(settings) = policy.managed_settings else {
            bail!("{} has no managed settings", policy.whose());
        };
        // JSON for people and programs alike: it is what `set` reads.
        Ok(print(&json(&settings)?)?)
    }
}

impl Set {
    fn run(&self) -> anyhow::Result<()> {
        let settings = read(&self.file)?;
        let policy =
            self.store.operate(async |desk| self.whose.update(desk, Some(settings.clone())).await)?;
        self.store.print(&policy, |policy, _| {
            format!("Claude Code gets these settings within an hour, for the users of {}.\n", policy.whose())
        })
    }
}

impl Remove {
    fn run(&self) -> anyhow::Result<()> {
        let policy = self.store.operate(async |desk| self.whose.update(desk, None).await)?;
        self.store.print(&policy, |policy, _| format!("{} has no managed settings now.\n", policy.whose()))
    }
}

impl Whose {
    async fn find(&self, desk: &Desk) -> anyhow::Result<Policy> {
        let Some(wanted) = &self.team else {
            let tenants = desk.list_tenants().await?;
            return self.tenant_of(tenants).map(Policy::of_tenant);
        };
        let teams = desk.list_teams(self.tenant.as_deref(), false).await?;
        let mut found = teams.into_iter().filter(|team| team.id == *wanted || team.name == *wanted);
        match (found.next(), found.next()) {
            (Some(team), None) => Ok(Policy::of_team(team)),
            (Some(_), Some(_)) => bail!("several tenants have a team `{wanted}`; name one by --tenant"),
            (None, _) => bail!("there is no team `{wanted}`"),
        }
    }

    fn tenant_of(&self, tenants: Vec<Tenant>) -> anyhow::Result<Tenant> {
        let mut found =
            tenants.into_iter().filter(|tenant| self.tenant.as_ref().is_none_or(|id| tenant.id == *id));
        match (found.next(), found.next(), &self.tenant) {
            (Some(tenant), None, _) => Ok(tenant),
            (None, _, Some(id)) => bail!("there is no tenant `{id}`"),
            (None, _, None) => bail!("there is no tenant"),
            (Some(_), Some(_), _) => {
                Err(Trouble::Wrong("there are several tenants; name one by --tenant".to_owned()).into())
            }
        }
    }

    async fn update(&self, desk: &Desk, settings: Option<Value>) -> anyhow::Result<Policy> {
        let found = self.find(desk).await?;
        let managed_settings = Some(settings);
        match &found.team {
            Some(team) => {
                let wanted = TeamUpdate { managed_settings, ..TeamUpdate::default() };
                desk.update_team(Some(&found.tenant), team, &wanted).await.map(Policy::of_team)
            }
            None => {
                let wanted = TenantUpdate { managed_settings, ..TenantUpdate::default() };
                desk.update_tenant(&found.tenant, &wanted).await.map(Policy::of_tenant)
            }
        }
    }
}

impl Policy {
    fn of_tenant(tenant: Tenant) -> Self {
        let managed_settings = tenant.managed_settings;
        Policy { tenant: tenant.id, team: None, team_name: None, managed_settings }
    }

    fn of_team(team: Team) -> Self {
        Policy {
            tenant: team.tenant,
            team: Some(team.id),
            team_name: Some(team.name),
            managed_settings: team.managed_settings,
        }
    }

    fn whose(&self) -> String {
        match &self.team_name {
            Some(team) => format!("team `{team}`"),
            None => format!("tenant `{}`", self.tenant),
        }
    }
}

/// What is in the file; what is wrong is said with its place.
fn read(file: &PathBuf) -> Result<Value, Trouble> {
    let mut text = String::new();
    let (place, done) = if file.as_os_str() == "-" {
        ("standard input".to_owned(), io::stdin().read_to_string(&mut text).map(drop))
    } else {
        (file.display().to_string(), fs::read_to_string(file).map(|read| text = read))
    };
    done.map_err(|error| Trouble::Wrong(format!("{place} cannot be read: {error}")))?;
    let settings: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
        let told = error.to_string();
        let why = told.split(" at line ").next().unwrap_or_default();
        Trouble::Wrong(format!("{place}:{}:{}: {why}", error.line(), error.column()))
    })?;
    if settings.is_object() {
        Ok(settings)
    } else {
        let fix = "settings are a JSON object; `managed-settings remove` takes them away";
        Err(Trouble::Wrong(format!("{place}:1:1: {fix}")))
    }
}

fn table(policies: &[Policy], style: Style) -> String {
    let columns = [Column::Text("TENANT"), Column::Text("TEAM"), Column::Text("SETTINGS")];
    let rows = policies.iter().map(|policy| {
        let members = policy.managed_settings.as_ref().and_then(Value::as_object);
        let names: Vec<&str> =
            members.into_iter().flat_map(|members| members.keys()).map(String::as_str).collect();
        [policy.tenant.clone(), policy.team_name.clone().unwrap_or_default(), names.join(", ")]
    });
    Table::new(columns, rows)
        .render("no managed settings; give some with `stonegate managed-settings set FILE`", style)
}
