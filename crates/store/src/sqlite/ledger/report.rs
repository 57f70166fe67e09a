//! Reports from the sums.
//!
//! The database only walks along its tables: to group a million rows takes it five times as long as to add them up here.

use std::{collections::HashMap, ops::Range, path::Path, sync::Arc};

use rusqlite::{Connection, OpenFlags, Row, params_from_iter, types::Value};
use stonegate_ledger::{
    Nanodollars, Pieces, StoreError, Sums, Tokens, UsagePer, UsageQuery, UsageSum, day_of,
};

use super::{super::PATIENCE, super::Pools, sync::failed};
use crate::ledger::sums::{OF_SERIES, figure_columns, group_column, wanted};

/// Sums usage.
pub(super) async fn usage(pools: &Pools, query: UsageQuery) -> Result<Vec<UsageSum>, StoreError> {
    let mut sums = Vec::new();
    for part in query.parts() {
        let Some(part) = part.but(sums.len()) else { break };
        let path = pools.path().to_owned();
        let summed = tokio::task::spawn_blocking(move || sum(&connect(&path)?, &part)).await;
        let summed = summed.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        sums.append(&mut summed.map_err(failed)?);
    }
    Ok(sums)
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    Ok(connection)
}

fn sum(connection: &Connection, query: &UsageQuery) -> rusqlite::Result<Vec<UsageSum>> {
    // The series and their sums are to be of one state of the store.
    let transaction = connection.unchecked_transaction()?;
    let mut summing = Summing { groups: Groups::read(&transaction, query)?, sums: HashMap::new() };
    let Pieces { days, hours: [before, after] } = Pieces::of(query);
    let of_day = |day| if query.per.is_some() { day } else { 0 };
    let of_hour = |hour| match query.per {
        None => 0,
        Some(UsagePer::Day) => day_of(hour),
        Some(UsagePer::Hour) => hour,
    };
    summing.walk(&transaction, query, ("usage_days", "day"), days, of_day)?;
    for hours in [before, after] {
        summing.walk(&transaction, query, ("usage_hours", "hour"), hours, of_hour)?;
    }
    let Summing { groups, sums } = summing;
    let mut answer = Sums::default();
    for ((period, group), sum) in sums {
        if let Some(name) = groups.names.get(group) {
            answer.add(query, period, name, &sum);
        }
    }
    Ok(answer.page(query))
}

/// What calls are summed by: a group's number for each series that is meant.
#[derive(Default)]
struct Groups {
    of_series: HashMap<i64, usize>,
    names: Vec<Arc<str>>,
}

impl Groups {
    fn read(connection: &Connection, query: &UsageQuery) -> rusqlite::Result<Self> {
        let (wanted, values) =
            wanted(&query.filter, OF_SERIES, 1).unwrap_or_else(|| ("1".to_owned(), Vec::new()));
        let label = group_column(query.by);
        let mut statement =
            connection.prepare(&format!("SELECT id, {label} FROM usage_series WHERE {wanted}"))?;
        let mut rows = statement.query(params_from_iter(values))?;
        let mut groups = Self::default();
        let mut numbers = HashMap::<Arc<str>, usize>::new();
        while let Some(row) = rows.next()? {
            let name: Arc<str> = row.get(1)?;
            let number = *numbers.entry(name).or_insert_with_key(|name| {
                groups.names.push(name.clone());
                groups.names.len().saturating_sub(1)
            });
            groups.of_series.insert(row.get(0)?, number);
        }
        Ok(groups)
    }
}

/// Sums by period and group on their way to an answer.
struct Summing {
    groups: Groups,
    sums: HashMap<(i64, usize), UsageSum>,
}

impl Summing {
    /// Adds up what stands in a table for a span of its times.
    fn walk(
        &mut self,
        connection: &Connection,
        query: &UsageQuery,
        (table, time): (&str, &str),
        span: Range<i64>,
        period: impl Fn(i64) -> i64,
    ) -> rusqlite::Result<()> {
        if span.is_empty() || self.groups.names.is_empty() {
            return Ok(());
        }
        let (wanted, values) =
            wanted(&query.filter, OF_SERIES, 3).map_or_else(Default::default, |(wanted, values)| {
                (format!(" AND series IN (SELECT id FROM usage_series WHERE {wanted})"), values)
            });
        let mut statement = connection.prepare(&format!(
            concat!(
                "SELECT {time}, series, ",
                figure_columns!(),
                " FROM {table} WHERE {time} >= $1 AND {time} < $2{wanted}"
            ),
            table = table,
            time = time,
            wanted = wanted,
        ))?;
        let bounds = [span.start, span.end].into_iter().map(Value::Integer);
        let mut rows =
            statement.query(params_from_iter(bounds.chain(values.into_iter().map(Value::Text))))?;
        while let Some(row) = rows.next()? {
            if let Some(group) = self.groups.of_series.get(&row.get(1)?) {
                let cell = (period(row.get(0)?), *group);
                self.sums.entry(cell).or_insert_with(UsageSum::empty).merge(&figures(row)?);
            }
        }
        Ok(())
    }
}

/// The figures of a row, behind its time and series.
fn figures(row: &Row<'_>) -> rusqlite::Result<UsageSum> {
    Ok(UsageSum {
        calls: row.get(2)?,
        estimated: row.get(3)?,
        unresolved: row.get(4)?,
        tokens: Tokens {
            input: row.get(5)?,
            output: row.get(6)?,
            cache_read: row.get(7)?,
            cache_write_5m: row.get(8)?,
            cache_write_1h: row.get(9)?,
            thinking: row.get(10)?,
        },
        cost: Nanodollars::new(row.get(11)?),
        uncached_cost: Nanodollars::new(row.get(12)?),
        ..UsageSum::empty()
    })
}
