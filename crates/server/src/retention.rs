//! Records of calls that are older than the settings let them grow. What they came to stays in the sums.
//!
//! Each step takes a few records, and then leaves the store to those who wait for it: a sync never waits for more than a step.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use stonegate_ledger::{LedgerStore, StoreError};
use tokio_util::sync::CancellationToken;

use crate::clock;

/// How often one looks for old records.
const EVERY: Duration = Duration::from_secs(600);
/// How many go at a time, and the pause after that: up to 10,000 in a second.
const STEP: u32 = 500;
const PAUSE: Duration = Duration::from_millis(50);

/// Looks until it is stopped.
pub(crate) async fn run(ledger: &dyn LedgerStore, keep_days: u32, stop: CancellationToken) {
    if keep_days == 0 {
        return;
    }
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        match forget(ledger, before(clock::now(), keep_days), &stop).await {
            Ok(0) => {}
            Ok(records) => tracing::info!(records, keep_days, "old records of calls were let go of"),
            Err(error) => tracing::warn!(%error, "old records of calls could not be let go of"),
        }
    }
}

fn before(now: Timestamp, keep_days: u32) -> Timestamp {
    now.saturating_sub(SignedDuration::from_hours(i64::from(keep_days) * 24)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Step by step, until there are none left. Says how many it were.
async fn forget(
    ledger: &dyn LedgerStore,
    before: Timestamp,
    stop: &CancellationToken,
) -> Result<u64, StoreError> {
    let mut gone = 0;
    loop {
        let step = ledger.forget_records(before, STEP).await?;
        gone += step;
        if step < u64::from(STEP) {
            return Ok(gone);
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(gone),
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
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
