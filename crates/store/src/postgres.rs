//! The shared store: one PostgreSQL database, and any number of replicas on it.

use std::{sync::Arc, time::Duration};

use sqlx::{
    ConnectOptions as _, Executor as _, PgConnection, PgPool, Postgres, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{Durability, OpenError, Options, address};

#[path = "common/archive.rs"]
mod archive;
#[path = "common/directory/mod.rs"]
mod directory;
mod ledger;
mod migrate;
#[path = "common/provisioning.rs"]
mod provisioning;
#[path = "common/records.rs"]
mod records;
mod sync_line;
#[path = "common/tickets.rs"]
mod tickets;

pub(crate) use archive::SqlArchive;
pub(crate) use directory::SqlDirectory;
pub(crate) use ledger::PostgresLedger;
pub(crate) use migrate::newest;
pub(crate) use provisioning::SqlProvisioning;
pub(crate) use tickets::SqlTickets;

use sync_line::SyncLine;

/// What the sources that both databases share are compiled for.
type Database = Postgres;
type Connection = PgConnection;

/// Removes what is over; at most so many. Replicas that sweep at the same time take different ones.
const SWEEP_DOCUMENTS: &str = "DELETE FROM documents WHERE ctid IN
    (SELECT ctid FROM documents WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)";
const SWEEP_TICKETS: &str = "DELETE FROM tickets WHERE ctid IN
    (SELECT ctid FROM tickets WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)";

/// Keeps others from writing to the directory until the transaction ends.
async fn hold_directory(connection: &mut Connection) -> sqlx::Result<()> {
    sqlx::query("SELECT version FROM directory_version FOR UPDATE").execute(connection).await.map(drop)
}

/// Keeps others from changing these provisioned people until the transaction ends. Always in the same order: of two who
/// change the same people at the same time one waits, and neither is refused for the other's sake.
async fn hold_people(connection: &mut Connection, ids: &[String]) -> sqlx::Result<()> {
    sqlx::query("SELECT FROM provisioned WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE")
        .bind(ids)
        .execute(connection)
        .await
        .map(drop)
}

/// How long a connection may take to come about, and a question to be answered.
const PATIENCE: Duration = Duration::from_secs(10);

/// What holds in every connection. A replica that is cut off in the midst of a transaction holds rows that all others need:
/// the server must not wait for it for long.
const SESSION: &str = "SET statement_timeout = '10s'; SET lock_timeout = '5s'; \
     SET idle_in_transaction_session_timeout = '5s'; SET client_connection_check_interval = '2s'; \
     SET client_min_messages = 'warning'";
/// A commit waits for the disk even where the server's own settings say that it need not.
const DURABLE: &str = "SELECT set_config('synchronous_commit', 'on', false) \
     WHERE current_setting('synchronous_commit') IN ('off', 'local')";
const QUICK: &str = "SET synchronous_commit = 'off'";

/// The connections of one process to one database.
#[derive(Clone)]
pub(crate) struct Pools {
    pool: PgPool,
    sync_line: Arc<SyncLine>,
}

impl Pools {
    /// Begins a transaction that may write.
    pub(crate) async fn write(&self) -> sqlx::Result<Transaction<'static, Postgres>> {
        self.pool.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await
    }

    /// Begins a transaction that only reads, and sees one state of the store from its first read to its end.
    pub(crate) async fn read(&self) -> sqlx::Result<Transaction<'static, Postgres>> {
        self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await
    }

    /// Lets a transaction take its time.
    pub(crate) async fn long(
        &self,
        mut transaction: Transaction<'static, Postgres>,
    ) -> sqlx::Result<Transaction<'static, Postgres>> {
        let patient = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";
        transaction.execute(sqlx::raw_sql(patient)).await?;
        Ok(transaction)
    }

    /// How many servers were heard of a moment ago.
    pub(crate) async fn servers(&self) -> sqlx::Result<u64> {
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM replicas
              WHERE NOT is_dead AND to_timestamp(heard_at / 1000000.0) > clock_timestamp() - interval '10 seconds'",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Connections for single statements.
    pub(crate) fn readers(&self) -> &PgPool {
        &self.pool
    }

    /// The connection that syncs are done on.
    pub(crate) fn sync_line(&self) -> &SyncLine {
        &self.sync_line
    }

    pub(crate) async fn close(&self) {
        self.sync_line.close().await;
        self.pool.close().await;
    }
}

/// How to connect, and what to do first.
#[derive(Clone)]
struct Entry {
    options: PgConnectOptions,
    durability: Durability,
}

impl Entry {
    async fn connect(&self) -> sqlx::Result<PgConnection> {
        let connected = async {
            let mut connection = self.options.connect().await?;
            self.prepare(&mut connection).await?;
            Ok(connection)
        };
        tokio::time::timeout(PATIENCE, connected).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    async fn prepare(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        connection.execute(sqlx::raw_sql(SESSION)).await?;
        let commits = match self.durability {
            Durability::Power => DURABLE,
            Durability::Process => QUICK,
        };
        connection.execute(sqlx::raw_sql(commits)).await.map(drop)
    }
}

/// Connects to the database, and brings it to this version's form.
pub(crate) async fn open(url: &str, options: &Options) -> Result<Pools, OpenError> {
    let entry = Entry { options: connect_options(url)?, durability: options.durability };
    let failed = |source| OpenError::Unreachable { store: address::shown(url), source };
    // One by itself, since a pool would go on trying and tell only of the time that it took.
    let mut first = entry.connect().await.map_err(failed)?;
    migrate::bring_up_to_date(&mut first, &address::shown(url)).await?;
    let first_words = entry.clone();
    let pool = PgPoolOptions::new()
        .max_connections(options.readers.max(1))
        .acquire_timeout(PATIENCE)
        .after_connect(move |connection, _| {
            let entry = first_words.clone();
            Box::pin(async move { entry.prepare(connection).await })
        })
        .connect_lazy_with(entry.options.clone());
    Ok(Pools { pool, sync_line: Arc::new(SyncLine::new(entry, first)) })
}

/// Reads an address as libpq would.
pub(crate) fn connect_options(url: &str) -> Result<PgConnectOptions, OpenError> {
    let wrong = |_reason| OpenError::Address { url: address::shown(url) };
    let options: PgConnectOptions = url.parse().map_err(wrong)?;
    let options = if options.get_application_name().is_none() {
        options.application_name("stonegate")
    } else {
        options
    };
    Ok(options.disable_statement_logging())
}
