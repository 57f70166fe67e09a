//! The suites that every store runs.

use std::sync::Arc;

use jiff::SignedDuration;
use sqlx::Connection as _;
use stonegate_identity::{Directory, archive::Archive, provisioning::Provisioning, ticket::Tickets};
use stonegate_ledger::{Answer, LedgerStore, conformance::Fixture};
use stonegate_store::Store;

use crate::schema::{Schema, schema};

mod directory {
    stonegate_identity::directory_conformance!(super::fresh_directory);
}

mod archive {
    stonegate_identity::archive_conformance!(super::fresh_archive);
}

mod provisioning {
    stonegate_identity::provisioning_conformance!(super::fresh_provisioning);
}

mod tickets {
    stonegate_identity::tickets_conformance!(super::fresh_tickets);
}

#[tokio::test]
async fn postgres_keeps_the_ledgers_promises() {
    schema!();
    stonegate_ledger::conformance::all(desk).await;
    stonegate_ledger::conformance::shared(desk).await;
}

async fn fresh_directory() -> Option<(Arc<dyn Directory>, Store)> {
    let store = Schema::fresh().await?.open().await;
    Some((Arc::clone(&store.directory), store))
}

async fn fresh_archive() -> Option<(Arc<dyn Archive>, Store)> {
    let store = Schema::fresh().await?.open().await;
    Some((Arc::clone(&store.archive), store))
}

async fn fresh_provisioning() -> Option<(Arc<dyn Provisioning>, Store)> {
    let store = Schema::fresh().await?.open().await;
    Some((Arc::clone(&store.provisioning), store))
}

async fn fresh_tickets() -> Option<(Arc<dyn Tickets>, Store)> {
    let store = Schema::fresh().await?.open().await;
    Some((Arc::clone(&store.tickets), store))
}

struct Desk {
    store: Store,
    schema: Schema,
}

impl Fixture for Desk {
    fn store(&self) -> &dyn LedgerStore {
        &*self.store.ledger
    }

    /// What was heard is longer ago than it was.
    fn pass(&self, time: SignedDuration) -> Answer<'_, ()> {
        Box::pin(async move {
            let mut connection = self.schema.connect().await;
            sqlx::query("UPDATE replicas SET heard_at = heard_at - $1")
                .bind(i64::try_from(time.as_micros()).unwrap())
                .execute(&mut connection)
                .await
                .unwrap();
            connection.close().await.unwrap();
            Ok(())
        })
    }
}

async fn desk() -> Desk {
    let schema = Schema::fresh().await.unwrap();
    Desk { store: schema.open().await, schema }
}
