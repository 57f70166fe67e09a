//! Problems in OpenAI's shape: `{"error": {"message", "type", "param", "code"}}`.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use crate::failure::{Failure, says_too_long};
use crate::json::quoted;
use crate::problem::{Capability, ErrorReply, LONGEST_WAIT, Problem, ProblemKind};

#[derive(Serialize)]
struct Body<'a> {
    error: Inner<'a>,
}

#[derive(Serialize)]
struct Inner<'a> {
    message: &'a str,
    r#type: &'static str,
    param: Option<&'a str>,
    code: Option<&'a str>,
}

/// The `error` event of a Responses stream.
#[derive(Serialize)]
struct EventBody<'a> {
    r#type: &'static str,
    code: Option<&'a str>,
    message: &'a str,
    param: Option<&'a str>,
    sequence_number: u64,
}

/// Renders a problem as an HTTP answer.
///
/// OpenAI's SDKs sleep as long as `retry-after` says, up to two minutes, and give up on a longer one. Codex retries 401,
/// 403 and 404 unless `x-should-retry` forbids it, and fails at once on a 429 without `retry-after`.
#[must_use]
pub fn render(problem: &Problem, request_id: &str) -> ErrorReply {
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("x-request-id", request_id.to_owned()),
        ("request-id", request_id.to_owned()),
    ];
    if let Some(wait) = problem.retry_after {
        headers.push(("retry-after", whole_seconds(wait).to_string()));
    }
    let too_long = problem.retry_after.is_some_and(|wait| wait > LONGEST_WAIT);
    if let Some(should) = problem.should_retry.or(too_long.then_some(false)) {
        headers.push(("x-should-retry", should.to_string()));
    }
    let (status, _, _) = words(problem.kind);
    ErrorReply {
        status: problem.status.unwrap_or(status),
        headers,
        body: Bytes::from(
            serde_json::to_vec(&Body { error: inner(problem) })
                .unwrap_or_else(|_| br#"{"error":{"message":"","type":"server_error"}}"#.to_vec()),
        ),
    }
}

/// Renders a problem as the event that ends a stream of chat chunks.
pub fn chat_event(problem: &Problem, out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
    append(&Body { error: inner(problem) }, out);
    out.extend_from_slice(b"\n\ndata: [DONE]\n\n");
}

