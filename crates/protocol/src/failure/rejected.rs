//! Reads a 400: which part of the request was refused by name, and by which class Claude Code heals it.
//!
//! The texts are Anthropic's own (pydantic's paths: `tools.0.custom.strict: Extra inputs are not permitted`) and
//! Bedrock's (`#/messages/0: extraneous key [x] is not permitted`).

use crate::problem::Capability;

/// A part of a request that the upstream refused by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RejectedPart {
    /// This value of `anthropic-beta`.
    Beta(String),
    /// Some value of `anthropic-beta`, unnamed: all that the table does not know are suspect.
    Betas,
    /// This member, as a dotted path with `*` for every element, and after a colon the kind (`type`) of the element or
    /// object that it was refused in: `tools.*:custom.eager_input_streaming`.
    Member(String),
}

/// Without these a call is another call: their refusal goes to the client. What is refused inside `output_config` or
/// `safeguards` is for the client to know as well.
const ESSENTIAL: &[&str] = &[
    "anthropic_beta",
    "anthropic_version",
    "max_tokens",
    "messages",
    "metadata",
    "model",
    "output_config",
    "output_config.effort",
    "output_config.format",
    "safeguards",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "thinking.budget_tokens",
    "thinking.type",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
];

/// Members of messages, blocks and tools that hold what they are about. A cache mark may go where the kind of block or tool
/// is known that does not take it (`thinking`).
const SUBSTANCE: &[&str] = &[
    "cache_control",
    "citations",
    "content",
    "context",
    "data",
    "description",
    "file_id",
    "id",
    "input",
    "input_schema",
    "is_error",
    "media_type",
    "name",
    "role",
    "signature",
    "source",
    "text",
    "thinking",
    "title",
    "tool_use_id",
    "type",
    "url",
];

fn may_be_left_out(path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or(path);
    let is_nested = path.contains('.');
    let is_mark_of_a_kind = last == "cache_control" && path.contains("*:");
    let is_substance = is_nested && SUBSTANCE.contains(&last) && !is_mark_of_a_kind;
    is_path(path)
        && !last.starts_with('*')
        && !ESSENTIAL.contains(&without_kinds(path).as_str())
        && !is_substance
}

/// The path as it stands in the body.
fn without_kinds(path: &str) -> String {
    let names = path.split('.').map(|segment| segment.split(':').next().unwrap_or(segment));
    names.collect::<Vec<_>>().join(".")
}

pub(super) fn part(text: &str) -> Option<RejectedPart> {
    let text = own_words(text);
    if let Some(beta) = beta(text) {
        return Some(beta);
    }
    // A colon is ours: what stands behind it is a kind.
    let path = unpermitted_member(text).filter(|path| !path.contains(':'))?;
    let path = path_in_the_body(&path);
    may_be_left_out(&path).then_some(RejectedPart::Member(path))
}

/// Anthropic's words without what Bedrock puts before them.
pub(super) fn own_words(text: &str) -> &str {
    const BEFORE: &str = "The model returned the following errors:";
    text.trim().strip_prefix(BEFORE).unwrap_or(text).trim()
}

fn beta(text: &str) -> Option<RejectedPart> {
    let lower = text.to_ascii_lowercase();
    let about_betas =
        lower.contains("beta flag") || lower.contains("anthropic-beta") || lower.contains("anthropic_beta");
    let refused = ["invalid", "unexpected", "unsupported", "not supported", "unknown", "unrecognized"]
        .iter()
        .any(|word| lower.contains(word));
    if !about_betas || !refused {
        return None;
    }
    Some(dated_name(text).map_or(RejectedPart::Betas, |name| RejectedPart::Beta(name.to_owned())))
}

/// The first word in the text that ends in a date, as all betas do.
fn dated_name(text: &str) -> Option<&str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).find(|word| {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        digits >= 8 && word.contains('-') && word.bytes().any(|b| b.is_ascii_lowercase())
    })
}

