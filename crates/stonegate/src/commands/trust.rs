//! `stonegate admin trust`: whose word a gateway takes for who somebody is. The settings say it.

use clap::{Args, Subcommand};
use stonegate_api::{Trust, TrustRule};

use crate::operate::StoreArguments;
use crate::output::{self, Column, Table};
use crate::terminal::Style;
use crate::trouble::Trouble;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the OpenID providers and AWS accounts that are trusted.
    List(List),
    /// Show one of them, with its rules: who becomes what.
    Show(Show),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate admin trust list                        of the gateway that one is signed in to
  stonegate admin trust list --config stonegate.toml --json")]
pub(crate) struct List {
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate admin trust show okta
  stonegate admin trust show 123456789012 --json")]
pub(crate) struct Show {
    /// The provider's id, or the account's twelve digits.
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    store: StoreArguments,
}

impl Command {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        match self {
            Self::List(List { store }) => store.print_list(&trusted(store)?, table),
            Self::Show(Show { name, store }) => {
                let all = trusted(store)?;
                let found = all.iter().find(|trust| trust.name == *name).ok_or_else(|| {
                    Trouble::Wrong(format!("`{name}` is not trusted; see `stonegate admin trust list`"))
                })?;
                store.print(found, shown)
            }
        }
    }
}

fn trusted(store: &StoreArguments) -> anyhow::Result<Vec<Trust>> {
    store.installed("/trust", |installation| installation.trust)
}

fn table(trusted: &[Trust], style: Style) -> String {
    let columns =
        [Column::Text("NAME"), Column::Text("KIND"), Column::Text("ISSUER"), Column::Number("RULES")];
    let rows = trusted.iter().map(|trust| {
        let issuer = trust.issuer.clone().or_else(|| trust.partition.clone()).unwrap_or_default();
        [trust.name.clone(), trust.kind.to_string(), issuer, trust.rules.len().to_string()]
    });
    let nothing = "nobody is trusted: people have passwords and keys of this gateway's own";
    Table::new(columns, rows).render(nothing, style)
}

fn shown(trust: &Trust, style: Style) -> String {
    let list = |items: &[String]| (!items.is_empty()).then(|| items.join(", "));
    let yes = |is_so: bool| is_so.then(|| "yes".to_owned());
    let facts = output::facts(
        [
            ("name", Some(trust.name.clone())),
            ("kind", Some(trust.kind.to_string())),
            ("issuer", trust.issuer.clone()),
            ("client id", trust.client_id.clone()),
            ("audiences", list(&trust.audiences)),
            ("or client id", yes(trust.client_id_as_audience)),
            ("machine scopes", list(&trust.machine_scopes)),
            ("by SCIM only", yes(trust.scim)),
            ("private network", yes(trust.allow_private)),
            ("partition", trust.partition.clone()),
            ("EC2 instances", yes(trust.allow_instances)),
        ],
        style,
    );
    let columns = ["WHOM", "PATTERN", "TENANT", "TEAM", "ROLE", "MODELS"].map(Column::Text);
    let row = |rule: &TrustRule| {
        let denied = rule.models.deny.iter().map(|pattern| format!("not {pattern}"));
        let models: Vec<String> = rule.models.allow.iter().cloned().chain(denied).collect();
        [
            rule.whom.to_string(),
            rule.pattern.clone().unwrap_or_default(),
            rule.tenant.clone(),
            rule.team.clone().unwrap_or_default(),
            rule.role.to_string(),
            if models.is_empty() { "all".to_owned() } else { models.join(", ") },
        ]
    };
    facts + "\n" + &Table::new(columns, trust.rules.iter().map(row)).render("no rules", style)
}
