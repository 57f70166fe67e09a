//! How often somebody may be wrong: a few times, then after pauses that double.
//!
//! A try counts as a failure before it is looked at and is taken back when it was right, so that many tries at the same
//! moment are no more than so many.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use stonegate_identity::DirectoryError;
use stonegate_identity::ticket::{TicketKind, Tickets};

use super::newest::Place;

/// Failures that cost nothing.
const FREE: u32 = 5;
/// The first pause; each further one is twice as long.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(30);
/// The longest pause.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(15);
/// After that long without a try, failures are forgotten.
pub(super) const MEMORY: SignedDuration = SignedDuration::from_hours(12);

/// Failures, and what comes of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Count {
    failures: u32,
    /// Microseconds since 1970, as is the other time.
    locked_until: i64,
    pub(super) last: i64,
}

/// What comes of wanting to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Try {
    /// It may be tried.
    Open,
    /// It may be tried again at this time.
    Locked(Timestamp),
}

impl Count {
    /// Whether there is no pause.
    pub(super) fn is_open(&self, now: Timestamp) -> Try {
        match Timestamp::from_microsecond(self.locked_until) {
            Ok(until) if until > now => Try::Locked(until),
            Ok(_) | Err(_) => Try::Open,
        }
    }

    /// One more failure, with pauses that double after the first few.
    pub(super) fn add(&mut self, now: Timestamp) {
        self.add_with(now, |failures| {
            let beyond = failures.checked_sub(FREE)?;
            Some(FIRST_PAUSE.checked_mul(1 << beyond.min(16)).unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE))
        });
    }

    /// One more failure, with the pause that `pause` says after so many.
    pub(super) fn add_with(&mut self, now: Timestamp, pause: impl FnOnce(u32) -> Option<SignedDuration>) {
        if !self.is_remembered(now) {
            *self = Self::default();
        }
        self.failures = self.failures.saturating_add(1);
        self.last = now.as_microsecond();
        self.locked_until =
            pause(self.failures).map_or(0, |pause| now.saturating_add(pause).unwrap_or(now).as_microsecond());
    }

    /// The last try was none.
    pub(super) fn take_back(&mut self) {
        self.failures = self.failures.saturating_sub(1);
        self.locked_until = 0;
    }

    /// Whether it is young enough to matter.
    pub(super) fn is_remembered(&self, now: Timestamp) -> bool {
        self.failures > 0
            && Timestamp::from_microsecond(self.last).is_ok_and(|last| now.duration_since(last) < MEMORY)
    }
}

fn place<'a>(tickets: &'a dyn Tickets, who: &'a str) -> Place<'a> {
    Place { tickets, kind: TicketKind::Failures, name: who }
}

fn kept_until(now: Timestamp) -> Timestamp {
    now.saturating_add(MEMORY).unwrap_or(Timestamp::MAX)
}

/// Counts a try of `who`, unless there is a pause.
pub(super) async fn begin(tickets: &dyn Tickets, who: &str, now: Timestamp) -> Result<Try, DirectoryError> {
    let counted = place(tickets, who)
        .change(now, |count: &mut Count| {
            let outcome = count.is_open(now);
            if outcome == Try::Open {
                count.add(now);
            }
            (outcome, kept_until(now))
        })
        .await?;
    Ok(counted.unwrap_or_else(|| in_a_moment(now)))
}

/// Many at once: whoever cannot be counted does not get a try.
pub(super) fn in_a_moment(now: Timestamp) -> Try {
    Try::Locked(now.saturating_add(SignedDuration::from_secs(1)).unwrap_or(now))
}

/// The last try of `who` was right: it was no failure. Those before it were.
pub(super) async fn take_back(
    tickets: &dyn Tickets,
    who: &str,
    now: Timestamp,
) -> Result<(), DirectoryError> {
    let taken = place(tickets, who).change(now, |count: &mut Count| {
        count.take_back();
        ((), kept_until(now))
    });
    taken.await.map(drop)
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
                count.add(now);
                (count.locked_until - now.as_microsecond()).max(0) / 1_000_000
            })
            .collect();
        assert_eq!(pauses, [0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900, 900]);
        count.take_back();
        assert_eq!((count.failures, count.is_open(now)), (12, Try::Open));
        count.add(now.saturating_add(MEMORY).unwrap());
        assert_eq!(count.failures, 1, "half a day later nobody remembers");
    }
}
