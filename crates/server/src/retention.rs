//! What the store lets go of: records of calls that are older than the settings let them grow, whose sums stay; replicas that
//! are long dead; and keys that came by themselves and are long over.
//!
//! Each step takes a few, and then leaves the store to those who wait for it: a sync never waits for more than a step.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use stonegate_identity::Directory;
use stonegate_ledger::LedgerStore;
use tokio_util::sync::CancellationToken;

use crate::clock;

/// How often one looks for what is old.
const EVERY: Duration = Duration::from_secs(600);
/// How much goes at a time, and the pause after that: up to 10,000 in a second.
const STEP: u32 = 500;
const PAUSE: Duration = Duration::from_millis(50);
/// For how many days a server's life is remembered after it was heard of: it may have been cut off.
const REPLICA_DAYS: u32 = 30;
/// And a session, a browser's sign-in or an ephemeral key after its end, so that its holder is told why it does not work.
const KEY_DAYS: u32 = 7;

/// Those who keep what grows old.
pub(crate) struct Keepers {
    pub(crate) ledger: Arc<dyn LedgerStore>,
    pub(crate) directory: Arc<dyn Directory>,
}

/// What grows old.
#[derive(Debug, Clone, Copy)]
enum Old {
    Records,
    Replicas,
    Keys,
}

impl Keepers {
    /// Looks until it is stopped.
    pub(crate) async fn run(&self, keep_records_days: u32, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
            for (what, days) in
                [(Old::Records, keep_records_days), (Old::Replicas, REPLICA_DAYS), (Old::Keys, KEY_DAYS)]
            {
                // By the settings, 0 is for ever.
                if days > 0 {
                    self.forget(what, before(clock::now(), days), &stop).await;
                }
            }
        }
    }

    /// Step by step, until there is nothing left.
    async fn forget(&self, what: Old, before: Timestamp, stop: &CancellationToken) {
        let mut count = 0;
        let ended = loop {
            match self.step(what, before).await {
                Ok(some) => {
                    count += some;
                    if some < u64::from(STEP) {
                        break Ok(());
                    }
                }
                Err(error) => break Err(error),
            }
            tokio::select! {
                () = stop.cancelled() => break Ok(()),
                () = tokio::time::sleep(PAUSE) => {}
            }
        };
        if count > 0 {
            tracing::info!(?what, count, "let go of what is old");
        }
        if let Err(error) = ended {
            tracing::warn!(?what, error = &*error as &dyn Error, "what is old could not be let go of");
        }
    }

    async fn step(&self, what: Old, before: Timestamp) -> Result<u64, Box<dyn Error + Send + Sync>> {
        Ok(match what {
            Old::Records => self.ledger.forget_records(before, STEP).await?,
            Old::Replicas => self.ledger.forget_replicas(before, STEP).await?,
            Old::Keys => self.directory.forget(before, STEP).await?,
        })
    }
}

fn before(now: Timestamp, keep_days: u32) -> Timestamp {
    now.saturating_sub(SignedDuration::from_hours(i64::from(keep_days) * 24)).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_back_from_now() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().expect("a time");
        assert_eq!(before(now, 21).to_string(), "2026-10-31T12:00:00Z");
        assert!(before(now, 36_500) < now);
    }
}
