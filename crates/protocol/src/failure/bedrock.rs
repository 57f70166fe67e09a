//! Bedrock's errors: by exception name, never by status alone (a quota that is used up comes as a 400).

use std::time::Duration;

use serde::Deserialize;

use super::{Failure, FailureClass, clean, generic_message, rejected};

/// The failure that an HTTP error answer of Bedrock tells of.
///
/// `error_type` is the header `x-amzn-errortype`, which may carry `:http://…` after the name; `retry_after` is the
/// header of that name. A date in it is ignored, since there is no clock here.
#[must_use]
pub fn from_bedrock(
    status: u16,
    error_type: Option<&str>,
    retry_after: Option<&str>,
    body: &[u8],
) -> Failure {
    let told = Told::read(body);
    let name =
        error_type.map(bare_name).filter(|name| !name.is_empty()).or(told.name.as_deref().map(bare_name));
    failure(status, name, retry_after.and_then(seconds), &told)
}

/// The failure that an exception inside an event stream tells of: `throttlingException`, or the code of an unmodelled
/// error.
#[must_use]
pub fn from_exception(name: &str, payload: &[u8]) -> Failure {
    let name = bare_name(name);
    let mut letters = name.chars();
    let name: String =
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect();
    failure(0, Some(&name), None, &Told::read(payload))
}

/// The failure that an error of Bedrock's OpenAI-shaped APIs tells of, where it comes in the place of an answer: an error
/// in a stream, or an error with a status of success.
#[must_use]
pub(crate) fn from_openai_error(payload: &[u8]) -> Failure {
    let told = Told::read(payload);
    let name = told.name.as_deref().map(bare_name);
    // The type that says nothing without a status; here is none.
    let status = if name == Some("invalid_request_error") { 400 } else { 0 };
    failure(status, name, None, &told)
}

fn failure(status: u16, name: Option<&str>, wait: Option<Duration>, told: &Told) -> Failure {
    let text = told.message.trim();
    let class = name.and_then(|name| class_of_name(name, told.original_status)).unwrap_or_else(|| {
        class_of_status(if status == 0 { told.original_status.unwrap_or(0) } else { status })
    });
    let class = class_by_text(class, text);
    let capability = match class {
        FailureClass::Rejected => rejected::capability(text).map(Box::new),
        FailureClass::Throttled
        | FailureClass::Exhausted
        | FailureClass::Overloaded
        | FailureClass::Unavailable
        | FailureClass::Credentials
        | FailureClass::Denied
        | FailureClass::NotFound
        | FailureClass::TimedOut
        | FailureClass::BrokenOff
        | FailureClass::Unreachable => None,
    };
    Failure {
        class,
        status,
        error_type: name.map_or_else(|| format!("HTTP {status}"), str::to_owned),
        wait,
        message: caller_message(class, text),
        capability,
        detail: text.to_owned(),
    }
}

/// Only what is said about the caller's own request is passed on; everything else is about the gateway's account.
fn caller_message(class: FailureClass, text: &str) -> String {
    match class {
        FailureClass::Rejected if !text.is_empty() => clean(rejected::own_words(text)),
        FailureClass::Rejected
        | FailureClass::Throttled
        | FailureClass::Exhausted
        | FailureClass::Overloaded
        | FailureClass::Unavailable
        | FailureClass::Credentials
        | FailureClass::Denied
        | FailureClass::NotFound
        | FailureClass::TimedOut
        | FailureClass::BrokenOff
        | FailureClass::Unreachable => generic_message(class).to_owned(),
    }
}

fn bare_name(name: &str) -> &str {
    let name = name.rsplit('#').next().unwrap_or(name);
    name.split(':').next().unwrap_or(name).trim()
}

/// What OpenAI's codes begin with that tell of a wrong request.
const REJECTIONS: [&str; 8] = [
    "invalid_",
    "unsupported_",
    "unknown_parameter",
    "missing_required_",
    "image_",
    "empty_image",
    "failed_to_download_image",
    "string_above_max_length",
];

