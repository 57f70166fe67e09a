//! The three roles.

use std::{fmt, str::FromStr};

use crate::scope::{Scope, Scopes};

/// What a person is in the installation. Ordered: a later one may do all that an earlier one may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Uses models; sees and manages what is their own.
    User,
    /// Also looks after the users of their team, or of their tenant when they belong to no team.
    TeamLead,
    /// Looks after the whole installation.
    Admin,
}

/// A word that is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown role `{0}`: it is `user`, `team_lead` or `admin`")]
pub struct UnknownRole(pub String);

impl Role {
    /// Every role, lowest first.
    pub const ALL: [Self; 3] = [Self::User, Self::TeamLead, Self::Admin];

    /// The role's name in every interface.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::TeamLead => "team_lead",
            Self::Admin => "admin",
        }
    }

    /// The scopes that a key of a person with this role can have at most.
    #[must_use]
    pub fn may_hold(self) -> Scopes {
        match self {
            Self::User => Self::TeamLead.may_hold().without(Scope::AdminRead).without(Scope::AdminWrite),
            Self::TeamLead => Scopes::all().without(Scope::ScimWrite),
            Self::Admin => Scopes::all(),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| UnknownRole(text.to_owned()))
    }
}
