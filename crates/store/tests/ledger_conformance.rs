//! The SQLite store keeps the ledger's promises.

use stonegate_ledger::{LedgerStore, conformance::Fixture};
use stonegate_store::{Durability, Options, Store, open};
use tempfile::TempDir;

struct Place {
    store: Store,
    _folder: TempDir,
}

impl Fixture for Place {
    fn store(&self) -> &dyn LedgerStore {
        &*self.store.ledger
    }
}

async fn empty() -> Place {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}", folder.path().join("ledger.db").display());
    let options = Options { durability: Durability::Process, ..Options::default() };
    Place { store: open(&url, &options).await.expect("an empty store"), _folder: folder }
}

#[tokio::test]
async fn sqlite_keeps_the_ledgers_promises() {
    stonegate_ledger::conformance::all(empty).await;
}
