//! A device that waits for a person's approval (RFC 8628): what is kept of it, and `POST /oauth/device_authorization`.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, USER_AGENT};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use stonegate_identity::ticket::{Ticket, TicketKind, Version};
use stonegate_identity::{DeviceCode, DirectoryError, Scopes, UserCode, UserId};

use super::oauth::{Form, OAuthError, label};
use super::polls::INTERVAL_SECONDS;
use super::{Seen, SignIn};
use crate::asker::Favour;
use crate::clock;

/// How long a code can be approved.
const LIFETIME: SignedDuration = SignedDuration::from_mins(10);
/// For how much longer a device is told that its code has expired.
const EPILOGUE: SignedDuration = SignedDuration::from_mins(10);
/// How often a user code is drawn that is free, and a request is changed that others change, too.
const ATTEMPTS: usize = 8;
/// The longest name of a device or client, in characters.
const NAME_MOST: usize = 100;

/// A device's request, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DeviceRequest {
    scopes: String,
    /// What asks: `claude_code`, `stonegate-cli`.
    pub(super) client: String,
    /// What its person calls the machine.
    pub(super) device: String,
    /// Microseconds since 1970, as are all its times.
    ends_at: i64,
    state: DeviceState,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DeviceState {
    Waiting,
    Approved(Approval),
    Denied,
    Redeemed,
}

/// A person's yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Approval {
    user: String,
    at: i64,
}

impl Approval {
    /// Whose session it shall be.
    pub(super) fn user(&self) -> Option<UserId> {
        UserId::parse(&self.user).ok()
    }

    /// Whether it was given before that time.
    pub(super) fn is_before(&self, time: Timestamp) -> bool {
        self.at < time.as_microsecond()
    }
}

/// Why a device gets no tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoTokens {
    /// Nobody has decided yet.
    Pending,
    /// Nor would anybody have, that soon.
    TooSoon,
    /// The person said no.
    Denied,
    /// Nobody decided in time.
    Expired,
    /// It has them already.
    Redeemed,
}

impl DeviceRequest {
    pub(super) fn scopes(&self) -> Scopes {
        self.scopes.parse().unwrap_or_else(|_unknown| Scopes::none())
    }

    /// The name of the session that comes of it.
    pub(super) fn session_name(&self) -> String {
        match self.device.as_str() {
            "" => self.client.clone(),
            device => label(&format!("{} on {device}", self.client), NAME_MOST),
        }
    }

    /// The device asks: who approved it, the first time that there is somebody.
    fn poll(&mut self, now: Timestamp) -> Result<Approval, NoTokens> {
        match &self.state {
            DeviceState::Redeemed => Err(NoTokens::Redeemed),
            DeviceState::Denied => Err(NoTokens::Denied),
            DeviceState::Waiting | DeviceState::Approved(_) if self.ends_at <= now.as_microsecond() => {
                Err(NoTokens::Expired)
            }
            DeviceState::Approved(approval) => {
                let approval = approval.clone();
                self.state = DeviceState::Redeemed;
                Ok(approval)
            }
            DeviceState::Waiting => Err(NoTokens::Pending),
        }
    }

    /// A person decides; false when it was decided before or is too late.
    fn decide(&mut self, decision: Decision<'_>, now: Timestamp) -> bool {
        if self.state != DeviceState::Waiting || self.ends_at <= now.as_microsecond() {
            return false;
        }
        self.state = match decision {
            Decision::Approve(user) => {
                DeviceState::Approved(Approval { user: user.to_string(), at: now.as_microsecond() })
            }
            Decision::Deny => DeviceState::Denied,
        };
        true
    }

    /// Whether a person can still decide.
    pub(super) fn is_waiting(&self, now: Timestamp) -> bool {
        self.state == DeviceState::Waiting && self.ends_at > now.as_microsecond()
    }
}

/// What a person says.
#[derive(Debug, Clone, Copy)]
pub(super) enum Decision<'a> {
    /// This user's it shall be.
    Approve(&'a UserId),
    /// It shall get nothing.
    Deny,
}

