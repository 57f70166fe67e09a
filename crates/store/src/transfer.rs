//! A whole store as lines of text, and back: how an installation moves from one kind of store to another.
//!
//! `docs/stores.md` describes the lines. Tables and columns are those that the databases themselves name, so that what is
//! added to both stores moves with the rest; a test holds that they name the same.

use std::io::{BufRead, Write};

use serde_json::{Map, Value};

use crate::cells::Cells;

mod postgres;
mod sqlite;

/// The form of the lines that this version writes.
const VERSION: u64 = 1;
/// How many rows go into one statement, and how many bytes at most before the next.
const BATCH_ROWS: usize = 1_000;
const BATCH_BYTES: usize = 4 << 20;
/// Tables that have one row in an empty store.
const SEEDED: [&str; 2] = ["directory_version", "tenants"];

/// Why a store could not be moved. Nothing was done by halves.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The database said no.
    #[error("the store failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The lines could not be read or written.
    #[error("the copy cannot be read or written: {0}")]
    Lines(#[from] std::io::Error),
    /// There is something in the store already.
    #[error("the store is not empty: table `{table}` has rows; import into a new one")]
    NotEmpty {
        /// Where something is.
        table: String,
    },
    /// A line that is none of ours.
    #[error("line {line} of the copy {reason}")]
    Line {
        /// From 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
}

/// Makes the sums of a journal that has none.
pub(crate) const SUMS_OF_BEFORE: &str = include_str!("../migrations/0010_sums_of_before.sql");
/// The table that no copy with calls and sums lacks.
const SUMMED: &str = "usage_series";

/// A row's cells by their columns' names.
type Row = Map<String, Value>;

/// A table as its database describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns in order.
    pub columns: Vec<Column>,
    /// The columns of its primary key.
    pub key: Vec<String>,
}

/// A column and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What is in it.
    pub kind: Kind,
}

/// What is in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Number,
    /// Bytes, written `\x` and hexadecimal digits.
    Bytes,
    /// Yes or no, written 1 or 0.
    Flag,
}

/// One side of a move: a transaction of either database.
pub(crate) trait Side {
    /// The store's tables, those that others refer to first.
    async fn tables(&mut self) -> sqlx::Result<Vec<Table>>;
    /// Hands out the rows of a question.
    async fn each_row(
        &mut self,
        question: String,
        row: &mut dyn FnMut(&dyn Cells) -> Result<(), TransferError>,
    ) -> Result<(), TransferError>;
    /// Makes rows of a JSON array of objects with these columns.
    async fn append(&mut self, table: &Table, columns: &[Column], rows: String) -> sqlx::Result<()>;
    /// Does a statement.
    async fn execute(&mut self, statement: String) -> sqlx::Result<()>;
    /// Lets the numbers that the store gives itself go on after those that came.
    async fn go_on_counting(&mut self, tables: &[Table]) -> sqlx::Result<()>;
}

/// Writes all that there is. Gives how many rows that were.
pub(crate) async fn export(side: &mut impl Side, out: &mut dyn Write) -> Result<u64, TransferError> {
    writeln!(out, "{}", serde_json::json!({ "stonegate_store": VERSION }))?;
    let mut count = 0_u64;
    for table in side.tables().await? {
        let names = table.columns.iter().map(|column| quoted(&column.name)).collect::<Vec<_>>().join(", ");
        let key = table.key.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
        let question = format!("SELECT {names} FROM {} ORDER BY {key}", quoted(&table.name));
        let mut write = |row: &dyn Cells| {
            let mut cells = Map::new();
            for (at, column) in table.columns.iter().enumerate() {
                cells.insert(column.name.clone(), column.kind.read(row, at)?);
            }
            let mut line = Map::new();
            line.insert(table.name.clone(), Value::Object(cells));
            serde_json::to_writer(&mut *out, &line).map_err(std::io::Error::from)?;
            out.write_all(b"\n")?;
            count += 1;
            Ok(())
        };
        side.each_row(question, &mut write).await?;
    }
    writeln!(out, "{}", serde_json::json!({ "end": { "rows": count } }))?;
    out.flush()?;
    Ok(count)
}

/// The store's tables.
pub(crate) async fn tables(side: &mut impl Side) -> sqlx::Result<Vec<Table>> {
    side.tables().await
}

/// How many rows each table has.
pub(crate) async fn count(side: &mut impl Side) -> Result<Vec<(String, u64)>, TransferError> {
    let mut counts = Vec::new();
    for table in side.tables().await? {
        let mut count = 0;
        let mut read = |row: &dyn Cells| {
            count = row.number(0)?.and_then(|count| u64::try_from(count).ok()).unwrap_or(0);
            Ok(())
        };
        side.each_row(format!("SELECT count(*) FROM {}", quoted(&table.name)), &mut read).await?;
        counts.push((table.name, count));
    }
    Ok(counts)
}

