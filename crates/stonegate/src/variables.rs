//! The variables by which clients find a gateway, and those by which they would find something else.

use clap::ValueEnum;

/// An API of the gateway: one scope, and one family of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Api {
    /// Anthropic Messages.
    Messages,
    /// OpenAI Chat Completions.
    Chat,
    /// OpenAI Responses.
    Responses,
    /// Embeddings, rerank and images.
    Embeddings,
    /// Bedrock's own API.
    Bedrock,
}

impl Api {
    /// The scope that a key needs for it.
    pub(crate) fn scope(self) -> &'static str {
        match self {
            Api::Messages => "messages:send",
            Api::Chat => "chat:send",
            Api::Responses => "responses:send",
            Api::Embeddings => "embeddings:send",
            Api::Bedrock => "bedrock:invoke",
        }
    }

    /// What leads its clients to the gateway at `url`.
    pub(crate) fn variables(self, url: &str, key: &str) -> Vec<(&'static str, String)> {
        match self {
            Api::Messages => {
                vec![("ANTHROPIC_BASE_URL", url.to_owned()), ("ANTHROPIC_AUTH_TOKEN", key.to_owned())]
            }
            // aider, LangChain and others know the address by its older name.
            Api::Chat | Api::Responses | Api::Embeddings => vec![
                ("OPENAI_BASE_URL", format!("{url}/v1")),
                ("OPENAI_API_BASE", format!("{url}/v1")),
                ("OPENAI_API_KEY", key.to_owned()),
            ],
            Api::Bedrock => vec![
                ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", format!("{url}/bedrock")),
                ("ANTHROPIC_BEDROCK_BASE_URL", format!("{url}/bedrock")),
                ("AWS_BEARER_TOKEN_BEDROCK", key.to_owned()),
            ],
        }
    }

    /// What would lead its clients elsewhere all the same.
    pub(crate) fn rivals(self) -> &'static [&'static str] {
        match self {
            Api::Messages => MESSAGES_RIVALS,
            Api::Chat | Api::Responses | Api::Embeddings => &["OPENAI_ORGANIZATION", "OPENAI_PROJECT_ID"],
            Api::Bedrock => &[],
        }
    }
}

const MESSAGES_RIVALS: &[&str] = &[
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_UNIX_SOCKET",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_MANTLE",
    "CLAUDE_CODE_USE_VERTEX",
    "CLAUDE_CODE_USE_FOUNDRY",
    "CLAUDE_CODE_USE_ANTHROPIC_AWS",
    "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD",
    "CLAUDE_CODE_USE_GATEWAY",
];
