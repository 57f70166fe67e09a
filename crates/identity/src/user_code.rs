//! The code that a person compares between two screens, or types from one into the other.
//!
//! Eight letters out of twenty that are no vowels and are not mistaken for one another (RFC 8628, 6.1): 2.56 × 10¹⁰ codes,
//! of which a few live for minutes.

use std::fmt;

const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const LENGTH: usize = 8;

/// A user code, without its dash.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UserCode(String);

/// A text that is no user code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a code has eight letters, such as BCDF-GHJK")]
pub struct NotAUserCode;

impl UserCode {
    /// Makes the code that these random bytes stand for.
    #[must_use]
    pub fn mint(random: [u8; 8]) -> Self {
        let mut rest = u64::from_le_bytes(random);
        let mut code = String::with_capacity(LENGTH);
        for _ in 0..LENGTH {
            let place = usize::try_from(rest % 20).unwrap_or_default();
            code.push(LETTERS.get(place).map_or('B', |letter| char::from(*letter)));
            rest /= 20;
        }
        Self(code)
    }

    /// Takes a code as people type it: in any case, with or without dashes and spaces.
    ///
    /// # Errors
    /// When it has other letters, or not eight.
    pub fn parse(text: &str) -> Result<Self, NotAUserCode> {
        let letters = text.chars().filter(|letter| !matches!(letter, '-' | ' ' | '\u{2013}' | '\u{2011}'));
        let code: String = letters.take(LENGTH + 1).map(|letter| letter.to_ascii_uppercase()).collect();
        let is_sound = code.len() == LENGTH && code.bytes().all(|letter| LETTERS.contains(&letter));
        if is_sound { Ok(Self(code)) } else { Err(NotAUserCode) }
    }

    /// The code without its dash, as it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserCode {
    /// With a dash in the middle.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = self.0.split_at_checked(LENGTH / 2).unwrap_or((&self.0, ""));
        write!(out, "{first}-{second}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_back_however_they_are_typed() {
        let code = UserCode::mint([7; 8]);
        let shown = code.to_string();
        assert_eq!((shown.len(), shown.find('-')), (9, Some(4)));
        for typed in [
            shown.clone(),
            shown.to_lowercase(),
            format!(" {} ", shown.replace('-', " ")),
            shown.replace('-', ""),
        ] {
            assert_eq!(UserCode::parse(&typed), Ok(code.clone()), "{typed:?}");
        }
        for bad in ["", "BCDF", "BCDF-GHJA", "BCDF-GHJ1", "BCDF-GHJKL", "ÄÄÄÄÄÄÄÄ", "BCDFGHJ\0"] {
            assert_eq!(UserCode::parse(bad), Err(NotAUserCode), "{bad:?}");
        }
    }

    #[test]
    fn every_letter_is_used() {
        let made: std::collections::BTreeSet<char> = (0_u64..200)
            .flat_map(|seed| {
                let code = UserCode::mint(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
                code.as_str().chars().collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(made.len(), LETTERS.len());
    }
}
