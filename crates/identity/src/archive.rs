//! What callers leave with an installation for a while, such as responses that a later call goes on from: bytes with an
//! owner and an end.
//!
//! A document belongs to the user who left it. Nobody else gets to see it, whatever they know of its id; one that is past
//! its end is as good as gone, whether or not it was swept away yet.

use std::future::Future;
use std::pin::Pin;

use jiff::Timestamp;

use crate::id::{TenantId, UserId};

/// The answer to come of one question.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, ArchiveError>> + Send + 'a>>;

/// The keeper of documents.
pub trait Archive: Send + Sync + 'static {
    /// Keeps a document; one with the same owner and id is replaced.
    fn put<'a>(&'a self, document: Document) -> Answer<'a, ()>;

    /// The document of that owner and id, if it has not ended by `now`.
    fn find<'a>(
        &'a self,
        owner: &'a DocumentOwner,
        id: &'a str,
        now: Timestamp,
    ) -> Answer<'a, Option<Vec<u8>>>;

    /// Takes a document away; false where there was none.
    fn remove<'a>(&'a self, owner: &'a DocumentOwner, id: &'a str, now: Timestamp) -> Answer<'a, bool>;

    /// Takes away up to `most` documents that have ended by `now`, and says how many those were.
    fn sweep(&self, now: Timestamp, most: u32) -> Answer<'_, u64>;
}

/// Whose a document is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentOwner {
    /// The user's tenant.
    pub tenant: TenantId,
    /// The user.
    pub user: UserId,
}

/// A document to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Whose it is.
    pub owner: DocumentOwner,
    /// Its id among its owner's.
    pub id: String,
    /// What it holds.
    pub body: Vec<u8>,
    /// When it was left.
    pub created_at: Timestamp,
    /// From when on it is gone.
    pub expires_at: Timestamp,
}

/// The store did not answer, or answered nonsense. For the operator.
#[derive(Debug, thiserror::Error)]
#[error("the archive is not available")]
pub struct ArchiveError(#[source] pub Box<dyn std::error::Error + Send + Sync>);
