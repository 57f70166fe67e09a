//! `stonegate store`: the store as a whole.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use stonegate_server::operator::{Operator, StoreStatus};

use crate::{
    operate::LocalArguments,
    output::{Column, Table, count},
    terminal::{Progress, Style},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// What is in the store, and how many servers work on it.
    #[command(after_help = "\
Examples:
  stonegate store status
  stonegate store status --store postgres://stonegate@db/stonegate --json")]
    Status(Status),
    /// Bring the store to this version's form, as every start does.
    #[command(after_help = "\
Example:
  stonegate store migrate --store postgres://stonegate@db/stonegate")]
    Migrate(Status),
    /// Write all that the store holds as lines of JSON.
    Export(Export),
    /// Read such lines into an empty store.
    Import(Import),
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    store: LocalArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate store export copy.jsonl
  stonegate store export | stonegate store import --store postgres://stonegate@db/stonegate

Stop the servers first: what they record later is not in the copy.")]
pub(crate) struct Export {
    /// Where to; standard output if not given.
    file: Option<PathBuf>,
    #[command(flatten)]
    store: LocalArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  stonegate store import copy.jsonl --store postgres://stonegate@db/stonegate

The store must be empty. All is read or nothing.")]
pub(crate) struct Import {
    /// Where from; standard input if not given.
    file: Option<PathBuf>,
    #[command(flatten)]
    store: LocalArguments,
}

pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Status(arguments) | Command::Migrate(arguments) => status(arguments),
        Command::Export(arguments) => export(arguments),
        Command::Import(arguments) => import(arguments),
    }
}

fn status(arguments: &Status) -> anyhow::Result<()> {
    let status = arguments.store.operate(async |operator: &Operator| operator.store_status().await)?;
    let rows: Map<String, Value> =
        status.rows.iter().map(|(table, rows)| (table.clone(), (*rows).into())).collect();
    let shown = json!({ "form": status.form, "servers": status.servers, "rows": rows });
    arguments.store.print(&shown, |_, style| text(&status, style))
}

fn text(status: &StoreStatus, style: Style) -> String {
    let rows = status.rows.iter().map(|(table, rows)| [table.clone(), count(*rows)]);
    let head = format!("form {}, {} at work on it\n", status.form, servers(status.servers));
    head + &Table::new([Column::Text("TABLE"), Column::Number("ROWS")], rows).render("no tables", style)
}

fn servers(count: u64) -> String {
    match count {
        0 => "no server".to_owned(),
        1 => "1 server".to_owned(),
        many => format!("{many} servers"),
    }
}

fn export(arguments: &Export) -> anyhow::Result<()> {
    let out: Box<dyn Write> = match &arguments.file {
        Some(path) => {
            let file = File::create_new(path).with_context(|| format!("cannot make {}", path.display()))?;
            Box::new(BufWriter::new(file))
        }
        None => Box::new(BufWriter::new(io::stdout().lock())),
    };
    let mut out = Counted::of(out);
    let (rows, servers) = arguments.store.operate(async |operator: &Operator| {
        let servers = operator.store_status().await?.servers;
        Ok::<_, anyhow::Error>((operator.export_store(&mut out).await?, servers))
    })?;
    drop(out);
    let mut told = format!("{} rows were written\n", count(rows));
    if servers > 0 {
        told.push_str("a server works on this store: what it records from now on is not in this copy\n");
    }
    Ok(io::stderr().lock().write_all(told.as_bytes())?)
}

fn import(arguments: &Import) -> anyhow::Result<()> {
    let lines: Box<dyn BufRead> = match &arguments.file {
        Some(path) => {
            let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
            Box::new(BufReader::new(file))
        }
        None => Box::new(BufReader::new(io::stdin().lock())),
    };
    let mut lines = Counted::of(lines);
    let rows =
        arguments.store.operate(async |operator: &Operator| operator.import_store(&mut lines).await)?;
    drop(lines);
    Ok(writeln!(io::stderr().lock(), "{} rows were read", count(rows))?)
}

/// Lines on their way, each of which shows on the terminal as progress.
struct Counted<T> {
    inner: T,
    progress: Progress,
}

impl<T> Counted<T> {
    fn of(inner: T) -> Counted<T> {
        Counted { inner, progress: Progress::of("rows") }
    }

    fn count(&mut self, bytes: &[u8]) {
        bytes.iter().filter(|byte| **byte == b'\n').for_each(|_| self.progress.step());
    }
}

impl<T: Write> Write for Counted<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.count(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<T: BufRead> Read for Counted<T> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.count(into.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl<T: BufRead> BufRead for Counted<T> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        // What is to be consumed is in the buffer, so that nothing is read here.
        let lines = match self.inner.fill_buf() {
            Ok(held) => held.iter().take(amount).filter(|byte| **byte == b'\n').count(),
            Err(_broken) => 0,
        };
        (0..lines).for_each(|_| self.progress.step());
        self.inner.consume(amount);
    }
}
