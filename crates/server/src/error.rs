//! The one place where refusals, failures and faults become what a caller reads.

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use jiff::Timestamp;
use stonegate_catalog::{UnknownModel, Why};
use stonegate_identity::sigv4::BadSignature;
use stonegate_identity::{Denied, DirectoryError, KeyRefusal};
use stonegate_ledger::{CallId, Shortfall, Window};
use stonegate_protocol::{Dialect, ErrorReply, Problem, ProblemKind, SpentBudget};

use crate::keeper::StoreAway;
use crate::signin::NotTaken;

/// The header by which Anthropic's clients know a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
/// The header by which everyone else's do.
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Renders a problem in the shape of the caller's dialect.
pub(crate) fn respond(problem: &Problem, call: CallId, dialect: Dialect) -> Response {
    let ErrorReply { status, headers, body } = dialect.render(problem, &call.to_string());
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    identify(&mut response, call);
    response
}

/// Says which request this is the answer to.
pub(crate) fn identify<B>(response: &mut http::Response<B>, call: CallId) {
    if let Ok(value) = HeaderValue::from_str(&call.to_string()) {
        response.headers_mut().insert(REQUEST_ID, value.clone());
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
}

/// The same, also by the header that AWS's SDKs know.
pub(crate) fn identify_for(response: &mut Response, call: CallId, dialect: Dialect) {
    identify(response, call);
    let is_aws = matches!(dialect, Dialect::Converse | Dialect::BedrockNative);
    if is_aws && let Ok(value) = HeaderValue::from_str(&call.to_string()) {
        response.headers_mut().insert("x-amzn-requestid", value);
    }
}

/// No key was shown, or none that can be one.
pub(crate) fn no_key() -> Problem {
    Problem::new(
        ProblemKind::Authentication,
        "no valid Stonegate key was sent. Send one (sk-stone-…) in the header x-api-key or Authorization: Bearer.",
    )
    .retry(false)
}

/// A provider's token that lets nobody in.
pub(crate) fn token_not_taken(not: NotTaken) -> Problem {
    match not {
        NotTaken::Told(why) => Problem::new(ProblemKind::Authentication, why).retry(false),
        NotTaken::Ended(refusal) => refused_token(refusal),
        NotTaken::TooOften(seconds) => {
            let message = "too many new tokens from your network; wait before the next";
            Problem::new(ProblemKind::RateLimited, message).after(std::time::Duration::from_secs(seconds))
        }
        NotTaken::Crowded(why) => Problem::new(ProblemKind::RateLimited, why).retry(false),
        NotTaken::Away => {
            Problem::new(ProblemKind::Unavailable, "tokens cannot be checked at the moment; try again later")
        }
    }
}

/// The token was taken before, but does not hold any more.
pub(crate) fn refused_token(refusal: KeyRefusal) -> Problem {
    let message = match refusal {
        KeyRefusal::Expired(at) | KeyRefusal::TokenExpired(at) | KeyRefusal::Retired(at) => {
            format!("this token's sign-in ended at {at}. Get a new token from its provider.")
        }
        KeyRefusal::Revoked => {
            "the sign-in by this token was revoked. Ask your Stonegate administrator.".to_owned()
        }
        KeyRefusal::UserDisabled => {
            "the user of this token is disabled. Your Stonegate administrator can enable it again.".to_owned()
        }
        KeyRefusal::TenantDisabled => {
            "the tenant of this token is disabled. Your Stonegate administrator can enable it again."
                .to_owned()
        }
        KeyRefusal::CookieOnly | KeyRefusal::NoCookie => refusal.to_string(),
    };
    Problem::new(ProblemKind::Authentication, message).retry(false)
}

/// A signature that does not hold.
pub(crate) fn bad_signature(bad: BadSignature) -> Problem {
    Problem::new(ProblemKind::Authentication, bad.to_string()).retry(false)
}

/// A signature by a pair that is not one of ours: most likely the caller's own AWS credentials.
pub(crate) fn foreign_pair() -> Problem {
    Problem::new(
        ProblemKind::Authentication,
        "the request is signed with AWS credentials that are not Stonegate's: use a pair that Stonegate issued \
         (GET /bedrock/credentials), or send a key (sk-stone-…) as AWS_BEARER_TOKEN_BEDROCK",
    )
    .retry(false)
}

/// The key is known, but does not hold.
pub(crate) fn refused_key(refusal: KeyRefusal) -> Problem {
    let advice = match refusal {
        KeyRefusal::Revoked | KeyRefusal::Expired(_) | KeyRefusal::Retired(_) => {
            "Ask your Stonegate administrator for a new key."
        }
        KeyRefusal::TokenExpired(_) => "Sign in again if your client does not do so by itself.",
        KeyRefusal::CookieOnly | KeyRefusal::NoCookie => "Send a key (sk-stone-…) that was made to be one.",
        KeyRefusal::UserDisabled | KeyRefusal::TenantDisabled => {
            "Your Stonegate administrator can enable it again."
        }
    };
    Problem::new(ProblemKind::Authentication, format!("{refusal}. {advice}")).retry(false)
}

/// The caller is known, but may not.
pub(crate) fn denied(denied: &Denied) -> Problem {
    Problem::new(ProblemKind::Permission, denied.to_string()).retry(false)
}

/// A model name that nobody knows.
pub(crate) fn unknown_model(unknown: &UnknownModel) -> Problem {
    let mut message = unknown.to_string();
    if unknown.why == Why::NoSuchName && unknown.nearest.is_empty() {
        message.push_str("; GET /v1/models lists what can be called");
    }
    Problem::new(ProblemKind::NotFound, message).member("model")
}

/// A model that is there, but that no API of Bedrock's serves in the client's dialect.
pub(crate) fn wrong_dialect(model: &str, dialect: Dialect) -> Problem {
    let api = match dialect {
        Dialect::Anthropic => "the Messages API",
        Dialect::OpenaiChat => "Chat Completions",
        Dialect::OpenaiResponses => "the Responses API",
        Dialect::Converse => "Converse",
        Dialect::BedrockNative => "InvokeModel",
    };
    let message = format!("model: {model} cannot be called by {api}; choose another model");
    Problem::new(ProblemKind::InvalidRequest, message).member("model")
}

/// The directory does not answer, so nobody new can be let in.
pub(crate) fn directory_away(away: &DirectoryError) -> Problem {
    tracing::error!(error = away as &dyn std::error::Error, "a key could not be looked up");
    Problem::new(ProblemKind::Unavailable, "keys cannot be checked at the moment; try again later")
}

/// A body that did not come to its end in time.
pub(crate) fn slow_body(patience: std::time::Duration) -> Problem {
    let message = format!("The request body was not complete within {} seconds", patience.as_secs());
    let problem = Problem::new(ProblemKind::Timeout, message);
    Problem { status: Some(StatusCode::REQUEST_TIMEOUT.as_u16()), ..problem }
}

/// A body that is larger than Bedrock takes.
pub(crate) fn too_large(limit: usize) -> Problem {
    Problem::new(ProblemKind::TooLarge, format!("Request exceeds the maximum size of {limit} bytes"))
}

/// No budget covers the call; `account` is the short one's by name. Final for the client: one refusal is one request.
pub(crate) fn shortfall(shortfall: &Shortfall, account: &str, now: Timestamp) -> Problem {
    let Some(budget) = &shortfall.budget else {
        return Problem::new(ProblemKind::Unavailable, shortfall.to_string());
    };
    if let Some(until) = shortfall.paced_until {
        let wait = std::time::Duration::try_from(until.duration_since(now)).unwrap_or_default();
        let slowed = Problem::new(ProblemKind::RateLimited, shortfall.told_of(&account));
        return slowed.code("budget_throttled").after(wait);
    }
    let spent = SpentBudget {
        period: (budget.window != Window::Total).then(|| budget.window.to_string()),
        renews_at: shortfall.renews_at.map(Timestamp::as_second),
    };
    let problem =
        Problem::new(ProblemKind::Billing, shortfall.told_of(&account)).retry(false).code("budget_exceeded");
    let problem = Problem { budget: Some(Box::new(spent)), ..problem };
    let wait = shortfall.renews_at.and_then(|at| std::time::Duration::try_from(at.duration_since(now)).ok());
    match wait {
        Some(wait) => problem.after(wait),
        None => problem,
    }
}

/// The answer is there, but its record could not be kept in time.
pub(crate) fn unrecorded(_: StoreAway) -> Problem {
    Problem::new(
        ProblemKind::Unavailable,
        "the answer is complete, but its usage could not be recorded in time, so its end is withheld; try again later",
    )
}

/// The ledger's store does not answer, so nothing may be spent.
pub(crate) fn store_away(_: StoreAway) -> Problem {
    Problem::new(ProblemKind::Unavailable, "budgets cannot be read at the moment; try again later")
}

/// There is credit, but too many calls ask for it at the same moment.
pub(crate) fn crowded() -> Problem {
    Problem::new(
        ProblemKind::Overloaded,
        "too many calls are waiting for their budgets at the moment; try again",
    )
    .after(std::time::Duration::from_secs(1))
}

/// The gateway is about to stop.
pub(crate) fn stopping() -> Problem {
    Problem::new(ProblemKind::Unavailable, "this gateway is shutting down; try again")
        .after(std::time::Duration::from_secs(1))
}
