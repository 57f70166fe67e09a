//! A sign-in over time: its access token lasts an hour and is renewed before that, by one process at a time.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use stonegate_server::clock;

use super::{Connection, Credential, Profile, Session};
use crate::trouble::Trouble;

/// With less than this left a token is renewed: whoever asks for one may keep it for a few minutes.
const EARLY: SignedDuration = SignedDuration::from_mins(5);

/// What the token endpoint gives.
#[derive(Deserialize)]
pub(crate) struct Tokens {
    access_token: String,
    refresh_token: String,
    expires_in: i64,
}

impl Tokens {
    /// As it is kept; an hour from now is said by the clock of this machine.
    pub(crate) fn into_session(self, now: Timestamp) -> Session {
        let lasts = SignedDuration::from_secs(self.expires_in);
        Session {
            access_token: self.access_token,
            refresh_token: self.refresh_token,
            expires_at: now.saturating_add(lasts).unwrap_or(now),
        }
    }
}

/// The access token, renewed if it is about to end.
pub(super) async fn current(connection: &Connection) -> Result<String, Trouble> {
    // Another process may have renewed it since this one began.
    let (_, session) = load(connection)?;
    if is_fresh(&session) {
        return Ok(session.access_token);
    }
    let profiles = connection.profiles.clone();
    let locked = tokio::task::spawn_blocking(move || profiles.lock()).await;
    let _lock = locked.map_err(|error| Trouble::Wrong(error.to_string()))??;
    let (profile, session) = load(connection)?;
    if is_fresh(&session) {
        return Ok(session.access_token);
    }
    renew(connection, profile, session).await
}

async fn renew(connection: &Connection, profile: Profile, session: Session) -> Result<String, Trouble> {
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", session.refresh_token.as_str()),
        ("client_id", super::CLIENT_ID),
    ];
    let tokens = match connection.stranger()?.post_form::<Tokens>("/oauth/token", &form).await {
        Ok(tokens) => tokens,
        Err(Trouble::SignedOut(_)) => return Err(connection.signed_out("your sign-in has ended at")),
        // The old token may still do.
        Err(Trouble::Unreachable(_) | Trouble::Refused { status: 500.., .. })
            if session.expires_at > clock::now() =>
        {
            return Ok(session.access_token);
        }
        Err(trouble) => return Err(trouble),
    };
    let session = tokens.into_session(clock::now());
    let token = session.access_token.clone();
    // Kept before it is used: the old refresh token is good for a moment only.
    connection.profiles.save(&profile.with(Some(Credential::Session(session))))?;
    Ok(token)
}

/// The session as it is kept now.
fn load(connection: &Connection) -> Result<(Profile, Session), Trouble> {
    let profile = connection.profiles.load()?.filter(|profile| profile.url == connection.url);
    match profile {
        Some(profile) => match profile.credential.clone() {
            Some(Credential::Session(session)) => Ok((profile, session)),
            Some(Credential::Key(_)) | None => Err(connection.signed_out("you have signed out of")),
        },
        None => Err(connection.signed_out("you have signed out of")),
    }
}

fn is_fresh(session: &Session) -> bool {
    session.expires_at.duration_since(clock::now()) > EARLY
}
