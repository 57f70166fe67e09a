//! What a person sees: signing in, and saying yes or no to a device.

use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, Uri};
use jiff::Timestamp;
use stonegate_identity::directory::{Act, Actor};
use stonegate_identity::{DirectoryError, UserCode, UserId};

use super::base::Base;
use super::browser::Browser;
use super::oauth::Form;
use super::page::Page;
use super::{Seen, SignIn};
use crate::asker::{Asker, Favour};

pub(super) mod device;
pub(super) mod home;
pub(super) mod link;
pub(super) mod password;
pub(super) mod signin;
pub(super) mod totp;

/// Why a page is not shown.
pub(super) enum Refusal {
    /// The gateway does not know how browsers reach it.
    Nowhere,
    /// A form that was not made by us, not for this browser, or too long ago.
    Forged,
    /// The store does not answer.
    Away,
    /// Too much was asked for from the same network.
    TooOften,
    /// Something else, in words for the person.
    Told(StatusCode, &'static str, String),
}

impl From<DirectoryError> for Refusal {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::Unavailable(source) => {
                tracing::error!(error = &*source as &dyn std::error::Error, "the directory does not answer");
                Self::Away
            }
            DirectoryError::Conflict { message, .. } => {
                Self::Told(StatusCode::CONFLICT, "Not possible", message)
            }
            DirectoryError::NotFound { .. } => {
                Self::Told(StatusCode::NOT_FOUND, "Not found", "There is no such thing any more.".to_owned())
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, title, message) = match self {
            Self::Nowhere => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Not set up",
                "This gateway does not know its own address. Its operator has to set server.public_url.".to_owned(),
            ),
            Self::Forged => (
                StatusCode::FORBIDDEN,
                "Not sent from here",
                "This form was not sent from a page of this gateway, or is too old. Go back, reload, and try again."
                    .to_owned(),
            ),
            Self::Away => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Try again",
                "The gateway cannot reach its store at the moment. Try again soon.".to_owned(),
            ),
            Self::TooOften => (
                StatusCode::TOO_MANY_REQUESTS,
                "Wait a while",
                "Too many requests came from your network. Wait a minute, and try again.".to_owned(),
            ),
            Self::Told(status, title, message) => (status, title, message),
        };
        Page::refusal(status, title, &message).into_response()
    }
}

/// A browser at one of our pages.
pub(super) struct Guest {
    pub(super) base: Base,
    pub(super) browser: Browser,
    pub(super) now: Timestamp,
    /// What the gateway does for somebody whom it does not know yet.
    pub(super) by_server: Act,
}

impl Guest {
    pub(super) async fn of(at: &SignIn, seen: &Seen) -> Result<Self, Refusal> {
        let now = (at.now)();
        let base = seen.base(at).ok_or(Refusal::Nowhere)?;
        let browser = Browser::of(at, &base, &seen.headers, now).await?;
        Ok(Self { base, browser, now, by_server: super::by_server(now, seen.asker) })
    }

    /// The guest who sent a form, and the form, if it is ours.
    pub(super) async fn with_form(at: &SignIn, seen: &Seen, body: &Bytes) -> Result<(Self, Form), Refusal> {
        let guest = Self::of(at, seen).await?;
        let form = Form::parse(body).map_err(|_unreadable| Refusal::Forged)?;
        if guest.browser.sent(&guest.base, &seen.headers, form.find("form_token")) {
            Ok((guest, form))
        } else {
            Err(Refusal::Forged)
        }
    }

    pub(super) fn act(&self, user: &UserId) -> Act {
        Act { by: Actor::User(user.clone()), ..self.by_server.clone() }
    }

    /// Refuses whoever asks for more than their network may have.
    pub(super) fn ask(&self, at: &SignIn, asker: Asker, favour: Favour) -> Result<(), Refusal> {
        at.askers.admit(asker.network(), favour, self.now).map_err(|_seconds| Refusal::TooOften)
    }
}

/// A parameter of an address.
pub(super) fn parameter(uri: &Uri, name: &str) -> Option<String> {
    let query = uri.query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes())
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.into_owned())
}

/// The page to go to after signing in. It is named by the code only: nobody's address can be slipped in.
pub(super) fn after_sign_in(user_code: Option<&UserCode>) -> String {
    user_code.map_or_else(|| "/signin".to_owned(), |code| format!("/device?user_code={code}"))
}
