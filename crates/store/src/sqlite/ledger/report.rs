//! Reports from the sums.
//!
//! The database only walks along its tables: to group a million rows takes it five times as long as to add them up here.

use std::{collections::HashMap, iter, mem, ops::Range, path::Path, sync::Arc};

use rusqlite::{Connection, OpenFlags, Row, params_from_iter, types::Value};
use stonegate_ledger::{Nanodollars, Pieces, StoreError, Sums, UsagePer, UsageQuery, UsageSum, day_of};

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
    let mut summing = Summing { groups: Groups::read(&transaction, query)?, query, answer: Sums::default() };
    let Pieces { days, hours: [before, after] } = Pieces::of(query);
    let of_day = |day| if query.per.is_some() { day } else { WHOLE_SPAN };
    let of_hour = |hour| match query.per {
        None => WHOLE_SPAN,
        Some(UsagePer::Day) => day_of(hour),
        Some(UsagePer::Hour) => hour,
    };
    summing.walk(&transaction, ("usage_days", "day"), days, of_day)?;
    for hours in [before, after] {
        summing.walk(&transaction, ("usage_hours", "hour"), hours, of_hour)?;
    }
    Ok(summing.answer.page(query))
}

/// The period of sums that are not per day or hour.
const WHOLE_SPAN: i64 = 0;

/// What calls are summed by: a group's number for each series that is meant.
#[derive(Default)]
struct Groups {
    /// By the series' id: ids are given one after the other and stay few.
    of_series: Vec<Option<usize>>,
    names: Vec<Arc<str>>,
}

impl Groups {
    fn read(connection: &Connection, query: &UsageQuery) -> rusqlite::Result<Self> {
        let (wanted, values) =
            wanted(&query.filter, OF_SERIES, 1).unwrap_or_else(|| ("1".to_owned(), Vec::new()));
        let label = group_column(query.by);
        let mut statement = connection
            .prepare(&format!("SELECT id, {label} FROM usage_series WHERE {wanted} ORDER BY id"))?;
        let mut rows = statement.query(params_from_iter(values))?;
        let mut groups = Self::default();
        let mut numbers = HashMap::<Arc<str>, usize>::new();
        while let Some(row) = rows.next()? {
            let (series, name): (usize, Arc<str>) = (row.get(0)?, row.get(1)?);
            let number = *numbers.entry(name).or_insert_with_key(|name| {
                groups.names.push(name.clone());
                groups.names.len().saturating_sub(1)
            });
            groups.of_series.resize(series, None);
            groups.of_series.push(Some(number));
        }
        Ok(groups)
    }

    fn of(&self, series: usize) -> Option<usize> {
        self.of_series.get(series).copied().flatten()
    }
}

/// Sums on their way to an answer.
struct Summing<'q> {
    groups: Groups,
    query: &'q UsageQuery,
    answer: Sums,
}

impl Summing<'_> {
    /// Adds up what stands in a table for a span of its times.
    fn walk(
        &mut self,
        connection: &Connection,
        (table, time): (&str, &str),
        span: Range<i64>,
        period_of: impl Fn(i64) -> i64,
    ) -> rusqlite::Result<()> {
        if span.is_empty() || self.groups.names.is_empty() {
            return Ok(());
        }
        let (wanted, values) =
            wanted(&self.query.filter, OF_SERIES, 3).map_or_else(Default::default, |(wanted, values)| {
                (format!(" AND series IN (SELECT id FROM usage_series WHERE {wanted})"), values)
            });
        let mut statement = connection.prepare(&format!(
            concat!(
                "SELECT {time}, series, ",
                figure_columns!(),
                " FROM {table} WHERE {time} >= $1 AND {time} < $2{wanted} ORDER BY {time}"
            ),
            table = table,
            time = time,
            wanted = wanted,
        ))?;
        let bounds = [span.start, span.end].into_iter().map(Value::Integer);
        let mut rows =
            statement.query(params_from_iter(bounds.chain(values.into_iter().map(Value::Text))))?;
        let mut of_period = vec![UsageSum::empty(); self.groups.names.len()];
        let mut period = period_of(span.start);
        while let Some(row) = rows.next()? {
            let Some(group) = self.groups.of(row.get(1)?) else { continue };
            let its_period = period_of(row.get(0)?);
            if its_period != period {
                self.finish(period, &mut of_period);
                period = its_period;
            }
            if let Some(sum) = of_period.get_mut(group) {
                add(sum, row)?;
            }
        }
        self.finish(period, &mut of_period);
        Ok(())
    }

    /// Moves a period's sums, one for each group, to the answer.
    fn finish(&mut self, period: i64, of_period: &mut [UsageSum]) {
        for (name, sum) in iter::zip(&self.groups.names, of_period) {
            if *sum != UsageSum::empty() {
                self.answer.add(self.query, period, name, &mem::replace(sum, UsageSum::empty()));
            }
        }
    }
}

/// Adds the figures of a row, which stand behind its time and series.
fn add(sum: &mut UsageSum, row: &Row<'_>) -> rusqlite::Result<()> {
    let tokens = &mut sum.tokens;
    let counts = [
        &mut sum.calls,
        &mut sum.estimated,
        &mut sum.unresolved,
        &mut tokens.input,
        &mut tokens.output,
        &mut tokens.cache_read,
        &mut tokens.cache_write_5m,
        &mut tokens.cache_write_1h,
    ];
    for (column, count) in iter::zip(2.., counts) {
        *count = count.saturating_add(row.get(column)?);
    }
    if let Some(thinking) = row.get::<_, Option<u64>>(10)? {
        tokens.thinking = Some(tokens.thinking.unwrap_or(0).saturating_add(thinking));
    }
    for (column, money) in [(11, &mut sum.cost), (12, &mut sum.uncached_cost)] {
        *money = Nanodollars::new(money.get().saturating_add(row.get(column)?));
    }
    Ok(())
}
