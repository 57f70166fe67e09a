//! What went wrong, in the directory's words.

use stonegate_identity::DirectoryError;

/// A failure of the database itself.
pub(crate) fn unavailable(error: sqlx::Error) -> DirectoryError {
    DirectoryError::Unavailable(Box::new(error))
}

/// A stored value that this version cannot read.
#[derive(Debug, thiserror::Error)]
#[error("column `{column}` of the directory holds what it cannot: {reason}")]
struct Unreadable {
    column: &'static str,
    reason: String,
}

pub(crate) fn unreadable(column: &'static str, reason: impl ToString) -> DirectoryError {
    DirectoryError::Unavailable(Box::new(Unreadable { column, reason: reason.to_string() }))
}

pub(crate) fn not_found(kind: &'static str, name: impl ToString) -> DirectoryError {
    DirectoryError::NotFound { kind, name: name.to_string() }
}

pub(crate) fn conflict(field: &'static str, message: String) -> DirectoryError {
    DirectoryError::Conflict { field, message }
}
