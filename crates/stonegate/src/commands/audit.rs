//! `stonegate audit`: what was done, and whether the log of it is whole.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use stonegate_api::AuditEntry;
use stonegate_server::operator::AuditSelection;

use crate::{
    operate::StoreArguments,
    output::{Column, Table, count},
    terminal::{Progress, Style},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what was done, the latest first.
    List(List),
    /// Check that nothing in the log was changed, taken away or put in.
    Verify(Verify),
    /// Check the log, and write it as lines of JSON, the first entry first.
    Export(Export),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate audit list --since 7d
  stonegate audit list --action key.revoke
  stonegate audit list --subject tenant:acme --json")]
pub(crate) struct List {
    /// Only acts of this one: operator, server, bootstrap or user:ID.
    #[arg(long, value_name = "WHO")]
    actor: Option<String>,
    /// Only such acts.
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only what was done to this: tenant:ID, user:ID, key:ID, budget:ID.
    #[arg(long, value_name = "WHAT")]
    subject: Option<String>,
    /// From when: a time, a day, or a while such as 7d or 12h.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Until when.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// How many at most.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
At a gateway, this program follows the chain itself and does not take the gateway's word for it. Whoever may write to the
store could write the whole log anew. Keep the seal that this prints somewhere else, and give it next time: then that
shows, too.

Examples:
  stonegate audit verify                            at the gateway that one is signed in to
  stonegate audit verify --contains 3f0c…           a seal that was printed earlier
  stonegate audit verify --store postgres://stonegate@db/stonegate")]
pub(crate) struct Verify {
    /// A seal that must be in the log: one that was printed earlier.
    #[arg(long, value_name = "SEAL")]
    contains: Option<String>,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate audit export audit.jsonl
  stonegate audit export | jq 'select(.action == \"key.revoke\")'")]
pub(crate) struct Export {
    /// Where to; standard output if not given.
    file: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArguments,
}

pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::List(list) => list.run(),
        Command::Verify(verify) => verify.run(),
        Command::Export(export) => export.run(),
    }
}

impl List {
    fn run(&self) -> anyhow::Result<()> {
        let wanted = AuditSelection {
            actor: self.actor.clone(),
            action: self.action.clone(),
            subject: self.subject.clone(),
            since: self.since.clone(),
            until: self.until.clone(),
            limit: self.limit,
        };
        let entries = self.store.operate(async |operator| operator.list_audit(&wanted).await)?;
        self.store.print_list(&entries, table)
    }
}

fn table(entries: &[AuditEntry], style: Style) -> String {
    let columns = ["TIME", "WHO", "FROM", "WHAT", "TO", "CHANGE"].map(Column::Text);
    let rows = entries.iter().map(|entry| {
        let AuditEntry { at, actor, address, action, subject, .. } = entry.clone();
        [at, actor, address.unwrap_or_default(), action, subject, change(entry)]
    });
    Table::new(columns, rows).render("nothing was done", style)
}

/// `name: "a" → "b"`, for each member that is another one.
fn change(entry: &AuditEntry) -> String {
    let empty = Map::new();
    let (before, after) = (entry.before.as_ref().unwrap_or(&empty), entry.after.as_ref().unwrap_or(&empty));
    let names = after.keys().chain(before.keys().filter(|name| !after.contains_key(*name)));
    let one = |name: &String| {
        let new = after.get(name).unwrap_or(&Value::Null);
        match before.get(name) {
            Some(old) => format!("{name}: {old} → {new}"),
            None => format!("{name}: {new}"),
        }
    };
    names.map(one).collect::<Vec<_>>().join(", ")
}

impl Verify {
    fn run(&self) -> anyhow::Result<()> {
        let mut is_contained = self.contains.is_none();
        let mut progress = Progress::of("entries");
        let mut look = |entry: AuditEntry| {
            is_contained |= entry.seal == self.contains;
            progress.step();
            Ok(())
        };
        let chain = self.store.operate(async |operator| operator.follow_audit(&mut look).await)?;
        drop(progress);
        if let (Some(seal), false) = (&self.contains, is_contained) {
            bail!(
                "the log is a whole chain, but not the one that the seal {seal} is from: it was cut or written anew"
            );
        }
        let head = chain.head.map(|seal| seal.to_string());
        let found = json!({ "entries": chain.entries, "seal": head });
        self.store.print(&found, |_, _| {
            let seal = head.as_deref().unwrap_or("none");
            format!("{} entries, one whole chain\nseal: {seal}\n", count(chain.entries))
        })
    }
}

impl Export {
    fn run(&self) -> anyhow::Result<()> {
        let mut out: Box<dyn Write> = match &self.file {
            Some(path) => {
                let file =
                    File::create_new(path).with_context(|| format!("cannot make {}", path.display()))?;
                Box::new(BufWriter::new(file))
            }
            None => Box::new(BufWriter::new(std::io::stdout().lock())),
        };
        let mut progress = Progress::of("entries");
        let mut write = |entry: AuditEntry| {
            progress.step();
            serde_json::to_writer(&mut *out, &entry)?;
            out.write_all(b"\n")
        };
        let chain = self.store.operate(async |operator| operator.follow_audit(&mut write).await)?;
        out.flush()?;
        drop(progress);
        let seal = chain.head.map_or_else(|| "none".to_owned(), |seal| seal.to_string());
        Ok(writeln!(std::io::stderr().lock(), "{} entries were written; seal: {seal}", count(chain.entries))?)
    }
}
