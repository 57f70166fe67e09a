//! What an error looks like.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The body of every answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// What is wrong.
    pub error: ProblemBody,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemBody {
    /// The kind of it, for programs.
    pub r#type: ProblemType,
    /// What is wrong and what to do about it, for people.
    pub message: String,
    /// The member or parameter of the request that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The request's id, which the server's log has, too.
    pub request_id: String,
}

/// The kinds of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProblemType {
    /// 400: the request is wrong.
    InvalidRequest,
    /// 401: no key, or one that does not hold.
    Authentication,
    /// 402: the budgets do not cover it.
    Budget,
    /// 403: the key does not allow this.
    Permission,
    /// 404: there is no such thing, or it is not the caller's to see.
    NotFound,
    /// 405: the address exists, but not for this method.
    MethodNotAllowed,
    /// 409: it collides with what is there.
    Conflict,
    /// 413: the body is too large.
    TooLarge,
    /// 429: too many requests from the same network; the message says how long to wait.
    TooMany,
    /// 500: the server's own fault.
    Internal,
    /// 503: the store does not answer.
    Unavailable,
}
