//! From one dialect to another: chooses pass-through or translation, and gives what goes upstream together with what
//! brings the answer back.
//!
//! Each dialect has one half for being served and one for being called, so that there are N + M pieces, not N × M.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::anthropic;
use crate::body::Body;
use crate::capabilities::Capabilities;
use crate::conversation::Request;
use crate::conversation::meter::Meter;
use crate::converse;
use crate::inbound::Inbound;
use crate::learned::{Learned, SentBetas};
use crate::openai_chat;
use crate::openai_responses;
use crate::problem::{Capability, Problem, ProblemKind};
use crate::relay::{Reader, Relay};
use crate::traits::Traits;

/// All that is not unreserved; the slashes and colons of an ARN stand in one path segment.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where a call goes: a model behind an endpoint, and what it accepts.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The model id, inference profile id or ARN that Bedrock is called with.
    pub upstream_id: &'a str,
    /// Which of Bedrock's APIs is spoken with it.
    pub door: Door<'a>,
    /// What the model accepts in an Anthropic body.
    pub capabilities: &'a Capabilities,
    /// What the model can do.
    pub traits: &'a Traits,
    /// Whether the client asked for the long context window by the model's name (`…[1m]`).
    pub long_context: bool,
}

/// One of Bedrock's APIs, at one of its two addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Door<'a> {
    /// The address.
    pub service: Service,
    /// The API.
    pub surface: Surface,
    /// For the OpenAI-shaped APIs, the path before `/chat/completions` and `/responses`: `/openai/v1`, `/v1`.
    pub prefix: &'a str,
}

impl Door<'static> {
    /// InvokeModel with an Anthropic body, or one of the model's own.
    pub const INVOKE: Door<'static> =
        Door { service: Service::Runtime, surface: Surface::InvokeModel, prefix: "" };
    /// Converse.
    pub const CONVERSE: Door<'static> =
        Door { service: Service::Runtime, surface: Surface::Converse, prefix: "" };
}

/// Bedrock's two addresses. Each has a host and a signing name of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// `bedrock-runtime`.
    Runtime,
    /// `bedrock-mantle`.
    Mantle,
}

/// The APIs that Bedrock has for inference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Surface {
    /// InvokeModel and its stream.
    InvokeModel,
    /// Converse and its stream.
    Converse,
    /// OpenAI Chat Completions.
    OpenaiChat,
    /// OpenAI Responses.
    OpenaiResponses,
}

/// Up to where a call can go, as it was reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The most tokens that the prompt may be, for an answer that breaks off before they are reported.
    pub input_tokens: u64,
    /// The most output tokens that the call may produce.
    pub output_tokens: u64,
}

/// What an answer says of itself that no upstream knows.
#[derive(Clone, Debug)]
pub struct Answering {
    /// The call's id: `req_…`.
    pub call: String,
    /// When it came in, in seconds since the Unix epoch.
    pub created_at: i64,
    /// Tells when the answer is complete, in the same seconds.
    pub clock: fn() -> i64,
    /// Whether the gateway keeps the answer for later calls.
    pub is_kept: bool,
    /// The media at the addresses that the request names, fetched.
    pub fetched: BTreeMap<String, Fetched>,
}

impl Default for Answering {
    fn default() -> Answering {
        Answering {
            call: String::new(),
            created_at: 0,
            clock: || 0,
            is_kept: false,
            fetched: BTreeMap::new(),
        }
    }
}

/// A medium that was fetched for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The MIME type in lower case, without parameters.
    pub media_type: String,
    /// The bytes in base64 with padding.
    pub base64: String,
}

/// What goes upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbound {
    /// Which of Bedrock's addresses it goes to.
    pub service: Service,
    /// The path, percent-encoded once.
    pub path: String,
    /// Headers besides those of transport and signature; names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Body,
    /// Whether the answer comes as a stream.
    pub stream: bool,
}

/// A part of the request that did not go upstream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dropped {
    /// A value of `anthropic-beta`.
    Beta(String),
    /// A member, as a dotted path.
    Member(String),
    /// A member that was lowered to what the model takes.
    Lowered {
        /// The member, as a dotted path.
        member: String,
        /// What went upstream in its place.
        to: String,
    },
}

/// For the `x-stonegate-dropped` header: printable ASCII without commas.
impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name, to) = match self {
            Dropped::Beta(name) => ("beta:", name, ""),
            Dropped::Member(path) => ("", path, ""),
            Dropped::Lowered { member, to } => ("", member, to.as_str()),
        };
        f.write_str(kind)?;
        for letter in name.chars().take(200) {
            let fits = letter.is_ascii_graphic() && letter != ',';
            fmt::Write::write_char(f, if fits { letter } else { '?' })?;
        }
        if to.is_empty() { Ok(()) } else { write!(f, ":sent-as={to}") }
    }
}

/// A request that the target cannot serve, although it may be right: named, never dropped in silence.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unsupported {
    /// What the caller reads; begins with the member's name.
    pub message: String,
    /// The member, as a dotted path.
    pub member: String,
    /// A machine-readable code.
    pub error_code: Option<String>,
    /// By which Claude Code heals its own request.
    pub capability: Option<Capability>,
}

