//! The second factor of people with passwords: codes of an app (TOTP), and codes for the day on which the app is lost.
//!
//! It is kept as one ticket by the user's id, since what it says is used up: a code's half minute and each recovery code are
//! good once, whichever replica they are shown to. A secret counts once a code has confirmed that an app has it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use stonegate_identity::directory::{Act, Actor};
use stonegate_identity::ticket::{TicketKind, Tickets};
use stonegate_identity::{Change, Directory, DirectoryError, UserId};
use subtle::ConstantTimeEq as _;

use super::SignIn;
use super::local::{self, Purpose, Refused, Shown};
use super::newest::Place;
use super::totp::Secret;
use crate::clock;

/// How long a secret waits for its first code.
const PENDING: SignedDuration = SignedDuration::from_mins(15);
/// How many recovery codes there are.
const RECOVERY_CODES: usize = 10;
/// What apps show beside the login.
const ISSUER: &str = "Stonegate";

/// What is kept of a user's second factor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Factor {
    secret: String,
    is_confirmed: bool,
    /// The newest half minute of which a code was taken.
    last_step: i64,
    /// Digests of the recovery codes that are left.
    recovery: Vec<String>,
}

/// What was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// A code of the app.
    Code,
    /// A recovery code, which is used up.
    Recovery,
}

impl Factor {
    /// Whether it is asked for.
    pub(super) fn is_confirmed(&self) -> bool {
        self.is_confirmed
    }

    /// Takes a code, if it is good, so that it is not once more.
    fn take(&mut self, code: &str, now: Timestamp) -> Option<Taken> {
        // As people type: `123 456`, `abcd-efgh-…`.
        let code: String = code.chars().filter(|letter| !letter.is_whitespace() && *letter != '-').collect();
        let secret = Secret::parse(&self.secret)?;
        if let Some(step) = secret.step_of(&code, self.last_step, now) {
            self.last_step = step;
            return Some(Taken::Code);
        }
        let digest = recovery_digest(&code);
        let is_it = |kept: &String| bool::from(kept.as_bytes().ct_eq(digest.as_bytes()));
        let at = self.recovery.iter().position(is_it)?;
        self.recovery.swap_remove(at);
        Some(Taken::Recovery)
    }
}

fn recovery_digest(code: &str) -> String {
    let code = code.to_ascii_lowercase();
    let digest = Sha256::new().chain_update(b"stonegate recovery\0").chain_update(code).finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Eighty bits of chance, in groups that can be typed.
fn recovery_code() -> String {
    let random: [u8; 10] = clock::random();
    let letters = data_encoding::BASE32_NOPAD.encode(&random).to_ascii_lowercase();
    letters.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join("-")
}

fn place<'a>(tickets: &'a dyn Tickets, user: &'a UserId) -> Place<'a> {
    Place { tickets, kind: TicketKind::SecondFactor, name: user.as_str() }
}

/// The factor behind that name. One that cannot be read is not none: nobody gets in past it.
pub(super) async fn find(
    tickets: &dyn Tickets,
    name: &str,
    now: Timestamp,
) -> Result<Option<Factor>, DirectoryError> {
    let Some((ticket, _)) = tickets.find(TicketKind::SecondFactor, name, now).await? else {
        return Ok(None);
    };
    serde_json::from_str(&ticket.body).map_err(|bad| DirectoryError::Unavailable(Box::new(bad)))
}

/// Takes a code of a confirmed factor's; `None` when it is not good, or was taken before.
pub(super) async fn take(
    at: &SignIn,
    user: &UserId,
    code: &str,
    now: Timestamp,
) -> Result<Option<Taken>, DirectoryError> {
    let taken = place(&*at.tickets, user).change(now, |factor: &mut Option<Factor>| {
        let confirmed = factor.as_mut().filter(|factor| factor.is_confirmed);
        (confirmed.and_then(|factor| factor.take(code, now)), Timestamp::MAX)
    });
    Ok(taken.await?.flatten())
}

/// What somebody wants of their second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// A secret for an app.
    Begin,
    /// To have codes asked for from now on; the one that is shown proves that the app has the secret.
    Enable,
    /// Not to be asked any more.
    Disable,
}

/// What came of it.
pub(super) enum Done {
    /// A secret that waits for its first code, as text and as an address.
    Begun { secret: String, uri: String },
    /// It counts from now on; these are the codes for when the app is lost.
    Enabled(Vec<String>),
    /// There is none any more.
    Disabled,
}

