//! What the simulator knows of models, and which names call them. Its own table on purpose: an examiner does not
//! copy the pupil's.

mod chat;
mod claude;
mod tasks;

use percent_encoding::percent_decode_str;

use crate::{options::Options, refusal::Refusal};

/// One model.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Model {
    /// The id of the foundation model.
    pub(crate) id: &'static str,
    /// The name in answers.
    pub(crate) name: &'static str,
    pub(crate) display_name: &'static str,
    pub(crate) maker: &'static str,
    pub(crate) kind: Kind,
    /// Tokens that fit, without any beta.
    pub(crate) context_window: u64,
    pub(crate) max_output_tokens: u64,
    /// Prefixes of its inference profiles.
    pub(crate) profiles: &'static [&'static str],
    /// Its bare id is refused where a call costs something.
    pub(crate) needs_profile: bool,
}

/// What a model is, with the traits of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Claude(Claude),
    Chat(Chat),
    Task(Task),
}

/// What a generation of Claude has in common on Bedrock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Generation {
    /// 4 and 4.1.
    Four,
    /// 4.5.
    FourFive,
    /// 4.6.
    FourSix,
    /// 4.7 and later, 5 and later.
    FourSeven,
}

/// The traits of a Claude model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claude {
    pub(crate) generation: Generation,
    /// Whether the beta `context-1m-2025-08-07` is taken.
    pub(crate) takes_long_context_beta: bool,
    /// Empty: `output_config.effort` is refused.
    pub(crate) efforts: &'static [&'static str],
    /// Thinks whatever the request says; a forced tool is refused.
    pub(crate) thinks_always: bool,
}

/// The traits of a chat model of another maker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chat {
    pub(crate) family: Family,
    pub(crate) features: &'static [Feature],
    pub(crate) reasoning: Reasoning,
    pub(crate) routes: &'static [Route],
    /// What it is called on mantle; empty where it is not.
    pub(crate) mantle_id: &'static str,
}

/// What a model does that writes no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Embed(Embedder),
    Rerank(Reranker),
    Paint(Painter),
}

/// Embedding models with the same body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Embedder {
    TitanText {
        /// Whether the length of the vector can be chosen.
        has_dimensions: bool,
    },
    TitanImage,
    CohereV3,
    CohereV4,
    Nova,
    Marengo {
        /// Whether the text stands in an object.
        has_object: bool,
    },
}

/// Rerankers with the same body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reranker {
    Amazon,
    Cohere,
}

/// Image models with the same body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Painter {
    Canvas,
    Titan,
    /// Stable Image.
    Stability,
    /// Stable Diffusion.
    Diffusion,
}

/// Models with the same native body and the same quirks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Nova,
    Nova2,
    Llama,
    Mistral,
    /// AI21's.
    Jamba,
    /// Cohere's, with a prompt.
    Command,
    /// Cohere's, with a message and what was said before.
    CommandR,
    /// Everybody else's, with open weights behind one engine.
    Open,
    GptOss,
    Gpt,
    Grok,
}

/// What a model can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feature {
    Tools,
    /// `toolChoice` may be `any` or a tool.
    ForcedTool,
    /// `systemTool`, which Bedrock runs.
    SystemTools,
    Images,
    Documents,
    Video,
    Audio,
    /// Media from a bucket.
    S3,
    /// `cachePoint`.
    Cache,
    /// Prefixes are cached without a word.
    ImplicitCache,
    /// JSON by a schema.
    Structured,
    /// Temperature and top_p.
    Sampling,
    StopSequences,
}

/// When a model reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reasoning {
    Never,
    Always,
    /// Only when the request names an effort.
    OnRequest(&'static [&'static str]),
    /// Unless the request says `none`.
    ByDefault(&'static [&'static str]),
    /// By Nova's `reasoningConfig`.
    Config,
}

