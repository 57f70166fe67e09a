//! Why a store could not be opened. What fails later is told in the words of the ledger and the directory.

use std::path::PathBuf;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is of no kind that we know.
    #[error(
        "`{url}` is no address of a store: write `sqlite:PATH`, such as `sqlite:/var/lib/stonegate/stonegate.db`"
    )]
    Address {
        /// The address, without secrets.
        url: String,
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
        "the store `{}` has form {found}, and this version of Stonegate knows forms up to {known}: \
         use the version that wrote it, or a newer one",
        path.display()
    )]
    Newer {
        /// Which.
        path: PathBuf,
        /// The form that it has.
        found: i64,
        /// The newest form that we know.
        known: i64,
    },
    /// It is a database, but not one of ours.
    #[error("`{}` is another program's database: name another file", path.display())]
    Foreign {
        /// Which.
        path: PathBuf,
    },
    /// The database said no.
    #[error("cannot open the store `{}`: {source}", path.display())]
    Database {
        /// Which.
        path: PathBuf,
        /// Why.
        source: sqlx::Error,
    },
}