/// The names of bedrock-runtime's service model, and those of AWS's front door.
fn class_of_name(name: &str, original_status: Option<u16>) -> Option<FailureClass> {
    let class = match name {
        "ThrottlingException" | "TooManyRequestsException" | "Throttling" | "ModelNotReadyException" => {
            FailureClass::Throttled
        }
        "ServiceQuotaExceededException" => FailureClass::Exhausted,
        "ServiceUnavailableException" | "ServiceUnavailable" => FailureClass::Overloaded,
        "InternalServerException" | "InternalFailure" | "InternalError" => FailureClass::Unavailable,
        "ModelTimeoutException" => FailureClass::TimedOut,
        "ModelErrorException" | "ModelStreamErrorException" => match original_status {
            Some(400) => FailureClass::Rejected,
            Some(429) => FailureClass::Throttled,
            Some(408 | 504) => FailureClass::TimedOut,
            Some(503 | 529) => FailureClass::Overloaded,
            _ if name == "ModelStreamErrorException" => FailureClass::BrokenOff,
            _ => FailureClass::Unavailable,
        },
        "ValidationException" | "ConflictException" | "SerializationException" => FailureClass::Rejected,
        "AccessDeniedException" | "OptInRequired" | "AccessDenied" => FailureClass::Denied,
        "ResourceNotFoundException" => FailureClass::NotFound,
        "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "ExpiredTokenException"
        | "ExpiredToken"
        | "InvalidClientTokenId"
        | "MissingAuthenticationTokenException"
        | "MissingAuthenticationToken"
        | "IncompleteSignatureException"
        | "IncompleteSignature"
        | "RequestExpired" => FailureClass::Credentials,
        // The codes and types of the OpenAI-shaped APIs.
        "rate_limit_exceeded" | "rate_limit_error" | "too_many_requests" => FailureClass::Throttled,
        "insufficient_quota" => FailureClass::Exhausted,
        "overloaded_error" | "server_is_overloaded" | "service_unavailable" => FailureClass::Overloaded,
        "server_error" | "internal_error" | "internal_server_error" | "api_error" => {
            FailureClass::Unavailable
        }
        "timeout" | "timeout_error" => FailureClass::TimedOut,
        "invalid_prompt" | "context_length_exceeded" | "validation_error" => FailureClass::Rejected,
        "authentication_error" | "invalid_api_key" => FailureClass::Credentials,
        "permission_error" | "permission_denied" | "access_denied" => FailureClass::Denied,
        "not_found_error" | "model_not_found" => FailureClass::NotFound,
        // OpenAI gives this type to errors of several kinds, and tells them apart by status.
        "invalid_request_error" => return None,
        _ if REJECTIONS.iter().any(|start| name.starts_with(start)) => FailureClass::Rejected,
        _ => return None,
    };
    Some(class)
}

fn class_of_status(status: u16) -> FailureClass {
    match status {
        401 | 407 => FailureClass::Credentials,
        403 => FailureClass::Denied,
        404 => FailureClass::NotFound,
        408 | 504 => FailureClass::TimedOut,
        429 => FailureClass::Throttled,
        424 | 500..=502 => FailureClass::Unavailable,
        503 | 529 => FailureClass::Overloaded,
        400..=499 => FailureClass::Rejected,
        _ => FailureClass::Unavailable,
    }
}

