//! People who have no identity provider: a login, which is an address, and a password.

use jiff::{SignedDuration, Timestamp};
use stonegate_identity::directory::{Act, Actor, NewPassword, User};
use stonegate_identity::ticket::{Ticket, TicketKind};
use stonegate_identity::{DirectoryError, UserId};

use super::factor::{self, Taken};
use super::failures::Try;
use super::pages::password::withdraw;
use super::passwords::NotHashed;
use super::session::is_in_good_standing;
use super::tries::{self, AtLogin};
use super::{SignIn, short_digest};
use crate::asker::{Favour, Network};

/// Why nobody was signed in.
#[derive(Debug)]
pub(super) enum Refused {
    /// Login, password or code is wrong, or the person may not sign in: which of them is nobody's business.
    Wrong,
    /// The password is right, and a code is asked of such people, but nothing is set up that gives one.
    NoFactor,
    /// Something else is in the way of somebody who has shown who they are: in words for them.
    Told(&'static str),
    /// It was wrong too often; again at this time.
    Locked(Timestamp),
    /// Too many passwords came from the same network; again in so many seconds.
    TooOften(u64),
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

/// What somebody shows to be let in.
pub(super) struct Shown<'a> {
    pub(super) login: &'a str,
    pub(super) password: &'a str,
    /// Of an app, or for recovery; empty when there is none.
    pub(super) code: &'a str,
    /// Where they are.
    pub(super) network: Network,
}

/// What somebody shows who they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To be signed in.
    SignIn,
    /// To set up their second factor, or to let go of it.
    SecondFactor,
}

/// Somebody who has shown the right password, and a code where one is asked for.
pub(super) struct Proven {
    pub(super) user: User,
    pub(super) login: String,
    /// Whether a code was asked for, and taken.
    pub(super) has_factor: bool,
    hash: String,
}

/// Whether the password by which a sign-in was begun is still the one. Where it was changed meanwhile, no sign-in of the
/// person stays: the change ended those before it, this ends one that came just after.
pub(super) async fn still_holds(at: &SignIn, proven: &Proven, act: &Act) -> Result<bool, DirectoryError> {
    let directory = at.keys.directory();
    let found = directory.find_password(&proven.login).await?;
    if found.is_some_and(|(user, hash)| user.id == proven.user.id && hash == proven.hash) {
        return Ok(true);
    }
    directory.end_sign_ins(&proven.user.id, act).await?;
    at.keys.refresh(act.at).await?;
    Ok(false)
}

/// The person behind login, password and code, who is let in.
pub(super) async fn sign_in(at: &SignIn, shown: &Shown<'_>, by_server: &Act) -> Result<Proven, Refused> {
    prove(at, shown, Purpose::SignIn, by_server).await
}

/// The person behind login, password and code. A try has its turn before anything is written, and is no failure without.
pub(super) async fn prove(
    at: &SignIn,
    shown: &Shown<'_>,
    purpose: Purpose,
    by_server: &Act,
) -> Result<Proven, Refused> {
    let now = by_server.at;
    at.askers.admit(shown.network, Favour::Prove, now).map_err(Refused::TooOften)?;
    let login = login_of(shown.login);
    let who = format!("login:{}", short_digest(&login));
    let tries = AtLogin::new(&*at.tickets, &who, shown.network);
    if let Try::Locked(until) = tries.look(now).await? {
        return Err(Refused::Locked(until));
    }
    let turn = at.passwords.turn().await.map_err(|_crowded| Refused::Crowded)?;
    if let Try::Locked(until) = tries.begin(now).await? {
        return Err(Refused::Locked(until));
    }
    let (user, hash) = at.keys.directory().find_password(&login).await?.unzip();
    // Looked for at once and for everyone, so that how long it takes tells nothing.
    let whose = user.as_ref().map_or("nobody", |user| user.id.as_str());
    let factor = factor::find(&*at.tickets, whose, now).await?;
    let has_factor = factor.is_some_and(|factor| factor.is_confirmed());
    let is_right = match turn.verify(shown.password, hash.clone()).await {
        Ok(is_right) => is_right,
        Err(NotHashed::Unfit) => false,
        Err(NotHashed::Crowded | NotHashed::Failed) => {
            tries.take_back(now).await?;
            return Err(Refused::Crowded);
        }
    };
    let (Some(user), Some(hash)) = (user, hash) else {
        refuse_unknown(at, by_server).await?;
        return Err(Refused::Wrong);
    };
    let subject = format!("user:{}", user.id);
    let is_right = is_right && is_in_good_standing(at, &user).await?;
    let taken =
        if is_right && has_factor { factor::take(at, &user.id, shown.code, now).await? } else { None };
    let directory = at.keys.directory();
    if !is_right || (has_factor && taken.is_none()) {
        directory.record("signin.refuse", subject, by_server).await?;
        return Err(Refused::Wrong);
    }
    tries.right(now).await?;
    let act = Act { by: Actor::User(user.id.clone()), ..by_server.clone() };
    if taken == Some(Taken::Recovery) {
        directory.record("totp.recover", subject.clone(), &act).await?;
    }
    if purpose == Purpose::SignIn {
        if !has_factor && at.settings.totp_required_of.includes(user.role) {
            return Err(Refused::NoFactor);
        }
        directory.record("signin.password", subject, &act).await?;
    }
    Ok(Proven { user, login, has_factor, hash })
}

/// Writes down that somebody tried a login that nobody has, once a minute at most: the log is for ever, and strangers do not
/// fill it. Each try writes something, as one at a login that there is does, so that it takes as long.
async fn refuse_unknown(at: &SignIn, act: &Act) -> Result<(), DirectoryError> {
    let minute = act.at.as_second().div_euclid(60);
    let mark = Ticket {
        kind: TicketKind::Failures,
        name: format!("unknown:{minute}"),
        body: String::new(),
        expires_at: act.at.saturating_add(SignedDuration::from_mins(2)).unwrap_or(act.at),
    };
    if at.tickets.put(mark, act.at).await? {
        at.keys.directory().record("signin.refuse", "login:unknown".to_owned(), act).await?;
    }
    Ok(())
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
    tries::forget(&*at.tickets, &who, act.at).await?;
    at.keys.refresh(act.at).await
}

/// Takes a person's password away, with the second factor beside it and the link to set another one by, and ends every sign-in
/// of theirs. Keys that were made otherwise stay.
pub(crate) async fn remove_password(
    at: &SignIn,
    user: &UserId,
    reason: &str,
    act: &Act,
) -> Result<(), DirectoryError> {
    withdraw(at, user, act.at).await?;
    at.keys.directory().remove_password(user, act).await?;
    factor::reset(&*at.tickets, &**at.keys.directory(), user, reason, act).await?;
    at.keys.refresh(act.at).await
}
