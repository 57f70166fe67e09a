//! The embedded store: one SQLite file in WAL mode; per process one writer, a few readers, and a thread for syncs.

use std::{fs::File, path::Path, sync::Arc, time::Duration};

use sqlx::{
    Sqlite, SqliteConnection, SqlitePool, Transaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{Durability, OpenError, Options};

#[path = "common/archive.rs"]
mod archive;
#[path = "common/directory/mod.rs"]
mod directory;
mod ledger;
mod migrate;
mod place;
#[path = "common/provisioning.rs"]
mod provisioning;
#[path = "common/records.rs"]
mod records;
mod sync_thread;
#[path = "common/tickets.rs"]
mod tickets;

pub(crate) use archive::SqlArchive;
pub(crate) use directory::SqlDirectory;
pub(crate) use ledger::SqliteLedger;
pub(crate) use migrate::newest;
pub(crate) use provisioning::SqlProvisioning;
pub(crate) use tickets::SqlTickets;

use sync_thread::SyncThread;

/// What the sources that both databases share are compiled for.
type Database = Sqlite;
type Connection = SqliteConnection;

/// Removes what is over; at most so many.
const SWEEP_DOCUMENTS: &str =
    "DELETE FROM documents WHERE rowid IN (SELECT rowid FROM documents WHERE expires_at <= $1 LIMIT $2)";
const SWEEP_TICKETS: &str =
    "DELETE FROM tickets WHERE rowid IN (SELECT rowid FROM tickets WHERE expires_at <= $1 LIMIT $2)";

/// Keeps others from writing to the directory until the transaction ends. Here nobody else can write at all.
async fn hold_directory(_: &mut Connection) -> sqlx::Result<()> {
    Ok(())
}

/// Keeps others from changing these provisioned people until the transaction ends. Here nobody else can write at all.
async fn hold_people(_: &mut Connection, _: &[String]) -> sqlx::Result<()> {
    Ok(())
}

/// How long a write waits for another process's write.
const PATIENCE: Duration = Duration::from_secs(10);

/// The connections of one process to one file.
#[derive(Clone)]
pub(crate) struct Pools {
    writer: SqlitePool,
    readers: SqlitePool,
    sync_thread: Arc<SyncThread>,
    path: Arc<Path>,
}

impl Pools {
    /// Begins a transaction that may write. It holds the file's write lock from the start, so that it cannot find at its
    /// end that what it read has changed.
    pub(crate) async fn write(&self) -> sqlx::Result<Transaction<'static, Sqlite>> {
        self.writer.begin_with("BEGIN IMMEDIATE").await
    }

    /// Begins a transaction that only reads, and sees one state of the store from its first read to its end.
    pub(crate) async fn read(&self) -> sqlx::Result<Transaction<'static, Sqlite>> {
        self.readers.begin().await
    }

    /// Connections for single reads.
    pub(crate) fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// Where the file is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where syncs are done.
    pub(crate) fn sync_thread(&self) -> &SyncThread {
        &self.sync_thread
    }

    /// Takes the lock that one server at a time has.
    pub(crate) fn claim(&self) -> Result<File, OpenError> {
        place::claim(&self.path)
    }

    pub(crate) async fn close(&self) {
        self.sync_thread.close().await;
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Opens the file, makes it where there is none, and brings it to this version's form.
pub(crate) async fn open(path: &Path, options: &Options) -> Result<Pools, OpenError> {
    place::prepare(path)?;
    let failed = |source| OpenError::Database { store: path.display().to_string(), source };
    let synchronous = match options.durability {
        Durability::Power => SqliteSynchronous::Full,
        Durability::Process => SqliteSynchronous::Normal,
    };
    let connect = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .busy_timeout(PATIENCE)
        .foreign_keys(true)
        .pragma("trusted_schema", "OFF");
    migrate::bring_up_to_date(path, &connect).await?;
    let writer = pool(1).connect_with(connect.clone()).await.map_err(failed)?;
    let read_only = connect.pragma("query_only", "ON");
    let readers = pool(options.readers.max(1)).connect_with(read_only).await.map_err(failed)?;
    let sync_thread = Arc::new(SyncThread::new(path.to_owned(), options.durability));
    Ok(Pools { writer, readers, sync_thread, path: path.into() })
}

/// Connections that stay: opening one costs more than keeping it.
fn pool(most: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(most)
        .min_connections(1)
        .acquire_timeout(PATIENCE)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}
