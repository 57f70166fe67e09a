//! Who is calling, and whether the key that they came with still holds.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    id::{KeyId, TeamId, TenantId, UserId},
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
    /// The person.
    pub user: UserId,
    /// The person's name, for lists and logs.
    pub user_name: Arc<str>,
    /// The key; none for a session.
    pub key: Option<KeyId>,
    /// The key's name.
    pub key_name: Option<Arc<str>>,
    /// What the person is.
    pub role: Role,
    /// What the key may be used for: never more than the role may hold.
    pub scopes: Scopes,
    /// Which models: the tenant's, the user's and the key's rules together.
    pub models: ModelPolicy,
}

/// What the directory knows of one key text: whose it is, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyGrant {
    /// Who comes with it.
    pub caller: Arc<Caller>,
    /// When the key ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When this text of the key ends because another took its place.
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
    /// Its user was disabled.
    #[error("the user of this key is disabled")]
    UserDisabled,
    /// Its tenant was disabled.
    #[error("the tenant of this key is disabled")]
    TenantDisabled,
}

impl KeyGrant {
    /// Lets the caller in, if the key holds at `now`.
    ///
    /// # Errors
    /// When it does not. A revocation holds whatever `now` is, so that no clock can bring a revoked key back.
    pub fn admit(&self, now: Timestamp) -> Result<&Arc<Caller>, KeyRefusal> {
        match self.standing {
            Standing::Good => {}
            Standing::Revoked => return Err(KeyRefusal::Revoked),
            Standing::UserDisabled => return Err(KeyRefusal::UserDisabled),
            Standing::TenantDisabled => return Err(KeyRefusal::TenantDisabled),
        }
        match (self.expires_at, self.retires_at) {
            (Some(expired), _) if expired <= now => Err(KeyRefusal::Expired(expired)),
            (_, Some(retired)) if retired <= now => Err(KeyRefusal::Retired(retired)),
            _ => Ok(&self.caller),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_key_holds_until_its_first_end() {
        let caller = Arc::new(Caller {
            tenant: TenantId::default_tenant(),
            team: None,
            user: UserId::parse("ann").unwrap(),
            user_name: "ann".into(),
            key: None,
            key_name: None,
            role: Role::User,
            scopes: Scopes::for_calls(),
            models: ModelPolicy::everything(),
        });
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
}
