//! A Messages request on its way to a Claude model, whose InvokeModel speaks the same dialect.

use std::collections::BTreeSet;

use crate::capabilities::Capabilities;
use crate::carry::{Answering, Bounds, Carried, Outbound, Service, Surface, Target, Unsupported, model_path};
use crate::conversation::{CacheLifetime, Passes, Request, Sizes};
use crate::dialect::Dialect;
use crate::effort::Effort;
use crate::failure::Failure;
use crate::learned::Learned;
use crate::problem::{Capability, Problem};
use crate::relay::{Relay, Writer};

use super::events::Travel;
use super::inbound::Inbound;
use super::meter::Meter;
use super::outbound::{Prepared, prepare};
use super::passes;
use super::stream::{MessagesStream, MessagesWhole};
use super::translating;
use super::writer::{StreamWriter, WholeWriter};

impl crate::inbound::Inbound for Inbound {
    fn dialect(&self) -> Dialect {
        Dialect::Anthropic
    }

    fn model(&self) -> &str {
        self.model()
    }

    fn is_stream(&self) -> bool {
        self.is_stream()
    }

    fn max_output_tokens(&self) -> Option<u64> {
        Some(self.max_tokens())
    }

    fn least_output_tokens(&self) -> u64 {
        self.least_output_tokens()
    }

    fn sizes(&self) -> &Sizes {
        self.sizes()
    }

    fn cache_lifetime(&self) -> CacheLifetime {
        self.cache_lifetime()
    }

    fn service_tier(&self) -> Option<&str> {
        self.service_tier()
    }

    fn passes(&self, capabilities: &Capabilities) -> Passes {
        let edits = self.facts.context_edits.iter();
        let edits = edits.map(|edit| passes::Edit { kind: &edit.kind, trigger: edit.trigger });
        let tools = self.facts.typed_tools.iter().map(|(_, kind)| kind.as_str());
        passes::passes(edits, tools, capabilities)
    }

    fn names_beta(&self, beta: &str) -> bool {
        self.betas.iter().any(|named| named == beta)
    }

    fn pass_through(
        &self,
        target: &Target<'_>,
        learned: &Learned,
        bounds: Bounds,
        answering: &Answering,
    ) -> Option<Result<Carried, Unsupported>> {
        let is_ours = target.door.surface == Surface::InvokeModel;
        is_ours.then(|| pass(self, target, learned, bounds, answering))
    }

    fn remote_media(&self) -> Vec<String> {
        let addresses = self.facts.remote_sources.iter().map(|source| &source.url);
        addresses.collect::<BTreeSet<_>>().into_iter().cloned().collect()
    }

    /// In upstream's words where a class would say less: Claude Code finds nothing to leave out of a request that holds a role or
    /// a level that there is not, and upstream refuses those in the same words as what one model alone does not take.
    fn problem(&self, failure: &Failure) -> Problem {
        let problem = Problem::from(failure);
        let capability = problem.capability.clone().filter(|capability| self.holds(capability));
        Problem { capability, ..problem }
    }

    fn translate(&self, answering: &Answering) -> Result<(Request, Box<dyn Writer>), Unsupported> {
        translate(self, answering, Travel::Events)
    }
}

impl Inbound {
    /// Whether the request may hold what a class of refusals is about.
    fn holds(&self, capability: &Capability) -> bool {
        match capability {
            Capability::MidConversationSystem => self.facts.system_message.is_some(),
            Capability::Effort => {
                let level = self.facts.effort.as_ref().map(|(level, _)| Effort::from_wire(level));
                // `minimal` is OpenAI's alone.
                !matches!(level, Some(None | Some(Effort::Minimal)))
            }
            Capability::CacheControlField
            | Capability::ThinkingSignature
            | Capability::ThinkingType(_)
            | Capability::StructuredOutputs
            | Capability::MediaBudget
            | Capability::ImageBlock
            | Capability::DocumentBlock
            | Capability::PromptTooLong
            | Capability::ContextOverflow
            | Capability::Beta(_)
            | Capability::Named(_) => true,
        }
    }
}