/// The path of the member that `Extra inputs are not permitted` or `extraneous key [x]` speak of.
fn unpermitted_member(text: &str) -> Option<String> {
    if let Some(at) = text.find(": Extra inputs are not permitted") {
        let before = text.get(..at)?;
        return Some(before.rsplit([' ', '\n', ',', ';']).next()?.to_owned());
    }
    if let Some(path) = openai_member(text) {
        return Some(path);
    }
    let (before, after) = text.split_once("extraneous key [")?;
    let (key, _) = after.split_once(']')?;
    let place = before.trim_end().trim_end_matches(':');
    let place = place.rsplit('#').next().unwrap_or("").trim_matches('/').replace('/', ".");
    Some(if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") })
}

/// The path in OpenAI's words: `Unknown parameter: 'messages[0].cache_control'.`
fn openai_member(text: &str) -> Option<String> {
    const QUOTED: [&str; 2] = ["Unknown parameter: '", "Unsupported parameter: '"];
    let quoted = QUOTED.iter().find_map(|words| text.split_once(words)?.1.split_once('\''));
    let bare = || text.split_once("Unrecognized request argument supplied: ");
    let path = quoted.map(|(path, _)| path).or_else(|| bare().map(|(_, path)| path.trim_end_matches('.')))?;
    Some(path.replace('[', ".").replace(']', ""))
}

/// The path as it stands in the body: an index becomes `*`, and the names of union variants, which stand in the
/// validator's path only, become the kind of what they stand behind (`tools.0.custom.strict`), where there is more than
/// one (`system.0.cache_control.ephemeral.scope`, `messages.0.content.list`).
fn path_in_the_body(path: &str) -> String {
    let segments: Vec<&str> = path.split('.').collect();
    let mut plain: Vec<&str> = Vec::with_capacity(segments.len());
    let mut written = String::with_capacity(path.len());
    for (at, segment) in segments.iter().enumerate() {
        let is_last = at + 1 == segments.len();
        let previous = plain.last().copied();
        let is_index = !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_digit());
        if !is_last && !is_index && at > 0 && names_variant(previous, &plain, segment) {
            if !matches!(previous, Some("cache_control" | "content" | "system")) {
                written.push(':');
                written.push_str(segment);
            }
            continue;
        }
        let segment = if is_index { "*" } else { segment };
        if !written.is_empty() {
            written.push('.');
        }
        plain.push(segment);
        written.push_str(segment);
    }
    written
}

fn names_variant(previous: Option<&str>, plain: &[&str], segment: &str) -> bool {
    match previous {
        Some("*") => {
            let array = plain.iter().rev().nth(1).copied();
            matches!(array, Some("tools" | "content" | "system" | "edits"))
                && !matches!(
                    segment,
                    "cache_control" | "source" | "content" | "input_schema" | "citations" | "input"
                )
        }
        Some("cache_control") => segment == "ephemeral",
        Some("thinking") => matches!(segment, "enabled" | "adaptive" | "disabled" | "between_tools"),
        Some("tool_choice") => matches!(segment, "auto" | "any" | "tool" | "none"),
        Some("source") => matches!(segment, "base64" | "url" | "file" | "text" | "content"),
        Some("content" | "system") => matches!(segment, "str" | "list"),
        _ => false,
    }
}

fn is_path(path: &str) -> bool {
    !path.is_empty()
        && path.len() <= 200
        && path.split('.').all(|segment| {
            let (name, kind) = segment.split_once(':').unwrap_or((segment, "kind"));
            let is_name = |name: &str| {
                !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
            };
            (name == "*" || is_name(name)) && is_name(kind)
        })
}

/// The class of a 400 by which Claude Code heals its request. Texts that it understands as they are (a prompt that is
/// too long, in Anthropic's or Bedrock's whole words) have none, so that they pass unchanged.
pub(super) fn capability(text: &str) -> Option<Capability> {
    let lower = own_words(text).to_ascii_lowercase();
    let says = |part: &str| lower.contains(part);
    let refuses = says("not support") || says("not permitted") || says("unsupported") || says("unexpected");
    let wrong =
        refuses || says("invalid") || says("should be") || says("not allowed") || says("not available");
    if heals_by_words(&lower) {
        return None;
    }
    if wrong && says("role") && (says("system") || says("'user' or 'assistant'")) {
        return Some(Capability::MidConversationSystem);
    }
    if wrong && says("cache_control") && !says("maximum of 4 blocks") {
        return Some(Capability::CacheControlField);
    }
    if says("signature") && says("thinking") {
        return Some(Capability::ThinkingSignature);
    }
    if let Some(RejectedPart::Beta(name)) = beta(own_words(text)) {
        return Some(Capability::Beta(name));
    }
    if wrong && says("thinking") {
        for kind in ["enabled", "adaptive"] {
            if says(&format!("thinking.type.{kind}")) || says(&format!("{kind} thinking")) {
                return Some(Capability::ThinkingType(kind.to_owned()));
            }
        }
    }
    if wrong && (says("output_config.format") || says("output_format") || says("structured output")) {
        return Some(Capability::StructuredOutputs);
    }
    if wrong && (says("effort") || says("output_config:")) {
        return Some(Capability::Effort);
    }
    media(&lower).or_else(|| too_long(&lower))
}

fn media(lower: &str) -> Option<Capability> {
    let says = |part: &str| lower.contains(part);
    let too_much = says("too many") || says("exceeds") || says("maximum");
    let unusable =
        says("not support") || says("could not process") || says("not valid") || says("unsupported");
    if too_much && (says("image") || says("pdf") || says("document")) {
        return Some(Capability::MediaBudget);
    }
    if unusable && says("image") {
        return Some(Capability::ImageBlock);
    }
    if unusable && (says("document") || says("pdf")) {
        return Some(Capability::DocumentBlock);
    }
    None
}

fn too_long(lower: &str) -> Option<Capability> {
    ["input is too long", "too many input tokens", "maximum context length", "exceeds the context window"]
        .iter()
        .any(|words| lower.contains(words))
        .then_some(Capability::PromptTooLong)
}

/// Words for a prompt that is too long by which Claude Code knows what to do without a token of ours.
fn heals_by_words(lower: &str) -> bool {
    lower.contains("prompt is too long")
        || lower.contains("exceed context limit")
        || lower == "input is too long."
}

