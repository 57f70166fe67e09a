//! How often somebody may be wrong: a few times, then after pauses that double.
//!
//! A try counts as a failure before it is looked at and is forgotten when it was right, so that many tries at the same
//! moment are no more than so many. Whoever knows another's login can lock it for a while, never for good.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use stonegate_identity::DirectoryError;
use stonegate_identity::ticket::{Ticket, TicketKind, Tickets};

/// Failures that cost nothing.
const FREE: u32 = 5;
/// The first pause; each further one is twice as long.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(30);
/// The longest pause.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(15);
/// After that long without a try, failures are forgotten.
const MEMORY: SignedDuration = SignedDuration::from_hours(12);
/// How often a count is tried that others change at the same time.
const ATTEMPTS: usize = 8;

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Count {
    failures: u32,
    /// Microseconds since 1970.
    locked_until: i64,
}

/// What comes of wanting to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Try {
    /// It may be tried.
    Open,
    /// It may be tried again at this time.
    Locked(Timestamp),
}

/// Counts a try of `who`, unless there is a pause.
pub(super) async fn begin(tickets: &dyn Tickets, who: &str, now: Timestamp) -> Result<Try, DirectoryError> {
    for _ in 0..ATTEMPTS {
        let found = tickets.find(TicketKind::Failures, who, now).await?;
        // What cannot be read was not ours; it counts from the start.
        let count: Count = found
            .as_ref()
            .and_then(|(ticket, _)| serde_json::from_str(&ticket.body).ok())
            .unwrap_or_default();
        if let Ok(until) = Timestamp::from_microsecond(count.locked_until)
            && until > now
        {
            return Ok(Try::Locked(until));
        }
        let next = after(count, now);
        let ticket = Ticket {
            kind: TicketKind::Failures,
            name: who.to_owned(),
            body: serde_json::json!(next).to_string(),
            expires_at: now.saturating_add(MEMORY).unwrap_or(Timestamp::MAX),
        };
        let is_kept = match found {
            Some((_, version)) => tickets.replace(version, ticket).await?,
            None => tickets.put(ticket, now).await?,
        };
        if is_kept {
            return Ok(Try::Open);
        }
    }
    // Many at once: whoever cannot be counted does not get a try.
    Ok(Try::Locked(now.saturating_add(SignedDuration::from_secs(1)).unwrap_or(now)))
}

/// Forgets the failures of `who`: the last try was right.
pub(super) async fn forget(tickets: &dyn Tickets, who: &str, now: Timestamp) -> Result<(), DirectoryError> {
    tickets.take(TicketKind::Failures, who, now).await.map(drop)
}

/// The count when this try has failed, too.
fn after(count: Count, now: Timestamp) -> Count {
    let failures = count.failures.saturating_add(1);
    let locked_until = match failures.checked_sub(FREE) {
        None => 0,
        Some(beyond) => {
            let pause =
                FIRST_PAUSE.checked_mul(1 << beyond.min(16)).unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE);
            now.saturating_add(pause).unwrap_or(now).as_microsecond()
        }
    };
    Count { failures, locked_until }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_quarter_of_an_hour() {
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        let mut count = Count::default();
        let pauses: Vec<i64> = (0..13)
            .map(|_| {
                count = after(count, now);
                (count.locked_until - now.as_microsecond()).max(0) / 1_000_000
            })
            .collect();
        assert_eq!(pauses, [0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900, 900]);
    }
}
