//! What a caller is told when the answer is no, before a dialect renders it.

use std::time::Duration;

/// A wait longer than this is not worth sleeping for inside a client's call: the answer then says
/// `x-should-retry: false`, since Anthropic's SDKs obey a `retry-after` of any length.
pub const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A refusal or failure as the caller may read it. The dialect chooses status, type and shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind of trouble it is.
    pub kind: ProblemKind,
    /// What is wrong and what to do about it; no secret, no ARN, no account id.
    pub message: String,
    /// The member of the request that is at fault, as a dotted path.
    pub member: Option<Box<str>>,
    /// A machine-readable code (`error.details.error_code` in Anthropic's dialect).
    pub error_code: Option<Box<str>>,
    /// By which Claude Code heals its own request; where the dialect knows such tokens, it replaces the message.
    pub capability: Option<Capability>,
    /// How long to wait before it is worth trying again.
    pub retry_after: Option<Duration>,
    /// Whether the client should try again; none leaves it to the client's own rule for the status.
    pub should_retry: Option<bool>,
    /// A status in place of the kind's own (402 for a budget, by setting).
    pub status: Option<u16>,
    /// For [`ProblemKind::Billing`]: the budget that is used up.
    pub budget: Option<Box<SpentBudget>>,
}

/// What a client may know of a budget that does not cover its call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpentBudget {
    /// `daily`, `weekly`, `monthly`; none for a budget that does not renew.
    pub period: Option<String>,
    /// When it renews, in seconds since the Unix epoch.
    pub renews_at: Option<i64>,
}

/// The kinds of trouble, each with one status and type per dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// The request is wrong, and would be wrong again.
    InvalidRequest,
    /// No valid credential came with the request.
    Authentication,
    /// A budget is used up. Final for the client.
    Billing,
    /// The caller may not do this.
    Permission,
    /// What was named does not exist.
    NotFound,
    /// A rule of the organisation forbids the request; sending it again is no use.
    Policy,
    /// The request is larger than what is served.
    TooLarge,
    /// Too many requests or tokens at the moment.
    RateLimited,
    /// Something behind the gateway, or the gateway, is broken.
    Internal,
    /// The upstream took too long.
    Timeout,
    /// The upstream is overloaded.
    Overloaded,
    /// The gateway or the upstream cannot serve now.
    Unavailable,
    /// The gateway cannot do this for this model.
    Unsupported,
}

impl Problem {
    /// A problem of a kind, with nothing but a message.
    #[must_use]
    pub fn new(kind: ProblemKind, message: impl Into<String>) -> Problem {
        Problem {
            kind,
            message: message.into(),
            member: None,
            error_code: None,
            capability: None,
            retry_after: None,
            should_retry: None,
            status: None,
            budget: None,
        }
    }

    /// The same, with a wait.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Problem {
        self.retry_after = Some(wait);
        self
    }

    /// The same, with word on whether to try again.
    #[must_use]
    pub fn retry(mut self, should: bool) -> Problem {
        self.should_retry = Some(should);
        self
    }

    /// The same, with the member of the request that is at fault.
    #[must_use]
    pub fn member(mut self, path: impl Into<Box<str>>) -> Problem {
        self.member = Some(path.into());
        self
    }

    /// The same, with a machine-readable code.
    #[must_use]
    pub fn code(mut self, code: impl Into<Box<str>>) -> Problem {
        self.error_code = Some(code.into());
        self
    }
}

/// The class of a `capability_rejected: <class>` message: what of the request the upstream cannot do. Claude Code drops
/// that part and asks again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Capability {
    /// A message with the role `system` between the others.
    MidConversationSystem,
    /// A member of `cache_control`.
    CacheControlField,
    /// The signature of a thinking block.
    ThinkingSignature,
    /// This value of `thinking.type`.
    ThinkingType(String),
    /// `output_config.format`.
    StructuredOutputs,
    /// `output_config.effort`.
    Effort,
    /// More or larger images and documents than are taken.
    MediaBudget,
    /// An image block.
    ImageBlock,
    /// A document block.
    DocumentBlock,
    /// A prompt longer than the context window.
    PromptTooLong,
    /// Prompt and `max_tokens` together are longer than the context window.
    ContextOverflow,
    /// This value of `anthropic-beta`.
    Beta(String),
    /// A class that an operator wrote into the catalog.
    Named(String),
}

impl Capability {
    /// The message that Claude Code looks for.
    #[must_use]
    pub fn message(&self) -> String {
        let class: &str = match self {
            Capability::MidConversationSystem => "mid_conv_system",
            Capability::CacheControlField => "cache_control_field",
            Capability::ThinkingSignature => "thinking_signature",
            Capability::ThinkingType(kind) => return format!("capability_rejected: thinking_type:{kind}"),
            Capability::StructuredOutputs => "structured_outputs_unsupported",
            Capability::Effort => "effort_unsupported",
            Capability::MediaBudget => "media_budget",
            Capability::ImageBlock => "image_block",
            Capability::DocumentBlock => "document_block",
            Capability::PromptTooLong => "prompt_too_long",
            Capability::ContextOverflow => "max_tokens_context_overflow",
            Capability::Beta(value) => return format!("capability_rejected: beta_header:{value}"),
            Capability::Named(class) => class,
        };
        format!("capability_rejected: {class}")
    }
}

/// An error answer, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorReply {
    /// The HTTP status.
    pub status: u16,
    /// Header names in lower case, and their values; `content-type` is among them.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: bytes::Bytes,
}
