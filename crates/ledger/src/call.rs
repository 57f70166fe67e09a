//! Names for the two things that must never be mistaken for another: a call, and a replica's life.

use std::{fmt, str::FromStr, sync::Arc};

use jiff::Timestamp;

use crate::text::UnknownText;

/// Crockford's base 32: no letter that reads as another, and text sorts as the number does.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const PREFIX: &str = "req_";
const DIGITS: u32 = 26;

/// One call, written `req_` and 26 base-32 digits. Ids sort by the time at which the call came in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(u128);

impl CallId {
    /// A new id: milliseconds of `now`, then chance.
    pub fn from_parts(now: Timestamp, random: [u8; 10]) -> Self {
        let chance = random.iter().fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte));
        Self(Self::first_at(now).0 | chance)
    }

    /// The lowest id that a call of this millisecond can have: the bound for a question about a span of time.
    pub fn first_at(at: Timestamp) -> Self {
        let milliseconds = u128::try_from(at.as_millisecond()).unwrap_or(0);
        Self((milliseconds & 0xFFFF_FFFF_FFFF) << 80)
    }

    /// The millisecond in which the call came in.
    pub fn time(self) -> Timestamp {
        let milliseconds = i64::try_from(self.0 >> 80).unwrap_or(i64::MAX);
        Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX)
    }

    /// The bare number.
    pub const fn get(self) -> u128 {
        self.0
    }
}

impl From<u128> for CallId {
    fn from(number: u128) -> Self {
        Self(number)
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0_u8; 30];
        let (prefix, digits) = text.split_at_mut(PREFIX.len());
        prefix.copy_from_slice(PREFIX.as_bytes());
        let mut rest = self.0;
        for digit in digits.iter_mut().rev() {
            let index = usize::try_from(rest & 31).unwrap_or(0);
            *digit = ALPHABET.get(index).copied().unwrap_or(b'0');
            rest >>= 5;
        }
        out.pad(str::from_utf8(&text).unwrap_or(PREFIX))
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl FromStr for CallId {
    type Err = UnknownText;

    fn from_str(text: &str) -> Result<Self, UnknownText> {
        let digits = text.strip_prefix(PREFIX).filter(|digits| digits.len() == 26);
        let number = digits.and_then(|digits| {
            digits.bytes().try_fold(0_u128, |sum, byte| {
                let value = ALPHABET.iter().position(|digit| *digit == byte)?;
                // 26 digits hold 130 bits; the first may only use three of its five.
                (sum.leading_zeros() >= 5).then_some(())?;
                Some((sum << 5) | u128::try_from(value).ok()?)
            })
        });
        number
            .map(Self)
            .ok_or_else(|| UnknownText { text: text.to_owned(), known: "req_ and 26 base-32 digits" })
    }
}

const _: () = assert!(DIGITS * 5 >= u128::BITS);

/// One life of one server process. A process that starts anew takes a new id, so that nothing which an earlier life
/// still has on its way can be mistaken for its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaId(Arc<str>);

impl ReplicaId {
    /// An id that no other process has had or will have.
    pub fn new(unique: impl Into<Arc<str>>) -> Self {
        Self(unique.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReplicaId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_as_it_is_written_and_sorts_by_time() {
        let early: Timestamp = "2026-11-21T04:00:00.001Z".parse().unwrap();
        let late: Timestamp = "2026-11-21T04:00:00.002Z".parse().unwrap();
        let first = CallId::from_parts(early, [0xFF; 10]);
        let second = CallId::from_parts(late, [0; 10]);

        assert!(first < second && first.to_string() < second.to_string());
        assert_eq!(first.to_string().parse(), Ok(first));
        assert_eq!((first.time(), second), (early, CallId::first_at(late)));
        assert_eq!(first.to_string().len(), 30);
    }

    #[test]
    fn every_number_has_one_text() {
        for number in [0, 1, 31, 32, u128::MAX] {
            let id = CallId::from(number);
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        for text in [
            "",
            "req_",
            "req_0000000000000000000000000U",
            "0000000000000000000000000000",
            "req_80000000000000000000000000",
        ] {
            assert!(text.parse::<CallId>().is_err(), "{text}");
        }
    }
}
