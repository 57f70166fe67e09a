//! Texts that came as tokens.
//!
//! LangChain's clients and others cut texts into tokens of OpenAI's older vocabulary before they send them, and fall back
//! to it for models that they do not know. No model here knows that vocabulary, so the tokens become text again.

/// The text of tokens; none where one of them is no token. A letter that was cut in two becomes a replacement character.
///
/// The vocabulary is unpacked once, when the first tokens come: about a tenth of a second, and some 20 MB from then on.
pub(super) fn text(tokens: &[u32]) -> Option<String> {
    let bytes = tiktoken_rs::cl100k_base_singleton().decode_bytes(tokens).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