/// Whether an upstream's words say that the prompt, or prompt and answer together, are longer than the context window.
pub(crate) fn says_too_long(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    heals_by_words(&lower) || too_long(&lower).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refused_part_is_read_from_the_words() {
        let member = |path: &str| Some(RejectedPart::Member(path.to_owned()));
        let named = |name: &str| Some(RejectedPart::Beta(name.to_owned()));
        for (text, expected) in [
            ("diagnostics: Extra inputs are not permitted", member("diagnostics")),
            ("messages.1.output_config: Extra inputs are not permitted", member("messages.*.output_config")),
            (
                "tools.0.custom.eager_input_streaming: Extra inputs are not permitted",
                member("tools.*:custom.eager_input_streaming"),
            ),
            (
                "system.2.cache_control.ephemeral.scope: Extra inputs are not permitted",
                member("system.*.cache_control.scope"),
            ),
            (
                "messages.0.content.1.text.cache_control.ephemeral.scope: Extra inputs are not permitted",
                member("messages.*.content.*:text.cache_control.scope"),
            ),
            (
                "thinking.adaptive.display: Extra inputs are not permitted",
                member("thinking:adaptive.display"),
            ),
            ("The model returned the following errors: tags: Extra inputs are not permitted", member("tags")),
            (
                "Malformed input request: #: extraneous key [speed] is not permitted, please reformat",
                member("speed"),
            ),
            (
                "Malformed input request: #/messages/0: extraneous key [clear_at] is not permitted",
                member("messages.*.clear_at"),
            ),
            (
                "Unknown parameter: 'messages[0].content[1].prompt_cache_breakpoint'.",
                member("messages.*.content.*.prompt_cache_breakpoint"),
            ),
            ("Unrecognized request argument supplied: verbosity", member("verbosity")),
            ("Unsupported parameter: 'temperature' is not supported with this model.", None),
            (
                "messages.1.content.0.thinking.cache_control: Extra inputs are not permitted",
                member("messages.*.content.*:thinking.cache_control"),
            ),
            ("thinking.enabled.budget_tokens: Extra inputs are not permitted", None),
            ("tools.0.custom.na:me: Extra inputs are not permitted", None),
            ("tools.0.bash_20250124.description: Extra inputs are not permitted", None),
            ("messages.0.content.0.image.title: Extra inputs are not permitted", None),
            ("messages.0.content.0.text.context: Extra inputs are not permitted", None),
            ("Unknown parameter: 'messages[0].cache_control'.", None),
            ("invalid beta flag", Some(RejectedPart::Betas)),
            ("invalid beta flag: fast-mode-2026-02-01", named("fast-mode-2026-02-01")),
            (
                "Unexpected value(s) `oauth-2025-04-20` for the `anthropic-beta` header.",
                named("oauth-2025-04-20"),
            ),
            ("tools: Extra inputs are not permitted", None),
            ("max_tokens: Field required", None),
            ("prompt is too long: 213462 tokens > 200000 maximum", None),
            (": Extra inputs are not permitted", None),
            ("a\"b: Extra inputs are not permitted", None),
        ] {
            assert_eq!(part(text), expected, "{text}");
        }
    }

    #[test]
    fn a_client_gets_the_class_by_which_it_heals_its_request() {
        use Capability as Is;
        for (text, expected) in [
            (
                "messages: Unexpected role \"system\". The Messages API accepts a top-level `system`",
                Some(Is::MidConversationSystem),
            ),
            ("messages.1.role: Input should be 'user' or 'assistant'", Some(Is::MidConversationSystem)),
            (
                "system.0.cache_control.ephemeral.scope: Extra inputs are not permitted",
                Some(Is::CacheControlField),
            ),
            ("messages.1.content.0: Invalid `signature` in `thinking` block", Some(Is::ThinkingSignature)),
            (
                "\"thinking.type.enabled\" is not supported for this model.",
                Some(Is::ThinkingType("enabled".to_owned())),
            ),
            (
                "adaptive thinking is not supported on this model",
                Some(Is::ThinkingType("adaptive".to_owned())),
            ),
            ("output_config.format: not supported by this model", Some(Is::StructuredOutputs)),
            ("This model does not support the effort parameter.", Some(Is::Effort)),
            ("output_config: Extra inputs are not permitted", Some(Is::Effort)),
            ("messages.0.content: too many images: 101 > 100 maximum", Some(Is::MediaBudget)),
            ("Could not process image", Some(Is::ImageBlock)),
            ("The PDF specified was not valid.", Some(Is::DocumentBlock)),
            ("Input is too long for requested model.", Some(Is::PromptTooLong)),
            ("invalid beta flag: fast-mode-2026-02-01", Some(Is::Beta("fast-mode-2026-02-01".to_owned()))),
            ("Input is too long.", None),
            ("prompt is too long: 213462 tokens > 200000 maximum", None),
            ("input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000", None),
            ("messages: text content blocks must be non-empty", None),
            ("max_tokens: Field required", None),
        ] {
            assert_eq!(capability(text), expected, "{text}");
        }
    }
}
