//! Sign-ins that last: a session is one key over all its access tokens; each refresh gives it a new text and a new refresh
//! token.
//!
//! A refresh token is used once. The one before is taken again for a minute, since an answer can be lost and processes can
//! share one session; after that, somebody uses a copy, and the session ends for all. What several such uses give are tokens
//! of one generation, which counts as used as soon as one of them is: two that go on side by side are found out at their next
//! step.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use stonegate_identity::directory::{Act, Actor, Key, NewKey, Rotation, User};
use stonegate_identity::ticket::{Ticket, TicketKind};
use stonegate_identity::{DirectoryError, KeyId, KeyKind, KeyText, ModelRule, RefreshToken, Scopes};

use super::SignIn;
use super::newest::Place;
use crate::clock;

/// How long the token before goes on working, and may be refreshed once more.
const GRACE: SignedDuration = SignedDuration::from_secs(60);
/// How many sign-ins of programs a user may have in force.
const SESSIONS_MOST: u32 = 100;
/// And of machines, each of which signs in anew every time.
pub(super) const MACHINE_SESSIONS_MOST: u32 = 1_000;

/// What a program gets when its person has signed in.
pub(super) struct Tokens {
    pub(super) access: KeyText,
    /// None for whoever can prove at any time who they are.
    pub(super) refresh: Option<RefreshToken>,
    pub(super) expires_in_seconds: i64,
    pub(super) scopes: Scopes,
    pub(super) email: Option<String>,
}

/// What is kept of a refresh token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    /// The session's key.
    session: String,
    /// How many refreshes came before it.
    generation: u64,
}

/// Which generations of a session's refresh tokens were used: all below the oldest here, and these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Used {
    /// Generations with the time of their first use, in microseconds since 1970; the newest last.
    newest: Vec<(u64, i64)>,
}

/// Generations that are remembered with their time: a minute's worth of hasty refreshes.
const GENERATIONS_MOST: usize = 8;

impl Used {
    /// A token of that generation is used: whether it may be.
    fn admit(&mut self, generation: u64, now: Timestamp) -> bool {
        if let Some((_, at)) = self.newest.iter().find(|(known, _)| *known == generation) {
            let first = Timestamp::from_microsecond(*at).unwrap_or(Timestamp::MIN);
            return now.duration_since(first) <= GRACE;
        }
        if self.newest.last().is_some_and(|(newest, _)| *newest > generation) {
            return false;
        }
        self.newest.push((generation, now.as_microsecond()));
        if self.newest.len() > GENERATIONS_MOST {
            self.newest.remove(0);
        }
        true
    }
}

/// Whether a person may sign in at all.
pub(super) async fn is_in_good_standing(at: &SignIn, user: &User) -> Result<bool, DirectoryError> {
    if user.disabled_at.is_some() {
        return Ok(false);
    }
    let tenant = at.keys.directory().find_tenant(&user.tenant).await?;
    Ok(tenant.is_some_and(|tenant| tenant.disabled_at.is_none()))
}

/// How long a session goes on.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lasting {
    /// As long as it is refreshed, up to the bound of the settings.
    Refreshed,
    /// The same, but no longer than this.
    Within(SignedDuration),
    /// Until this time, or an access token's, whichever comes first.
    Until(Timestamp),
}

/// Opens a session for a person who has signed in. It gets what was asked for as far as the role may hold it.
///
/// # Errors
/// [`DirectoryError::Conflict`] when the person has too many already.
pub(super) async fn open(
    at: &SignIn,
    user: &User,
    (wanted, name): (Scopes, String),
    lasting: Lasting,
    act: &Act,
) -> Result<Tokens, DirectoryError> {
    let access = KeyText::mint(clock::random());
    let session_end = |lasts| act.at.saturating_add(lasts).unwrap_or(Timestamp::MAX);
    let (ends_at, most) = match lasting {
        Lasting::Refreshed => (session_end(at.settings.session), SESSIONS_MOST),
        Lasting::Within(most) => (session_end(at.settings.session.min(most)), SESSIONS_MOST),
        Lasting::Until(end) => (end.min(token_end(at, act.at)), MACHINE_SESSIONS_MOST),
    };
    let scopes = wanted.and(user.role.may_hold());
    let new = NewKey {
        id: KeyId::mint(act.at, clock::random()),
        user: user.id.clone(),
        name,
        kind: KeyKind::Session,
        parent: None,
        most: Some(most),
        digest: access.digest(),
        public_form: access.public_form(),
        scopes,
        models: ModelRule::default(),
        tags: None,
        expires_at: Some(ends_at),
        text_until: Some(token_end(at, act.at)),
    };
    let key = at.keys.directory().create_key(new, act).await?;
    let refresh = match lasting {
        Lasting::Refreshed | Lasting::Within(_) => Some(keep_refresh(at, &key, 0, act.at).await?),
        Lasting::Until(_) => None,
    };
    Ok(tokens(at, access, refresh, &key, user, act.at))
}

