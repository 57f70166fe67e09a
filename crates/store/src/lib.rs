//! How facts are kept: the ledger and the directory behind one address. No rule lives here.
//!
//! What both databases are asked in the same words stands once, in `common`, and is compiled for each: `sqlite` and `postgres`
//! take its files as modules and give them their own connections.
//!
//! [`open`] chooses the backend by the address's scheme. Several processes may have one store open at a time: the
//! command line works on it while the server runs.

#![expect(clippy::duplicate_mod, reason = "`common` is one source, compiled for each database")]

use std::{
    fs::File,
    io::{BufRead, Write},
    sync::Arc,
};

use stonegate_identity::Directory;
use stonegate_identity::archive::Archive;
use stonegate_identity::provisioning::Provisioning;
use stonegate_identity::ticket::Tickets;
use stonegate_ledger::LedgerStore;

mod address;
mod cells;
mod directory;
mod error;
mod ledger;
mod postgres;
mod sqlite;
mod transfer;

pub use error::OpenError;

pub use address::{file, shown};
pub use transfer::{Column, Kind, Table, TransferError};

use address::Address;

/// An open store.
pub struct Store {
    /// Tenants, users and keys.
    pub directory: Arc<dyn Directory>,
    /// Budgets, leases and the journal of usage.
    pub ledger: Arc<dyn LedgerStore>,
    /// What callers leave for a while.
    pub archive: Arc<dyn Archive>,
    /// What is good for a while and whoever comes first.
    pub tickets: Arc<dyn Tickets>,
    /// What identity providers keep of people and groups.
    pub provisioning: Arc<dyn Provisioning>,
    place: Place,
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

/// Opens the store at an address such as `sqlite:/var/lib/stonegate/stonegate.db` or `postgres://user@host/database`, makes
/// a file where there is none yet, and brings what is there to this version's form.
///
/// # Errors
/// When the address is of no known kind, the place cannot be written or reached, or what is there is no store of ours or of
/// a newer version.
pub async fn open(url: &str, options: &Options) -> Result<Store, OpenError> {
    match Address::parse(url).ok_or_else(|| OpenError::Address { url: shown(url) })? {
        Address::Sqlite(path) => {
            let pools = sqlite::open(path.as_ref(), options).await?;
            Ok(Store {
                directory: Arc::new(sqlite::SqlDirectory::new(pools.clone())),
                ledger: Arc::new(sqlite::SqliteLedger::new(pools.clone())),
                archive: Arc::new(sqlite::SqlArchive::new(pools.clone())),
                tickets: Arc::new(sqlite::SqlTickets::new(pools.clone())),
                provisioning: Arc::new(sqlite::SqlProvisioning::new(pools.clone())),
                place: Place::File(pools),
            })
        }
        Address::Postgres(url) => {
            let pools = postgres::open(url, options).await?;
            Ok(Store {
                directory: Arc::new(postgres::SqlDirectory::new(pools.clone())),
                ledger: Arc::new(postgres::PostgresLedger::new(pools.clone())),
                archive: Arc::new(postgres::SqlArchive::new(pools.clone())),
                tickets: Arc::new(postgres::SqlTickets::new(pools.clone())),
                provisioning: Arc::new(postgres::SqlProvisioning::new(pools.clone())),
                place: Place::Server(pools),
            })
        }
    }
}

/// Looks whether [`open`] knows addresses of that kind; what is there is another question.
///
/// # Errors
/// [`OpenError::Address`].
pub fn check_address(url: &str) -> Result<(), OpenError> {
    match Address::parse(url) {
        Some(Address::Sqlite(_)) => Ok(()),
        Some(Address::Postgres(url)) => postgres::connect_options(url).map(drop),
        None => Err(OpenError::Address { url: shown(url) }),
    }
}

/// The connections of an open store.
enum Place {
    File(sqlite::Pools),
    Server(postgres::Pools),
}

/// What a server holds for as long as it serves, so that no other one works on a store that is for one at a time.
#[derive(Debug)]
pub struct Claim {
    _lock: Option<File>,
}

/// How a store stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The number of the newest step that made its tables.
    pub form: i64,
    /// How many servers work on it.
    pub servers: u64,
    /// Its tables and how many rows each has.
    pub rows: Vec<(String, u64)>,
}

/// How many servers may work on a store at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// One, which therefore knows that all others are dead.
    OneServer,
    /// Any number of them: who is dead shows by its silence.
    Fleet,
}

impl Store {
    /// How many servers may work on it at a time.
    #[must_use]
    pub fn sharing(&self) -> Sharing {
        match self.place {
            Place::File(_) => Sharing::OneServer,
            Place::Server(_) => Sharing::Fleet,
        }
    }

    /// Makes the store this server's, where it is for one at a time.
    ///
    /// # Errors
    /// [`OpenError::Taken`] when another one holds it.
    pub fn claim(&self) -> Result<Claim, OpenError> {
        match &self.place {
            Place::File(pools) => Ok(Claim { _lock: Some(pools.claim()?) }),
            Place::Server(_) => Ok(Claim { _lock: None }),
        }
    }

    /// Writes all that it holds as lines of text, as it is at one moment. Gives how many rows that were.
    ///
    /// # Errors
    /// When it cannot be read, or the lines cannot be written.
    pub async fn export(&self, out: &mut dyn Write) -> Result<u64, TransferError> {
        match &self.place {
            Place::File(pools) => transfer::export(&mut pools.read().await?, out).await,
            Place::Server(pools) => transfer::export(&mut pools.long(pools.read().await?).await?, out).await,
        }
    }

    /// Reads what [`Store::export`] wrote, all or nothing. Gives how many rows that were.
    ///
    /// # Errors
    /// When there is something in it already, the lines are no whole copy, or it cannot be written.
    pub async fn import(&self, lines: &mut dyn BufRead) -> Result<u64, TransferError> {
        match &self.place {
            Place::File(pools) => {
                let mut transaction = pools.write().await?;
                let count = transfer::import(&mut transaction, lines).await?;
                transaction.commit().await?;
                Ok(count)
            }
            Place::Server(pools) => {
                let mut transaction = pools.long(pools.write().await?).await?;
                let count = transfer::import(&mut transaction, lines).await?;
                transaction.commit().await?;
                Ok(count)
            }
        }
    }

    /// The tables that it consists of.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn tables(&self) -> Result<Vec<Table>, TransferError> {
        match &self.place {
            Place::File(pools) => Ok(transfer::tables(&mut pools.read().await?).await?),
            Place::Server(pools) => Ok(transfer::tables(&mut pools.read().await?).await?),
        }
    }

    /// How it stands: its form, how many servers work on it, and how many rows it has.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn status(&self) -> Result<Status, TransferError> {
        match &self.place {
            Place::File(pools) => {
                let rows = transfer::count(&mut pools.read().await?).await?;
                Ok(Status { form: sqlite::newest(), servers: u64::from(pools.claim().is_err()), rows })
            }
            Place::Server(pools) => {
                let rows = transfer::count(&mut pools.long(pools.read().await?).await?).await?;
                Ok(Status { form: postgres::newest(), servers: pools.servers().await?, rows })
            }
        }
    }

    /// Closes every connection. What was answered is kept without it; it only leaves the files tidy.
    pub async fn close(&self) {
        match &self.place {
            Place::File(pools) => pools.close().await,
            Place::Server(pools) => pools.close().await,
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Store")
    }
}