/// Where one exception stands for different troubles, its words tell which.
fn class_by_text(class: FailureClass, text: &str) -> FailureClass {
    let lower = text.to_ascii_lowercase();
    let says = |part: &str| lower.contains(part);
    match class {
        FailureClass::Throttled if says("per day") || says("daily") => FailureClass::Exhausted,
        // One exception stands for a key that nobody knows and for a model that the key may not use.
        FailureClass::Denied if tells_of_credentials(&lower) => FailureClass::Credentials,
        FailureClass::Rejected
            if says("model identifier is invalid")
                || says("on-demand throughput isn")
                || says("inference profile") && says("retry your request")
                || says("isn't supported on this route") =>
        {
            FailureClass::NotFound
        }
        FailureClass::Throttled
        | FailureClass::Exhausted
        | FailureClass::Overloaded
        | FailureClass::Unavailable
        | FailureClass::Rejected
        | FailureClass::Credentials
        | FailureClass::Denied
        | FailureClass::NotFound
        | FailureClass::TimedOut
        | FailureClass::BrokenOff
        | FailureClass::Unreachable => class,
    }
}

/// Whether a denial is about who calls, and not about what: a key that nobody knows or whose time is over.
fn tells_of_credentials(lower: &str) -> bool {
    let says = |part: &str| lower.contains(part);
    let of_a_key =
        ["api key", "bearer token", "session token", "credential", "access key"].into_iter().any(says);
    let no_good = says("expired") || says("invalid") || says("is valid") || says("not valid");
    says("security token") || says("signature") || says("authentication failed") || (of_a_key && no_good)
}

