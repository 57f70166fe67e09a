//! Problems in Bedrock's own shape: `x-amzn-errortype`, and a body of one `message`.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use crate::failure::{Failure, FailureClass};
use crate::framing::eventstream;
use crate::problem::{ErrorReply, LONGEST_WAIT, Problem, ProblemKind};

#[derive(Serialize)]
struct Body<'a> {
    message: &'a str,
}

/// Renders a problem as an HTTP answer.
///
/// AWS's SDKs retry throttling, timeouts and 5xx by themselves, up to three or five times; a quota that is used up is a
/// `ServiceQuotaExceededException`, which they do not retry.
#[must_use]
pub fn render(problem: &Problem, request_id: &str) -> ErrorReply {
    let (status, kind) = words(problem);
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("x-amzn-errortype", kind.to_owned()),
        ("x-amzn-requestid", request_id.to_owned()),
        ("x-request-id", request_id.to_owned()),
    ];
    if let Some(wait) = problem.retry_after.filter(|wait| *wait <= LONGEST_WAIT) {
        headers.push(("retry-after", whole_seconds(wait).to_string()));
    }
    ErrorReply { status: problem.status.unwrap_or(status), headers, body: Bytes::from(body(problem)) }
}

/// Renders a problem as the exception that ends an event stream.
pub fn event(problem: &Problem, out: &mut Vec<u8>) {
    let (_, kind) = words(problem);
    let mut name = kind.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    eventstream::write_exception(stream_exception(&name), &body(problem), out);
}

/// Renders what ended an answer as the exception that ends an event stream: a stream that broke off has an exception of its
/// own, by which SDKs tell it from an error of the service.
pub(crate) fn broken(failure: &Failure, out: &mut Vec<u8>) {
    let problem = Problem::from(failure);
    match failure.class {
        FailureClass::BrokenOff => {
            eventstream::write_exception("modelStreamErrorException", &body(&problem), out)
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
        | FailureClass::Unreachable => event(&problem, out),
    }
}

/// The exceptions that a stream's shape has; another name would be an unmodelled error to an SDK.
fn stream_exception(name: &str) -> &str {
    match name {
        "validationException" | "throttlingException" | "serviceUnavailableException" => name,
        "modelTimeoutException" | "modelStreamErrorException" => "modelStreamErrorException",
        "accessDeniedException" | "resourceNotFoundException" | "serviceQuotaExceededException" => {
            "validationException"
        }
        _ => "internalServerException",
    }
}

fn body(problem: &Problem) -> Vec<u8> {
    serde_json::to_vec(&Body { message: &problem.message }).unwrap_or_else(|_| br#"{"message":""}"#.to_vec())
}

fn words(problem: &Problem) -> (u16, &'static str) {
    match problem.kind {
        ProblemKind::RateLimited if problem.should_retry == Some(false) => {
            (400, "ServiceQuotaExceededException")
        }
        ProblemKind::InvalidRequest | ProblemKind::Policy | ProblemKind::TooLarge => {
            (400, "ValidationException")
        }
        ProblemKind::Authentication | ProblemKind::Permission => (403, "AccessDeniedException"),
        ProblemKind::Billing => (400, "ServiceQuotaExceededException"),
        ProblemKind::NotFound => (404, "ResourceNotFoundException"),
        ProblemKind::RateLimited => (429, "ThrottlingException"),
        ProblemKind::Internal => (500, "InternalServerException"),
        ProblemKind::Timeout => (408, "ModelTimeoutException"),
        ProblemKind::Overloaded | ProblemKind::Unavailable => (503, "ServiceUnavailableException"),
        ProblemKind::Unsupported => (400, "ValidationException"),
    }
}

/// Seconds, rounded up: a client that comes back too early is refused again.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::framing::eventstream::{Decoder, FrameKind};

    #[test]
    fn problems_have_bedrocks_shape() {
        for (kind, status, name) in [
            (ProblemKind::InvalidRequest, 400, "ValidationException"),
            (ProblemKind::Billing, 400, "ServiceQuotaExceededException"),
            (ProblemKind::Authentication, 403, "AccessDeniedException"),
            (ProblemKind::RateLimited, 429, "ThrottlingException"),
        ] {
            let reply = render(&Problem::new(kind, "no"), "req_1");
            assert_eq!((reply.status, reply.body.as_ref()), (status, br#"{"message":"no"}"#.as_slice()));
            assert!(reply.headers.contains(&("x-amzn-errortype", name.to_owned())));
        }
    }

    #[test]
    fn a_stream_ends_with_an_exception_that_sdks_know() {
        for (kind, name) in [
            (ProblemKind::RateLimited, "throttlingException"),
            (ProblemKind::Billing, "validationException"),
            (ProblemKind::Timeout, "modelStreamErrorException"),
            (ProblemKind::Internal, "internalServerException"),
        ] {
            let mut out = Vec::new();
            event(&Problem::new(kind, "no"), &mut out);
            let mut decoder = Decoder::default();
            decoder.push(Bytes::from(out));
            let frame = decoder.next_frame().unwrap().unwrap();
            assert_eq!(frame.kind(), FrameKind::Exception(name));
        }
    }
}
