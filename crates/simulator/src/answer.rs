//! From an outline of what is to be said to an answer in blocks: identified, signed, cut to `max_tokens`, counted.

pub(crate) mod schema;
pub(crate) mod sums;
pub(crate) mod talk;

use serde_json::{Map, Value};

use crate::{
    cache::InputUsage,
    chance::Chance,
    face::Ids,
    guardrail::{self, Finding},
    prompt::{Prompt, Thinking, list, text},
    script::{Intervention, Outline},
    seal::{self, Sealed},
    tokens,
};

/// One block of the answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Block {
    Redacted { data: String },
    Thinking { thinking: String, signature: String, tokens: u64 },
    Text { text: String, citations: Vec<Value> },
    Tool { id: String, name: String, input: String },
}

/// What the model answers.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) id: String,
    pub(crate) model: &'static str,
    pub(crate) blocks: Vec<Block>,
    pub(crate) stop_reason: String,
    pub(crate) stop_sequence: Option<String>,
    pub(crate) input: InputUsage,
    pub(crate) output_tokens: u64,
    pub(crate) thinking_tokens: u64,
    pub(crate) usage_overrides: Map<String, Value>,
    /// The request asked for context management, so the answer tells what was done.
    pub(crate) manages_context: bool,
    /// Thinking deltas tell a number of tokens.
    pub(crate) estimates_thinking: bool,
    /// What the guardrail found, if the request names one.
    pub(crate) guardrail: Option<Finding>,
}

/// Makes the answer.
pub(crate) fn compose(
    prompt: Prompt<'_>,
    outline: Outline,
    input: InputUsage,
    ids: Ids,
    chance: &Chance,
) -> Answer {
    let mut answer = Answer {
        id: format!("{}{}", ids.answer, chance.letters()),
        model: prompt.model.name,
        blocks: Vec::new(),
        stop_reason: "end_turn".to_owned(),
        stop_sequence: None,
        input,
        output_tokens: 0,
        thinking_tokens: 0,
        usage_overrides: outline.usage,
        manages_context: prompt.body.get("context_management").is_some_and(Value::is_object),
        estimates_thinking: prompt.has_beta("thinking-token-count-2026-05-13"),
        guardrail: None,
    };
    if outline.redacted && prompt.model.claude().is_some() {
        answer.blocks.push(Block::Redacted { data: seal::sign(Sealed::Redacted, "", chance.nonce()) });
    }
    let mut left = prompt.max_tokens();
    let shown = prompt.thinking();
    if let Some(thinking) = outline.thinking.filter(|_| shown != Thinking::Off) {
        answer.think(&thinking, shown, &mut left, chance);
    }
    if let Some(text) = outline.text.filter(|text| !text.is_empty()) {
        answer.say(text, prompt, &mut left);
    }
    for call in outline.tools {
        if answer.stop_reason == "max_tokens" || answer.stop_sequence.is_some() {
            break;
        }
        let id = format!("{}{}", ids.tool, chance.letters());
        let (input, cut) = fit(call.input.get(), &mut left);
        let input = input.to_owned();
        answer.blocks.push(Block::Tool { id, name: call.name, input });
        answer.stop_reason = if cut { "max_tokens" } else { "tool_use" }.to_owned();
    }
    if let Some(reason) = outline.stop_reason {
        answer.stop_reason = reason;
    }
    answer.output_tokens = prompt.max_tokens() - left;
    answer
}

/// What stands for reasoning that a model does not show.
const MASK: &str = "[REDACTED]";

impl Answer {
    /// All texts.
    pub(crate) fn text(&self) -> String {
        let texts = self.blocks.iter().filter_map(|block| match block {
            Block::Text { text, .. } => Some(text.as_str()),
            Block::Redacted { .. } | Block::Thinking { .. } | Block::Tool { .. } => None,
        });
        texts.collect()
    }

    /// The guardrail has looked; where it intervenes, its words stand in place of the answer.
    pub(crate) fn meet(&mut self, finding: Finding) {
        if let Some(side) = finding.side {
            let text = guardrail::blocked_text();
            self.blocks = vec![Block::Text { text, citations: Vec::new() }];
            self.stop_reason = "guardrail_intervened".to_owned();
            self.stop_sequence = None;
            if side == Intervention::Input {
                self.input = InputUsage::default();
                self.output_tokens = 0;
                self.thinking_tokens = 0;
            }
        }
        self.guardrail = Some(finding);
    }

    fn think(&mut self, thinking: &str, shown: Thinking, left: &mut u64, chance: &Chance) {
        let before = *left;
        let (thinking, cut) = fit(thinking, left);
        if cut {
            self.stop_reason = "max_tokens".to_owned();
        }
        self.thinking_tokens = before - *left;
        let visible = match shown {
            Thinking::Shown => thinking,
            Thinking::Masked => MASK,
            Thinking::Omitted | Thinking::Off => "",
            Thinking::Hidden => return,
        };
        self.blocks.push(Block::Thinking {
            thinking: visible.to_owned(),
            signature: seal::sign(Sealed::Thinking, visible, chance.nonce()),
            tokens: self.thinking_tokens,
        });
    }

