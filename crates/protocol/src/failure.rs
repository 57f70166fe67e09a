//! Failure: the one vocabulary for "upstream said no", and its class.
//!
//! What the caller may read (`message`, cleaned) is kept apart from what the operator needs (`detail`).

use std::time::Duration;

use crate::problem::{Capability, LONGEST_WAIT, Problem, ProblemKind};

mod bedrock;
mod clean;
mod rejected;

pub(crate) use bedrock::from_openai_error;
pub use bedrock::{from_bedrock, from_exception};
pub use clean::clean;
pub use rejected::RejectedPart;
pub(crate) use rejected::says_too_long;

/// Someone else failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What to make of it.
    pub class: FailureClass,
    /// The upstream's HTTP status; 0 where there was none.
    pub status: u16,
    /// The upstream's error type (`ThrottlingException`), or our own word where there was none.
    pub error_type: String,
    /// How long the upstream asked us to wait.
    pub wait: Option<Duration>,
    /// What the caller may read.
    pub message: String,
    /// By which Claude Code heals its own request, where the class of the refusal is known.
    pub capability: Option<Box<Capability>>,
    /// The upstream's own words, for what the gateway learns of them. They may hold ARNs and account ids: not even the log
    /// has them uncleaned.
    pub detail: String,
}

/// The classes of failure. Routing decides by them whether to try again, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureClass {
    /// Too many requests or tokens just now; another endpoint, or a moment later, may do.
    Throttled,
    /// A quota that does not renew soon ("too many tokens per day"); another endpoint may do, waiting will not.
    Exhausted,
    /// The model is overloaded.
    Overloaded,
    /// The service cannot serve now, or broke inside.
    Unavailable,
    /// The request is wrong: trying it again is no use.
    Rejected,
    /// The gateway's own credentials were not accepted, or have run out: an operator's matter.
    Credentials,
    /// The gateway's credentials may not use this model: an operator's matter.
    Denied,
    /// The upstream does not know the model or profile.
    NotFound,
    /// The model took too long.
    TimedOut,
    /// The answer broke off, or was not what the protocol promises.
    BrokenOff,
    /// No connection to the upstream.
    Unreachable,
}

impl Failure {
    /// A failure that no upstream answer tells of: connection, timeout, broken stream.
    #[must_use]
    pub fn local(class: FailureClass, error_type: &str, detail: impl Into<String>) -> Failure {
        Failure {
            class,
            status: 0,
            error_type: error_type.to_owned(),
            wait: None,
            message: generic_message(class).to_owned(),
            capability: None,
            detail: detail.into(),
        }
    }

    /// The answer ended, or turned into something else, before it was complete.
    #[must_use]
    pub fn broken_off(detail: impl Into<String>) -> Failure {
        Failure::local(FailureClass::BrokenOff, "BrokenOff", detail)
    }

    /// Whether somebody waited no longer while the upstream may write its answer all the same, and bill it: the gateway, or
    /// what stands between it and the model. A model that timed out by the upstream's own word wrote none to its end.
    #[must_use]
    pub fn leaves_upstream_writing(&self) -> bool {
        let is_upstreams_word = !self.error_type.starts_with("HTTP ") && !self.is_local();
        self.class == FailureClass::TimedOut && !is_upstreams_word
    }

    /// Whether the gateway itself waited no longer.
    fn is_local(&self) -> bool {
        self.status == 0 && matches!(self.error_type.as_str(), "Timeout" | "IdleTimeout")
    }

    /// The part of the request that the upstream refused by name, if that is what happened: the rule that learns drops
    /// it and tries once more.
    #[must_use]
    pub fn rejected_part(&self) -> Option<RejectedPart> {
        match self.class {
            FailureClass::Rejected => rejected::part(&self.detail),
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
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}): {}", self.error_type, self.status, self.message)
    }
}

impl std::error::Error for Failure {}

/// What the caller reads where the upstream's own words say nothing that helps, or too much.
pub(crate) fn generic_message(class: FailureClass) -> &'static str {
    match class {
        FailureClass::Throttled => {
            "Amazon Bedrock is limiting the rate of requests for this model. Try again shortly."
        }
        FailureClass::Exhausted => {
            "The Amazon Bedrock quota for this model is used up for now and will not renew soon. Use another model, or \
             ask your Stonegate administrator to raise the quota."
        }
        FailureClass::Overloaded => "The model is overloaded. Try again shortly.",
        FailureClass::Unavailable => {
            "Amazon Bedrock cannot serve this model at the moment. Try again shortly."
        }
        FailureClass::Rejected => {
            "Amazon Bedrock refused the request as invalid. Check the members that the model supports."
        }
        FailureClass::Credentials => {
            "Stonegate's own credentials for Amazon Bedrock were not accepted. Your key is fine: ask your Stonegate \
             administrator to check the gateway's AWS credentials."
        }
        FailureClass::Denied => {
            "Stonegate is not allowed to call this model on Amazon Bedrock. Your key is fine: ask your Stonegate \
             administrator to enable model access and the IAM permission for it."
        }
        FailureClass::NotFound => {
            "Amazon Bedrock does not offer this model where Stonegate calls it. Choose another model, or ask your \
             Stonegate administrator to check the model's region and inference profile."
        }
        FailureClass::TimedOut => "The model took too long to answer. Try again, or ask for less at once.",
        FailureClass::BrokenOff => {
            "The answer from Amazon Bedrock broke off before it was complete. Try again."
        }
        FailureClass::Unreachable => "Amazon Bedrock could not be reached. Try again shortly.",
    }
}

impl From<&Failure> for Problem {
    fn from(failure: &Failure) -> Problem {
        let problem = |kind| Problem::new(kind, failure.message.clone());
        match failure.class {
            FailureClass::Throttled => problem(ProblemKind::RateLimited).after(throttle_wait(failure.wait)),
            FailureClass::Exhausted => problem(ProblemKind::RateLimited).retry(false),
            FailureClass::Overloaded => with_wait(problem(ProblemKind::Overloaded), failure.wait),
            FailureClass::Unavailable => with_wait(problem(ProblemKind::Internal), failure.wait),
            FailureClass::Rejected if failure.status == 413 => problem(ProblemKind::TooLarge),
            FailureClass::Rejected => Problem {
                capability: failure.capability.as_deref().cloned(),
                ..problem(ProblemKind::InvalidRequest)
            },
            // Not 401 or 403: at those a client thinks that its own login failed, asks its user to sign in again, or
            // retries for minutes. The caller cannot fix the gateway's credentials, hence no retry either.
            FailureClass::Credentials | FailureClass::Denied => problem(ProblemKind::Internal).retry(false),
            FailureClass::NotFound => problem(ProblemKind::NotFound),
            FailureClass::TimedOut => problem(ProblemKind::Timeout),
            FailureClass::BrokenOff => problem(ProblemKind::Internal),
            FailureClass::Unreachable => problem(ProblemKind::Unavailable),
        }
    }
}

/// A throttled caller always gets a wait (some clients fail at once without one), and never one to fall asleep over.
fn throttle_wait(asked: Option<Duration>) -> Duration {
    const UNSAID: Duration = Duration::from_secs(2);
    asked.unwrap_or(UNSAID).min(LONGEST_WAIT)
}

fn with_wait(problem: Problem, wait: Option<Duration>) -> Problem {
    match wait {
        Some(wait) => problem.after(wait.min(LONGEST_WAIT)),
        None => problem,
    }
}
