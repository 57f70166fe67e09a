//! Which member bounds the output, family by family. One table.
//!
//! From AWS's user guide, "Inference request parameters and response fields for foundation models": Llama `max_gen_len`;
//! Mistral, Cohere, DeepSeek, AI21's Jamba and Writer `max_tokens`; OpenAI's open weights `max_completion_tokens`; Titan
//! `textGenerationConfig.maxTokenCount` (page `model-parameters-titan-text`; 512 where none is named, 8,192 at the most);
//! AI21's Jurassic `maxTokens` and `numResults` (`model-parameters-jurassic2`); TwelveLabs' Pegasus `maxOutputTokens`, 4,096 at the
//! most, over a video in `mediaSource` (`model-parameters-pegasus`); checked on 2026-11-21. From the Nova user guides:
//! `inferenceConfig.maxTokens`, which the first of them called `max_new_tokens`, and none at all beside `reasoningConfig` with
//! `high`, which stands in `inferenceConfig` or beside it. The engine behind the open weights of other makers takes
//! `max_tokens`, as Chat Completions does.

use std::ops::Range;

use serde::Deserialize;

use crate::passthrough::find_members;
use crate::traits::Traits;

/// Every member that bounds the output in some family's body.
const KNOWN: [&[&str]; 10] = [
    &["max_tokens"],
    &["max_completion_tokens"],
    &["max_gen_len"],
    &["max_new_tokens"],
    &["max_tokens_to_sample"],
    &["maxTokens"],
    &["maxOutputTokens"],
    &["inferenceConfig", "maxTokens"],
    &["inferenceConfig", "max_new_tokens"],
    &["textGenerationConfig", "maxTokenCount"],
];

/// Members by which one call gives several answers.
const SEVERAL: [&[&str]; 3] = [&["n"], &["num_generations"], &["numResults"]];

/// The member of a model's family; none where the model writes no text.
pub(super) fn member(traits: &Traits) -> Option<&'static [&'static str]> {
    let id = traits.bedrock_id.as_str();
    let is = |word: &str| id.contains(word);
    if ["embed", "rerank", "canvas", "image", "stable-", "sd3", "reel", "sonic"].into_iter().any(is) {
        return None;
    }
    Some(match traits.family.as_str() {
        "amazon" if is("titan") => &["textGenerationConfig", "maxTokenCount"],
        "amazon" => &["inferenceConfig", "maxTokens"],
        "meta" => &["max_gen_len"],
        "openai" => &["max_completion_tokens"],
        "ai21" if is("j2-") => &["maxTokens"],
        "twelvelabs" => &["maxOutputTokens"],
        "stability" => return None,
        _ => &["max_tokens"],
    })
}

/// Nova's older name for its bound, where it stands.
pub(super) fn renamed(body: &[u8]) -> Option<Range<usize>> {
    let member =
        find_members(body, 0..body.len(), &["inferenceConfig", "max_new_tokens"]).into_iter().next()?;
    let value = value_of(body, member.clone());
    // The name is one of ours and has no colon.
    let name = body.get(member.start..value.start)?.split(|byte| *byte == b':').next()?;
    Some(member.start..member.start + name.trim_ascii_end().len())
}

/// Whether Nova shall think as hard as it can, which takes no bound.
pub(super) fn is_unbounded(body: &[u8]) -> bool {
    const PLACES: [&[&str]; 2] = [&["reasoningConfig"], &["inferenceConfig", "reasoningConfig"]];
    PLACES.iter().flat_map(|path| find_members(body, 0..body.len(), path)).any(|member| {
        let value = value_of(body, member);
        let config: Option<ReasoningWire> = serde_json::from_slice(body.get(value).unwrap_or_default()).ok();
        config.is_some_and(|config| config.kind == "enabled" && config.effort.as_deref() == Some("high"))
    })
}

#[derive(Deserialize)]
struct ReasoningWire {
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "maxReasoningEffort")]
    effort: Option<String>,
}

/// The bounds that a body has: what each says, and where its value stands.
pub(super) fn found(body: &[u8]) -> Vec<(Option<u64>, Range<usize>)> {
    KNOWN.into_iter().flat_map(|path| numbers(body, path)).collect()
}

/// How many answers a body asks for.
pub(super) fn answers(body: &[u8]) -> u64 {
    SEVERAL.into_iter().flat_map(|path| numbers(body, path)).filter_map(|(count, _)| count).max().unwrap_or(1)
}

fn numbers(body: &[u8], path: &[&str]) -> Vec<(Option<u64>, Range<usize>)> {
    let members = find_members(body, 0..body.len(), path);
    members
        .into_iter()
        .map(|member| {
            let value = value_of(body, member);
            (body.get(value.clone()).and_then(|text| serde_json::from_slice(text).ok()), value)
        })
        .collect()
}

/// The value of a member: what stands behind the colon that its name ends with.
fn value_of(body: &[u8], member: Range<usize>) -> Range<usize> {
    let text = body.get(member.clone()).unwrap_or_default();
    // The name is one of ours and has no colon.
    let colon = text.iter().position(|byte| *byte == b':').unwrap_or(0);
    let rest = text.get(colon + 1..).unwrap_or_default();
    let spaces = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    member.start + colon + 1 + spaces..member.end
}

/// Where an object that is the value of a top-level member begins and ends.
pub(super) fn object(body: &[u8], name: &str) -> Option<Range<usize>> {
    let member = find_members(body, 0..body.len(), &[name]).into_iter().next()?;
    let value = value_of(body, member);
    (body.get(value.start) == Some(&b'{')).then_some(value)
}