    fn say(&mut self, text: String, prompt: Prompt<'_>, left: &mut u64) {
        let sequences = list(prompt.body, "stop_sequences").iter().filter_map(Value::as_str);
        let stop = sequences.filter_map(|sequence| Some((text.find(sequence)?, sequence))).min();
        let wanted = stop.map_or(text.as_str(), |(at, _)| text.get(..at).unwrap_or_default());
        let (said, cut) = fit(wanted, left);
        if cut {
            self.stop_reason = "max_tokens".to_owned();
        } else if let Some((_, sequence)) = stop {
            self.stop_reason = "stop_sequence".to_owned();
            self.stop_sequence = Some(sequence.to_owned());
        }
        if !said.is_empty() {
            self.blocks.push(Block::Text { text: said.to_owned(), citations: citations(prompt) });
        }
    }
}

/// A number of `usage` as the client sees it; a script may have another in mind.
pub(crate) fn reported(answer: &Answer, member: &str, computed: u64) -> u64 {
    answer.usage_overrides.get(member).and_then(Value::as_u64).unwrap_or(computed)
}

/// As much of the text as the tokens left allow, which are taken; and whether something had to go.
fn fit<'a>(text: &'a str, left: &mut u64) -> (&'a str, bool) {
    let mut end = 0;
    for piece in pieces(text) {
        let cost = tokens::of_text(piece).max(1);
        if cost > *left {
            return (text.get(..end).unwrap_or_default(), true);
        }
        *left -= cost;
        end += piece.len();
    }
    (text, false)
}

/// The longest piece of a stream, in bytes.
const LONGEST_PIECE: usize = 24;

/// A text in the pieces that it is streamed in: words with the space before them.
pub(crate) fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut after_word = false;
    for (at, character) in text.char_indices() {
        let begins = (character.is_whitespace() && after_word) || at - start >= LONGEST_PIECE;
        if begins && at > start {
            pieces.extend(text.get(start..at));
            start = at;
        }
        after_word = !character.is_whitespace();
    }
    pieces.extend(text.get(start..).filter(|rest| !rest.is_empty()));
    pieces
}

/// How many characters of a tool's input come in one delta.
const INPUT_PIECE: usize = 14;

/// A tool's input in the pieces that it is streamed in.
pub(crate) fn input_pieces(input: &str) -> Vec<String> {
    let characters: Vec<char> = input.chars().collect();
    characters.chunks(INPUT_PIECE).map(|chunk| chunk.iter().collect()).collect()
}

/// The input of a call that `max_tokens` cut is no JSON; an empty object stands for it then.
pub(crate) fn whole_input(input: &str) -> &str {
    if serde_json::from_str::<&serde_json::value::RawValue>(input).is_ok() { input } else { "{}" }
}

/// When a document in the new turn wants citations, its first sentence is cited.
fn citations(prompt: Prompt<'_>) -> Vec<Value> {
    let turn = prompt.last_user_turn();
    let documents = turn
        .iter()
        .flat_map(|message| list(message, "content"))
        .filter(|block| text(block, "type") == "document");
    documents
        .enumerate()
        .filter(|(_, document)| {
            document.get("citations").and_then(|wish| wish.get("enabled")) == Some(&Value::Bool(true))
        })
        .filter_map(|(index, document)| citation(index, document))
        .collect()
}

fn citation(index: usize, document: &Value) -> Option<Value> {
    let source = document.get("source")?;
    let title = document.get("title").cloned().unwrap_or(Value::Null);
    Some(match text(source, "type") {
        "text" => {
            let data = text(source, "data");
            let cited = data.split_inclusive(['.', '\n']).next().unwrap_or_default();
            serde_json::json!({
                "type": "char_location", "cited_text": cited, "document_index": index, "document_title": title,
                "start_char_index": 0, "end_char_index": cited.chars().count(), "file_id": null,
            })
        }
        "base64" => serde_json::json!({
            "type": "page_location", "cited_text": "(the first page)", "document_index": index,
            "document_title": title, "start_page_number": 1, "end_page_number": 2, "file_id": null,
        }),
        _ => serde_json::json!({
            "type": "content_block_location", "cited_text": list(source, "content").first().map(|block| text(block, "text")),
            "document_index": index, "document_title": title, "start_block_index": 0, "end_block_index": 1,
            "file_id": null,
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_put_together_are_the_text() {
        for text in [
            "",
            "one",
            "  two words ",
            "Zeile eins\nzwei  drei",
            &"x".repeat(100),
            "日本語のとても長い文章です、空白なし",
        ] {
            assert_eq!(pieces(text).concat(), text);
        }
        assert_eq!(pieces("Hello there, you"), ["Hello", " there,", " you"]);
    }

    #[test]
    fn a_text_is_cut_where_the_tokens_end() {
        let mut left = 3;
        assert_eq!(fit("one two three four", &mut left), ("one two", true));
        let mut left = 30;
        assert_eq!(fit("one two", &mut left), ("one two", false));
        assert_eq!(left, 28);
    }
}