/// Does as somebody wishes who shows their password, and a code where codes are asked for already.
pub(super) async fn change(
    at: &SignIn,
    shown: &Shown<'_>,
    wish: Wish,
    by_server: &Act,
) -> Result<Done, Refused> {
    let proven = local::prove(at, shown, Purpose::SecondFactor, by_server).await?;
    let user = &proven.user.id;
    let act = Act { by: Actor::User(user.clone()), ..by_server.clone() };
    let (has_one, subject) = (proven.has_factor, format!("user:{user}"));
    match wish {
        Wish::Begin | Wish::Enable if has_one => {
            Err(Refused::Told("codes of an app are asked for already: disable that first"))
        }
        Wish::Begin => begin(at, user, &proven.login, act.at).await,
        Wish::Enable => match enable(at, user, shown.code, act.at).await? {
            Some(codes) => {
                at.keys.directory().record("totp.enable", subject, &act).await?;
                Ok(Done::Enabled(codes))
            }
            None => Err(Refused::Told(
                "the code is not one of the secret that was given last, or too old: try the next one, see whether the \
                 clocks are right, or begin again",
            )),
        },
        Wish::Disable if !has_one => Err(Refused::Told("no codes are asked for")),
        Wish::Disable => {
            at.keys.directory().record("totp.disable", subject, &act).await?;
            at.tickets.take(TicketKind::SecondFactor, user.as_str(), act.at).await?;
            Ok(Done::Disabled)
        }
    }
}

/// The address of a secret for apps.
pub(super) fn uri(secret: &Secret, login: &str) -> String {
    secret.uri(ISSUER, &local::login_of(login))
}

/// Each time another secret: of one that somebody else began, nobody is to be asked.
async fn begin(at: &SignIn, user: &UserId, login: &str, now: Timestamp) -> Result<Done, Refused> {
    let secret = Secret::of(clock::random());
    let pending =
        Factor { secret: secret.to_text(), is_confirmed: false, last_step: i64::MIN, recovery: Vec::new() };
    let until = now.saturating_add(PENDING).unwrap_or(now);
    let begun = place(&*at.tickets, user).change(now, |factor: &mut Option<Factor>| {
        match factor {
            Some(confirmed) if confirmed.is_confirmed => return (false, Timestamp::MAX),
            _ => *factor = Some(pending.clone()),
        }
        (true, until)
    });
    match begun.await? {
        Some(true) => Ok(Done::Begun { secret: secret.to_text(), uri: uri(&secret, login) }),
        Some(false) | None => Err(Refused::Crowded),
    }
}

async fn enable(
    at: &SignIn,
    user: &UserId,
    code: &str,
    now: Timestamp,
) -> Result<Option<Vec<String>>, DirectoryError> {
    let codes: Vec<String> = std::iter::repeat_with(recovery_code).take(RECOVERY_CODES).collect();
    let digests: Vec<String> = codes.iter().map(|code| recovery_digest(&code.replace('-', ""))).collect();
    let enabled = place(&*at.tickets, user).change(now, |factor: &mut Option<Factor>| {
        let pending = factor.as_mut().filter(|factor| !factor.is_confirmed);
        let is_right = pending.is_some_and(|pending| {
            let is_right = pending.take(code, now).is_some();
            if is_right {
                pending.is_confirmed = true;
                pending.recovery.clone_from(&digests);
            }
            is_right
        });
        (is_right, Timestamp::MAX)
    });
    Ok((enabled.await? == Some(true)).then_some(codes))
}

/// An administrator takes away the second factor of somebody who has lost it. Where there is none, nothing happens.
pub(crate) async fn reset(
    tickets: &dyn Tickets,
    directory: &dyn Directory,
    user: &UserId,
    reason: &str,
    act: &Act,
) -> Result<(), DirectoryError> {
    // Whether it can be read does not matter any more.
    if tickets.find(TicketKind::SecondFactor, user.as_str(), act.at).await?.is_none() {
        return Ok(());
    }
    let change = Change { before: None, after: Some(json!({ "reason": reason }).to_string()) };
    directory.record_change("totp.reset", format!("user:{user}"), change, act).await?;
    tickets.take(TicketKind::SecondFactor, user.as_str(), act.at).await.map(drop)
}
