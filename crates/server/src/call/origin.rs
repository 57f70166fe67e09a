//! Where a call comes from, for the reports: the client's program, and the tags of key and call.

use std::sync::Arc;

use http::HeaderMap;
use http::header::USER_AGENT;
use stonegate_identity::Caller;
use stonegate_ledger::{InvalidTags, Tags};
use stonegate_protocol::{Problem, ProblemKind};

use crate::app::Names;

/// The header by which a client tags a call: `NAME=VALUE`, with commas between.
pub(crate) const TAGS: &str = "x-stonegate-tags";

/// Where a call comes from.
pub(crate) struct Origin {
    pub(crate) client: Option<Arc<str>>,
    pub(crate) tags: Tags,
}

impl Origin {
    /// Reads the headers. What the key is tagged with holds for all of its calls.
    pub(crate) fn read(names: &Names, headers: &HeaderMap, caller: &Caller) -> Result<Self, Problem> {
        let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
        let client = agent.and_then(|agent| names.clients.of(agent));
        let of_key = Tags::from_kept(caller.tags.clone());
        Ok(Self { client, tags: tags(headers, &of_key).map_err(refused)? })
    }
}

/// What a call is tagged with: by its key, and by its client.
pub(crate) fn tags(headers: &HeaderMap, of_key: &Tags) -> Result<Tags, InvalidTags> {
    let mut values = headers.get_all(TAGS).iter();
    let Some(first) = values.next() else { return Ok(of_key.clone()) };
    // What is no text has no tag in it that could be: the question marks in its place are refused.
    let mut text = String::from_utf8_lossy(first.as_bytes());
    for more in values {
        let text = text.to_mut();
        text.push(',');
        text.push_str(&String::from_utf8_lossy(more.as_bytes()));
    }
    of_key.with(&text.parse()?)
}

fn refused(wrong: InvalidTags) -> Problem {
    Problem::new(ProblemKind::InvalidRequest, format!("{TAGS}: {wrong}"))
}

/// How user agents begin, without regard to case, and the client that it tells. The first that fits counts.
const AGENTS: &[(&str, &str)] = &[
    ("claude-cli/", "claude-code"),
    ("claude-code/", "claude-code"),
    ("codex", "codex"),
    ("OpenAI/Python", "openai-python"),
    ("AsyncOpenAI/Python", "openai-python"),
    ("OpenAI/JS", "openai-node"),
    ("OpenAI/NodeJS", "openai-node"),
    ("OpenAI/", "openai-other"),
    ("Anthropic/Python", "anthropic-python"),
    ("AsyncAnthropic/Python", "anthropic-python"),
    ("AnthropicBedrock/Python", "anthropic-python"),
    ("AsyncAnthropicBedrock/Python", "anthropic-python"),
    ("Anthropic/JS", "anthropic-node"),
    ("AnthropicBedrock/JS", "anthropic-node"),
    ("Anthropic/", "anthropic-other"),
    ("Boto3/", "boto3"),
    ("Botocore/", "boto3"),
    ("aws-cli/", "aws-cli"),
    ("aws-sdk-js/", "aws-sdk-js"),
    ("aws-sdk-nodejs/", "aws-sdk-js"),
    ("aws-sdk-java/", "aws-sdk-java"),
    ("aws-sdk-go", "aws-sdk-go"),
    ("aws-sdk-rust/", "aws-sdk-rust"),
    ("aws-sdk-dotnet", "aws-sdk-dotnet"),
    ("aws-sdk-", "aws-sdk-other"),
    ("aider", "aider"),
    ("litellm/", "litellm"),
    ("cursor", "cursor"),
    ("cline", "cline"),
    ("roocode", "roo-code"),
    ("roo-code", "roo-code"),
    ("kilo-code", "kilo-code"),
    ("continue", "continue"),
    ("opencode/", "opencode"),
    ("zed/", "zed"),
    ("goose/", "goose"),
    ("langchain", "langchain"),
    ("ai/", "vercel-ai"),
    ("ai-sdk/", "vercel-ai"),
    ("stonegate", "stonegate"),
    ("curl/", "curl"),
    ("python-requests/", "python"),
    ("python-httpx/", "python"),
    ("aiohttp/", "python"),
    ("Python", "python"),
    ("node", "node"),
    ("undici", "node"),
    ("axios/", "node"),
    ("Bun/", "node"),
    ("Deno/", "node"),
    ("Go-http-client/", "go"),
    ("okhttp/", "java"),
    ("Java", "java"),
    ("Apache-HttpClient/", "java"),
    ("PostmanRuntime/", "postman"),
    ("Mozilla/", "browser"),
];