impl Unsupported {
    /// A member, as a dotted path, and why it cannot be served.
    pub(crate) fn member(path: &str, why: &str) -> Unsupported {
        Unsupported { message: format!("{path}: {why}"), member: path.to_owned(), ..Unsupported::default() }
    }
}

impl From<&Unsupported> for Problem {
    fn from(unsupported: &Unsupported) -> Problem {
        Problem {
            error_code: unsupported.error_code.as_deref().map(Box::from),
            capability: unsupported.capability.clone(),
            ..Problem::new(ProblemKind::InvalidRequest, unsupported.message.clone())
                .member(unsupported.member.as_str())
        }
    }
}

/// A request on its way up, and what brings its answer down.
#[derive(Debug)]
pub struct Carried {
    /// What goes upstream.
    pub outbound: Outbound,
    /// What turns the answer into the client's dialect.
    pub relay: Relay,
    /// What was left out on the way.
    pub dropped: Vec<Dropped>,
    /// The betas that go along: what a refusal teaches holds for requests that send no others.
    pub betas: SentBetas,
}

/// Carries a request to a target: as it is where both speak the same dialect, else by way of the canonical conversation.
///
/// `bounds.output_tokens` is the ceiling that goes upstream, whatever the request says.
///
/// # Errors
/// Where the request asks for what the target cannot do.
pub fn carry(
    inbound: &dyn Inbound,
    target: &Target<'_>,
    learned: &Learned,
    bounds: Bounds,
    answering: &Answering,
) -> Result<Carried, Unsupported> {
    if let Some(carried) = inbound.pass_through(target, learned, bounds, answering) {
        return carried;
    }
    let (request, writer) = inbound.translate(answering)?;
    let Called { outbound, reader, mut dropped, betas } =
        call(&request, target, learned, bounds, inbound.is_stream())?;
    dropped.extend(request.left_out.iter().cloned().map(Dropped::Member));
    dropped.extend(unheard(&request, target));
    dropped.sort();
    dropped.dedup();
    let meter = Meter::new(bounds, inbound.cache_lifetime());
    Ok(Carried { outbound, relay: Relay::translated(reader, writer, meter), dropped, betas })
}

/// Hints that only some of the upstream APIs have a member for.
fn unheard(request: &Request, target: &Target<'_>) -> Option<Dropped> {
    let heard = match target.door.surface {
        Surface::OpenaiChat | Surface::OpenaiResponses => true,
        Surface::InvokeModel | Surface::Converse => false,
    };
    (request.verbosity.is_some() && !heard).then(|| Dropped::Member("verbosity".to_owned()))
}

/// A conversation on its way up, and what reads its answer.
#[derive(Debug)]
pub(crate) struct Called {
    pub(crate) outbound: Outbound,
    pub(crate) reader: Box<dyn Reader>,
    pub(crate) dropped: Vec<Dropped>,
    pub(crate) betas: SentBetas,
}

fn call(
    request: &Request,
    target: &Target<'_>,
    learned: &Learned,
    bounds: Bounds,
    stream: bool,
) -> Result<Called, Unsupported> {
    match target.door.surface {
        Surface::InvokeModel => anthropic::call(request, target, learned, bounds, stream),
        Surface::OpenaiChat => openai_chat::call(request, target, bounds, stream),
        Surface::Converse => converse::call(request, target, learned, bounds, stream),
        Surface::OpenaiResponses => openai_responses::call(request, target, bounds, stream),
    }
}

/// `/model/{id}/{action}`, the id percent-encoded once.
pub(crate) fn model_path(upstream_id: &str, action: &str) -> String {
    ["/model/", &Cow::from(utf8_percent_encode(upstream_id, SEGMENT)), "/", action].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_one_segment_of_the_path() {
        for (id, path) in [
            ("us.anthropic.claude-opus-5-5", "/model/us.anthropic.claude-opus-5-5/invoke"),
            (
                "anthropic.claude-haiku-4-5-20251001-v1:0",
                "/model/anthropic.claude-haiku-4-5-20251001-v1%3A0/invoke",
            ),
            (
                "arn:aws:bedrock:us-east-1:1:application-inference-profile/a b",
                "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aapplication-inference-profile%2Fa%20b/invoke",
            ),
        ] {
            assert_eq!(model_path(id, "invoke"), path);
        }
    }

    #[test]
    fn what_was_dropped_fits_in_a_header() {
        for (dropped, shown) in [
            (Dropped::Beta("fast-mode-2026-02-01".to_owned()), "beta:fast-mode-2026-02-01"),
            (Dropped::Member("a\r\nb: c, d\u{e9}".to_owned()), "a??b:?c??d?"),
            (
                Dropped::Lowered { member: "output_config.effort".to_owned(), to: "high".to_owned() },
                "output_config.effort:sent-as=high",
            ),
        ] {
            assert_eq!(dropped.to_string(), shown);
        }
    }
}
