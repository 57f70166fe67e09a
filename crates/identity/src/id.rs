//! Ids of tenants, teams, users and keys: cheap to clone, safe to print, to put in a URL and to sort.

use std::{fmt, sync::Arc};

use data_encoding::BASE32_DNSSEC;
use jiff::Timestamp;

/// The longest id.
const LONGEST: usize = 64;

/// A text that cannot be an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id has 1 to 64 letters, digits, `-`, `_`, `.` or `@`, and starts with a letter or digit")]
pub struct BadId;

fn check(text: &str) -> Result<(), BadId> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
    let starts_well = text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
    if starts_well && text.len() <= LONGEST && text.bytes().all(is_plain) { Ok(()) } else { Err(BadId) }
}

/// Twenty characters that sort by time: 48 bits of milliseconds, 48 bits of chance, in an alphabet that keeps the order.
fn minted(prefix: &str, now: Timestamp, random: [u8; 6]) -> Arc<str> {
    let milliseconds = now.as_millisecond().max(0).to_be_bytes();
    let mut bytes = [0; 12];
    bytes[..6].copy_from_slice(&milliseconds[2..]);
    bytes[6..].copy_from_slice(&random);
    format!("{prefix}{}", BASE32_DNSSEC.encode(&bytes)).into()
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes an id that came from outside.
            ///
            /// # Errors
            /// When the text has other characters than ids have, is empty or too long.
            pub fn parse(text: &str) -> Result<Self, BadId> {
                check(text)?;
                Ok(Self(text.into()))
            }

            /// Makes a new id; later ones sort after earlier ones.
            #[must_use]
            pub fn mint(now: Timestamp, random: [u8; 6]) -> Self {
                Self(minted($prefix, now, random))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text behind the id, shared.
            #[must_use]
            pub fn to_arc(&self) -> Arc<str> {
                Arc::clone(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, "{}({})", stringify!($name), &self.0)
            }
        }
    };
}

id!(
    /// An organisation unit. Its id is a short name that its maker chose (`default`, `acme`).
    TenantId,
    "tnt_"
);
id!(
    /// A group inside a tenant.
    TeamId,
    "team_"
);
id!(
    /// A person.
    UserId,
    "usr_"
);
id!(
    /// A key, over all its rotations.
    KeyId,
    "key_"
);

impl TenantId {
    /// The tenant that every store has from the start.
    #[must_use]
    pub fn default_tenant() -> Self {
        Self("default".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_from_outside_are_checked() {
        for good in ["default", "a", "9-b_c.d", "ann@example.org", &"x".repeat(64)] {
            assert_eq!(TenantId::parse(good).map(|id| id.as_str().to_owned()), Ok(good.to_owned()));
        }
        for bad in ["", "-a", "a b", "a:b", "a/b", "ä", "a\n", "../x", &"x".repeat(65)] {
            assert_eq!(TenantId::parse(bad), Err(BadId), "{bad:?}");
        }
    }

    #[test]
    fn minted_ids_sort_by_time_and_parse() {
        let at = |ms| Timestamp::from_millisecond(ms).unwrap();
        let ids: Vec<KeyId> =
            (0..2_000).map(|step| KeyId::mint(at(1_790_000_000_000 + step * 977), [0xff; 6])).collect();
        assert!(ids.is_sorted());
        assert!(ids.iter().all(|id| KeyId::parse(id.as_str()).as_ref() == Ok(id)));
        assert_eq!(ids[0].as_str().len(), "key_".len() + 20);
    }
}
