//! Why a store could not be opened. What fails later is told in the words of the ledger and the directory.

use std::path::PathBuf;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is of no kind that we know.
    #[error(
        "`{url}` is no address of a store: write `sqlite:PATH`, such as `sqlite:/var/lib/stonegate/stonegate.db`, or \
         `postgres://USER:PASSWORD@HOST/DATABASE`"
    )]
    Address {
        /// The address, without secrets.
        url: String,
    },
    /// Another server works on it, and it is for one at a time.
    #[error(
        "another Stonegate serves from `{}`: stop it, or give this one a store of its own", path.display()
    )]
    Taken {
        /// Which.
        path: PathBuf,
    },
    /// The folder or the file cannot be made or used.
    #[error("cannot use `{}` as the store: {source}", path.display())]
    Place {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A newer version of Stonegate has written it.
    #[error(
        "the store `{store}` has form {found}, and this version of Stonegate knows forms up to {known}: \
         use the version that wrote it, or a newer one"
    )]
    Newer {
        /// Which, without secrets.
        store: String,
        /// The form that it has.
        found: i64,
        /// The newest form that we know.
        known: i64,
    },
    /// It is a database, but not one of ours.
    #[error("`{store}` is another program's database: name another one")]
    Foreign {
        /// Which, without secrets.
        store: String,
    },
    /// The server is older than what we speak to.
    #[error("the store `{store}` is PostgreSQL {found}: {oldest} or newer is needed")]
    OldServer {
        /// Which, without secrets.
        store: String,
        /// Its major version.
        found: i64,
        /// The oldest that will do.
        oldest: i64,
    },
    /// Nobody answers there, or not to us.
    #[error(
        "the store `{store}` cannot be reached: {source}; correct the address, start its server, or let this machine and \
         user in"
    )]
    Unreachable {
        /// Which, without secrets.
        store: String,
        /// Why.
        source: sqlx::Error,
    },
    /// The database said no.
    #[error("cannot open the store `{store}`: {source}")]
    Database {
        /// Which, without secrets.
        store: String,
        /// Why.
        source: sqlx::Error,
    },
}
