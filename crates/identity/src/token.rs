//! Secrets that are not keys: each says by its prefix what it is, carries a checksum so that a cut or mistyped one is
//! refused unasked and a leaked one is recognised, and is stored as a digest only.

use std::fmt;

use data_encoding::BASE32_DNSSEC;

use crate::key::{KeyDigest, checksum};

const CHECKSUM_LENGTH: usize = 7;

fn minted(prefix: &str, random: &[u8]) -> String {
    let mut text = format!("{prefix}{}", BASE32_DNSSEC.encode(random));
    let checksum = checksum::<CHECKSUM_LENGTH>(text.as_bytes());
    text.extend(checksum.map(char::from));
    text
}

/// Whether the text has the prefix and a checksum that fits.
fn is_sound(prefix: &str, text: &str) -> bool {
    text.split_at_checked(text.len().saturating_sub(CHECKSUM_LENGTH))
        .filter(|(body, _)| body.starts_with(prefix))
        .is_some_and(|(body, given)| checksum::<CHECKSUM_LENGTH>(body.as_bytes()) == *given.as_bytes())
}

macro_rules! token {
    ($(#[$doc:meta])* $Name:ident, $prefix:literal, $bytes:literal; $(#[$not_doc:meta])* $Not:ident, $message:literal) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $Name(String);

        $(#[$not_doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
        #[error($message)]
        pub struct $Not;

        impl $Name {
            /// Makes the one that these random bytes stand for.
            #[must_use]
            pub fn mint(random: [u8; $bytes]) -> Self {
                Self(minted($prefix, &random))
            }

            /// Takes one that came from outside.
            ///
            /// # Errors
            /// When it is not one, or was cut or mistyped.
            pub fn parse(text: &str) -> Result<Self, $Not> {
                if is_sound($prefix, text) { Ok(Self(text.to_owned())) } else { Err($Not) }
            }

            /// What is stored of it.
            #[must_use]
            pub fn digest(&self) -> KeyDigest {
                KeyDigest::of(self.0.as_bytes())
            }

            /// The secret itself. Only for handing it over once.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $Name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(concat!($prefix, "[hidden]"))
            }
        }
    };
}

token!(
    /// The one-time token that a fresh installation prints, and that its first administrator is made with.
    BootstrapToken, "stone-bootstrap-", 24;
    /// A text that is no bootstrap token.
    NotABootstrapToken,
    "not a bootstrap token: it starts with `stone-bootstrap-` and is printed when the server first starts"
);
token!(
    /// What a program gets its next access token with.
    RefreshToken, "stone-refresh-", 32;
    /// A text that is no refresh token.
    NotARefreshToken, "not a refresh token: it starts with `stone-refresh-`"
);
token!(
    /// What a device asks with whether it was approved.
    DeviceCode, "stone-device-", 32;
    /// A text that is no device code.
    NotADeviceCode, "not a device code: it starts with `stone-device-`"
);
token!(
    /// What signs a browser in, once.
    LinkToken, "stone-link-", 32;
    /// A text that is no such token.
    NotALinkToken, "not a token to sign a browser in with: it starts with `stone-link-`"
);
token!(
    /// What lets a person set a password, once.
    PasswordToken, "stone-password-", 32;
    /// A text that is no such token.
    NotAPasswordToken, "not a token to set a password with: it starts with `stone-password-`"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_parses_whole_and_not_otherwise() {
        let token = BootstrapToken::mint([3; 24]);
        assert_eq!(BootstrapToken::parse(token.as_str()).unwrap().digest(), token.digest());
        let text = token.as_str();
        let other = RefreshToken::mint([3; 32]);
        for bad in [
            "",
            "ä",
            "stone-bootstrap-",
            &text[..text.len() - 1],
            &text[1..],
            &format!("{text}0"),
            other.as_str(),
        ] {
            assert_eq!(BootstrapToken::parse(bad).err(), Some(NotABootstrapToken), "{bad:?}");
        }
        assert!(!format!("{token:?}").contains(&text[16..]));
    }

    #[test]
    fn the_forms_of_tokens_do_not_change() {
        assert_eq!(
            BootstrapToken::mint([7; 24]).as_str(),
            "stone-bootstrap-0s3ge1o70s3ge1o70s3ge1o70s3ge1o70s3ge1ogc25bq0"
        );
        assert_eq!(RefreshToken::mint([7; 32]).as_str().len(), "stone-refresh-".len() + 52 + 7);
    }
}
