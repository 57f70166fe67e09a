//! Who is calling, and whether the key that they came with still holds.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    id::{KeyId, TeamId, TenantId, UserId},
    kind::KeyKind,
    policy::ModelPolicy,
    role::Role,
    scope::Scopes,
};

/// Someone who has been authenticated, by whatever way they came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The tenant that the user belongs to.
    pub tenant: TenantId,
    /// The team inside it, where there is one.
    pub team: Option<TeamId>,
    /// The team's name.
    pub team_name: Option<Arc<str>>,
    /// The person.
    pub user: UserId,
    /// The person's name, for lists and logs.
    pub user_name: Arc<str>,
    /// The key; none for whoever came with a token of another issuer.
    pub key: Option<KeyId>,
    /// The key's name.
    pub key_name: Option<Arc<str>>,
    /// What kind of key it is.
    pub key_kind: Option<KeyKind>,
    /// The key that pays.
    pub payer: Option<Payer>,
    /// What the person is.
    pub role: Role,
    /// What the key may be used for: never more than the role may hold.
    pub scopes: Scopes,
    /// What all calls with the key are tagged with, in the form that the ledger keeps.
    pub tags: Option<Arc<str>>,
    /// Which models: the tenant's, the team's, the user's and the key's rules together.
    pub models: ModelPolicy,
}

/// The key whose account a call is charged to: an ephemeral key's parent, so that nobody gets past a key's budget by a child
/// of it; else the key itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payer {
    /// The key.
    pub id: KeyId,
    /// The key's name.
    pub name: Arc<str>,
}

/// What the directory knows of one key text: whose it is, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyGrant {
    /// Who comes with it.
    pub caller: Arc<Caller>,
    /// When the key ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When this text of the key ends: another took its place, or it is an access token.
    pub retires_at: Option<Timestamp>,
    /// Whether key, user and tenant are in good standing.
    pub standing: Standing,
}

/// Whether a key, its user and its tenant may be used at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// All three may.
    Good,
    /// The key was revoked.
    Revoked,
    /// The user was disabled.
    UserDisabled,
    /// The tenant was disabled.
    TenantDisabled,
}

/// Why a known key is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// It was revoked.
    #[error("this key was revoked")]
    Revoked,
    /// Its time is over.
    #[error("this key expired at {0}")]
    Expired(Timestamp),
    /// It was rotated, and the overlap is over.
    #[error("this key was replaced by a new one, and stopped working at {0}")]
    Retired(Timestamp),
    /// It is an access token, and its time is over.
    #[error("this access token expired at {0}: refresh it, or sign in again")]
    TokenExpired(Timestamp),
    /// It is a browser's cookie, shown as a key.
    #[error("this is the cookie of a browser, which is not taken as a key")]
    CookieOnly,
    /// It is a key, shown as a browser's cookie.
    #[error("this is not the cookie of a browser")]
    NoCookie,
    /// Its user was disabled.
    #[error("the user of this key is disabled")]
    UserDisabled,
    /// Its tenant was disabled.
    #[error("the tenant of this key is disabled")]
    TenantDisabled,
}

impl KeyGrant {
    /// Lets the caller in who shows the key, if it holds at `now`.
    ///
    /// # Errors
    /// When it does not. A revocation holds whatever `now` is, so that no clock can bring a revoked key back.
    pub fn admit(&self, now: Timestamp) -> Result<&Arc<Caller>, KeyRefusal> {
        match self.caller.key_kind {
            Some(KeyKind::Browser) => Err(KeyRefusal::CookieOnly),
            _ => self.admit_holder(now),
        }
    }

    /// Lets the caller in whose browser sent the key as its cookie.
    ///
    /// # Errors
    /// When it does not hold, or is no cookie: nobody can put a key of their own into another's browser.
    pub fn admit_cookie(&self, now: Timestamp) -> Result<&Arc<Caller>, KeyRefusal> {
        match self.caller.key_kind {
            Some(KeyKind::Browser) => self.admit_holder(now),
            _ => Err(KeyRefusal::NoCookie),
        }
    }

