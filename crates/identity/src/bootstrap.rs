//! The one-time token that a fresh installation prints, and that its first administrator is made with.

use std::fmt;

use data_encoding::BASE32_DNSSEC;

use crate::key::{KeyDigest, checksum};

const PREFIX: &str = "stone-bootstrap-";
const CHECKSUM_LENGTH: usize = 7;

/// A bootstrap token in plain text. Printed once; only its digest is stored.
#[derive(Clone)]
pub struct BootstrapToken(String);

/// A text that is no bootstrap token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a bootstrap token: it starts with `stone-bootstrap-` and is printed when the server first starts"
)]
pub struct NotABootstrapToken;

impl BootstrapToken {
    /// Makes the token that these random bytes stand for.
    #[must_use]
    pub fn mint(random: [u8; 24]) -> Self {
        let mut text = format!("{PREFIX}{}", BASE32_DNSSEC.encode(&random));
        let checksum = checksum::<CHECKSUM_LENGTH>(text.as_bytes());
        text.extend(checksum.map(char::from));
        Self(text)
    }

    /// Takes a token that a person pasted.
    ///
    /// # Errors
    /// When it is not one, or was cut or mistyped.
    pub fn parse(text: &str) -> Result<Self, NotABootstrapToken> {
        let (body, given) = text
            .split_at_checked(text.len().saturating_sub(CHECKSUM_LENGTH))
            .filter(|(body, _)| body.starts_with(PREFIX))
            .ok_or(NotABootstrapToken)?;
        if checksum::<CHECKSUM_LENGTH>(body.as_bytes()) == *given.as_bytes() {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotABootstrapToken)
        }
    }

    /// What is stored of it.
    #[must_use]
    pub fn digest(&self) -> KeyDigest {
        KeyDigest::of(self.0.as_bytes())
    }

    /// The token itself. Only for printing it once.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BootstrapToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("stone-bootstrap-[hidden]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_parses_whole_and_not_otherwise() {
        let token = BootstrapToken::mint([3; 24]);
        assert_eq!(BootstrapToken::parse(token.as_str()).unwrap().digest(), token.digest());
        let text = token.as_str();
        for bad in ["", "ä", "stone-bootstrap-", &text[..text.len() - 1], &text[1..], &format!("{text}0")] {
            assert_eq!(BootstrapToken::parse(bad).err(), Some(NotABootstrapToken), "{bad:?}");
        }
        assert!(!format!("{token:?}").contains(&text[16..]));
    }
}
