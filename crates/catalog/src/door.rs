//! Which of Bedrock's APIs serves a call best: the client's own where there is one, else the one that loses least.

use stonegate_protocol::{Dialect, Door, Service, Surface};

use crate::catalog::Resolved;
use crate::place::Via;

/// What a call asks of the API that serves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The client's dialect.
    pub dialect: Dialect,
    /// Whether tools are offered to the model.
    pub tools: bool,
}

impl Resolved {
    /// The API to call the model by; none where no API that Bedrock has for it can serve this dialect.
    ///
    /// Claude is called by InvokeModel, whose body is Anthropic's own. OpenAI's models are called by the OpenAI-shaped
    /// APIs: by the client's own one where the model has it; by Responses for every other dialect, since only there
    /// their reasoning survives from turn to turn; and by Responses for a chat with tools, which `bedrock-runtime`
    /// refuses for them on Chat Completions unless they do not reason. All others are called by Converse.
    #[must_use]
    pub fn door(&self, wish: Wish) -> Option<Door<'_>> {
        let has = |dialect| self.model.dialects.contains(&dialect);
        let (service, prefix) = match self.via {
            Via::Mantle => (Service::Mantle, self.model.mantle.as_ref().map(|mantle| mantle.path.as_str())),
            Via::InRegion | Via::Profile(_) => (Service::Runtime, self.model.runtime_openai_path.as_deref()),
        };
        let openai = |surface| prefix.map(|prefix| Door { service, surface, prefix });
        let is_runtime = service == Service::Runtime;
        if wish.dialect == Dialect::BedrockNative {
            return is_runtime.then_some(Door::INVOKE);
        }
        if is_runtime && wish.dialect == Dialect::Converse && has(Dialect::Converse) {
            return Some(Door::CONVERSE);
        }
        if is_runtime && has(Dialect::Anthropic) {
            return Some(Door::INVOKE);
        }
        let responses = || has(Dialect::OpenaiResponses).then(|| openai(Surface::OpenaiResponses)).flatten();
        let chat = || has(Dialect::OpenaiChat).then(|| openai(Surface::OpenaiChat)).flatten();
        let converse = || (is_runtime && has(Dialect::Converse)).then_some(Door::CONVERSE);
        if wish.dialect == Dialect::OpenaiChat && !(wish.tools && is_runtime && has(Dialect::OpenaiResponses))
        {
            return chat().or_else(responses).or_else(converse);
        }
        responses().or_else(converse).or_else(chat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::place::Place;

    fn check(model: &str, dialect: Dialect, tools: bool, expected: Option<(Service, Surface, &str)>) {
        let resolved = Catalog::builtin().resolve(model, &Place::new("us-east-1")).expect("it is offered");
        let door = resolved.door(Wish { dialect, tools });
        let found = door.map(|door| (door.service, door.surface, door.prefix));
        assert_eq!(found, expected, "{model} by {dialect:?}, tools {tools}");
    }

    #[test]
    fn every_dialect_finds_the_api_that_loses_least() {
        use Dialect::{Anthropic, BedrockNative, Converse, OpenaiChat, OpenaiResponses};
        let invoke = Some((Service::Runtime, Surface::InvokeModel, ""));
        let converse = Some((Service::Runtime, Surface::Converse, ""));
        let chat = Some((Service::Runtime, Surface::OpenaiChat, "/openai/v1"));
        let responses = Some((Service::Runtime, Surface::OpenaiResponses, "/openai/v1"));
        for (model, dialect, tools, expected) in [
            ("claude-sonnet-5-5", Anthropic, true, invoke),
            ("claude-sonnet-5-5", OpenaiChat, true, invoke),
            ("claude-sonnet-5-5", OpenaiResponses, false, invoke),
            ("claude-sonnet-5-5", Converse, false, converse),
            ("claude-sonnet-5-5", BedrockNative, false, invoke),
            ("nova-lite", Anthropic, false, converse),
            ("nova-lite", OpenaiChat, true, converse),
            ("nova-lite", Converse, true, converse),
            ("gpt-6-sol", OpenaiChat, false, chat),
            ("gpt-6-sol", OpenaiChat, true, responses),
            ("gpt-6-sol", OpenaiResponses, true, responses),
            ("gpt-6-sol", Anthropic, true, responses),
            ("gpt-oss-120b", OpenaiChat, true, chat),
            ("gpt-oss-120b", OpenaiResponses, true, converse),
            ("qwen3-32b", OpenaiChat, true, converse),
            ("gemma-4-31b", Anthropic, true, Some((Service::Mantle, Surface::OpenaiResponses, "/openai/v1"))),
            ("gemma-4-31b", OpenaiChat, true, Some((Service::Mantle, Surface::OpenaiChat, "/openai/v1"))),
            ("gemma-4-31b", BedrockNative, false, None),
        ] {
            check(model, dialect, tools, expected);
        }
    }
}
