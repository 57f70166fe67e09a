//! Through which door a request came, and in which words its caller reads an error.

use serde_json::{Value, json};

use crate::refusal::Refusal;

/// An endpoint of Bedrock's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// `bedrock-runtime`.
    Runtime,
    /// `bedrock-mantle`.
    Mantle,
}

impl Door {
    /// The service that signatures are for.
    pub(crate) fn service(self) -> &'static str {
        match self {
            Door::Runtime => "bedrock",
            Door::Mantle => "bedrock-mantle",
        }
    }
}

/// Whose error shape it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Aws,
    OpenAi,
    Anthropic,
}

impl Dialect {
    pub(crate) fn of(door: Door, path: &str) -> Dialect {
        let is_anthropic = path.starts_with("/anthropic/");
        let is_openai = path.starts_with("/openai/") || door == Door::Mantle;
        match (is_anthropic, is_openai) {
            (true, _) => Dialect::Anthropic,
            (false, true) => Dialect::OpenAi,
            (false, false) => Dialect::Aws,
        }
    }

    /// A refusal of the caller: the others than AWS say 401.
    pub(crate) fn unknown_caller(self, refusal: Refusal) -> Refusal {
        match self {
            Dialect::Aws => refusal,
            Dialect::OpenAi | Dialect::Anthropic => Refusal { status: 401, ..refusal },
        }
    }

    /// The body of an error.
    pub(crate) fn body(self, refusal: &Refusal, request_id: &str) -> Value {
        match self {
            Dialect::Aws => refusal.body(),
            Dialect::OpenAi => json!({ "error": openai_error(refusal) }),
            Dialect::Anthropic => {
                let mut error = json!({ "type": anthropic_type(refusal.status), "message": refusal.message });
                extend(&mut error, refusal);
                json!({ "type": "error", "error": error, "request_id": request_id })
            }
        }
    }
}

/// The `error` of OpenAI's shape. What a refusal has beside its message replaces what follows from the status.
pub(crate) fn openai_error(refusal: &Refusal) -> Value {
    let (kind, code) = openai_type(refusal.status);
    let mut error = json!({ "code": code, "message": refusal.message, "param": null, "type": kind });
    extend(&mut error, refusal);
    error
}

fn extend(error: &mut Value, refusal: &Refusal) {
    if let Some(members) = error.as_object_mut() {
        members.extend(refusal.details.clone());
    }
}

fn openai_type(status: u16) -> (&'static str, &'static str) {
    match status {
        401 => ("authentication_error", "invalid_api_key"),
        403 => ("permission_denied_error", "access_denied"),
        404 => ("not_found_error", "not_found"),
        408 => ("timeout_error", "request_timeout"),
        429 => ("rate_limit_error", "rate_limit_exceeded"),
        400..=499 => ("invalid_request_error", "validation_error"),
        503 => ("service_unavailable_error", "service_unavailable"),
        _ => ("server_error", "internal_server_error"),
    }
}

/// Also the type of an `error` event.
pub(crate) fn anthropic_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}
