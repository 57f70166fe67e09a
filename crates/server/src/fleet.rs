//! Replicas that went silent: whoever of the others comes first closes their books, so that what they held is not held for
//! ever. A replica that was only cut off gets everything back with its next word; see `docs/ledger.md`.

use std::time::Duration;

use jiff::SignedDuration;
use stonegate_ledger::{Adopted, Adoption, LedgerStore, Unrecorded};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::keeper::Keeper;

/// How often one looks for the silent.
const EVERY: Duration = Duration::from_secs(2);
/// How long a replica is silent before it is taken for dead: five times what lies between two of its heartbeats.
const SILENCE: Duration = Duration::from_secs(10);

/// Looks until it is stopped.
pub(crate) async fn watch(store: &dyn LedgerStore, keeper: &Keeper, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        // Where the store was away, all were silent, and nobody is dead for it.
        if keeper.in_touch_for().is_none_or(|time| time < SILENCE) {
            continue;
        }
        match store.adopt(adoption(keeper)).await {
            Ok(adopted) => tell(adopted),
            Err(error) => tracing::warn!(%error, "silent replicas could not be looked for"),
        }
    }
}

fn adoption(keeper: &Keeper) -> Adoption {
    let at = clock::now();
    let silence = SignedDuration::try_from(SILENCE).unwrap_or(SignedDuration::MAX);
    let silent_since = Some(at.saturating_sub(silence).unwrap_or(at));
    Adoption { at, by: keeper.book().replica().clone(), silent_since, unrecorded: Unrecorded::Unknown }
}

fn tell(adopted: Adopted) {
    if adopted.calls > 0 || adopted.leases > 0 {
        tracing::warn!(
            replicas = adopted.replicas,
            calls = adopted.calls,
            leases = adopted.leases,
            "replicas went silent; what they held counts as spent and is marked unresolved"
        );
    }
}
