//! Sums by the hour and the day: written by whoever appends to the journal.

use rusqlite::{Connection, OptionalExtension as _, params_from_iter, types::Value};
use sqlx::{Row as _, sqlite::SqliteConnection};
use stonegate_ledger::{Series, StoreError, Tally, day_of};

use crate::ledger::{
    convert::unavailable,
    sums::{Turn, added, figure_columns, figures, label_columns},
};

const FIND: &str =
    "SELECT id FROM usage_series WHERE tenant = ?1 AND team = ?2 AND \"user\" = ?3 AND key = ?4
     AND model = ?5 AND endpoint = ?6 AND client = ?7 AND dialect = ?8 AND tags = ?9";
const MAKE: &str = concat!(
    "INSERT INTO usage_series (",
    label_columns!(),
    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) RETURNING id"
);
const HOUR: &str = concat!(
    "INSERT INTO usage_hours (hour, series, ",
    figure_columns!(),
    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    added!("usage_hours", "hour", "min")
);
const DAY: &str = concat!(
    "INSERT INTO usage_days (day, series, ",
    figure_columns!(),
    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    added!("usage_days", "day", "min")
);

/// Adds what a sync appended, in its transaction.
pub(super) fn add(connection: &Connection, tally: &Tally) -> rusqlite::Result<()> {
    for (hour, series, sum) in tally.cells() {
        let id = id_of(connection, series)?;
        let figures = figures(sum, Turn::Add);
        for (statement, time) in [(HOUR, hour), (DAY, day_of(hour))] {
            let values = [Some(time), Some(id)].into_iter().chain(figures);
            let values = values.map(|value| value.map_or(Value::Null, Value::Integer));
            connection.prepare_cached(statement)?.execute(params_from_iter(values))?;
        }
    }
    Ok(())
}

fn id_of(connection: &Connection, series: &Series) -> rusqlite::Result<i64> {
    let labels = series.labels();
    let found =
        connection.prepare_cached(FIND)?.query_row(params_from_iter(labels), |row| row.get(0)).optional()?;
    match found {
        Some(id) => Ok(id),
        None => connection.prepare_cached(MAKE)?.query_row(params_from_iter(labels), |row| row.get(0)),
    }
}

/// Adds records, or takes them out, outside of a sync.
pub(super) async fn change(
    connection: &mut SqliteConnection,
    tally: &Tally,
    turn: Turn,
) -> Result<(), StoreError> {
    for (hour, series, sum) in tally.cells() {
        let mut found = None;
        for statement in [FIND, MAKE] {
            if found.is_none() {
                let labels = series.labels();
                let query = labels.into_iter().fold(sqlx::query(statement), sqlx::query::Query::bind);
                found = query.fetch_optional(&mut *connection).await.map_err(unavailable)?;
            }
        }
        let row = found.ok_or_else(|| StoreError::Damaged("a series cannot be made".to_owned()))?;
        let id: i64 = row.try_get(0).map_err(unavailable)?;
        for (statement, time) in [(HOUR, hour), (DAY, day_of(hour))] {
            let query = sqlx::query(statement).bind(time).bind(id);
            let query = figures(sum, turn).into_iter().fold(query, sqlx::query::Query::bind);
            query.execute(&mut *connection).await.map_err(unavailable)?;
        }
    }
    Ok(())
}