/// Reads what [`export`] wrote into a store in which nothing is. Gives how many rows that were; the caller commits.
pub(crate) async fn import(side: &mut impl Side, lines: &mut dyn BufRead) -> Result<u64, TransferError> {
    for (table, rows) in count(side).await? {
        if rows > u64::from(SEEDED.contains(&&*table)) {
            return Err(TransferError::NotEmpty { table });
        }
    }
    let tables = side.tables().await?;
    for name in SEEDED {
        side.execute(format!("DELETE FROM {}", quoted(name))).await?;
    }
    let mut lines = Lines { lines, number: 0, text: String::new() };
    lines.check_head()?;
    let mut batch = Batch::default();
    let mut count = 0_u64;
    let mut has_sums = false;
    loop {
        let Some((name, row)) = lines.next()? else {
            return Err(lines.wrong("is missing: the copy was cut off"));
        };
        if name == "end" {
            let expected = row.get("rows").and_then(Value::as_u64);
            if expected != Some(count) {
                return Err(lines.wrong(&format!("counts {expected:?} rows where {count} came")));
            }
            break;
        }
        let table = tables.iter().find(|table| table.name == name);
        let table = table.ok_or_else(|| {
            lines.wrong(&format!("names the table `{name}`, which this version does not know"))
        })?;
        if !batch.takes(table, &row) {
            batch.save(side).await?;
            let columns = columns(table, &row).map_err(|unknown| {
                lines.wrong(&format!("names the column `{name}.{unknown}`, which this version does not know"))
            })?;
            batch = Batch { target: Some((table.clone(), columns)), ..Batch::default() };
        }
        has_sums |= name == SUMMED;
        batch.bytes += lines.text.len();
        batch.rows.push(row);
        count += 1;
    }
    batch.save(side).await?;
    if !has_sums {
        side.execute(SUMS_OF_BEFORE.to_owned()).await?;
    }
    side.go_on_counting(&tables).await?;
    Ok(count)
}

/// The columns that a row names.
fn columns(table: &Table, row: &Row) -> Result<Vec<Column>, String> {
    let find = |name: &String| table.columns.iter().find(|column| column.name == *name).cloned();
    row.keys().map(|name| find(name).ok_or_else(|| name.clone())).collect()
}

/// Rows that go into one statement: of one table, with the same columns.
#[derive(Default)]
struct Batch {
    target: Option<(Table, Vec<Column>)>,
    rows: Vec<Row>,
    bytes: usize,
}

impl Batch {
    fn takes(&self, table: &Table, row: &Row) -> bool {
        self.target.as_ref().is_some_and(|(current, columns)| {
            current.name == table.name && columns.iter().map(|column| &column.name).eq(row.keys())
        }) && self.rows.len() < BATCH_ROWS
            && self.bytes < BATCH_BYTES
    }

    async fn save(&mut self, side: &mut impl Side) -> Result<(), TransferError> {
        let Some((table, columns)) = self.target.take() else { return Ok(()) };
        let rows = serde_json::to_string(&self.rows).map_err(std::io::Error::from)?;
        Ok(side.append(&table, &columns, rows).await?)
    }
}

/// The lines of a copy.
struct Lines<'a> {
    lines: &'a mut dyn BufRead,
    number: u64,
    text: String,
}

impl Lines<'_> {
    fn check_head(&mut self) -> Result<(), TransferError> {
        self.read()?;
        let head: Option<Value> = serde_json::from_str(&self.text).ok();
        match head.as_ref().and_then(|head| head.get("stonegate_store")).and_then(Value::as_u64) {
            Some(VERSION) => Ok(()),
            Some(other) => {
                Err(self.wrong(&format!("is of form {other}, and this version knows form {VERSION}")))
            }
            None => Err(self.wrong("is not the first of a copy of a store")),
        }
    }

    /// A table's name and a row; `None` at the end.
    fn next(&mut self) -> Result<Option<(String, Row)>, TransferError> {
        if !self.read()? {
            return Ok(None);
        }
        let line = serde_json::from_str::<Row>(&self.text).ok();
        let entry = line.and_then(|line| line.into_iter().next());
        match entry {
            Some((name, Value::Object(row))) => Ok(Some((name, row))),
            _ => Err(self.wrong("is no row of a table")),
        }
    }

    fn read(&mut self) -> Result<bool, TransferError> {
        self.text.clear();
        self.number += 1;
        Ok(self.lines.read_line(&mut self.text)? > 0)
    }

    fn wrong(&self, reason: &str) -> TransferError {
        TransferError::Line { line: self.number, reason: reason.to_owned() }
    }
}

impl Kind {
    fn read(self, row: &dyn Cells, at: usize) -> sqlx::Result<Value> {
        Ok(match self {
            Kind::Text => row.text(at)?.map(Value::from),
            Kind::Number => row.number(at)?.map(Value::from),
            Kind::Bytes => row.bytes(at)?.map(|bytes| Value::from(hexadecimal(bytes))),
            Kind::Flag => row.flag(at)?.map(|flag| Value::from(u8::from(flag))),
        }
        .unwrap_or(Value::Null))
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
    let digits = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    ['\\', 'x'].into_iter().chain(digits).collect()
}

/// A name that may be a word of SQL's own. Ours have no quotes in them.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', ""))
}
