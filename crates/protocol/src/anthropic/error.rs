//! Problems in Anthropic's shape: `{"type": "error", "error": {"type", "message", "details"?}, "request_id"}`.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use super::limit;
use crate::problem::{ErrorReply, LONGEST_WAIT, Problem, ProblemKind};

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    error: Inner<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Inner<'a> {
    r#type: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details<'a>>,
}

#[derive(Serialize)]
struct Details<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'a str>,
    /// The words in place of which a `capability_rejected` token stands, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

/// Renders a problem as an HTTP answer.
#[must_use]
pub fn render(problem: &Problem, request_id: &str) -> ErrorReply {
    let (status, _) = status_and_type(problem.kind);
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("request-id", request_id.to_owned()),
        ("x-request-id", request_id.to_owned()),
    ];
    if let Some(wait) = problem.retry_after {
        headers.push(("retry-after", whole_seconds(wait).to_string()));
    }
    // SDKs sleep as long as they are told to, were it a month: a long wait is no wait.
    let too_long = problem.retry_after.is_some_and(|wait| wait > LONGEST_WAIT);
    if let Some(should) = problem.should_retry.or(too_long.then_some(false)) {
        headers.push(("x-should-retry", should.to_string()));
    }
    if let Some(budget) = &problem.budget {
        headers.extend(limit::reached(budget));
    }
    ErrorReply {
        status: problem.status.unwrap_or(status),
        headers,
        body: Bytes::from(body(problem, Some(request_id))),
    }
}

/// Renders a problem as the `error` event that ends a stream.
pub fn event(problem: &Problem, out: &mut impl Extend<u8>) {
    out.extend(*b"event: error\ndata: ");
    out.extend(body(problem, None));
    out.extend(*b"\n\n");
}

fn body(problem: &Problem, request_id: Option<&str>) -> Vec<u8> {
    let token = problem.capability.as_ref().map(|capability| capability.message());
    let replaced = token.as_ref().map(|_| problem.message.as_str());
    let has_details = problem.error_code.is_some() || replaced.is_some();
    let body = Body {
        r#type: "error",
        error: Inner {
            r#type: status_and_type(problem.kind).1,
            message: token.as_deref().unwrap_or(&problem.message),
            details: has_details
                .then_some(Details { error_code: problem.error_code.as_deref(), message: replaced }),
        },
        request_id,
    };
    serde_json::to_vec(&body)
        .unwrap_or_else(|_| br#"{"type":"error","error":{"type":"api_error","message":""}}"#.to_vec())
}

fn status_and_type(kind: ProblemKind) -> (u16, &'static str) {
    match kind {
        ProblemKind::InvalidRequest => (400, "invalid_request_error"),
        ProblemKind::Authentication => (401, "authentication_error"),
        ProblemKind::Billing => (429, "billing_error"),
        ProblemKind::Permission => (403, "permission_error"),
        ProblemKind::NotFound => (404, "not_found_error"),
        ProblemKind::Policy => (400, "policy_blocked"),
        ProblemKind::TooLarge => (413, "request_too_large"),
        ProblemKind::RateLimited => (429, "rate_limit_error"),
        ProblemKind::Internal => (500, "api_error"),
        ProblemKind::Timeout => (504, "timeout_error"),
        ProblemKind::Overloaded => (529, "overloaded_error"),
        ProblemKind::Unavailable => (503, "api_error"),
        ProblemKind::Unsupported => (501, "not_supported"),
    }
}

/// Seconds, rounded up: a client that comes back too early is refused again.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Capability;
    use crate::problem::SpentBudget;

    fn check(problem: Problem, status: u16, headers: &[(&str, &str)], body: &str) {
        let reply = render(&problem, "req_1");
        assert_eq!(reply.status, status);
        let extra: Vec<(&str, &str)> =
            reply.headers[3..].iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(extra, headers);
        assert_eq!(reply.body, body);
    }

    #[test]
    fn problems_have_anthropics_shape() {
        check(
            Problem::new(ProblemKind::InvalidRequest, "max_tokens: Field required"),
            400,
            &[],
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: Field required"},"request_id":"req_1"}"#,
        );
        check(
            Problem::new(ProblemKind::InvalidRequest, "thread: no").code("thread_unsupported_request"),
            400,
            &[],
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"thread: no","details":{"error_code":"thread_unsupported_request"}},"request_id":"req_1"}"#,
        );
        check(
            Problem::new(ProblemKind::RateLimited, "slow down").after(Duration::from_millis(1_200)),
            429,
            &[("retry-after", "2")],
            r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow down"},"request_id":"req_1"}"#,
        );
    }

    #[test]
    fn a_long_wait_says_not_to_retry() {
        check(
            Problem::new(ProblemKind::Billing, "spent").after(Duration::from_secs(86_400)),
            429,
            &[("retry-after", "86400"), ("x-should-retry", "false")],
            r#"{"type":"error","error":{"type":"billing_error","message":"spent"},"request_id":"req_1"}"#,
        );
    }

    #[test]
    fn a_spent_budget_is_told_from_a_rate_limit() {
        let budget = SpentBudget { period: Some("daily".to_owned()), renews_at: Some(1_800_000_000) };
        let problem = Problem {
            budget: Some(Box::new(budget)),
            ..Problem::new(ProblemKind::Billing, "spent").retry(false)
        };
        check(
            problem,
            429,
            &[
                ("x-should-retry", "false"),
                ("anthropic-ratelimit-unified-status", "rejected"),
                ("anthropic-ratelimit-unified-reset", "1800000000"),
                ("anthropic-ratelimit-unified-overage-reset", "1800000000"),
                ("anthropic-ratelimit-unified-overage-period", "daily"),
                ("anthropic-ratelimit-unified-overage-utilization", "1"),
                ("anthropic-ratelimit-unified-overage-surpassed-threshold", "1"),
                ("anthropic-ratelimit-unified-overage-disabled-reason", "org_spend_cap_reached"),
            ],
            r#"{"type":"error","error":{"type":"billing_error","message":"spent"},"request_id":"req_1"}"#,
        );
    }

    #[test]
    fn a_capability_token_is_the_whole_message() {
        let problem = Problem {
            capability: Some(Capability::Beta("x-2026-01-01".to_owned())),
            ..Problem::new(ProblemKind::InvalidRequest, "invalid beta flag")
        };
        check(
            problem,
            400,
            &[],
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"capability_rejected: beta_header:x-2026-01-01","details":{"message":"invalid beta flag"}},"request_id":"req_1"}"#,
        );
    }
}
