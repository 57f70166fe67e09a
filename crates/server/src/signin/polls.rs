//! How often devices ask: what is kept of it is in memory, so that asking writes nothing.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// How many seconds a device waits between two questions at first, and how many more each time that it did not.
pub(super) const INTERVAL_SECONDS: i64 = 5;
/// A question may come so much too early: networks are not clocks.
const LENIENCE: SignedDuration = SignedDuration::from_secs(1);
/// Devices that are remembered.
const DEVICES_MOST: usize = 10_000;
/// After that long without a question, a device may be forgotten.
const MEMORY: SignedDuration = SignedDuration::from_mins(2);

/// When each device asked last.
#[derive(Default)]
pub(super) struct Polls(Mutex<HashMap<String, Poll>>);

struct Poll {
    asked_at: Timestamp,
    interval_seconds: i64,
}

impl Polls {
    /// A device asks: whether it does so too soon after the last time, for which it has to wait longer from now on.
    pub(super) fn is_too_soon(&self, device: &str, now: Timestamp) -> bool {
        let mut polls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(poll) = polls.get_mut(device) {
            let least = SignedDuration::from_secs(poll.interval_seconds) - LENIENCE;
            let is_too_soon = now.duration_since(poll.asked_at) < least;
            poll.asked_at = now;
            if is_too_soon {
                poll.interval_seconds = poll.interval_seconds.saturating_add(INTERVAL_SECONDS);
            }
            return is_too_soon;
        }
        if polls.len() >= DEVICES_MOST {
            polls.retain(|_, poll| now.duration_since(poll.asked_at) < MEMORY);
        }
        if polls.len() >= DEVICES_MOST {
            polls.clear();
        }
        polls.insert(device.to_owned(), Poll { asked_at: now, interval_seconds: INTERVAL_SECONDS });
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    #[test]
    fn whoever_asks_too_often_is_slowed_down() {
        let polls = Polls::default();
        for (second, expected) in [(0, false), (4, false), (7, true), (12, true), (22, true), (42, false)] {
            assert_eq!(polls.is_too_soon("a", at(second)), expected, "at {second}");
        }
        assert!(!polls.is_too_soon("b", at(42)), "another one");
    }

    #[test]
    fn ever_new_devices_are_not_remembered_for_ever() {
        let polls = Polls::default();
        for number in 0..25_000 {
            assert!(!polls.is_too_soon(&number.to_string(), at(0)));
        }
        assert!(polls.0.lock().unwrap().len() <= DEVICES_MOST);
    }
}