/// The next tokens of the session behind a refresh token; `None` when the person has to sign in again.
pub(super) async fn refresh(
    at: &SignIn,
    text: &RefreshToken,
    by_server: &Act,
) -> Result<Option<Tokens>, DirectoryError> {
    let now = by_server.at;
    let Some(kept) = find(at, text, now).await? else { return Ok(None) };
    let Some((key, user)) = session(at, &kept).await? else { return Ok(None) };
    let is_over = key.revoked_at.is_some() || key.expires_at.is_none_or(|end| end <= now);
    if is_over || key.kind != KeyKind::Session {
        return Ok(None);
    }
    let act = Act { by: Actor::User(user.id.clone()), ..by_server.clone() };
    let directory = at.keys.directory();
    let uses = Place { tickets: &*at.tickets, kind: TicketKind::Session, name: key.id.as_str() };
    if !uses.read::<Used>(now).await?.admit(kept.generation, now) {
        directory.revoke_key(&key.id, &act).await?;
        directory.record("session.reuse", format!("key:{}", key.id), &act).await?;
        at.keys.refresh(now).await?;
        tracing::warn!(session = %key.id, user = %user.id, "a refresh token was used twice: its session has ended");
        return Ok(None);
    }
    if !is_in_good_standing(at, &user).await? {
        return Ok(None);
    }
    let access = KeyText::mint(clock::random());
    let rotation = Rotation {
        digest: access.digest(),
        public_form: access.public_form(),
        old_until: now.saturating_add(GRACE).unwrap_or(now),
        new_until: Some(token_end(at, now)),
    };
    // In this order a crash at any point leaves the old token good, and harms nobody otherwise.
    directory.refresh_session(&key.id, rotation, &act).await?;
    let next = keep_refresh(at, &key, kept.generation.saturating_add(1), now).await?;
    let ends_at = key.expires_at.unwrap_or(now);
    uses.change(now, |used: &mut Used| (used.admit(kept.generation, now), ends_at)).await?;
    at.keys.refresh(now).await?;
    Ok(Some(tokens(at, access, Some(next), &key, &user, now)))
}

/// The session that a refresh token belongs to, used or not.
pub(super) async fn of_refresh(
    at: &SignIn,
    text: &RefreshToken,
    now: Timestamp,
) -> Result<Option<Key>, DirectoryError> {
    let Some(kept) = find(at, text, now).await? else { return Ok(None) };
    Ok(session(at, &kept).await?.map(|(key, _)| key))
}

fn token_end(at: &SignIn, now: Timestamp) -> Timestamp {
    now.saturating_add(at.settings.access_token).unwrap_or(Timestamp::MAX)
}

fn tokens(
    at: &SignIn,
    access: KeyText,
    refresh: Option<RefreshToken>,
    key: &Key,
    user: &User,
    now: Timestamp,
) -> Tokens {
    let ends_at = key.expires_at.map_or(token_end(at, now), |end| end.min(token_end(at, now)));
    Tokens {
        access,
        refresh,
        expires_in_seconds: ends_at.duration_since(now).as_secs(),
        scopes: key.scopes.and(user.role.may_hold()),
        email: user.email.clone(),
    }
}

async fn keep_refresh(
    at: &SignIn,
    session: &Key,
    generation: u64,
    now: Timestamp,
) -> Result<RefreshToken, DirectoryError> {
    let text = RefreshToken::mint(clock::random());
    let kept = Kept { session: session.id.to_string(), generation };
    let ticket = Ticket {
        kind: TicketKind::Refresh,
        name: text.digest().to_hex(),
        body: serde_json::json!(kept).to_string(),
        expires_at: session.expires_at.unwrap_or(now),
    };
    at.tickets.put(ticket, now).await?;
    Ok(text)
}

async fn find(at: &SignIn, text: &RefreshToken, now: Timestamp) -> Result<Option<Kept>, DirectoryError> {
    let name = text.digest().to_hex();
    let Some((ticket, _)) = at.tickets.find(TicketKind::Refresh, &name, now).await? else {
        return Ok(None);
    };
    serde_json::from_str(&ticket.body).map(Some).map_err(|bad| DirectoryError::Unavailable(Box::new(bad)))
}

async fn session(at: &SignIn, kept: &Kept) -> Result<Option<(Key, User)>, DirectoryError> {
    let Ok(id) = KeyId::parse(&kept.session) else { return Ok(None) };
    let directory = at.keys.directory();
    let Some(key) = directory.find_key(&id).await? else { return Ok(None) };
    let user = directory.find_user(&key.user).await?;
    Ok(user.map(|user| (key, user)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_is_used_for_a_minute_and_none_before_it() {
        let at = |second: i64| Timestamp::from_second(1_790_000_000 + second).unwrap();
        let mut used = Used::default();
        for (generation, second, expected) in [
            (0, 0, true),
            (0, 60, true), // an answer was lost
            (1, 61, true),
            (0, 62, false), // a minute after its first use
            (1, 121, true),
            (1, 122, false),
            (2, 200, true),
            (3, 201, true),
            (2, 202, true), // two processes that were hasty
        ] {
            assert_eq!(used.admit(generation, at(second)), expected, "{generation} at {second}");
        }
        for generation in 4..30 {
            assert!(used.admit(generation, at(300)));
        }
        assert!(used.newest.len() <= GENERATIONS_MOST);
        assert!(!used.admit(5, at(301)), "forgotten is used");
    }
}
