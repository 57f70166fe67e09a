//! A provider's own token on a call, of a machine that does not exchange it for one of ours first (RFC 6750).
//!
//! At first sight it is held to the rules of the exchange, and makes a session that is found by the token's digest and ends
//! when the token does. From then on it costs what a key costs, and is listed, charged and revoked like one, on every
//! replica. It is good for calls alone: the admin API does not take it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use stonegate_identity::directory::{Act, Actor, Key, NewKey, Rotation, User};
use stonegate_identity::{
    DirectoryError, KeyDigest, KeyGrant, KeyId, KeyKind, KeyRefusal, KeyText, ModelRule, PublicForm, Scopes,
};

use tokio::sync::{Mutex, MutexGuard};

use super::super::SignIn;
use super::super::person::NotAdmitted;
use super::super::session::MACHINE_SESSIONS_MOST;
use super::jwt::{Claims, LONGEST, Unproven};
use super::{Known, ProviderError, claims, issuer_of};
use crate::asker::{Asker, Favour};
use crate::config::Provider;

/// Why a token lets nobody in.
#[derive(Debug)]
pub(crate) enum NotTaken {
    /// It does not hold, or is of nobody who may come: in words for whoever sent it.
    Told(String),
    /// Its session has ended.
    Ended(KeyRefusal),
    /// So many were shown from there that it has to wait for so many seconds.
    TooOften(u64),
    /// Its machine has too many in force: in words for whoever sent it.
    Crowded(String),
    /// It cannot be checked at the moment.
    Away,
}

impl From<DirectoryError> for NotTaken {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::Conflict { message, .. } => Self::Crowded(message),
            DirectoryError::NotFound { .. } | DirectoryError::Unavailable(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a token could not be looked up");
                Self::Away
            }
        }
    }
}

/// What the digests of all tokens begin with: what the settings say of providers. Where that changes, no token is known any
/// more, and each is held to the new rules at its next call.
pub(crate) struct Trust([u8; 32]);

impl Trust {
    pub(crate) fn of(providers: &[Provider]) -> Self {
        let said = format!("{providers:?}");
        Self(Sha256::new().chain_update(b"stonegate bearer\0").chain_update(said).finalize().into())
    }

    /// What a token is found by. All of it counts, the signature too.
    fn digest(&self, token: &str) -> KeyDigest {
        KeyDigest::from_bytes(Sha256::new().chain_update(self.0).chain_update(token).finalize().into())
    }
}

/// Whose turn it is to sign a token in. Others hardly ever wait for it, however many tokens somebody brings.
pub(crate) struct Turns([Mutex<()>; 64]);

/// How long one waits for a turn at most: a store that is away answers nobody.
const TURN_PATIENCE: Duration = Duration::from_secs(10);

impl Turns {
    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }

    /// The turn of a session; none when it does not come in time.
    async fn of(&self, session: &KeyId) -> Option<MutexGuard<'_, ()>> {
        let mut hasher = DefaultHasher::new();
        session.hash(&mut hasher);
        let at = usize::try_from(hasher.finish() % 64).ok()?;
        tokio::time::timeout(TURN_PATIENCE, self.0.get(at)?.lock()).await.ok()
    }
}

/// What is known at first sight of a token that holds.
struct Sight<'a> {
    known: &'a Known,
    /// The session's.
    id: KeyId,
    /// The session, where the token came before in another form, or under other settings.
    before: Option<Key>,
    digest: KeyDigest,
    proven: &'a Claims,
    user: &'a User,
}

impl SignIn {
    /// Whether machines are let in by any provider.
    pub(crate) fn takes_bearers(&self) -> bool {
        self.providers.iter().any(Known::lets_machines_in)
    }

    /// The grant behind a provider's token. It may have ended, and been revoked.
    ///
    /// # Errors
    /// When the token does not hold, or cannot be checked.
    pub(crate) async fn bearer(&self, token: &str, act: &Act) -> Result<KeyGrant, NotTaken> {
        if token.len() > LONGEST {
            return Err(not_held(Unproven::TooLong));
        }
        let digest = self.trust.digest(token);
        match self.keys.known(&digest, act.at) {
            Some(grant) => Ok(grant),
            None => self.at_first_sight(token, digest, act).await,
        }
    }