/// Renders a problem as the `error` event that ends a stream of a response which never began.
pub fn responses_event(problem: &Problem, out: &mut Vec<u8>) {
    let Inner { message, param, code, r#type } = inner(problem);
    let event =
        EventBody { r#type: "error", code: code.or(Some(r#type)), message, param, sequence_number: 0 };
    out.extend_from_slice(b"event: error\ndata: ");
    append(&event, out);
    out.extend_from_slice(b"\n\n");
}

/// The `error` of a response that failed, with the codes that Codex acts on.
pub(crate) fn response_error(failure: &Failure) -> String {
    let problem = Problem::from(failure);
    let mut message = problem.message.clone();
    let code = match problem.kind {
        _ if is_too_long(&problem) => TOO_LONG,
        _ if is_used_up(&problem) => "insufficient_quota",
        ProblemKind::RateLimited => {
            // Codex takes from these words how long to wait.
            let wait = problem.retry_after.map_or(2, |wait| wait.as_secs().max(1));
            message.push_str(&format!(" Please try again in {wait}s."));
            "rate_limit_exceeded"
        }
        ProblemKind::InvalidRequest | ProblemKind::TooLarge => "invalid_prompt",
        ProblemKind::Billing | ProblemKind::Overloaded => code(&problem).unwrap_or("server_error"),
        ProblemKind::Authentication
        | ProblemKind::Permission
        | ProblemKind::NotFound
        | ProblemKind::Policy
        | ProblemKind::Internal
        | ProblemKind::Timeout
        | ProblemKind::Unavailable
        | ProblemKind::Unsupported => "server_error",
    };
    format!(r#"{{"code":"{code}","message":{}}}"#, quoted(&message))
}

/// The machine-readable code of a problem: its own, or what OpenAI says in such a case.
#[must_use]
pub fn code(problem: &Problem) -> Option<&str> {
    let (_, _, usual) = words(kind(problem));
    // Codex and the SDKs know these; ours would say nothing to them.
    if is_too_long(problem) {
        Some(TOO_LONG)
    } else if is_used_up(problem) {
        usual
    } else if problem.kind == ProblemKind::NotFound && problem.member.as_deref() == Some("model") {
        Some("model_not_found")
    } else {
        problem.error_code.as_deref().or(usual)
    }
}

/// By which clients know that they have to make the conversation shorter.
const TOO_LONG: &str = "context_length_exceeded";

fn is_too_long(problem: &Problem) -> bool {
    matches!(problem.capability, Some(Capability::PromptTooLong | Capability::ContextOverflow))
        || problem.kind == ProblemKind::InvalidRequest && says_too_long(&problem.message)
}

/// Whether waiting is no use: a budget here, or a quota there, is used up.
fn is_used_up(problem: &Problem) -> bool {
    problem.kind == ProblemKind::Billing
        || problem.kind == ProblemKind::RateLimited && problem.should_retry == Some(false)
}

/// The kind as OpenAI sees it, to whom a quota is a budget.
fn kind(problem: &Problem) -> ProblemKind {
    if is_used_up(problem) { ProblemKind::Billing } else { problem.kind }
}

fn inner(problem: &Problem) -> Inner<'_> {
    let (_, kind, _) = words(kind(problem));
    Inner { message: &problem.message, r#type: kind, param: problem.member.as_deref(), code: code(problem) }
}

fn append<T: Serialize>(value: &T, out: &mut Vec<u8>) {
    // Texts and numbers always serialise; were it otherwise, the client would see an empty event.
    if let Ok(text) = serde_json::to_vec(value) {
        out.extend_from_slice(&text);
    }
}

/// Status, type and code.
fn words(kind: ProblemKind) -> (u16, &'static str, Option<&'static str>) {
    match kind {
        ProblemKind::InvalidRequest => (400, "invalid_request_error", None),
        ProblemKind::Authentication => (401, "authentication_error", Some("invalid_api_key")),
        ProblemKind::Billing => (429, "insufficient_quota", Some("insufficient_quota")),
        ProblemKind::Permission => (403, "permission_error", Some("insufficient_permissions")),
        ProblemKind::NotFound => (404, "invalid_request_error", Some("not_found")),
        ProblemKind::Policy => (400, "invalid_request_error", Some("policy_blocked")),
        ProblemKind::TooLarge => (413, "invalid_request_error", Some("request_too_large")),
        ProblemKind::RateLimited => (429, "rate_limit_error", Some("rate_limit_exceeded")),
        ProblemKind::Internal => (500, "server_error", Some("server_error")),
        ProblemKind::Timeout => (504, "server_error", Some("timeout")),
        ProblemKind::Overloaded => (503, "server_error", Some("server_is_overloaded")),
        ProblemKind::Unavailable => (503, "server_error", Some("unavailable")),
        ProblemKind::Unsupported => (501, "invalid_request_error", Some("not_supported")),
    }
}

/// Seconds, rounded up: a client that comes back too early is refused again.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(problem: &Problem, status: u16, headers: &[(&str, &str)], body: &str) {
        let reply = render(problem, "req_1");
        let extra: Vec<(&str, &str)> =
            reply.headers[3..].iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!((reply.status, extra.as_slice()), (status, headers));
        assert_eq!(reply.body, body);
    }

    #[test]
    fn problems_have_openais_shape() {
        check(
            &Problem::new(ProblemKind::InvalidRequest, "n: only 1 is served").member("n"),
            400,
            &[],
            r#"{"error":{"message":"n: only 1 is served","type":"invalid_request_error","param":"n","code":null}}"#,
        );
        check(
            &Problem::new(ProblemKind::RateLimited, "slow down").after(Duration::from_millis(1_200)),
            429,
            &[("retry-after", "2")],
            r#"{"error":{"message":"slow down","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}"#,
        );
    }

    #[test]
    fn a_spent_budget_is_final() {
        let spent = Problem::new(ProblemKind::Billing, "spent").code("budget_exceeded").retry(false);
        check(
            &spent.after(Duration::from_secs(86_400)),
            429,
            &[("retry-after", "86400"), ("x-should-retry", "false")],
            r#"{"error":{"message":"spent","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
        );
    }

    #[test]
    fn a_stream_that_never_began_ends_with_an_error() {
        let problem = Problem::new(ProblemKind::Overloaded, "busy");
        let (mut chat, mut responses) = (Vec::new(), Vec::new());
        chat_event(&problem, &mut chat);
        responses_event(&problem, &mut responses);
        assert_eq!(
            String::from_utf8(chat).unwrap(),
            "data: {\"error\":{\"message\":\"busy\",\"type\":\"server_error\",\"param\":null,\"code\":\"server_is_overloaded\"}}\n\ndata: [DONE]\n\n"
        );
        assert_eq!(
            String::from_utf8(responses).unwrap(),
            "event: error\ndata: {\"type\":\"error\",\"code\":\"server_is_overloaded\",\"message\":\"busy\",\"param\":null,\"sequence_number\":0}\n\n"
        );
    }
}
