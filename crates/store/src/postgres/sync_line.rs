//! The connection that syncs are done on: one at a time, as the ledger says them.

use std::ops::{Deref, DerefMut};

use sqlx::{Connection as _, PgConnection};
use stonegate_ledger::StoreError;
use tokio::sync::{Mutex, MutexGuard};

use super::Entry;
use crate::ledger::convert::unavailable;

/// A connection that is made anew when it broke.
pub(crate) struct SyncLine {
    entry: Entry,
    idle: Mutex<Option<PgConnection>>,
}

/// The connection in use. Unless it is [`Line::keep`]t, dropping it closes it, and the server undoes what was begun.
pub(crate) struct Line<'a> {
    idle: MutexGuard<'a, Option<PgConnection>>,
    connection: PgConnection,
}

impl SyncLine {
    pub(super) fn new(entry: Entry, first: PgConnection) -> Self {
        Self { entry, idle: Mutex::new(Some(first)) }
    }

    /// Waits for one's turn, and for a connection where there is none.
    ///
    /// # Errors
    /// When none can be made.
    pub(crate) async fn take(&self) -> Result<Line<'_>, StoreError> {
        let mut idle = self.idle.lock().await;
        let connection = match idle.take() {
            Some(connection) => connection,
            None => self.entry.connect().await.map_err(unavailable)?,
        };
        Ok(Line { idle, connection })
    }

    pub(super) async fn close(&self) {
        if let Some(connection) = self.idle.lock().await.take() {
            // What was answered is kept without it.
            connection.close().await.ok();
        }
    }
}

impl Line<'_> {
    /// Leaves the connection for the next sync: nothing is under way on it.
    pub(crate) fn keep(mut self) {
        *self.idle = Some(self.connection);
    }
}

impl Deref for Line<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Line<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}