/// Everything else that says who it is.
const OTHER: &str = "other";

/// The names of the clients that are told apart, made once. There are as many as the table has, whatever clients send.
pub(crate) struct Clients {
    known: Vec<Arc<str>>,
    other: Arc<str>,
}

impl Default for Clients {
    fn default() -> Self {
        Self { known: AGENTS.iter().map(|(_, client)| Arc::from(*client)).collect(), other: OTHER.into() }
    }
}

impl Clients {
    /// The client with that user agent.
    fn of(&self, agent: &str) -> Option<Arc<str>> {
        let agent = agent.trim_start().as_bytes();
        let begins = |(start, _): &(&str, &str)| {
            agent.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start.as_bytes()))
        };
        let known = AGENTS.iter().position(begins).and_then(|at| self.known.get(at));
        (!agent.is_empty()).then(|| Arc::clone(known.unwrap_or(&self.other)))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_client_is_known_by_its_user_agent() {
        let clients = Clients::default();
        for (agent, expected) in [
            ("claude-cli/2.1.329 (external, cli)", Some("claude-code")),
            ("codex_cli_rs/0.63.0 (Ubuntu 24.4.0; x86_64) xterm", Some("codex")),
            ("OpenAI/Python 2.11.0", Some("openai-python")),
            ("AsyncOpenAI/Python 2.11.0", Some("openai-python")),
            ("OpenAI/JS 6.9.1", Some("openai-node")),
            ("OpenAI/Go 3.0", Some("openai-other")),
            ("Anthropic/Python 0.75.0", Some("anthropic-python")),
            ("Boto3/1.42.1 md/Botocore#1.42.1 ua/2.1", Some("boto3")),
            ("aws-sdk-swift/1.0", Some("aws-sdk-other")),
            ("Aider/0.86 +https://aider.chat", Some("aider")),
            ("curl/8.5.0", Some("curl")),
            ("my-own-tool/1", Some("other")),
            ("\u{e9}\u{e9}\u{e9}\u{e9}", Some("other")),
            (" ", None),
            ("", None),
        ] {
            assert_eq!(clients.of(agent).as_deref(), expected, "{agent}");
        }
    }

    #[test]
    fn tags_come_in_one_header_or_several_and_a_bad_one_is_refused_by_its_name() {
        let read = |values: &[&[u8]], of_key: &str| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(TAGS, HeaderValue::from_bytes(value).expect("a header"));
            }
            let tags = tags(&headers, &of_key.parse().expect("tags"));
            tags.map(|tags| tags.to_string()).map_err(|wrong| refused(wrong).message)
        };
        assert_eq!(read(&[], ""), Ok(String::new()));
        assert_eq!(read(&[], "a=1"), Ok("a=1".to_owned()));
        assert_eq!(read(&[b"b=2", b" c=3, d=4"], "a=1"), Ok("a=1,b=2,c=3,d=4".to_owned()));
        assert_eq!(
            read(&[b"b"], ""),
            Err("x-stonegate-tags: `b` is no tag: write NAME=VALUE, with commas between tags".to_owned())
        );
        assert_eq!(
            read(&[b"a=2"], "a=1"),
            Err("x-stonegate-tags: tag `a` is set by the key, to another value".to_owned())
        );
        assert!(read(&[b"b=\xff"], "").is_err());
    }
}
