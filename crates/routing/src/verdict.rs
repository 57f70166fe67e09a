//! The rule for trying again, while nothing has gone to the client.

use std::time::Duration;

use stonegate_protocol::{Failure, FailureClass};

/// How patient Stonegate is.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// Attempts in all, the first included.
    pub most_attempts: u32,
    /// No attempt begins later than this after the call came in.
    pub budget: Duration,
}

/// Where a call stands after a failure.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// Attempts made so far, at least one.
    pub made: u32,
    /// Time since the call came in.
    pub elapsed: Duration,
    /// How long the client said that it waits in all, if it did.
    pub patience: Option<Duration>,
    /// A number in `0.0..1.0`.
    pub jitter: f64,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Wait this long and try again.
    After(Duration),
    /// Tell the client.
    GiveUp,
}

/// The first pause; it doubles with each attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// A pause that upstream asks for is honoured up to this; a longer one is the client's to make.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Decides on another attempt.
///
/// Tried again: throttling, overload, unavailability, a connection that could not be made or was closed before it
/// brought anything, as a pooled one is that upstream has just given up. Not tried again: what would fail again
/// (refusals, missing rights, spent daily quotas), and an answer that took too long: the model was at work, and would be
/// again for as long.
///
/// The pause is what upstream asked for, or a doubling one, with up to half of it taken off or put on at random so
/// that calls which failed together do not come back together.
#[must_use]
pub fn verdict(failure: &Failure, attempt: Attempt, policy: RetryPolicy) -> Verdict {
    let worth_it = match failure.class {
        FailureClass::Throttled
        | FailureClass::Overloaded
        | FailureClass::Unavailable
        | FailureClass::Unreachable
        | FailureClass::BrokenOff => true,
        FailureClass::Exhausted
        | FailureClass::Rejected
        | FailureClass::Credentials
        | FailureClass::Denied
        | FailureClass::NotFound
        | FailureClass::TimedOut => false,
    };
    if !worth_it || attempt.made >= policy.most_attempts {
        return Verdict::GiveUp;
    }
    let doubled = FIRST_PAUSE.saturating_mul(1 << attempt.made.saturating_sub(1).min(8));
    let pause = match failure.wait {
        // Never earlier than upstream asked.
        Some(asked) => asked.max(doubled).mul_f64(1.0 + attempt.jitter / 2.0),
        None => doubled.mul_f64(0.5 + attempt.jitter),
    };
    // A client that gives up in the meantime would pay for an answer that it does not see: leave half for the answer.
    let patience = attempt.patience.map_or(policy.budget, |patience| (patience / 2).min(policy.budget));
    if pause > LONGEST_PAUSE || attempt.elapsed + pause > patience {
        return Verdict::GiveUp;
    }
    Verdict::After(pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy { most_attempts: 3, budget: Duration::from_secs(10) };

    fn failure(class: FailureClass, wait: Option<u64>) -> Failure {
        Failure { wait: wait.map(Duration::from_secs), ..Failure::local(class, "Test", "") }
    }

    fn attempt(made: u32, elapsed_ms: u64, patience_s: Option<u64>) -> Attempt {
        let patience = patience_s.map(Duration::from_secs);
        Attempt { made, elapsed: Duration::from_millis(elapsed_ms), patience, jitter: 0.5 }
    }

    #[test]
    fn what_can_pass_is_tried_again_and_what_cannot_is_not() {
        use FailureClass as F;
        for (class, made, elapsed_ms, patience_s, wait_s, expected_ms) in [
            (F::Throttled, 1, 0, None, None, Some(200)),
            (F::Throttled, 2, 300, None, None, Some(400)),
            (F::Throttled, 3, 900, None, None, None),
            (F::Throttled, 1, 0, None, Some(2), Some(2_500)),
            (F::Throttled, 1, 0, None, Some(60), None),
            (F::Throttled, 1, 9_900, None, None, None),
            (F::Throttled, 1, 900, Some(2), None, None),
            (F::Overloaded, 1, 900, Some(60), None, Some(200)),
            (F::Unreachable, 1, 0, None, None, Some(200)),
            (F::Exhausted, 1, 0, None, None, None),
            (F::Rejected, 1, 0, None, None, None),
            (F::Denied, 1, 0, None, None, None),
            (F::TimedOut, 1, 0, None, None, None),
            (F::BrokenOff, 1, 0, None, None, Some(200)),
        ] {
            let verdict = verdict(&failure(class, wait_s), attempt(made, elapsed_ms, patience_s), POLICY);
            let expected =
                expected_ms.map_or(Verdict::GiveUp, |ms| Verdict::After(Duration::from_millis(ms)));
            assert_eq!(verdict, expected, "{class:?} after {made} attempts and {elapsed_ms} ms");
        }
    }

    #[test]
    fn the_pause_is_never_shorter_than_upstream_asked() {
        for jitter in [0.0, 0.3, 0.99] {
            let attempt = Attempt { jitter, ..attempt(1, 0, None) };
            let Verdict::After(pause) = verdict(&failure(FailureClass::Overloaded, Some(1)), attempt, POLICY)
            else {
                panic!("an overloaded model is tried again");
            };
            assert!(pause >= Duration::from_secs(1), "{pause:?}");
        }
    }
}
