//! The thread that does the syncs: a connection of its own, driven without a runtime.
//!
//! A sync is the one thing here that happens thousands of times a second and that clients wait for. `sqlx` runs each
//! statement as a message to the connection's thread and back, which costs a sync more than SQLite does. This thread
//! takes a whole sync as one message; see `docs/decisions/0007-syncs-have-a-thread.md`.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, OpenFlags};
use stonegate_ledger::{StoreError, SyncRequest};
use tokio::sync::oneshot;

use super::PATIENCE;
use super::ledger::{Known, Taken, failed, take};
use crate::Durability;

/// Statements that are kept prepared: more than a sync has.
const STATEMENTS: usize = 32;

/// A handle on the thread, which starts with the first sync: the command line opens stores and never syncs.
pub(crate) struct SyncThread {
    place: Place,
    running: Mutex<Option<Running>>,
}

/// What the thread opens.
#[derive(Clone)]
struct Place {
    path: PathBuf,
    durability: Durability,
}

struct Running {
    jobs: Sender<Job>,
    thread: JoinHandle<()>,
}

struct Job {
    request: Arc<SyncRequest>,
    answer: oneshot::Sender<Result<Taken, StoreError>>,
}

impl SyncThread {
    /// A handle on a thread that is yet to start.
    pub(super) fn new(path: PathBuf, durability: Durability) -> Self {
        Self { place: Place { path, durability }, running: Mutex::new(None) }
    }

    /// Does one sync. Dropping the future does not undo it: the same request may be said again.
    ///
    /// # Errors
    /// When the file cannot be read or written, or the request is not the replica's next one.
    pub(crate) async fn take(&self, request: Arc<SyncRequest>) -> Result<Taken, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.send(Job { request, answer })?;
        answered.await.map_err(|_gone| StoreError::Unavailable("the sync thread ended".to_owned()))?
    }

    fn send(&self, job: Job) -> Result<(), StoreError> {
        let mut running = self.running();
        let Running { jobs, .. } = match &mut *running {
            Some(running) => running,
            None => running.insert(self.place.clone().start().map_err(|error| {
                StoreError::Unavailable(format!("the sync thread cannot start: {error}"))
            })?),
        };
        if jobs.send(job).is_err() {
            // Its panic was logged where it happened; the next sync starts another.
            *running = None;
        }
        Ok(())
    }

    /// Lets the thread finish what it was sent, and closes its connection.
    pub(super) async fn close(&self) {
        let Some(Running { jobs, thread }) = self.running().take() else { return };
        drop(jobs);
        // A thread that panicked is as closed as one that did not.
        drop(tokio::task::spawn_blocking(move || thread.join()).await);
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    fn start(self) -> std::io::Result<Running> {
        let (jobs, waiting) = channel();
        let thread =
            thread::Builder::new().name("ledger-sync".to_owned()).spawn(move || self.work(&waiting))?;
        Ok(Running { jobs, thread })
    }

    /// The thread's life: it ends when nobody can send it anything any more.
    fn work(&self, jobs: &Receiver<Job>) {
        let (mut connection, mut known) = (None, Known::default());
        while let Ok(Job { request, answer }) = jobs.recv() {
            let done =
                self.open(&mut connection).and_then(|connection| take(connection, &mut known, &request));
            // Before the answer, so that nobody who has it waits for this.
            drop(request);
            // Whoever asked may be gone; what was done is done.
            answer.send(done).ok();
        }
    }

    fn open<'a>(&self, connection: &'a mut Option<Connection>) -> Result<&'a mut Connection, StoreError> {
        match connection {
            Some(open) => Ok(open),
            None => Ok(connection.insert(self.connect().map_err(failed)?)),
        }
    }

    /// As the pool's connections are set up; the file is there and in its newest form.
    fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "foreign_keys", "ON")?;
        connection.pragma_update(None, "trusted_schema", "OFF")?;
        let synchronous = match self.durability {
            Durability::Power => "FULL",
            Durability::Process => "NORMAL",
        };
        connection.pragma_update(None, "synchronous", synchronous)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(connection)
    }
}
