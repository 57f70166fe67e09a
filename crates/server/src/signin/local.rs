//! People who have no identity provider: a login, which is an address, and a password.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use stonegate_identity::directory::{Act, Actor, Filter, NewPassword, PageRequest, User};
use stonegate_identity::{DirectoryError, Reach, UserId};

use super::SignIn;
use super::failures::{self, Try};
use super::passwords::NotHashed;
use super::session::is_in_good_standing;

/// Why nobody was signed in.
#[derive(Debug)]
pub(super) enum Refused {
    /// Login or password is wrong, or the person may not sign in: which of them is nobody's business.
    Wrong,
    /// It was wrong too often; again at this time.
    Locked(Timestamp),
    /// Others came first.
    Crowded,
    /// The directory does not answer.
    Away(DirectoryError),
}

impl From<DirectoryError> for Refused {
    fn from(error: DirectoryError) -> Self {
        Self::Away(error)
    }
}

/// An address as it is compared: people write the same one in many ways.
pub(crate) fn login_of(text: &str) -> String {
    text.trim().to_lowercase()
}

/// The person behind login and password.
pub(super) async fn sign_in(
    at: &SignIn,
    login: &str,
    password: &str,
    now: Timestamp,
    request_id: &str,
) -> Result<User, Refused> {
    let login = login_of(login);
    // A stranger's text is neither a name in the store nor a line in the log.
    let who = format!("login:{}", short_digest(&login));
    if let Try::Locked(until) = failures::begin(&*at.tickets, &who, now).await? {
        return Err(Refused::Locked(until));
    }
    let (user, hash) = at.keys.directory().find_password(&login).await?.unzip();
    let is_right = at.passwords.verify(password, hash).await.map_err(|not| match not {
        NotHashed::Crowded | NotHashed::Failed => Refused::Crowded,
        NotHashed::Unfit => Refused::Wrong,
    })?;
    let subject = user.as_ref().map_or_else(|| who.clone(), |user| format!("user:{}", user.id));
    let act = |by| Act { by, at: now, request_id: Some(request_id.to_owned()) };
    if let Some(user) = user
        && is_right
        && is_in_good_standing(at, &user).await?
    {
        failures::forget(&*at.tickets, &who, now).await?;
        at.keys.directory().record("signin.password", subject, &act(Actor::User(user.id.clone()))).await?;
        return Ok(user);
    }
    at.keys.directory().record("signin.refuse", subject, &act(Actor::Server)).await?;
    Err(Refused::Wrong)
}

/// Gives a person a new password, and ends every sign-in of theirs: whoever knew the old one is out.
pub(super) async fn set_password(
    at: &SignIn,
    user: &UserId,
    password: NewPassword,
    act: &Act,
) -> Result<(), DirectoryError> {
    let directory = at.keys.directory();
    let who = format!("login:{}", short_digest(&password.login));
    directory.set_password(user, password, act).await?;
    let sign_ins = Filter {
        user: Some(user.clone()),
        in_force_at: Some(act.at),
        ..Filter::within(Reach::Own(user.clone()))
    };
    for key in directory.list_keys(&sign_ins, &PageRequest::first()).await?.items {
        if key.kind.is_sign_in() {
            directory.revoke_key(&key.id, act).await?;
        }
    }
    failures::forget(&*at.tickets, &who, act.at).await?;
    at.keys.refresh(act.at).await
}

fn short_digest(text: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}
