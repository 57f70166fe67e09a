//! Charges from outside whose time is up: what they hold is free again.

use std::time::Duration;

use stonegate_ledger::LedgerStore;
use tokio_util::sync::CancellationToken;

use crate::clock;

/// How often one looks for them.
const EVERY: Duration = Duration::from_secs(2);

/// Looks until it is stopped, in a store to which times mean its own ([`crate::announced::Announced`]).
pub(crate) async fn expire(store: &dyn LedgerStore, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        match store.expire_charges(clock::now()).await {
            Ok(0) => {}
            Ok(charges) => tracing::info!(charges, "charges were neither captured nor voided in their time"),
            Err(error) => tracing::warn!(%error, "charges whose time is up could not be looked for"),
        }
    }
}
