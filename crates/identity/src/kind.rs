//! The kinds of key: who holds one, and for how long.

use std::{fmt, str::FromStr};

/// What a key is to its holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// Made by a person or for one, to be kept: in a tool's settings, in a script.
    LongLived,
    /// A sign-in of a program, over all its access tokens.
    Session,
    /// A sign-in of a browser: its cookie. Good for pages only, never as a key.
    Browser,
    /// Made with another key for a program that runs for a while; it ends with its parent.
    Ephemeral,
}

/// A word that is no kind of key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown kind of key `{0}`: it is `long_lived`, `session`, `browser` or `ephemeral`")]
pub struct UnknownKind(pub String);

impl KeyKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::LongLived, Self::Session, Self::Browser, Self::Ephemeral];

    /// The kind's name in every interface.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LongLived => "long_lived",
            Self::Session => "session",
            Self::Browser => "browser",
            Self::Ephemeral => "ephemeral",
        }
    }

    /// Whether it stands for a person who has signed in, and can do so again, rather than for a part of what one may do.
    #[must_use]
    pub fn is_sign_in(self) -> bool {
        match self {
            Self::Session | Self::Browser => true,
            Self::LongLived | Self::Ephemeral => false,
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl FromStr for KeyKind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| UnknownKind(text.to_owned()))
    }
}