    fn admit_holder(&self, now: Timestamp) -> Result<&Arc<Caller>, KeyRefusal> {
        match self.standing {
            Standing::Good => {}
            Standing::Revoked => return Err(KeyRefusal::Revoked),
            Standing::UserDisabled => return Err(KeyRefusal::UserDisabled),
            Standing::TenantDisabled => return Err(KeyRefusal::TenantDisabled),
        }
        match (self.expires_at, self.retires_at) {
            (Some(expired), _) if expired <= now => Err(KeyRefusal::Expired(expired)),
            (_, Some(retired)) if retired <= now => Err(match self.caller.key_kind {
                Some(KeyKind::Session) => KeyRefusal::TokenExpired(retired),
                _ => KeyRefusal::Retired(retired),
            }),
            _ => Ok(&self.caller),
        }
    }

    /// Whether it lets anyone in at `now`, be it as a key or as a cookie.
    #[must_use]
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.admit_holder(now).is_ok()
    }

    /// When it ends by itself.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        [self.expires_at, self.retires_at].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn ann() -> Caller {
        Caller {
            tenant: TenantId::default_tenant(),
            team: None,
            team_name: None,
            user: UserId::parse("ann").unwrap(),
            user_name: "ann".into(),
            key: None,
            key_name: None,
            key_kind: None,
            payer: None,
            role: Role::User,
            scopes: Scopes::for_calls(),
            tags: None,
            models: ModelPolicy::everything(),
        }
    }

    #[test]
    fn a_key_holds_until_its_first_end() {
        let caller = Arc::new(ann());
        let check =
            |expires: Option<i64>, retires: Option<i64>, standing, expected: Result<(), KeyRefusal>| {
                let grant = KeyGrant {
                    caller: Arc::clone(&caller),
                    expires_at: expires.map(at),
                    retires_at: retires.map(at),
                    standing,
                };
                assert_eq!(grant.admit(at(100)).map(drop), expected, "{grant:?}");
            };
        check(None, None, Standing::Good, Ok(()));
        check(Some(101), Some(101), Standing::Good, Ok(()));
        check(Some(100), None, Standing::Good, Err(KeyRefusal::Expired(at(100))));
        check(Some(200), Some(99), Standing::Good, Err(KeyRefusal::Retired(at(99))));
        check(None, None, Standing::Revoked, Err(KeyRefusal::Revoked));
        check(Some(200), None, Standing::UserDisabled, Err(KeyRefusal::UserDisabled));
        check(None, None, Standing::TenantDisabled, Err(KeyRefusal::TenantDisabled));
    }

    #[test]
    fn a_key_and_a_cookie_are_not_taken_for_each_other() {
        for (kind, as_key, as_cookie) in [
            (KeyKind::LongLived, None, Some(KeyRefusal::NoCookie)),
            (KeyKind::Session, None, Some(KeyRefusal::NoCookie)),
            (KeyKind::Ephemeral, None, Some(KeyRefusal::NoCookie)),
            (KeyKind::Browser, Some(KeyRefusal::CookieOnly), None),
        ] {
            let grant = KeyGrant {
                caller: Arc::new(Caller { key_kind: Some(kind), ..ann() }),
                expires_at: None,
                retires_at: None,
                standing: Standing::Good,
            };
            let found = (grant.admit(at(1)).err(), grant.admit_cookie(at(1)).err());
            assert_eq!(found, (as_key, as_cookie), "{kind}");
        }
    }

    #[test]
    fn an_access_token_says_that_it_can_be_refreshed() {
        let grant = KeyGrant {
            caller: Arc::new(Caller { key_kind: Some(KeyKind::Session), ..ann() }),
            expires_at: Some(at(500)),
            retires_at: Some(at(100)),
            standing: Standing::Good,
        };
        assert_eq!(grant.admit(at(100)).err(), Some(KeyRefusal::TokenExpired(at(100))));
        assert_eq!(grant.ends_at(), Some(at(100)));
    }
}