impl Reasoning {
    /// The efforts that a request may name; empty where it may name none.
    pub(crate) fn efforts(self) -> &'static [&'static str] {
        match self {
            Reasoning::OnRequest(efforts) | Reasoning::ByDefault(efforts) => efforts,
            Reasoning::Never | Reasoning::Always | Reasoning::Config => &[],
        }
    }
}

/// A surface on which a model is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// The runtime's `/model/{id}/…`.
    Converse,
    /// The runtime's `/openai/v1/chat/completions`.
    RuntimeChat,
    RuntimeResponses,
    /// Mantle's `/v1/chat/completions`.
    MantleChat,
    MantleResponses,
    /// Mantle's `/openai/v1/chat/completions`.
    MantleOpenAiChat,
    MantleOpenAiResponses,
}

impl Model {
    pub(crate) fn claude(&self) -> Option<&Claude> {
        match &self.kind {
            Kind::Claude(claude) => Some(claude),
            Kind::Chat(_) | Kind::Task(_) => None,
        }
    }

    pub(crate) fn chat(&self) -> Option<&Chat> {
        match &self.kind {
            Kind::Chat(chat) => Some(chat),
            Kind::Claude(_) | Kind::Task(_) => None,
        }
    }

    pub(crate) fn task(&self) -> Option<Task> {
        match self.kind {
            Kind::Task(task) => Some(task),
            Kind::Claude(_) | Kind::Chat(_) => None,
        }
    }

    /// Whether a chat model of another maker can take something.
    pub(crate) fn can(&self, feature: Feature) -> bool {
        self.chat().is_some_and(|chat| chat.features.contains(&feature))
    }
}

/// Every model that the simulator plays, Claude first.
pub(crate) fn all() -> impl Iterator<Item = &'static Model> {
    [claude::MODELS, chat::CLASSIC, chat::TEXT_ONLY, chat::OPEN_WEIGHTS, chat::FRONTIER, tasks::MODELS]
        .into_iter()
        .flatten()
}

const ANYWHERE: &[&str] = &["us", "eu", "apac", "jp", "au", "in", "us-gov", "global"];

/// Which kind of name called a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameKind {
    Foundation,
    Profile,
    ApplicationProfile,
}

/// Profile prefixes that a region can call; `global.` always can.
fn geographies(region: &str) -> &'static [&'static str] {
    match region {
        "ap-northeast-1" | "ap-northeast-3" => &["jp", "apac"],
        "ap-southeast-2" | "ap-southeast-4" => &["au", "apac"],
        "ap-south-1" | "ap-south-2" => &["in", "apac"],
        _ if region.starts_with("us-gov-") => &["us-gov"],
        _ if region.starts_with("us-") || region.starts_with("ca-") => &["us"],
        _ if region.starts_with("eu-") => &["eu"],
        _ if region.starts_with("ap-") => &["apac"],
        _ => &[],
    }
}

/// The inference profiles that this region offers: id and model.
pub(crate) fn profiles(region: &str) -> impl Iterator<Item = (String, &'static Model)> {
    let prefixes = geographies(region).iter().chain(&["global"]);
    prefixes.flat_map(|prefix| {
        let offered = all().filter(move |model| model.profiles.contains(prefix));
        offered.map(move |model| (format!("{prefix}.{}", model.id), model))
    })
}

/// Finds the model of a call that costs something; some bare ids are refused there.
pub(crate) fn find_to_run(encoded: &str, options: &Options) -> Result<&'static Model, Refusal> {
    let (model, kind) = find(encoded, options)?;
    if kind == NameKind::Foundation && model.needs_profile {
        return Err(Refusal::validation(format!(
            "Invocation of model ID {} with on-demand throughput isn\u{2019}t supported. Retry your request with the \
             ID or ARN of an inference profile that contains this model.",
            model.id
        )));
    }
    Ok(model)
}

