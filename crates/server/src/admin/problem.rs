//! What goes wrong in the admin API, and how it is said.

use std::{error::Error, sync::Arc};

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use stonegate_api::{ProblemBody, ProblemType};
use stonegate_identity::{Denied, DirectoryError};
use stonegate_ledger::{CallId, StoreError};

/// Why an administrative request was not carried out.
#[derive(Debug, Clone)]
pub struct Problem {
    kind: ProblemType,
    field: Option<String>,
    message: String,
    /// What failed inside: for the operator's eyes, never in an answer.
    inside: Option<Arc<dyn Error + Send + Sync>>,
}

/// Shown instead of what failed inside, which is for the log.
const AWAY: &str = "the store does not answer; try again in a moment";

impl Problem {
    fn new(kind: ProblemType, message: impl Into<String>) -> Self {
        Self { kind, field: None, message: message.into(), inside: None }
    }

    /// Whether the request itself is wrong, so that the same again cannot work.
    #[must_use]
    pub fn is_invalid_request(&self) -> bool {
        self.kind == ProblemType::InvalidRequest
    }

    /// The status that it is answered with.
    pub(crate) fn status(&self) -> StatusCode {
        status(self.kind)
    }

    /// Whether there is no such thing, or none that the caller may see.
    pub(crate) fn is_not_found(&self) -> bool {
        self.kind == ProblemType::NotFound
    }

    /// The request is wrong, in this member or parameter.
    pub(crate) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..Self::new(ProblemType::InvalidRequest, message) }
    }

    /// The request cannot be read at all.
    pub(crate) fn unreadable(message: impl Into<String>) -> Self {
        Self::new(ProblemType::InvalidRequest, message)
    }

    pub(crate) fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(ProblemType::Authentication, message)
    }

    /// The budgets do not cover it.
    pub(crate) fn short_of_budget(message: impl Into<String>) -> Self {
        Self::new(ProblemType::Budget, message)
    }

    pub(crate) fn forbidden(field: &str, message: impl Into<String>) -> Self {
        Self { field: Some(field.to_owned()), ..Self::new(ProblemType::Permission, message) }
    }

    /// There is no such thing; also what is said of things that the caller may not see.
    pub(crate) fn not_found(kind: &str, id: impl std::fmt::Display) -> Self {
        Self::new(ProblemType::NotFound, format!("there is no {kind} `{id}`"))
    }

    /// It cannot be done as things stand.
    pub(crate) fn conflict(field: &str, message: impl Into<String>) -> Self {
        Self { field: Some(field.to_owned()), ..Self::new(ProblemType::Conflict, message) }
    }

    /// The store's neighbours do not answer.
    pub(crate) fn busy(inside: impl Error + Send + Sync + 'static) -> Self {
        Self {
            inside: Some(Arc::new(inside)),
            ..Self::new(ProblemType::Unavailable, "try again in a moment")
        }
    }

    /// Too much was asked for from the same network, which may again after so many seconds.
    pub(super) fn too_many(seconds: u64) -> Self {
        let message = format!("too many requests from your network; try again in {seconds} seconds");
        Self::new(ProblemType::TooMany, message)
    }

    pub(super) fn no_such_route(path: &str) -> Self {
        Self::new(ProblemType::NotFound, format!("there is nothing at `{path}`"))
    }

    pub(super) fn no_such_method(method: &http::Method, path: &str) -> Self {
        Self::new(ProblemType::MethodNotAllowed, format!("`{path}` does not take {method}"))
    }

    pub(super) fn too_large(most: usize) -> Self {
        Self::new(ProblemType::TooLarge, format!("the body is longer than {most} bytes"))
    }

    /// A refusal about one thing: whoever may not see it learns no more than that there is none.
    pub(crate) fn denied(denied: &Denied, kind: &str, id: impl std::fmt::Display) -> Self {
        match denied {
            Denied::NotYours => Self::not_found(kind, id),
            Denied::MissingScope(_) | Denied::Role(_) | Denied::Ephemeral | Denied::Model { .. } => {
                denied.clone().into()
            }
        }
    }

    fn away(inside: Arc<dyn Error + Send + Sync>) -> Self {
        Self { inside: Some(inside), ..Self::new(ProblemType::Unavailable, AWAY) }
    }

    pub(super) fn render(self, call: CallId) -> Response {
        let body = ProblemBody {
            r#type: self.kind,
            message: self.message,
            field: self.field,
            request_id: call.to_string(),
        };
        (status(self.kind), Json(stonegate_api::Problem { error: body })).into_response()
    }
}

fn status(kind: ProblemType) -> StatusCode {
    match kind {
        ProblemType::InvalidRequest => StatusCode::BAD_REQUEST,
        ProblemType::Authentication => StatusCode::UNAUTHORIZED,
        ProblemType::Budget => StatusCode::PAYMENT_REQUIRED,
        ProblemType::Permission => StatusCode::FORBIDDEN,
        ProblemType::NotFound => StatusCode::NOT_FOUND,
        ProblemType::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ProblemType::Conflict => StatusCode::CONFLICT,
        ProblemType::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ProblemType::TooMany => StatusCode::TOO_MANY_REQUESTS,
        ProblemType::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        ProblemType::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.field {
            Some(field) => write!(out, "{field}: {}", self.message),
            None => out.write_str(&self.message),
        }
    }
}

impl Error for Problem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.inside.as_deref().map(|inside| inside as &(dyn Error + 'static))
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let kind = match denied {
            Denied::NotYours => ProblemType::NotFound,
            Denied::MissingScope(_) | Denied::Role(_) | Denied::Ephemeral | Denied::Model { .. } => {
                ProblemType::Permission
            }
        };
        Self::new(kind, denied.to_string())
    }
}

impl From<DirectoryError> for Problem {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::NotFound { kind, name } => Self::not_found(kind, name),
            DirectoryError::Conflict { field, message } => {
                Self { field: Some(field.to_owned()), ..Self::new(ProblemType::Conflict, message) }
            }
            DirectoryError::Unavailable(source) => {
                tracing::error!(error = &*source as &dyn Error, "the directory does not answer");
                Self::away(source.into())
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::InvalidBudget(invalid) => Self::new(ProblemType::InvalidRequest, invalid.to_string()),
            StoreError::NoBudget(id) => Self::not_found("budget", id),
            StoreError::NoCharge(id) => Self::not_found("charge", id),
            StoreError::BeyondCharge(_) => Self::invalid("amount_usd", error.to_string()),
            StoreError::ChargeEnded(..) => Self::new(ProblemType::Conflict, error.to_string()),
            StoreError::NothingUnresolved(_) => Self::new(ProblemType::NotFound, error.to_string()),
            StoreError::BeyondWriteOff(_) => Self::invalid("write_off.spent", error.to_string()),
            StoreError::OtherBudget(_) => {
                Self { field: Some("id".to_owned()), ..Self::new(ProblemType::Conflict, error.to_string()) }
            }
            StoreError::Unavailable(_) | StoreError::Damaged(_) | StoreError::OutOfOrder { .. } => {
                tracing::error!(error = &error as &dyn Error, "the ledger's store does not answer");
                Self::away(Arc::new(error))
            }
        }
    }
}

/// A problem travels as an extension of an empty response to [`super::visit::accompany`], which knows the request's id.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = status(self.kind).into_response();
        response.extensions_mut().insert(self);
        response
    }
}
