//! A request as a client sent it, in whichever dialect: the few facts that the way of a call needs, and the three things
//! that it can become.

mod members;

use std::fmt;

use bytes::Bytes;

use crate::capabilities::Capabilities;
use crate::carry::{Answering, Bounds, Carried, Door, Surface, Target, Unsupported};
use crate::conversation::{CacheLifetime, Passes, Request, Sizes};
use crate::dialect::Dialect;
use crate::effort::Effort;
use crate::failure::Failure;
use crate::json::NotJson;
use crate::learned::Learned;
use crate::problem::{Problem, ProblemKind};
use crate::relay::Writer;
use crate::traits::Traits;

pub(crate) use members::{Member, Members};

/// A request as it came. Each dialect has one implementation, made by the dialect's own `parse`.
pub trait Inbound: fmt::Debug + Send + Sync {
    /// The dialect that it came in.
    fn dialect(&self) -> Dialect;

    /// The model as the client named it.
    fn model(&self) -> &str;

    /// Whether the client wants its answer piece by piece.
    fn is_stream(&self) -> bool;

    /// The output ceiling that the client asked for; none leaves it to the model's own.
    fn max_output_tokens(&self) -> Option<u64>;

    /// The least output ceiling with which the request still makes sense.
    fn least_output_tokens(&self) -> u64 {
        1
    }

    /// How hard the model shall try, where that comes on top of the ceiling (dialects whose ceiling means the visible
    /// words only); it raises the quote.
    fn effort_beyond_ceiling(&self) -> Option<Effort> {
        None
    }

    /// What a quote needs.
    fn sizes(&self) -> &Sizes;

    /// The longest lifetime that the request asks its cache entries to have.
    fn cache_lifetime(&self) -> CacheLifetime;

    /// How often upstream may read the prompt and write for it, where the model takes what asks for that.
    fn passes(&self, _capabilities: &Capabilities) -> Passes {
        Passes::default()
    }

    /// Whether it may send that value of `anthropic-beta`, or what means the same.
    fn names_beta(&self, _beta: &str) -> bool {
        true
    }

    /// Whether it asks for the latency that costs more (`performanceConfig.latency`).
    fn is_latency_optimized(&self) -> bool {
        false
    }

    /// The service tier that the client asked for, in Bedrock's words (`priority`, `flex`).
    fn service_tier(&self) -> Option<&str> {
        None
    }

    /// Addresses of media that have to be fetched before the request can be translated, each once.
    fn remote_media(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether a door of a model can serve all that the request asks for. Where it cannot, another door of the model's
    /// does better, if there is one; the request is still carried through this one if there is none.
    fn fits(&self, _door: Door<'_>, _traits: &Traits) -> bool {
        true
    }

    /// What goes upstream, where the target speaks this very dialect; none where the request has to be translated.
    fn pass_through(
        &self,
        _target: &Target<'_>,
        _learned: &Learned,
        _bounds: Bounds,
        _answering: &Answering,
    ) -> Option<Result<Carried, Unsupported>> {
        None
    }

    /// Whether parts that upstream refuses by name are left out of such requests. Not where Bedrock's own API carries its own
    /// bodies as they came: those clients are told what AWS would tell them.
    fn heals(&self, _surface: Surface) -> bool {
        true
    }

    /// What its client is told of a failure.
    fn problem(&self, failure: &Failure) -> Problem {
        Problem::from(failure)
    }

    /// The kept answer that the request goes on from, by its id.
    fn goes_on_from(&self) -> Option<String> {
        None
    }

    /// The request with what was kept of that answer.
    ///
    /// # Errors
    /// Where the two make no request together, or what was kept cannot be read.
    fn with_kept(&self, _kept: &[u8]) -> Result<Box<dyn Inbound>, Malformed> {
        Err(Malformed::member("previous_response_id", "is not known in this dialect"))
    }

    /// Whether the client wants its answer kept.
    fn wants_kept(&self) -> bool {
        false
    }

    /// What to keep of the answer that ended with these bytes, and its id; none where it has no end.
    fn kept(&self, _last: &[u8]) -> Option<(String, Bytes)> {
        None
    }

    /// What the request means, and what writes an answer for this client, streamed or whole as it asked.
    ///
    /// # Errors
    /// Where it asks for what no translation can carry, by name.
    fn translate(&self, answering: &Answering) -> Result<(Request, Box<dyn Writer>), Unsupported>;
}

/// A body that is no request of its dialect: what is wrong, in the words of the dialect's vendor where it has some.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Malformed {
    /// What the caller reads.
    pub message: String,
    /// The member at fault, as a JSON pointer (`/max_tokens`); empty for the whole body.
    pub pointer: String,
}

impl Malformed {
    pub(crate) fn member(path: &str, why: &str) -> Malformed {
        Malformed { message: format!("{path}: {why}"), pointer: format!("/{}", path.replace('.', "/")) }
    }
}

impl From<NotJson> for Malformed {
    fn from(wrong: NotJson) -> Malformed {
        if let Some(path) = wrong.twice {
            return Malformed::member(&path, "The member is given twice");
        }
        Malformed {
            message: format!("The request body is not valid JSON: {} at byte {}", wrong.why, wrong.at),
            pointer: String::new(),
        }
    }
}

impl From<&Malformed> for Problem {
    fn from(malformed: &Malformed) -> Problem {
        let problem = Problem::new(ProblemKind::InvalidRequest, malformed.message.clone());
        let member = malformed.pointer.trim_start_matches('/').replace('/', ".");
        if member.is_empty() { problem } else { problem.member(member) }
    }
}
