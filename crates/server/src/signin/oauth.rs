//! What the OAuth endpoints share: forms as they come in, and errors as they go out (RFC 6749, 3.2 and 5.2).

use axum::Json;
use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use jiff::Timestamp;
use serde_json::json;
use stonegate_identity::DirectoryError;

use super::local::Refused;

/// The longest form.
pub(super) const FORM_MOST: usize = 16 * 1024;
/// The most parameters of one: no form of ours or of OAuth's comes near.
const PARAMETERS_MOST: usize = 64;

/// The parameters of a form. Those that nobody knows are nobody's concern; none comes twice.
#[derive(Debug)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a form.
    ///
    /// # Errors
    /// When it is no text, has a parameter twice, or more of them than anybody needs.
    pub(super) fn parse(body: &Bytes) -> Result<Self, OAuthError> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(body) {
            if pairs.len() == PARAMETERS_MOST {
                return Err(OAuthError::invalid_request("the form has too many parameters"));
            }
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(OAuthError::invalid_request("a parameter is there twice"));
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(pairs))
    }

    /// A parameter; one without a value counts as absent.
    pub(super) fn find(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| &**value).filter(|value| !value.is_empty())
    }

    /// A parameter that has to be there.
    pub(super) fn need(&self, name: &str) -> Result<&str, OAuthError> {
        self.find(name)
            .ok_or_else(|| OAuthError::invalid_request(format!("the parameter `{name}` is missing")))
    }
}

/// A refusal in OAuth's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OAuthError {
    status: StatusCode,
    error: &'static str,
    description: String,
    retry_after_seconds: Option<u64>,
}

impl OAuthError {
    /// A refusal with status 400, as most are.
    pub(super) fn new(error: &'static str, description: impl Into<String>) -> Self {
        let status = StatusCode::BAD_REQUEST;
        Self { status, error, description: description.into(), retry_after_seconds: None }
    }

    pub(super) fn invalid_request(description: impl Into<String>) -> Self {
        Self::new("invalid_request", description)
    }

    /// What was shown does not hold, or no more.
    pub(super) fn invalid_grant(description: impl Into<String>) -> Self {
        Self::new("invalid_grant", description)
    }

    /// The same with 401, by which Claude Code knows that its person has to sign in again.
    pub(super) fn sign_in_again() -> Self {
        let description = "this sign-in has ended: sign in again";
        Self { status: StatusCode::UNAUTHORIZED, ..Self::invalid_grant(description) }
    }

    pub(super) fn slow_down(seconds: u64, description: impl Into<String>) -> Self {
        let (status, wait) = (StatusCode::TOO_MANY_REQUESTS, Some(seconds.max(1)));
        Self { status, retry_after_seconds: wait, ..Self::new("slow_down", description) }
    }

    /// Somebody who shows a password does not get in.
    pub(super) fn of_password(refused: Refused, now: Timestamp) -> Self {
        match refused {
            Refused::Wrong => Self::invalid_grant("e-mail, password or code is wrong"),
            Refused::NoFactor => Self::invalid_grant(
                "this gateway asks you for codes of an app: run `stonegate account totp enable`, or open its page \
                 /signin/totp, and sign in again",
            ),
            Refused::Told(why) => Self::invalid_grant(why),
            Refused::Locked(until) => {
                let seconds = until.duration_since(now).as_secs().unsigned_abs();
                Self::slow_down(seconds, "too many wrong tries; wait before the next")
            }
            Refused::TooOften(seconds) => Self::too_often(seconds),
            Refused::Crowded => Self::slow_down(1, "too many sign-ins at the same moment; try again"),
            Refused::Away(away) => away.into(),
        }
    }

    /// This network has asked for more than it may, and may again after so many seconds.
    pub(super) fn too_often(seconds: u64) -> Self {
        Self::slow_down(seconds, "too many requests from your network; wait before the next")
    }

    pub(super) fn unavailable(description: impl Into<String>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, ..Self::new("temporarily_unavailable", description) }
    }

    /// The gateway does not know how its clients reach it.
    pub(super) fn nowhere() -> Self {
        Self::unavailable(
            "this gateway does not know its own address: its operator has to set server.public_url",
        )
    }
}

impl From<DirectoryError> for OAuthError {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::NotFound { .. } => Self::sign_in_again(),
            DirectoryError::Conflict { message, .. } => Self::invalid_grant(message),
            DirectoryError::Unavailable(source) => {
                tracing::error!(error = &*source as &dyn std::error::Error, "the directory does not answer");
                Self::unavailable("the store does not answer; try again in a moment")
            }
        }
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.error, "error_description": self.description });
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// A text of a stranger's that is shown to people and put into lists: one line, no control characters, not endless.
pub(super) fn label(text: &str, most: usize) -> String {
    let visible = text.chars().filter(|letter| !letter.is_control() && !is_format(*letter));
    visible.take(most).collect::<String>().trim().to_owned()
}

/// Characters that turn the direction of a text around or are not seen, so that it would read as another one.
fn is_format(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_each_parameter_once() {
        let form = Form::parse(&Bytes::from_static(b"a=1+2%20%C3%A4&b=&c")).unwrap();
        assert_eq!(
            (form.find("a"), form.find("b"), form.find("c"), form.find("d")),
            (Some("1 2 ä"), None, None, None)
        );
        assert_eq!(form.need("b").unwrap_err(), OAuthError::invalid_request("the parameter `b` is missing"));
        assert!(Form::parse(&Bytes::from_static(b"a=1&b=2&a=3")).is_err());
        for odd in [&b""[..], b"&&&", b"=", b"\xff\xfe=\xff", b"a=%", b"a=%zz"] {
            Form::parse(&Bytes::copy_from_slice(odd)).unwrap();
        }
    }

    #[test]
    fn a_form_of_very_many_parameters_is_not_compared_to_its_end() {
        let of = |count: usize| (0..count).map(|number| format!("{number:x}&")).collect::<String>();
        assert!(Form::parse(&Bytes::from(of(64))).is_ok());
        let refused = Form::parse(&Bytes::from(of(4_000))).unwrap_err();
        assert_eq!(refused, OAuthError::invalid_request("the form has too many parameters"));
    }

    #[test]
    fn a_label_is_one_line_that_reads_as_it_is_written() {
        assert_eq!(label("ann's\nlaptop\u{202e}gpj\0", 100), "ann'slaptopgpj");
        assert_eq!(label(&"ä".repeat(300), 100).chars().count(), 100);
    }
}
