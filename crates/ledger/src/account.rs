//! Who pays: accounts, and the path of accounts that one call is charged to.

use std::{fmt, str::FromStr, sync::Arc};

use crate::text::{UnknownText, spelled};

/// What an account belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccountKind {
    /// An organisation unit; everything belongs to exactly one.
    Tenant,
    /// A group inside a tenant.
    Team,
    /// A person.
    User,
    /// An API key of a user.
    Key,
}

impl AccountKind {
    /// Whether several people spend on such an account, so that how it stands is none's own business.
    pub const fn is_shared(self) -> bool {
        match self {
            Self::Tenant | Self::Team => true,
            Self::User | Self::Key => false,
        }
    }
}

spelled!(AccountKind { Tenant = "tenant", Team = "team", User = "user", Key = "key" });

/// One account, written `tenant:acme`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId {
    /// What the account belongs to.
    pub kind: AccountKind,
    /// Which one of them.
    pub id: Arc<str>,
}

impl AccountId {
    /// The account of that tenant, team, user or key.
    pub fn new(kind: AccountKind, id: impl Into<Arc<str>>) -> Self {
        Self { kind, id: id.into() }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.kind, self.id)
    }
}

impl FromStr for AccountId {
    type Err = UnknownText;

    fn from_str(text: &str) -> Result<Self, UnknownText> {
        let unknown = || UnknownText { text: text.to_owned(), known: "tenant:ID, team:ID, user:ID, key:ID" };
        let (kind, id) = text.split_once(':').ok_or_else(unknown)?;
        let kind = kind.parse().map_err(|_kind: UnknownText| unknown())?;
        if id.is_empty() {
            return Err(unknown());
        }
        Ok(Self::new(kind, id))
    }
}

/// The accounts that one call is charged to: key, user, team, tenant. A clone shares what it points to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccountPath(Arc<Accounts>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Accounts {
    tenant: AccountId,
    team: Option<AccountId>,
    user: AccountId,
    key: Option<AccountId>,
}

impl AccountPath {
    /// The path of a caller. A caller who signed in without a key has none; a user need not be in a team.
    pub fn new(
        tenant: impl Into<Arc<str>>,
        team: Option<Arc<str>>,
        user: impl Into<Arc<str>>,
        key: Option<Arc<str>>,
    ) -> Self {
        Self(Arc::new(Accounts {
            tenant: AccountId::new(AccountKind::Tenant, tenant),
            team: team.map(|id| AccountId::new(AccountKind::Team, id)),
            user: AccountId::new(AccountKind::User, user),
            key: key.map(|id| AccountId::new(AccountKind::Key, id)),
        }))
    }

    /// The tenant's id.
    pub fn tenant(&self) -> &Arc<str> {
        &self.0.tenant.id
    }

    /// The team's id, if the user is in one.
    pub fn team(&self) -> Option<&Arc<str>> {
        self.0.team.as_ref().map(|account| &account.id)
    }

    /// The user's id.
    pub fn user(&self) -> &Arc<str> {
        &self.0.user.id
    }

    /// The key's id, if a key was used.
    pub fn key(&self) -> Option<&Arc<str>> {
        self.0.key.as_ref().map(|account| &account.id)
    }

    /// The accounts, from the smallest circle to the widest.
    pub fn accounts(&self) -> impl Iterator<Item = &AccountId> {
        let Accounts { tenant, team, user, key } = &*self.0;
        key.iter().chain([user]).chain(team).chain([tenant])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_reads_as_it_is_written() {
        let account: AccountId = "user:ada:lovelace".parse().unwrap();
        assert_eq!(account, AccountId::new(AccountKind::User, "ada:lovelace"));
        assert_eq!(account.to_string(), "user:ada:lovelace");
        for text in ["", "user", "user:", "robot:7", ":x"] {
            assert!(text.parse::<AccountId>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_path_goes_from_the_key_to_the_tenant() {
        let path = AccountPath::new("acme", Some("core".into()), "ada", Some("k1".into()));
        let names: Vec<_> = path.accounts().map(ToString::to_string).collect();
        assert_eq!(names, ["key:k1", "user:ada", "team:core", "tenant:acme"]);

        let short = AccountPath::new("acme", None, "ada", None);
        let names: Vec<_> = short.accounts().map(ToString::to_string).collect();
        assert_eq!(names, ["user:ada", "tenant:acme"]);
    }
}
