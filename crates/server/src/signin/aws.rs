//! Signing in with AWS credentials: a person signs a call of `sts:GetCallerIdentity` for this gateway, the gateway sends it to
//! AWS, and believes AWS alone.
//!
//! What can be checked before AWS is asked is checked by [`stonegate_bedrock::sts`]. The same signature is taken once, over
//! all replicas; it is remembered only when AWS has said whose it is, so that strangers leave nothing in the store.

mod ask;
mod rules;

use bytes::Bytes;
use http_body_util::Full;
use jiff::{SignedDuration, Timestamp};
use stonegate_bedrock::sts::{Checked, Identity, SignedRequest};
use stonegate_identity::directory::{Act, Actor, User};
use stonegate_identity::ticket::{Ticket, TicketKind};
use tokio::sync::Semaphore;

use super::oauth::OAuthError;
use super::person::{self, NotAdmitted};
use super::{Seen, SignIn};
use crate::asker::Favour;
use crate::config::AwsAccount;
use crate::media;

/// The grant; nobody has made a standard of it.
pub(super) const AWS_IDENTITY: &str = "urn:stonegate:params:oauth:grant-type:aws-identity";
/// How long a session goes on before AWS is asked again: as long as sessions of AWS's own last.
pub(super) const SESSION: SignedDuration = SignedDuration::from_hours(12);
/// How many calls of STS are under way at most.
const AT_ONCE: usize = 32;
/// How much longer than it could be taken a signature is remembered: replicas' clocks may differ.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);

/// The accounts that are trusted, and how AWS is asked about them.
pub(crate) struct Aws {
    accounts: Vec<AwsAccount>,
    /// Where AWS's hosts are reached, when not by their names.
    stand_in: Option<String>,
    http: media::Http<Full<Bytes>>,
    places: Semaphore,
}

impl Aws {
    /// # Errors
    /// When the machine's certificate authorities cannot be read.
    pub(super) fn new(accounts: Vec<AwsAccount>, stand_in: Option<String>) -> std::io::Result<Self> {
        // Which hosts are asked is not the caller's to choose; inside of a VPC, STS has private addresses.
        let http = media::client(true)?;
        Ok(Self { accounts, stand_in, http, places: Semaphore::new(AT_ONCE) })
    }
}

/// The user whose credentials signed this.
pub(super) async fn sign_in(
    at: &SignIn,
    aws: &Aws,
    assertion: &str,
    seen: &Seen,
    act: &Act,
) -> Result<User, OAuthError> {
    at.askers.admit(seen.asker.network(), Favour::Begin, act.at).map_err(OAuthError::too_often)?;
    let server = server(at, seen).ok_or_else(OAuthError::nowhere)?;
    let request = SignedRequest::of_assertion(assertion)
        .ok_or_else(|| OAuthError::invalid_grant("the assertion is no signed request"))?;
    let checked = request
        .check(&server, act.at)
        .map_err(|unfit| OAuthError::invalid_grant(format!("the signed request is not taken: {unfit}")))?;
    let identity = aws.ask(&checked).await?;
    match admitted(at, aws, &checked, &identity, act).await {
        Ok(user) => Ok(user),
        Err(NotAdmitted::Told(why)) => {
            let subject = format!("aws:{}", identity.account);
            at.keys.directory().record("signin.refuse", subject, act).await?;
            Err(OAuthError::invalid_grant(why))
        }
        Err(NotAdmitted::Away(away)) => Err(away.into()),
    }
}

async fn admitted(
    at: &SignIn,
    aws: &Aws,
    checked: &Checked<'_>,
    identity: &Identity,
    act: &Act,
) -> Result<User, NotAdmitted> {
    let person = aws.person(identity)?;
    let ticket = Ticket {
        kind: TicketKind::Signature,
        name: checked.digest(),
        body: String::new(),
        expires_at: checked.ends_at().saturating_add(MARGIN).unwrap_or(Timestamp::MAX),
    };
    if !at.tickets.put(ticket, act.at).await? {
        tracing::warn!(account = identity.account, "a signed request came a second time");
        return Err(NotAdmitted::Told("this signed request was used already; sign another one"));
    }
    let act = Act { by: Actor::Server, ..act.clone() };
    person::admit(at, person, &act).await
}

/// The name that has to be signed: the gateway's address, with its host in lower case.
fn server(at: &SignIn, seen: &Seen) -> Option<String> {
    // Without an address of its own the gateway goes by the request's, which anybody could write there but for somebody on
    // this very machine.
    let is_here = seen.asker.0.is_some_and(|peer| peer.is_loopback());
    if at.settings.public.is_none() && !is_here {
        return None;
    }
    let base = seen.base(at)?;
    let origin = base.origin();
    let path = base.as_str().strip_prefix(origin).unwrap_or_default();
    Some(format!("{}{path}", origin.to_ascii_lowercase()))
}
