//! The store as a whole: how it stands, and its move to another one.

use std::io::{BufRead, Write};

use stonegate_store::{Status, TransferError};

use super::Operator;

impl Operator {
    /// How the store stands.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn store_status(&self) -> Result<Status, TransferError> {
        self.store.status().await
    }

    /// Writes all that the store holds as lines of text. Gives how many rows that were.
    ///
    /// # Errors
    /// When it cannot be read, or the lines cannot be written.
    pub async fn export_store(&self, out: &mut dyn Write) -> Result<u64, TransferError> {
        self.store.export(out).await
    }

    /// Reads such lines into an empty store. Gives how many rows that were.
    ///
    /// # Errors
    /// When it is not empty, or the lines are no whole copy, or it cannot be written.
    pub async fn import_store(&self, lines: &mut dyn BufRead) -> Result<u64, TransferError> {
        self.store.import(lines).await
    }
}
