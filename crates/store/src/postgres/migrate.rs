//! Brings a database to the form that this version knows.
//!
//! All steps run in one transaction under one lock, so that of replicas that start together one does them and the others
//! find them done.

use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::OpenError;

/// The steps, in order. A step that was released never changes; its place in the list is its number.
const STEPS: &[&str] = &[
    include_str!("../../migrations/postgres/0001_directory.sql"),
    include_str!("../../migrations/postgres/0002_ledger.sql"),
    include_str!("../../migrations/postgres/0003_archive.sql"),
    include_str!("../../migrations/postgres/0004_budgets.sql"),
    include_str!("../../migrations/postgres/0005_signin.sql"),
    include_str!("../../migrations/postgres/0006_corrections.sql"),
    include_str!("../../migrations/postgres/0007_managed.sql"),
    include_str!("../../migrations/postgres/0008_audit.sql"),
    include_str!("../../migrations/postgres/0009_usage.sql"),
    crate::transfer::SUMS_OF_BEFORE,
    include_str!("../../migrations/postgres/0011_charges.sql"),
    include_str!("../../migrations/postgres/0012_forgetting.sql"),
    include_str!("../../migrations/postgres/0013_audit_address.sql"),
    include_str!("../../migrations/postgres/0014_teams.sql"),
    include_str!("../../migrations/postgres/0015_provisioning.sql"),
    include_str!("../../migrations/postgres/0016_never_emptied.sql"),
];

/// Who changes the form of a store holds this advisory lock: "STON", form.
const LOCK: i64 = 0x5354_4f4e_0000_0001;

/// The oldest PostgreSQL that the statements are written for.
const OLDEST_SERVER: i64 = 150_000;

/// SQLSTATE of a table or function that is there already.
const TAKEN: [&str; 2] = ["42P07", "42723"];

/// The number of the newest step.
pub(crate) fn newest() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// Applies the steps that the database has not seen.
pub(super) async fn bring_up_to_date(connection: &mut PgConnection, store: &str) -> Result<(), OpenError> {
    let store = || store.to_owned();
    let server =
        server_version(connection).await.map_err(|source| OpenError::Database { store: store(), source })?;
    if server < OLDEST_SERVER {
        return Err(OpenError::OldServer {
            store: store(),
            found: server / 10_000,
            oldest: OLDEST_SERVER / 10_000,
        });
    }
    let found = apply(connection, STEPS).await.map_err(|source| {
        let code = source.as_database_error().and_then(|error| error.code());
        match code {
            Some(code) if TAKEN.contains(&&*code) => OpenError::Foreign { store: store() },
            _ => OpenError::Database { store: store(), source },
        }
    })?;
    if found > newest() {
        return Err(OpenError::Newer { store: store(), found, known: newest() });
    }
    Ok(())
}

async fn server_version(connection: &mut PgConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT current_setting('server_version_num')::bigint").fetch_one(connection).await
}

/// Does what is left to do. Gives the form that was found.
async fn apply(connection: &mut PgConnection, steps: &[&'static str]) -> sqlx::Result<i64> {
    let mut transaction = connection.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
    // A step may take its time, and those who wait for it as well.
    transaction.execute(sqlx::raw_sql("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0")).await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *transaction).await?;
    let found = form(&mut transaction).await?;
    for (step, number) in steps.iter().zip(1..).filter(|(_, number)| *number > found) {
        if number == 1 {
            transaction.execute(sqlx::raw_sql("CREATE TABLE stonegate_form (form BIGINT NOT NULL)")).await?;
            transaction.execute(sqlx::raw_sql("INSERT INTO stonegate_form VALUES (0)")).await?;
        }
        transaction.execute(sqlx::raw_sql(*step)).await?;
        sqlx::query("UPDATE stonegate_form SET form = $1").bind(number).execute(&mut *transaction).await?;
        tracing::info!(step = number, "the store was brought to a newer form");
    }
    transaction.commit().await?;
    Ok(found)
}

/// The form that a database has; 0 when there is no store in it.
pub(super) async fn form(connection: &mut PgConnection) -> sqlx::Result<i64> {
    let is_ours: bool = sqlx::query_scalar("SELECT to_regclass('stonegate_form') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await?;
    if !is_ours {
        return Ok(0);
    }
    sqlx::query_scalar("SELECT form FROM stonegate_form").fetch_one(connection).await
}
