//! Which of Bedrock's APIs serves a call best: the client's own where there is one, else the one that loses least.

use stonegate_protocol::{Dialect, Door, Service, Surface};

use crate::catalog::Resolved;
use crate::place::Via;

impl Resolved {
    /// The APIs by which a client of that dialect can call the model, the best first; none where Bedrock has none.
    ///
    /// Claude is called by InvokeModel, whose body is Anthropic's own. OpenAI's models are called by the OpenAI-shaped
    /// APIs: by the client's own one where the model has it, and by Responses for every other dialect, since only there
    /// their reasoning survives from turn to turn. All others are called by Converse. What is not first is for requests
    /// that the first cannot serve whole; a body of Claude's that comes by InvokeModel reaches the other families so.
    ///
    /// The OpenAI-shaped APIs refuse an application inference profile ("Application inference profiles are not supported by
    /// this API"); InvokeModel and Converse are documented to take every ARN, so an ARN goes there.
    pub fn doors(&self, client: Dialect) -> impl Iterator<Item = Door<'_>> {
        let has = |dialect| self.model.dialects.contains(&dialect);
        let (service, prefix) = match self.via {
            Via::Mantle => (Service::Mantle, self.model.mantle.as_ref().map(|mantle| mantle.path.as_str())),
            Via::InRegion | Via::Profile(_) => (Service::Runtime, self.model.runtime_openai_path.as_deref()),
        };
        let is_runtime = service == Service::Runtime;
        let invoke = (is_runtime && has(Dialect::Anthropic)).then_some(Door::INVOKE);
        let converse = (is_runtime && has(Dialect::Converse)).then_some(Door::CONVERSE);
        let takes_arns = converse.is_none() || !self.upstream_id.starts_with("arn:");
        let openai = |dialect, surface| {
            prefix.filter(|_| has(dialect) && takes_arns).map(|prefix| Door { service, surface, prefix })
        };
        let chat = openai(Dialect::OpenaiChat, Surface::OpenaiChat);
        let responses = openai(Dialect::OpenaiResponses, Surface::OpenaiResponses);
        let ordered = match client {
            Dialect::BedrockNative => [is_runtime.then_some(Door::INVOKE), responses, converse, chat],
            Dialect::Converse => [converse, invoke, responses, chat],
            Dialect::OpenaiChat => [invoke, chat, responses, converse],
            Dialect::Anthropic | Dialect::OpenaiResponses => [invoke, responses, converse, chat],
        };
        ordered.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::place::Place;

    fn check(model: &str, dialect: Dialect, expected: Option<(Service, Surface, &str)>) {
        let resolved = Catalog::builtin().resolve(model, &Place::new("us-east-1")).expect("it is offered");
        let found = resolved.doors(dialect).next().map(|door| (door.service, door.surface, door.prefix));
        assert_eq!(found, expected, "{model} by {dialect:?}");
    }

    #[test]
    fn what_the_first_api_cannot_serve_has_others() {
        let resolved =
            Catalog::builtin().resolve("gpt-6-sol", &Place::new("us-east-1")).expect("it is offered");
        let surfaces: Vec<Surface> = resolved.doors(Dialect::OpenaiChat).map(|door| door.surface).collect();
        assert_eq!(surfaces, [Surface::OpenaiChat, Surface::OpenaiResponses, Surface::Converse]);
    }

    /// Costs are told apart by such profiles, whatever the client speaks.
    #[test]
    fn an_application_inference_profile_is_called_by_an_api_that_takes_arns() {
        let arn = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/a1b2c3";
        let layer = format!("[arns]\n\"{arn}\" = \"us.openai.gpt-6-sol\"");
        let catalog = Catalog::builtin().with_overrides(&layer).expect("the file is right");
        let resolved = catalog.resolve(arn, &Place::new("us-east-1")).expect("it is offered");
        for client in [Dialect::OpenaiResponses, Dialect::OpenaiChat, Dialect::Anthropic, Dialect::Converse] {
            let doors: Vec<Door<'_>> = resolved.doors(client).collect();
            assert_eq!(doors, [Door::CONVERSE], "{client:?}");
        }
    }

    #[test]
    fn every_dialect_finds_the_api_that_loses_least() {
        use Dialect::{Anthropic, BedrockNative, Converse, OpenaiChat, OpenaiResponses};
        let invoke = Some((Service::Runtime, Surface::InvokeModel, ""));
        let converse = Some((Service::Runtime, Surface::Converse, ""));
        let chat = Some((Service::Runtime, Surface::OpenaiChat, "/openai/v1"));
        let responses = Some((Service::Runtime, Surface::OpenaiResponses, "/openai/v1"));
        for (model, dialect, expected) in [
            ("claude-sonnet-5-5", Anthropic, invoke),
            ("claude-sonnet-5-5", OpenaiChat, invoke),
            ("claude-sonnet-5-5", OpenaiResponses, invoke),
            ("claude-sonnet-5-5", Converse, converse),
            ("claude-sonnet-5-5", BedrockNative, invoke),
            ("nova-lite", Anthropic, converse),
            ("nova-lite", OpenaiChat, converse),
            ("nova-lite", Converse, converse),
            ("gpt-6-sol", OpenaiChat, chat),
            ("gpt-6-sol", OpenaiResponses, responses),
            ("gpt-6-sol", Anthropic, responses),
            ("gpt-oss-120b", OpenaiChat, chat),
            ("gpt-oss-120b", OpenaiResponses, converse),
            ("qwen3-32b", OpenaiChat, converse),
            ("gemma-4-31b", Anthropic, Some((Service::Mantle, Surface::OpenaiResponses, "/openai/v1"))),
            ("gemma-4-31b", OpenaiChat, Some((Service::Mantle, Surface::OpenaiChat, "/openai/v1"))),
            ("gemma-4-31b", BedrockNative, Some((Service::Mantle, Surface::OpenaiResponses, "/openai/v1"))),
        ] {
            check(model, dialect, expected);
        }
    }
}
