//! The promises about people and groups from elsewhere, kept by SQLite.
#![expect(clippy::unwrap_used, reason = "a test's helpers may unwrap as the test itself does")]

use std::sync::Arc;

use stonegate_identity::provisioning::Provisioning;
use stonegate_store::{Durability, Options, Store, open};
use tempfile::TempDir;

stonegate_identity::provisioning_conformance!(fresh);

async fn fresh() -> Option<(Arc<dyn Provisioning>, (TempDir, Store))> {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("stonegate.db").display());
    let options = Options { durability: Durability::Process, ..Options::default() };
    let store = open(&url, &options).await.unwrap();
    Some((Arc::clone(&store.provisioning), (folder, store)))
}