    async fn at_first_sight(&self, token: &str, digest: KeyDigest, act: &Act) -> Result<KeyGrant, NotTaken> {
        let known = self.of_machines(token).ok_or_else(|| foreign(token))?;
        self.askers.admit(Asker(act.address).network(), Favour::Look, act.at).map_err(NotTaken::TooOften)?;
        let proven = known.verify(token, &known.settings.audiences, None, act.at).await;
        let proven = proven.map_err(|error| match error {
            ProviderError::Unproven(why) => not_held(why),
            other => {
                let provider = &known.settings.id;
                tracing::warn!(provider, error = &other as &dyn std::error::Error, "no keys to check by");
                NotTaken::Away
            }
        })?;
        // A minute for clocks makes no session that is over before it begins.
        if proven.ends_at <= act.at {
            return Err(not_held(Unproven::Expired));
        }
        let id = session_id(token);
        // Many calls may begin with one token: one of them signs it in.
        let _turn = self.first_sights.of(&id).await.ok_or(NotTaken::Away)?;
        // Or another replica: theirs holds.
        if let Some(grant) = self.keys.grant(&digest, act.at).await? {
            return Ok(grant);
        }
        let before = self.keys.directory().find_key(&id).await?;
        if before.as_ref().is_some_and(|session| session.revoked_at.is_some()) {
            return Err(NotTaken::Ended(KeyRefusal::Revoked));
        }
        let user = claims::admit(self, &known.settings, &proven, act).await.map_err(|not| match not {
            NotAdmitted::Told(why) => NotTaken::Told(why.to_owned()),
            NotAdmitted::Away(away) => away.into(),
        })?;
        let sight = Sight { known, id, before, digest, proven: &proven, user: &user };
        self.open(sight, act).await
    }

    async fn open(&self, sight: Sight<'_>, act: &Act) -> Result<KeyGrant, NotTaken> {
        let Sight { known, id, before, digest, proven, user } = sight;
        let wanted = known.settings.machine_scopes.unwrap_or_else(Scopes::for_calls);
        let longest = act.at.saturating_add(self.settings.session).unwrap_or(Timestamp::MAX);
        let (public_form, text_until) = (public_form(&id), Some(proven.ends_at.min(longest)));
        let act = Act { by: Actor::User(user.id.clone()), ..act.clone() };
        let directory = self.keys.directory();
        let made = match before {
            Some(session) if session.user != user.id => {
                let why = "this token is known as another user's: get a new one";
                return Err(NotTaken::Told(why.to_owned()));
            }
            Some(session) if session.scopes != wanted => {
                let why = "what machines may do here has changed since this token first came: get a new one";
                return Err(NotTaken::Told(why.to_owned()));
            }
            Some(_) => {
                let old_until = proven.ends_at;
                let more = Rotation { digest, public_form, old_until, new_until: text_until };
                directory.refresh_session(&id, more, &act).await
            }
            None => {
                let new = NewKey {
                    id,
                    user: user.id.clone(),
                    name: known.settings.id.clone(),
                    kind: KeyKind::Session,
                    parent: None,
                    most: Some(MACHINE_SESSIONS_MOST),
                    digest,
                    public_form,
                    scopes: wanted,
                    models: ModelRule::default(),
                    tags: None,
                    // As long as the token could come again, it is remembered what became of it.
                    expires_at: Some(proven.ends_at),
                    text_until,
                };
                directory.create_key(new, &act).await
            }
        };
        self.keys.refresh(act.at).await?;
        match (self.keys.grant(&digest, act.at).await?, made) {
            // Made now, or by another replica at the same moment.
            (Some(grant), _) => Ok(grant),
            (None, Err(error)) => Err(error.into()),
            (None, Ok(_)) => Err(NotTaken::Away),
        }
    }

    /// Whether somebody ended what this token had opened on calls.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(in super::super) async fn was_ended(&self, token: &str) -> Result<bool, DirectoryError> {
        let session = self.keys.directory().find_key(&session_id(token)).await?;
        Ok(session.is_some_and(|session| session.revoked_at.is_some()))
    }

    /// What a text that somebody shows as a token of ours, or of a provider's machine, is found by.
    pub(in super::super) fn digest_of(&self, text: &str) -> KeyDigest {
        KeyText::parse(text).map_or_else(|_not_ours| self.trust.digest(text), |key| key.digest())
    }

    /// The provider of machines that a token names as its issuer.
    pub(in super::super) fn of_machines(&self, token: &str) -> Option<&Known> {
        let issuer = issuer_of(token)?;
        self.providers
            .iter()
            .filter(|known| known.lets_machines_in())
            .find(|known| known.settings.issuer == issuer)
    }
}

fn foreign(token: &str) -> NotTaken {
    match issuer_of(token) {
        Some(_) => NotTaken::Told("the token is of no provider whose machines are let in here".to_owned()),
        None => not_held(Unproven::Malformed),
    }
}

fn not_held(why: Unproven) -> NotTaken {
    NotTaken::Told(format!("the token does not hold: {why}"))
}

/// The id of the session of what a token says, whoever signed it how often: of one signature by a curve's key anybody makes
/// a second one that holds as well, and what was revoked stays so, whatever the settings say by then.
fn session_id(token: &str) -> KeyId {
    let signed = token.rsplit_once('.').map_or(token, |(signed, _)| signed);
    let digest: [u8; 32] =
        Sha256::new().chain_update(b"stonegate session\0").chain_update(signed).finalize().into();
    let letters: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    KeyId::parse(&format!("key_{letters}")).expect("letters and digits are an id")
}

/// What lists show: of the token itself they show nothing.
fn public_form(id: &KeyId) -> PublicForm {
    PublicForm::from_stored(format!("jwt-{}…", id.as_str().get(4..12).unwrap_or_default()))
}
