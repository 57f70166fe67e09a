//! Sign-ins that last: a session is one key over all its access tokens; each refresh gives it a new text and a new refresh
//! token.
//!
//! A refresh token is used once. The one before is taken again for a minute, since an answer can be lost and two processes
//! can share one session; after that, somebody uses a copy, and the session ends for both.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use stonegate_identity::directory::{Act, Actor, Key, NewKey, Rotation, User};
use stonegate_identity::ticket::{Ticket, TicketKind, Version};
use stonegate_identity::{DirectoryError, KeyId, KeyKind, KeyText, ModelRule, RefreshToken, Scopes};

use super::SignIn;
use crate::clock;

/// How long the token before goes on working, and may be refreshed once more.
const GRACE: SignedDuration = SignedDuration::from_secs(60);
/// How many sign-ins of programs a user may have in force.
const SESSIONS_MOST: u32 = 100;
/// And of machines, each of which signs in anew every time.
const MACHINE_SESSIONS_MOST: u32 = 1_000;

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
    /// When it was used, in microseconds since 1970.
    used_at: Option<i64>,
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
        Lasting::Refreshed | Lasting::Within(_) => Some(keep_refresh(at, &key.id, ends_at, act.at).await?),
        Lasting::Until(_) => None,
    };
    Ok(tokens(at, access, refresh, &key, user, act.at))
}

/// The next tokens of the session behind a refresh token; `None` when the person has to sign in again.
pub(super) async fn refresh(
    at: &SignIn,
    text: &RefreshToken,
    now: Timestamp,
    request_id: &str,
) -> Result<Option<Tokens>, DirectoryError> {
    let Some(found) = find(at, text, now).await? else { return Ok(None) };
    let Some((key, user)) = session(at, &found.kept).await? else { return Ok(None) };
    let act = Act { by: Actor::User(user.id.clone()), at: now, request_id: Some(request_id.to_owned()) };
    let directory = at.keys.directory();
    if found.is_over(now) {
        directory.revoke_key(&key.id, &act).await?;
        directory.record("session.reuse", format!("key:{}", key.id), &act).await?;
        at.keys.refresh(now).await?;
        tracing::warn!(session = %key.id, user = %user.id, "a refresh token was used twice: its session has ended");
        return Ok(None);
    }
    let ends_at = key.expires_at.unwrap_or(now);
    let is_over = key.revoked_at.is_some() || ends_at <= now;
    if is_over || key.kind != KeyKind::Session || !is_in_good_standing(at, &user).await? {
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
    let key = directory.refresh_session(&key.id, rotation, &act).await?;
    let next = keep_refresh(at, &key.id, ends_at, now).await?;
    found.mark_used(at, now).await?;
    at.keys.refresh(now).await?;
    Ok(Some(tokens(at, access, Some(next), &key, &user, now)))
}

/// The session that a refresh token belongs to, used or not.
pub(super) async fn of_refresh(
    at: &SignIn,
    text: &RefreshToken,
    now: Timestamp,
) -> Result<Option<Key>, DirectoryError> {
    let Some(found) = find(at, text, now).await? else { return Ok(None) };
    Ok(session(at, &found.kept).await?.map(|(key, _)| key))
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
    session: &KeyId,
    ends_at: Timestamp,
    now: Timestamp,
) -> Result<RefreshToken, DirectoryError> {
    let text = RefreshToken::mint(clock::random());
    let kept = Kept { session: session.to_string(), used_at: None };
    let ticket = Ticket {
        kind: TicketKind::Refresh,
        name: text.digest().to_hex(),
        body: serde_json::json!(kept).to_string(),
        expires_at: ends_at,
    };
    at.tickets.put(ticket, now).await?;
    Ok(text)
}

struct Found {
    ticket: Ticket,
    version: Version,
    kept: Kept,
}

async fn find(at: &SignIn, text: &RefreshToken, now: Timestamp) -> Result<Option<Found>, DirectoryError> {
    let name = text.digest().to_hex();
    let Some((ticket, version)) = at.tickets.find(TicketKind::Refresh, &name, now).await? else {
        return Ok(None);
    };
    let kept =
        serde_json::from_str(&ticket.body).map_err(|bad| DirectoryError::Unavailable(Box::new(bad)))?;
    Ok(Some(Found { ticket, version, kept }))
}

impl Found {
    /// Whether it was used longer ago than two processes of one person are apart.
    fn is_over(&self, now: Timestamp) -> bool {
        let used = self.kept.used_at.and_then(|used| Timestamp::from_microsecond(used).ok());
        used.is_some_and(|used| now.duration_since(used) > GRACE)
    }

    async fn mark_used(mut self, at: &SignIn, now: Timestamp) -> Result<(), DirectoryError> {
        if self.kept.used_at.is_none() {
            self.kept.used_at = Some(now.as_microsecond());
            self.ticket.body = serde_json::json!(self.kept).to_string();
            // Where another process was faster, it has marked it.
            at.tickets.replace(self.version, self.ticket).await?;
        }
        Ok(())
    }
}

async fn session(at: &SignIn, kept: &Kept) -> Result<Option<(Key, User)>, DirectoryError> {
    let Ok(id) = KeyId::parse(&kept.session) else { return Ok(None) };
    let directory = at.keys.directory();
    let Some(key) = directory.find_key(&id).await? else { return Ok(None) };
    let user = directory.find_user(&key.user).await?;
    Ok(user.map(|user| (key, user)))
}
