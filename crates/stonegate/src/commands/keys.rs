//! `stonegate keys`: keys, at a gateway or on the store of this machine.

use clap::{Args, Subcommand};
use stonegate_api::{Key, KeyCreated};
use stonegate_server::operator::{KeyRequest, KeySelection};

use crate::{
    operate::StoreArguments,
    output::{Column, Table},
    terminal::Style,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a key and show it, this once.
    Create(Create),
    /// List keys, without their texts.
    List(List),
    /// End a key for good; a running server heeds it within a second.
    Revoke(Revoke),
    /// Give a key a new text; the old one works beside it for a while.
    Rotate(Rotate),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate keys create --name laptop
  stonegate keys create --name ci --user ann --allow-model 'claude-haiku-*' --expires 90d
  stonegate keys create --name nightly --tag project=apollo --tag cost-center=42
  KEY=$(stonegate keys create --name script --json | jq -r .key)")]
pub(crate) struct Create {
    /// A name to know it by.
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Whose it is, by id or name; on a store made if need be [default: oneself; on a store admin]
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// The user's tenant [default: default]
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// What it may be used for, with commas between, or `all` [default: calling models, seeing their usage]
    #[arg(long, value_name = "SCOPES")]
    scopes: Option<String>,
    /// Only models that fit this pattern, such as 'claude-*'; may be repeated.
    #[arg(long = "allow-model", value_name = "PATTERN")]
    allow_models: Vec<String>,
    /// No models that fit this pattern; may be repeated.
    #[arg(long = "deny-model", value_name = "PATTERN")]
    deny_models: Vec<String>,
    /// What all calls with it are tagged with in reports; may be repeated.
    #[arg(long = "tag", value_name = "NAME=VALUE")]
    tags: Vec<String>,
    /// When it ends: a day, a time, or a while such as 90d [default: never]
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate keys list
  stonegate keys list --user ann --all
  stonegate keys list --team platform --json")]
pub(crate) struct List {
    /// Only this user's, by id or name.
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Only this tenant's.
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// Only those of this team's users, by id or name.
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// Also those that are revoked or expired.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate keys revoke laptop
  stonegate keys revoke key_01KADZ9Q8N0000000000000000")]
pub(crate) struct Revoke {
    /// The key's id, its name, or its text.
    #[arg(value_name = "KEY")]
    key: String,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate keys rotate laptop                      the old text goes on for a day
  stonegate keys rotate laptop --overlap-seconds 0  it ends at once")]
pub(crate) struct Rotate {
    /// The key's id, its name, or its text.
    #[arg(value_name = "KEY")]
    key: String,
    /// For how long the old text goes on; 0 for not at all [default: 86400, a day]
    #[arg(long, value_name = "SECONDS")]
    overlap_seconds: Option<u64>,
    #[command(flatten)]
    store: StoreArguments,
}

pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Create(create) => create.run(),
        Command::List(list) => list.run(),
        Command::Revoke(revoke) => revoke.run(),
        Command::Rotate(rotate) => rotate.run(),
    }
}

impl Create {
    fn run(&self) -> anyhow::Result<()> {
        let wanted = KeyRequest {
            name: self.name.clone(),
            user: self.user.clone(),
            tenant: self.tenant.clone(),
            scopes: self.scopes.clone(),
            allow_models: self.allow_models.clone(),
            deny_models: self.deny_models.clone(),
            tags: self.tags.clone(),
            expires: self.expires.clone(),
        };
        let created = self.store.operate(async |operator| operator.create_key(&wanted).await)?;
        self.store.print(&created, shown_once)
    }
}

impl List {
    fn run(&self) -> anyhow::Result<()> {
        let selection = KeySelection {
            user: self.user.clone(),
            tenant: self.tenant.clone(),
            team: self.team.clone(),
            is_all: self.all,
        };
        let keys = self.store.operate(async |operator| operator.list_keys(&selection).await)?;
        self.store.print_list(&keys, table)
    }
}

impl Revoke {
    fn run(&self) -> anyhow::Result<()> {
        let key = self.store.operate(async |operator| operator.revoke_key(&self.key).await)?;
        self.store.print(&key, |key, style| {
            let of = style.dim(&format!("{}, of {}", key.id, key.user_name));
            format!("Revoked {} ({of}). A running server refuses it within a second.\n", key.name)
        })
    }
}

impl Rotate {
    fn run(&self) -> anyhow::Result<()> {
        let created = self
            .store
            .operate(async |operator| operator.rotate_key(&self.key, self.overlap_seconds).await)?;
        self.store.print(&created, shown_once)
    }
}

fn shown_once(created: &KeyCreated, style: Style) -> String {
    let KeyCreated { key, about } = created;
    let expires = about.expires_at.as_deref().map_or_else(String::new, |end| format!(", until {end}"));
    let note = format!(
        "{} ({}), of {}{expires}. Keep it: it is not shown again.",
        about.name, about.id, about.user_name
    );
    format!("{}\n{}\n", style.bold(key), style.dim(&note))
}

fn table(keys: &[Key], style: Style) -> String {
    let columns = [
        Column::Text("ID"),
        Column::Text("NAME"),
        Column::Text("TENANT"),
        Column::Text("USER"),
        Column::Text("KEY"),
        Column::Text("STATUS"),
        Column::Text("EXPIRES"),
        Column::Text("LAST USED"),
        Column::Text("CREATED"),
    ];
    let rows = keys.iter().map(|key| {
        [
            key.id.clone(),
            key.name.clone(),
            key.tenant.clone(),
            key.user_name.clone(),
            key.public_form.clone(),
            key.status.to_string(),
            key.expires_at.as_deref().map_or("never", day).to_owned(),
            key.last_used_at.as_deref().map_or("never", day).to_owned(),
            day(&key.created_at).to_owned(),
        ]
    });
    Table::new(columns, rows).render("no keys; make one with `stonegate keys create --name NAME`", style)
}

/// The day of a time.
fn day(time: &str) -> &str {
    time.split_once('T').map_or(time, |(day, _)| day)
}
