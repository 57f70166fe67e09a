//! What a key may be used for, whatever its owner may do.

use std::{fmt, str::FromStr};

/// One permission of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Call models by Anthropic's Messages API.
    MessagesSend,
    /// Call models by OpenAI's Chat Completions API.
    ChatSend,
    /// Call models by OpenAI's Responses API.
    ResponsesSend,
    /// Make embeddings.
    EmbeddingsSend,
    /// Call models by Bedrock's own API.
    BedrockInvoke,
    /// Hold and take credit of one's own budgets for what is bought elsewhere.
    ChargesMake,
    /// See one's own usage and budgets.
    UsageRead,
    /// See, make and revoke one's own keys.
    KeysManage,
    /// See what belongs to others, as far as the role goes.
    AdminRead,
    /// Change what belongs to others, as far as the role goes.
    AdminWrite,
    /// Provision the users and groups of one's tenant by SCIM.
    ScimWrite,
}

/// A word that is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown scope `{word}`: scopes are {}", Scopes::all())]
pub struct UnknownScope {
    /// What was written.
    pub word: String,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 11] = [
        Self::MessagesSend,
        Self::ChatSend,
        Self::ResponsesSend,
        Self::EmbeddingsSend,
        Self::BedrockInvoke,
        Self::ChargesMake,
        Self::UsageRead,
        Self::KeysManage,
        Self::AdminRead,
        Self::AdminWrite,
        Self::ScimWrite,
    ];

    /// The scope's name in every interface.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MessagesSend => "messages:send",
            Self::ChatSend => "chat:send",
            Self::ResponsesSend => "responses:send",
            Self::EmbeddingsSend => "embeddings:send",
            Self::BedrockInvoke => "bedrock:invoke",
            Self::ChargesMake => "charges:make",
            Self::UsageRead => "usage:read",
            Self::KeysManage => "keys:manage",
            Self::AdminRead => "admin:read",
            Self::AdminWrite => "admin:write",
            Self::ScimWrite => "scim:write",
        }
    }

    fn bit(self) -> u16 {
        1 << (self as u16)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| UnknownScope { word: text.to_owned() })
    }
}

/// A set of scopes. As text: names with spaces between, as OAuth writes them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scopes(u16);

impl Scopes {
    /// No scope.
    #[must_use]
    pub fn none() -> Self {
        Self(0)
    }

    /// Every scope.
    #[must_use]
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    /// What a key gets when its maker names no scopes: calling models, and seeing what that costs.
    #[must_use]
    pub fn for_calls() -> Self {
        Self::all()
            .without(Scope::ChargesMake)
            .without(Scope::KeysManage)
            .without(Scope::AdminRead)
            .without(Scope::AdminWrite)
            .without(Scope::ScimWrite)
    }

    /// Whether the set has this scope.
    #[must_use]
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Whether all of these are in `other`, too.
    #[must_use]
    pub fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Those that are in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The same set without one.
    #[must_use]
    pub fn without(self, scope: Scope) -> Self {
        Self(self.0 & !scope.bit())
    }

    /// The scopes in the set, in the order of [`Scope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

impl FromStr for Scopes {
    type Err = UnknownScope;

    /// Names with spaces or commas between; `all` for every scope.
    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        if text.trim() == "all" {
            return Ok(Self::all());
        }
        text.split([' ', ',']).filter(|word| !word.is_empty()).map(str::parse).collect()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, scope) in self.iter().enumerate() {
            if position > 0 {
                out.write_str(" ")?;
            }
            out.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Scopes({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_read_back_what_they_write() {
        for scopes in [Scopes::none(), Scopes::for_calls(), Scopes::all()] {
            assert_eq!(scopes.to_string().parse(), Ok(scopes));
        }
        assert_eq!(
            "messages:send,usage:read".parse::<Scopes>().unwrap().to_string(),
            "messages:send usage:read"
        );
        assert_eq!("all".parse(), Ok(Scopes::all()));
        let error = "messages:send everything".parse::<Scopes>().unwrap_err();
        assert!(
            error.to_string().starts_with("unknown scope `everything`: scopes are messages:send chat:send")
        );
    }

    #[test]
    fn a_key_for_calls_cannot_administer() {
        let scopes = Scopes::for_calls();
        assert!(scopes.contains(Scope::MessagesSend) && scopes.contains(Scope::UsageRead));
        assert!(!scopes.contains(Scope::KeysManage) && !scopes.contains(Scope::AdminWrite));
        assert!(scopes.is_within(Scopes::all()) && !Scopes::all().is_within(scopes));
    }
}