fn seconds(retry_after: &str) -> Option<Duration> {
    let seconds: f64 = retry_after.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// What an error body says, in any of the shapes that are met: `{"message"}`, `{"Message"}`, Anthropic's
/// `{"error": {"type", "message"}}`; nothing for a page of HTML.
#[derive(Default)]
struct Told {
    name: Option<String>,
    message: String,
    original_status: Option<u16>,
}

impl Told {
    fn read(body: &[u8]) -> Told {
        let Ok(wire) = serde_json::from_slice::<Wire>(body) else {
            // No body that we know: nothing of it is fit for a caller, nor long enough to keep whole.
            return Told::default();
        };
        let inner = wire.error.unwrap_or_default();
        Told {
            // OpenAI's code says more than its type, where it is one that we know.
            name: wire.r#type.or(wire.code).filter(|name| name != "error").or_else(|| inner.name()),
            message: wire.message.or(wire.original_message).or(inner.message).unwrap_or_default(),
            original_status: wire.original_status,
        }
    }
}

#[derive(Deserialize)]
struct Wire {
    #[serde(default, alias = "Message")]
    message: Option<String>,
    #[serde(default, rename = "originalMessage")]
    original_message: Option<String>,
    #[serde(default, rename = "originalStatusCode")]
    original_status: Option<u16>,
    #[serde(default, rename = "__type", alias = "type")]
    r#type: Option<String>,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    error: Option<InnerWire>,
}

#[derive(Default, Deserialize)]
struct InnerWire {
    #[serde(default)]
    r#type: Option<String>,
    #[serde(default)]
    message: Option<String>,
    /// A word or a status.
    #[serde(default)]
    code: Option<serde_json::Value>,
}

impl InnerWire {
    fn name(&self) -> Option<String> {
        let code = self.code.as_ref().and_then(|code| code.as_str());
        let known = code.filter(|code| class_of_name(code, None).is_some());
        known.map(str::to_owned).or_else(|| self.r#type.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Problem, ProblemKind};

    #[test]
    fn each_exception_has_its_class_whatever_its_status() {
        use FailureClass as Class;
        for (status, name, body, class) in [
            (400, "ValidationException", r#"{"message":"max_tokens: Field required"}"#, Class::Rejected),
            (400, "ServiceQuotaExceededException", r#"{"message":"x"}"#, Class::Exhausted),
            (
                403,
                "AccessDeniedException",
                r#"{"message":"You don't have access to the model"}"#,
                Class::Denied,
            ),
            (403, "AccessDeniedException", r#"{"Message":"Bearer Token has expired"}"#, Class::Credentials),
            (403, "ExpiredTokenException", r#"{"message":"x"}"#, Class::Credentials),
            (403, "UnrecognizedClientException", r#"{"message":"x"}"#, Class::Credentials),
            (404, "ResourceNotFoundException", r#"{"message":"x"}"#, Class::NotFound),
            (408, "ModelTimeoutException", r#"{"message":"x"}"#, Class::TimedOut),
            (424, "ModelErrorException", r#"{"message":"x","originalStatusCode":500}"#, Class::Unavailable),
            (424, "ModelErrorException", r#"{"message":"x","originalStatusCode":529}"#, Class::Overloaded),
            (424, "ModelStreamErrorException", r#"{"message":"x"}"#, Class::BrokenOff),
            (429, "ThrottlingException", r#"{"message":"Too many requests"}"#, Class::Throttled),
            (429, "ThrottlingException", r#"{"message":"Too many tokens per day"}"#, Class::Exhausted),
            (429, "ModelNotReadyException", r#"{"message":"x"}"#, Class::Throttled),
            (500, "InternalServerException", r#"{"message":"x"}"#, Class::Unavailable),
            (503, "ServiceUnavailableException", r#"{"message":"x"}"#, Class::Overloaded),
            (429, "ThrottlingException:http://internal.amazon.com/coral/", "{}", Class::Throttled),
            (400, "com.amazon.coral#ValidationException", "{}", Class::Rejected),
            (502, "", "<html>bad gateway</html>", Class::Unavailable),
            (429, "", "", Class::Throttled),
            (400, "", r#"{"__type":"com.x#ThrottlingException","message":"slow"}"#, Class::Throttled),
            (
                400,
                "ValidationException",
                r#"{"message":"The provided model identifier is invalid."}"#,
                Class::NotFound,
            ),
        ] {
            let failure = from_bedrock(status, Some(name), None, body.as_bytes());
            assert_eq!(failure.class, class, "{status} {name} {body}");
        }
    }

    #[test]
    fn an_exception_in_a_stream_is_classed_like_its_http_twin() {
        for (name, class) in [
            ("throttlingException", FailureClass::Throttled),
            ("internalServerException", FailureClass::Unavailable),
            ("modelStreamErrorException", FailureClass::BrokenOff),
            ("validationException", FailureClass::Rejected),
            ("modelTimeoutException", FailureClass::TimedOut),
            ("serviceUnavailableException", FailureClass::Overloaded),
            ("somethingNew", FailureClass::Unavailable),
        ] {
            assert_eq!(from_exception(name, br#"{"message":"x"}"#).class, class, "{name}");
        }
    }

    #[test]
    fn errors_of_the_openai_shaped_apis_are_classed_by_code_and_status() {
        use FailureClass as Class;
        for (status, body, class) in [
            (
                400,
                r#"{"error":{"message":"m","type":"invalid_request_error","param":"n","code":null}}"#,
                Class::Rejected,
            ),
            (
                401,
                r#"{"error":{"message":"m","type":"invalid_request_error","code":"invalid_api_key"}}"#,
                Class::Credentials,
            ),
            (
                404,
                r#"{"error":{"message":"m","type":"invalid_request_error","code":"model_not_found"}}"#,
                Class::NotFound,
            ),
            (404, r#"{"error":{"message":"m","type":"invalid_request_error","code":404}}"#, Class::NotFound),
            (
                400,
                r#"{"error":{"message":"model `x` isn't supported on this route","type":"invalid_request_error"}}"#,
                Class::NotFound,
            ),
            (
                429,
                r#"{"error":{"message":"m","type":"requests","code":"rate_limit_exceeded"}}"#,
                Class::Throttled,
            ),
            (
                429,
                r#"{"error":{"message":"m","type":"insufficient_quota","code":"insufficient_quota"}}"#,
                Class::Exhausted,
            ),
            (500, r#"{"error":{"message":"m","type":"server_error","code":null}}"#, Class::Unavailable),
            (503, r#"{"error":{"message":"m","code":"new_word"}}"#, Class::Overloaded),
        ] {
            assert_eq!(from_bedrock(status, None, None, body.as_bytes()).class, class, "{status} {body}");
        }
        for (body, class) in [
            (r#"{"error":{"message":"m","type":"invalid_request_error"}}"#, Class::Rejected),
            (r#"{"error":{"message":"m","type":"rate_limit_error"}}"#, Class::Throttled),
            (r#"{"error":{"message":"m"}}"#, Class::Unavailable),
        ] {
            assert_eq!(from_openai_error(body.as_bytes()).class, class, "{body}");
        }
    }

    #[test]
    fn what_is_about_the_gateways_account_never_reaches_the_caller() {
        let body = br#"{"message":"User: arn:aws:sts::123456789012:assumed-role/gw/x is not authorized to perform: bedrock:InvokeModel"}"#;
        for status in [400, 401, 403, 404, 429, 500, 503] {
            let failure = from_bedrock(status, None, None, body);
            assert!(
                !failure.message.contains("arn:") && !failure.message.contains("123456789012"),
                "{failure}"
            );
            assert!(failure.detail.contains("123456789012"), "the operator sees it");
        }
    }

    #[test]
    fn a_throttled_client_is_told_when_to_come_back_and_never_sleeps_for_ever() {
        let wait = |header| {
            Problem::from(&from_bedrock(429, Some("ThrottlingException"), header, b"{}")).retry_after
        };
        assert_eq!(wait(None), Some(Duration::from_secs(2)));
        assert_eq!(wait(Some("7")), Some(Duration::from_secs(7)));
        assert_eq!(wait(Some("4294967")), Some(Duration::from_secs(60)));
        assert_eq!(wait(Some("Wed, 21 Oct 2026 07:28:00 GMT")), Some(Duration::from_secs(2)));
        assert_eq!(wait(Some("-1")), Some(Duration::from_secs(2)));
        assert_eq!(wait(Some("NaN")), Some(Duration::from_secs(2)));
    }

    #[test]
    fn tokens_per_day_are_not_worth_a_retry() {
        let body = br#"{"message":"Too many tokens per day, please wait before trying again."}"#;
        let problem = Problem::from(&from_bedrock(429, Some("ThrottlingException"), Some("1"), body));
        assert_eq!(
            (problem.kind, problem.should_retry, problem.retry_after),
            (ProblemKind::RateLimited, Some(false), None)
        );
    }

    #[test]
    fn a_model_that_may_not_be_used_is_not_a_key_that_nobody_knows() {
        for (name, text, class) in [
            (
                "AccessDeniedException",
                "Authentication failed: Please make sure your API Key is valid.",
                FailureClass::Credentials,
            ),
            ("AccessDeniedException", "Bearer Token has expired", FailureClass::Credentials),
            (
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
                FailureClass::Credentials,
            ),
            ("InvalidSignatureException", "Signature expired", FailureClass::Credentials),
            ("ExpiredTokenException", "", FailureClass::Credentials),
            (
                "AccessDeniedException",
                "You don't have access to the model with the specified model ID.",
                FailureClass::Denied,
            ),
            (
                "AccessDeniedException",
                "Model access is denied: your AWS Marketplace subscription for this model has expired",
                FailureClass::Denied,
            ),
            (
                "AccessDeniedException",
                "User: arn:aws:iam::1:user/a is not authorized to perform: bedrock:InvokeModel",
                FailureClass::Denied,
            ),
        ] {
            let body = format!(r#"{{"message":"{text}"}}"#);
            assert_eq!(from_bedrock(403, Some(name), None, body.as_bytes()).class, class, "{name}: {text}");
        }
    }

    #[test]
    fn the_gateways_missing_rights_do_not_look_like_a_failed_login() {
        for name in ["AccessDeniedException", "ExpiredTokenException"] {
            let problem = Problem::from(&from_bedrock(403, Some(name), None, b"{}"));
            assert_eq!((problem.kind, problem.should_retry), (ProblemKind::Internal, Some(false)));
            assert!(problem.message.contains("administrator"));
        }
    }
}
