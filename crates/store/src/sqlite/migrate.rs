//! Brings a file to the form that this version knows.
//!
//! sqlx's own migrator takes no lock on SQLite, and two processes that start together would both apply a step. Here all
//! steps run in one transaction that holds the write lock from its first statement; whoever comes second finds them done.

use std::{path::Path, time::Duration};

use sqlx::{
    ConnectOptions as _, Connection as _, Executor as _, SqliteConnection, sqlite::SqliteConnectOptions,
};

use crate::OpenError;

/// The steps, in order. A step that was released never changes; its place in the list is its number.
const STEPS: &[&str] = &[
    include_str!("../../migrations/sqlite/0001_directory.sql"),
    include_str!("../../migrations/sqlite/0002_ledger.sql"),
    include_str!("../../migrations/sqlite/0003_archive.sql"),
    include_str!("../../migrations/sqlite/0004_budgets.sql"),
    include_str!("../../migrations/sqlite/0005_signin.sql"),
    include_str!("../../migrations/sqlite/0006_corrections.sql"),
    include_str!("../../migrations/sqlite/0007_managed.sql"),
    include_str!("../../migrations/sqlite/0008_audit.sql"),
    include_str!("../../migrations/sqlite/0009_usage.sql"),
    crate::transfer::SUMS_OF_BEFORE,
    include_str!("../../migrations/sqlite/0011_charges.sql"),
    include_str!("../../migrations/sqlite/0012_forgetting.sql"),
    include_str!("../../migrations/sqlite/0013_audit_address.sql"),
    include_str!("../../migrations/sqlite/0014_teams.sql"),
    include_str!("../../migrations/sqlite/0015_provisioning.sql"),
    include_str!("../../migrations/sqlite/0016_never_emptied.sql"),
];

/// Marks a file as one of ours (`PRAGMA application_id`): "STON".
const APPLICATION_ID: i64 = 0x5354_4f4e;

/// Turning WAL on needs the file for oneself for an instant, and SQLite does not wait for that by itself.
const ATTEMPTS: u32 = 200;
const PAUSE: Duration = Duration::from_millis(50);

enum Trouble {
    Newer { found: i64 },
    Foreign,
    Database(sqlx::Error),
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// Applies the steps that the file has not seen.
pub(super) async fn bring_up_to_date(path: &Path, connect: &SqliteConnectOptions) -> Result<(), OpenError> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        match apply(path, connect, STEPS).await {
            Ok(()) => return Ok(()),
            Err(Trouble::Database(error)) if is_busy(&error) && attempt < ATTEMPTS => {
                tokio::time::sleep(PAUSE).await;
            }
            Err(trouble) => return Err(told(trouble, path)),
        }
    }
}

fn told(trouble: Trouble, path: &Path) -> OpenError {
    let store = path.display().to_string();
    match trouble {
        Trouble::Newer { found } => OpenError::Newer { store, found, known: form(STEPS) },
        Trouble::Foreign => OpenError::Foreign { store },
        Trouble::Database(source) => OpenError::Database { store, source },
    }
}

/// The number of the newest step that this version knows.
pub(crate) fn newest() -> i64 {
    form(STEPS)
}

/// The number of the newest step.
fn form(steps: &[&str]) -> i64 {
    i64::try_from(steps.len()).unwrap_or(i64::MAX)
}

async fn apply(path: &Path, connect: &SqliteConnectOptions, steps: &[&'static str]) -> Result<(), Trouble> {
    // Whose file it is comes before anything that would change it, be it only its journal's mode.
    let (application, found, is_empty) = look(path).await?;
    check(application, found, is_empty, steps)?;

    let mut connection = connect.connect().await?;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let (_, found) = marks(&mut transaction).await?;
    check(APPLICATION_ID, found, false, steps)?;
    for (step, number) in steps.iter().zip(1..).filter(|(_, number)| *number > found) {
        transaction.execute(sqlx::raw_sql(*step)).await?;
        tracing::info!(step = number, "the store was brought to a newer form");
    }
    if found < form(steps) {
        // A pragma takes no parameters; both numbers are ours.
        let mark = format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {}", form(steps));
        transaction.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(mark))).await?;
    }
    transaction.commit().await?;
    Ok(connection.close().await?)
}

/// What the file says of itself: application, form, and whether there is anything in it. Read in one transaction, so that
/// another process's first step is seen whole or not at all.
async fn look(path: &Path) -> sqlx::Result<(i64, i64, bool)> {
    let connect = SqliteConnectOptions::new().filename(path).busy_timeout(PAUSE);
    let mut connection = connect.connect().await?;
    let mut transaction = connection.begin().await?;
    let (application, form) = marks(&mut transaction).await?;
    let tables: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(&mut *transaction).await?;
    transaction.rollback().await?;
    connection.close().await?;
    Ok((application, form, tables == 0))
}

fn check(application: i64, found: i64, is_empty: bool, steps: &[&str]) -> Result<(), Trouble> {
    if application != APPLICATION_ID && !is_empty {
        return Err(Trouble::Foreign);
    }
    if found > form(steps) { Err(Trouble::Newer { found }) } else { Ok(()) }
}

async fn marks(connection: &mut SqliteConnection) -> sqlx::Result<(i64, i64)> {
    let application = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *connection).await?;
    let form = sqlx::query_scalar("PRAGMA user_version").fetch_one(connection).await?;
    Ok((application, form))
}

/// Whether another process is at it. The low byte is SQLite's primary code: 5 is BUSY, 6 is LOCKED.
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.and_then(|code| code.parse::<i32>().ok()).is_some_and(|code| matches!(code & 0xff, 5 | 6))
}
