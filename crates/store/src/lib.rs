//! How facts are kept: the ledger and the directory behind one address. No rule lives here.
//!
//! [`open`] chooses the backend by the address's scheme. Several processes may have one store open at a time: the
//! command line works on it while the server runs.

use std::sync::Arc;

use stonegate_identity::Directory;
use stonegate_identity::archive::Archive;
use stonegate_ledger::LedgerStore;

mod cells;
mod directory;
mod error;
mod ledger;
mod sqlite;

pub use error::OpenError;

/// An open store.
pub struct Store {
    /// Tenants, users and keys.
    pub directory: Arc<dyn Directory>,
    /// Budgets, leases and the journal of usage.
    pub ledger: Arc<dyn LedgerStore>,
    /// What callers leave for a while.
    pub archive: Arc<dyn Archive>,
    pools: sqlite::Pools,
}

/// What a write has survived once it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// A loss of power: every commit waits for the disk.
    #[default]
    Power,
    /// The death of the process, but not of the machine: commits wait for the operating system only.
    Process,
}

/// How to open a store.
#[derive(Debug, Clone)]
pub struct Options {
    /// What a write has survived once it is answered.
    pub durability: Durability,
    /// How many may read at a time.
    pub readers: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { durability: Durability::Power, readers: 4 }
    }
}

/// Opens the store at an address such as `sqlite:/var/lib/stonegate/stonegate.db`, making it where there is none yet, and
/// brings it to this version's form.
///
/// # Errors
/// When the address is of no known kind, the place cannot be written, or what is there is no store of ours or of a newer
/// version.
pub async fn open(url: &str, options: &Options) -> Result<Store, OpenError> {
    let path = sqlite_path(url).ok_or_else(|| OpenError::Address { url: shown(url) })?;
    let pools = sqlite::open(path.as_ref(), options).await?;
    Ok(Store {
        directory: Arc::new(sqlite::SqliteDirectory::new(pools.clone())),
        ledger: Arc::new(sqlite::SqliteLedger::new(pools.clone())),
        archive: Arc::new(sqlite::SqliteArchive::new(pools.clone())),
        pools,
    })
}

/// Looks whether [`open`] knows addresses of that kind; what is there is another question.
///
/// # Errors
/// [`OpenError::Address`].
pub fn check_address(url: &str) -> Result<(), OpenError> {
    sqlite_path(url).map(|_path| ()).ok_or_else(|| OpenError::Address { url: shown(url) })
}

fn sqlite_path(url: &str) -> Option<&str> {
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    let is_path = !path.is_empty() && !path.starts_with(':') && !path.contains('?');
    is_path.then_some(path)
}

/// An address without what may be a password in it.
fn shown(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, _)) if !scheme.starts_with("sqlite") => format!("{scheme}://…"),
        _ => url.to_owned(),
    }
}

impl Store {
    /// Closes every connection. What was answered is kept without it; it only leaves the files tidy.
    pub async fn close(&self) {
        self.pools.close().await;
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Store")
    }
}