/// What the request means, and what writes an answer whose events travel so.
pub(crate) fn translate(
    inbound: &Inbound,
    answering: &Answering,
    travel: Travel,
) -> Result<(Request, Box<dyn Writer>), Unsupported> {
    let request = translating::request(inbound, answering)?;
    let model = inbound.model().to_owned();
    let writer: Box<dyn Writer> = if inbound.is_stream() {
        Box::new(StreamWriter::new(travel, &answering.call, model))
    } else {
        Box::new(WholeWriter::new(&answering.call, model))
    };
    Ok((request, writer))
}

fn pass(
    inbound: &Inbound,
    target: &Target<'_>,
    learned: &Learned,
    bounds: Bounds,
    answering: &Answering,
) -> Result<Carried, Unsupported> {
    let ceiling = bounds.output_tokens.min(inbound.max_tokens());
    let prepared = prepare(inbound, target, learned, &answering.fetched, Some(ceiling))?;
    let meter = Meter::new(Bounds { output_tokens: ceiling, ..bounds }, inbound.cache_lifetime());
    let relay = if inbound.is_stream() {
        Relay::new(MessagesStream::new(meter))
    } else {
        Relay::new(MessagesWhole::new(meter))
    };
    let (dropped, betas) = (prepared.dropped.clone(), prepared.betas.clone());
    let outbound = outbound(target, prepared, inbound.is_stream());
    Ok(Carried { outbound, relay, dropped, betas })
}

/// What goes to InvokeModel with a body that is ready for it.
pub(crate) fn outbound(target: &Target<'_>, prepared: Prepared, stream: bool) -> Outbound {
    let mut headers = vec![("content-type", "application/json".to_owned())];
    let action = if stream {
        headers.push(("accept", "application/vnd.amazon.eventstream".to_owned()));
        headers.push(("x-amzn-bedrock-accept", "application/json".to_owned()));
        "invoke-with-response-stream"
    } else {
        headers.push(("accept", "application/json".to_owned()));
        "invoke"
    };
    if let Some(tier) = prepared.service_tier {
        headers.push(("x-amzn-bedrock-service-tier", tier.to_owned()));
    }
    Outbound {
        service: Service::Runtime,
        path: model_path(target.upstream_id, action),
        headers,
        body: prepared.body,
        stream,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;
    use crate::anthropic;
    use crate::failure::from_bedrock;
    use crate::inbound::Inbound as _;

    #[test]
    fn a_class_is_told_only_of_what_the_request_holds() {
        let told = |role: &str, config: &str, text: &str| {
            let body = format!(
                r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"{role}","content":"x"}}],"output_config":{config}}}"#
            );
            let inbound = anthropic::parse(None, &[], Bytes::from(body)).unwrap();
            let refusal = json!({ "message": text }).to_string();
            let failure = from_bedrock(400, Some("ValidationException"), None, refusal.as_bytes());
            let problem = inbound.problem(&failure);
            assert_eq!(problem.message, text);
            problem.capability
        };
        let role = "messages.0.role: Input should be 'user' or 'assistant'";
        let level = "output_config.effort: Input should be 'low', 'medium' or 'high'";
        for (of_role, config, text, expected) in [
            ("system", "{}", role, Some(Capability::MidConversationSystem)),
            ("asistant", "{}", role, None),
            ("user", r#"{"effort":"xhigh"}"#, level, Some(Capability::Effort)),
            ("user", r#"{"effort":"hihg"}"#, level, None),
            ("user", r#"{"effort":"minimal"}"#, level, None),
            ("user", "{}", "output_config: Extra inputs are not permitted", Some(Capability::Effort)),
            ("user", "{}", "Could not process image", Some(Capability::ImageBlock)),
        ] {
            assert_eq!(told(of_role, config, text), expected, "{of_role} {config} {text}");
        }
    }
}
