//! The real clock and the real source of chance: the one place that reads either.

use jiff::Timestamp;
use stonegate_ledger::CallId;

/// Now, by the machine's clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the edge that reads the clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Bytes that nobody can foretell, for keys, tokens and ids.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the edge that draws chance")]
pub fn random<const N: usize>() -> [u8; N] {
    use rand::RngExt as _;
    let mut bytes = [0; N];
    rand::rng().fill(&mut bytes[..]);
    bytes
}

/// A number in `0.0..1.0`, for jitter.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the edge that draws chance")]
pub fn jitter() -> f64 {
    use rand::RngExt as _;
    rand::rng().random()
}

/// A new call's id; it is also the request id that the client sees.
#[must_use]
pub fn call_id(now: Timestamp) -> CallId {
    CallId::from_parts(now, random())
}