/// Finds the model behind the `{id}` of a path: percent-encoded once; a foundation model's id, a profile's, or an ARN
/// of either.
pub(crate) fn find(encoded: &str, options: &Options) -> Result<(&'static Model, NameKind), Refusal> {
    let invalid = || Refusal::validation("The provided model identifier is invalid.");
    let name = percent_decode_str(encoded).decode_utf8().map_err(|_not_text| invalid())?;
    if name.is_empty() || name.len() > 2048 || name.contains('%') {
        return Err(invalid());
    }
    let Some(arn) = name.strip_prefix("arn:") else { return by_id(&name, options).ok_or_else(invalid) };
    let parts: Vec<&str> = arn.splitn(5, ':').collect();
    let &[_partition, "bedrock", region, account, resource] = parts.as_slice() else { return Err(invalid()) };
    if region != options.region {
        return Err(invalid());
    }
    match resource.split_once('/') {
        Some(("foundation-model", id)) if account.is_empty() => foundation(id).ok_or_else(invalid),
        Some(("inference-profile", id)) if account == options.account => {
            by_id(id, options).ok_or_else(invalid)
        }
        Some(("application-inference-profile", id)) if account == options.account => application(id, options)
            .ok_or_else(|| {
                Refusal::not_found("The specified resource ARN was not found. Check the ARN and try again.")
            }),
        _ => Err(invalid()),
    }
}

fn by_id(id: &str, options: &Options) -> Option<(&'static Model, NameKind)> {
    foundation(id).or_else(|| {
        let (prefix, bare) = id.split_once('.')?;
        let fits = prefix == "global" || geographies(&options.region).contains(&prefix);
        let (model, _) = foundation(bare).filter(|_| fits)?;
        model.profiles.contains(&prefix).then_some((model, NameKind::Profile))
    })
}

fn foundation(id: &str) -> Option<(&'static Model, NameKind)> {
    all().find(|model| model.id == id).map(|model| (model, NameKind::Foundation))
}

fn application(id: &str, options: &Options) -> Option<(&'static Model, NameKind)> {
    let (_, behind) = options.application_profiles.iter().find(|(known, _)| known == id)?;
    let (model, _) = by_id(behind, options)?;
    Some((model, NameKind::ApplicationProfile))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_find_their_model() {
        let options = Options::default();
        let check = |name: &str, expected: Option<(&str, NameKind)>| {
            let found = find(name, &options).ok().map(|(model, kind)| (model.name, kind));
            assert_eq!(found, expected, "{name}");
        };
        check("anthropic.claude-opus-5-5", Some(("claude-opus-5-5", NameKind::Foundation)));
        check("us.anthropic.claude-opus-5-5", Some(("claude-opus-5-5", NameKind::Profile)));
        check("global.anthropic.claude-opus-5-5", Some(("claude-opus-5-5", NameKind::Profile)));
        check(
            "us.anthropic.claude-haiku-4-5-20251001-v1%3A0",
            Some(("claude-haiku-4-5-20251001", NameKind::Profile)),
        );
        check(
            "us.anthropic.claude-haiku-4-5-20251001-v1:0",
            Some(("claude-haiku-4-5-20251001", NameKind::Profile)),
        );
        check(
            "arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Afoundation-model%2Fanthropic.claude-sonnet-5",
            Some(("claude-sonnet-5", NameKind::Foundation)),
        );
        check(
            "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fstonegate0sim",
            Some(("claude-sonnet-5-5", NameKind::ApplicationProfile)),
        );
        check("us.openai.gpt-5.5", Some(("openai.gpt-5.5", NameKind::Profile)));
        check("amazon.nova-micro-v1:0", Some(("amazon.nova-micro-v1:0", NameKind::Foundation)));
        check("global.amazon.nova-micro-v1:0", None);
        check("eu.anthropic.claude-opus-5-5", None);
        check("claude-opus-5-5", None);
        check("us.anthropic.claude-haiku-4-5-20251001-v1%253A0", None);
        check("arn:aws:bedrock:eu-west-1:123456789012:inference-profile/us.anthropic.claude-opus-5", None);
        check("", None);
    }
}