/// `POST /oauth/device_authorization`
pub(super) async fn authorize(
    State(at): State<SignIn>,
    seen: Seen,
    body: Bytes,
) -> Result<Response, OAuthError> {
    let now = (at.now)();
    let base = seen.base(&at).ok_or_else(OAuthError::nowhere)?;
    let form = Form::parse(&body)?;
    let scopes = match form.find("scope") {
        Some(words) => words.parse().map_err(|unknown: stonegate_identity::UnknownScope| {
            OAuthError::new("invalid_scope", unknown.to_string())
        })?,
        None => Scopes::for_calls(),
    };
    at.askers.admit(seen.asker.network(), Favour::Begin, now).map_err(OAuthError::too_often)?;
    let agent = || seen.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    let client =
        form.find("client_id").or_else(|| form.find("surface")).or_else(agent).unwrap_or("a program");
    let ends_at = now.saturating_add(LIFETIME).unwrap_or(now);
    let request = DeviceRequest {
        scopes: scopes.to_string(),
        client: label(client, NAME_MOST),
        device: label(form.find("device_name").unwrap_or_default(), NAME_MOST),
        ends_at: ends_at.as_microsecond(),
        state: DeviceState::Waiting,
    };
    let code = DeviceCode::mint(clock::random());
    let user_code = keep(&at, &code, &request, ends_at, now).await?;
    let answer = json!({
        "device_code": code.as_str(),
        "user_code": user_code.to_string(),
        "verification_uri": base.at("/device"),
        "verification_uri_complete": base.at(&format!("/device?user_code={user_code}")),
        "expires_in": LIFETIME.as_secs(),
        "interval": INTERVAL_SECONDS,
    });
    Ok(([(CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

async fn keep(
    at: &SignIn,
    code: &DeviceCode,
    request: &DeviceRequest,
    ends_at: Timestamp,
    now: Timestamp,
) -> Result<UserCode, OAuthError> {
    let name = code.digest().to_hex();
    for _ in 0..ATTEMPTS {
        let user_code = UserCode::mint(clock::random());
        let ticket = Ticket {
            kind: TicketKind::UserCode,
            name: user_code.as_str().to_owned(),
            body: name.clone(),
            expires_at: ends_at,
        };
        if at.tickets.put(ticket, now).await? {
            let expires_at = ends_at.saturating_add(EPILOGUE).unwrap_or(ends_at);
            at.tickets.put(ticket_of(name, request, expires_at), now).await?;
            return Ok(user_code);
        }
    }
    Err(OAuthError::unavailable("no code is free; try again"))
}

fn ticket_of(name: String, request: &DeviceRequest, expires_at: Timestamp) -> Ticket {
    Ticket { kind: TicketKind::Device, name, body: json!(request).to_string(), expires_at }
}

/// The device of that code asks for its tokens; `None` when there is no such code.
pub(super) async fn poll(
    at: &SignIn,
    code: &DeviceCode,
    now: Timestamp,
) -> Result<Option<(Result<Approval, NoTokens>, DeviceRequest)>, DirectoryError> {
    let name = code.digest().to_hex();
    let Some((outcome, request)) = change(at, &name, now, |request| request.poll(now)).await? else {
        return Ok(None);
    };
    let is_hasty = outcome == Err(NoTokens::Pending) && at.polls.is_too_soon(&name, now);
    Ok(Some((if is_hasty { Err(NoTokens::TooSoon) } else { outcome }, request)))
}

/// A person decides about the device of that user code; `None` when there is no such code.
pub(super) async fn decide(
    at: &SignIn,
    code: &UserCode,
    decision: Decision<'_>,
    now: Timestamp,
) -> Result<Option<(bool, DeviceRequest)>, DirectoryError> {
    let Some((ticket, _)) = at.tickets.find(TicketKind::UserCode, code.as_str(), now).await? else {
        return Ok(None);
    };
    change(at, &ticket.body, now, |request| request.decide(decision, now)).await
}

/// The device that a person's code belongs to.
pub(super) async fn find(
    at: &SignIn,
    code: &UserCode,
    now: Timestamp,
) -> Result<Option<DeviceRequest>, DirectoryError> {
    let Some((ticket, _)) = at.tickets.find(TicketKind::UserCode, code.as_str(), now).await? else {
        return Ok(None);
    };
    Ok(read(at, &ticket.body, now).await?.map(|(_, _, request)| request))
}

/// Changes a request as `how` does, on whatever form of it is the newest. What it leaves as it was is not written.
async fn change<T>(
    at: &SignIn,
    name: &str,
    now: Timestamp,
    how: impl Fn(&mut DeviceRequest) -> T,
) -> Result<Option<(T, DeviceRequest)>, DirectoryError> {
    for _ in 0..ATTEMPTS {
        let Some((ticket, version, mut request)) = read(at, name, now).await? else { return Ok(None) };
        let before = request.clone();
        let outcome = how(&mut request);
        if request == before {
            return Ok(Some((outcome, request)));
        }
        if at.tickets.replace(version, ticket_of(ticket.name, &request, ticket.expires_at)).await? {
            return Ok(Some((outcome, request)));
        }
    }
    Err(DirectoryError::Unavailable("a device's request is changed from all sides".into()))
}

async fn read(
    at: &SignIn,
    name: &str,
    now: Timestamp,
) -> Result<Option<(Ticket, Version, DeviceRequest)>, DirectoryError> {
    let Some((ticket, version)) = at.tickets.find(TicketKind::Device, name, now).await? else {
        return Ok(None);
    };
    let request =
        serde_json::from_str(&ticket.body).map_err(|bad| DirectoryError::Unavailable(Box::new(bad)))?;
    Ok(Some((ticket, version, request)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    fn request() -> DeviceRequest {
        DeviceRequest {
            scopes: Scopes::for_calls().to_string(),
            client: "claude_code".to_owned(),
            device: String::new(),
            ends_at: at(600).as_microsecond(),
            state: DeviceState::Waiting,
        }
    }

    fn ann() -> UserId {
        UserId::parse("usr_ann").unwrap()
    }

    #[test]
    fn an_approved_device_gets_its_tokens_once() {
        let mut request = request();
        assert_eq!(request.poll(at(0)), Err(NoTokens::Pending));
        assert!(request.decide(Decision::Approve(&ann()), at(3)));
        assert!(!request.decide(Decision::Deny, at(3)), "it is decided");
        let approval = request.poll(at(5)).unwrap();
        assert_eq!(approval.user(), Some(ann()));
        assert!(approval.is_before(at(4)) && !approval.is_before(at(3)));
        assert_eq!(request.poll(at(10)), Err(NoTokens::Redeemed));
    }

    #[test]
    fn what_is_too_late_or_denied_stays_so() {
        let mut late = request();
        assert!(!late.decide(Decision::Approve(&ann()), at(600)));
        let mut approved = request();
        assert!(approved.decide(Decision::Approve(&ann()), at(599)));
        assert_eq!(approved.poll(at(600)), Err(NoTokens::Expired), "nobody came for it in time");
        let mut denied = request();
        assert!(denied.decide(Decision::Deny, at(1)));
        assert_eq!(denied.poll(at(2)), Err(NoTokens::Denied));
        assert!(!denied.decide(Decision::Approve(&ann()), at(3)));
    }
}
