//! Answers in SCIM's form, and refusals in its words (RFC 7644, section 3.12).

use axum::body::Body;
use axum::extract::{FromRequest, OriginalUri, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use stonegate_identity::DirectoryError;

use super::filter::NotAFilter;
use super::patch::NotApplied;
use crate::admin::{AdminState, Problem};

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/scim+json");
const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// Why something was not done.
#[derive(Debug)]
pub(super) struct Refused {
    status: StatusCode,
    scim_type: Option<&'static str>,
    detail: String,
}

impl Refused {
    pub(super) fn not_found(kind: &str, id: &str) -> Self {
        Self { status: StatusCode::NOT_FOUND, scim_type: None, detail: format!("there is no {kind} `{id}`") }
    }

    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::bad("invalidValue", detail)
    }

    pub(super) fn bad(scim_type: &'static str, detail: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, scim_type: Some(scim_type), detail: detail.into() }
    }

    pub(super) fn taken(name: &str) -> Self {
        let detail = format!("`{name}` is there already");
        Self { status: StatusCode::CONFLICT, scim_type: Some("uniqueness"), detail }
    }

    /// Somebody of that name signs in by another one's word.
    pub(super) fn elsewhere(name: &str) -> Self {
        let detail = format!(
            "`{name}` is there already and signs in by AWS or by another provider, which would sign them in as this person: an \
             administrator renames that user first, or the provider sends the `sub` of its own tokens as `externalId`"
        );
        Self { status: StatusCode::CONFLICT, scim_type: Some("uniqueness"), detail }
    }

    /// Somebody of that name is provisioned already, by the name that an administrator has changed.
    pub(super) fn known_otherwise(name: &str, known_as: &str) -> Self {
        let detail = format!(
            "`{name}` is what the user is called here who is provisioned as `{known_as}`: an administrator gives that user \
             another name first"
        );
        Self { status: StatusCode::CONFLICT, scim_type: Some("uniqueness"), detail }
    }

    pub(super) fn forbidden(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, scim_type: None, detail: detail.into() }
    }

    /// Others change the same at the same moment, again and again.
    pub(super) fn contended() -> Self {
        let detail = "this was changed meanwhile; try again".to_owned();
        Self { status: StatusCode::CONFLICT, scim_type: None, detail }
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self { status: problem.status(), scim_type: None, detail: problem.to_string() }
    }
}

impl From<DirectoryError> for Refused {
    fn from(error: DirectoryError) -> Self {
        Problem::from(error).into()
    }
}

impl From<NotApplied> for Refused {
    fn from(refused: NotApplied) -> Self {
        Self::bad(refused.scim_type, refused.message)
    }
}

impl From<NotAFilter> for Refused {
    fn from(refused: NotAFilter) -> Self {
        Self::bad("invalidFilter", refused.to_string())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut body = json!({
            "schemas": [ERROR], "status": self.status.as_u16().to_string(), "detail": self.detail,
        });
        if let (Some(members), Some(scim_type)) = (body.as_object_mut(), self.scim_type) {
            members.insert("scimType".to_owned(), scim_type.into());
        }
        answer(self.status, &body)
    }
}

/// What was asked for.
pub(super) fn answer(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, MEDIA_TYPE);
    response
}

pub(super) fn found(body: &Value) -> Response {
    answer(StatusCode::OK, body)
}

/// What was made, and where it is.
pub(super) fn made(body: &Value, location: &str) -> Response {
    let mut response = answer(StatusCode::CREATED, body);
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

pub(super) fn gone() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

pub(super) async fn nowhere(OriginalUri(uri): OriginalUri) -> Refused {
    std::future::ready(Refused::not_found("endpoint", uri.path())).await
}

pub(super) async fn wrong_method(method: Method, OriginalUri(uri): OriginalUri) -> Refused {
    let detail = format!("`{}` does not take {method}", uri.path());
    std::future::ready(Refused { status: StatusCode::METHOD_NOT_ALLOWED, scim_type: None, detail }).await
}

/// The JSON body of a request, whatever its media type says.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<AdminState> for Json<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &AdminState) -> Result<Self, Refused> {
        let patience = state.sign_in.settings.body_timeout;
        let read = tokio::time::timeout(patience, Bytes::from_request(request, state)).await;
        let refused = |status, detail| Refused { status, scim_type: None, detail };
        let late = || refused(StatusCode::REQUEST_TIMEOUT, "the body did not come in time".to_owned());
        let bytes = read
            .map_err(|_elapsed| late())?
            .map_err(|rejection| refused(rejection.status(), rejection.body_text()))?;
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| Refused::bad("invalidSyntax", error.to_string()))
    }
}
