//! A whole answer, gathered from its events: what a client that does not stream gets.

use super::block::{Block, Content, ToolUse};
use super::event::{BlockStart, Delta, Event, StopReason};
use super::json_text::JsonText;
use super::usage::Usage;

/// A whole answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The upstream's id for it.
    pub id: Option<String>,
    /// The model that the upstream names.
    pub model: Option<String>,
    /// The blocks, in order.
    pub blocks: Vec<Block>,
    /// Why the model stopped.
    pub stop_reason: Option<StopReason>,
    /// The stop sequence that it met.
    pub stop_sequence: Option<String>,
    /// A word on a refusal, for people.
    pub explanation: Option<String>,
    /// What was consumed.
    pub usage: Usage,
    /// The text of the tool input that each block has gathered so far.
    inputs: Vec<String>,
}

impl Answer {
    /// Takes one more event.
    pub fn take(&mut self, event: Event) {
        match event {
            Event::Start { id, model } => (self.id, self.model) = (id, model),
            Event::BlockStart { index: _, block } => {
                self.blocks.push(started(block).into());
                self.inputs.push(String::new());
            }
            Event::Delta { index, delta } => self.add(index, delta),
            Event::BlockStop { index } => self.close(index),
            Event::Usage(usage) => self.usage = usage,
            Event::Stop { reason, sequence, explanation } => {
                self.stop_reason = Some(reason);
                self.stop_sequence = sequence;
                self.explanation = explanation;
            }
        }
    }

    fn add(&mut self, index: usize, delta: Delta) {
        let Some(block) = self.blocks.get_mut(index) else { return };
        match (&mut block.content, delta) {
            (Content::Text { text, .. }, Delta::Text(more)) => text.push_str(&more),
            (Content::Text { citations, .. }, Delta::Citation(citation)) => citations.push(*citation),
            (Content::Thinking { text, .. }, Delta::Thinking(more)) => text.push_str(&more),
            (Content::Thinking { signature, .. }, Delta::Signature(whole)) => *signature = Some(whole),
            (Content::ToolUse(_), Delta::Input(more)) => {
                if let Some(input) = self.inputs.get_mut(index) {
                    input.push_str(&more);
                }
            }
            // A reader that mixes kinds up is at fault; its words are not made up for.
            (_, Delta::Text(_) | Delta::Citation(_) | Delta::Thinking(_) | Delta::Signature(_))
            | (_, Delta::Input(_)) => {}
        }
    }

    fn close(&mut self, index: usize) {
        if let (Some(Block { content: Content::ToolUse(call), .. }), Some(input)) =
            (self.blocks.get_mut(index), self.inputs.get_mut(index))
        {
            call.input = tool_input(std::mem::take(input).as_str());
        }
    }
}

/// The input of a tool call from the text that the model wrote: nothing is an empty object, and what is cut off stays
/// visible as a string.
#[must_use]
pub fn tool_input(text: &str) -> JsonText {
    match text.trim() {
        "" => JsonText::empty_object(),
        text => JsonText::parse(text).unwrap_or_else(|| JsonText::string(text)),
    }
}

fn started(block: BlockStart) -> Content {
    match block {
        BlockStart::Text => Content::Text { text: String::new(), citations: Vec::new() },
        BlockStart::Thinking => Content::Thinking { text: String::new(), signature: None },
        BlockStart::SealedThinking { data } => Content::SealedThinking { data },
        BlockStart::ToolUse { id, name } => {
            Content::ToolUse(ToolUse { id, name, input: JsonText::empty_object() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_the_sum_of_its_events() {
        let mut answer = Answer::default();
        for event in [
            Event::Start { id: Some("a".to_owned()), model: None },
            Event::BlockStart { index: 0, block: BlockStart::Text },
            Event::BlockStart {
                index: 1,
                block: BlockStart::ToolUse { id: "t".to_owned(), name: "f".to_owned() },
            },
            Event::Delta { index: 1, delta: Delta::Input("{\"x\":".to_owned()) },
            Event::Delta { index: 0, delta: Delta::Text("He".to_owned()) },
            Event::Delta { index: 1, delta: Delta::Input("1}".to_owned()) },
            Event::Delta { index: 0, delta: Delta::Text("llo".to_owned()) },
            Event::BlockStop { index: 0 },
            Event::BlockStop { index: 1 },
            Event::Stop { reason: StopReason::ToolUse, sequence: None, explanation: None },
        ] {
            answer.take(event);
        }
        let input = JsonText::parse("{\"x\":1}").unwrap();
        let call = ToolUse { id: "t".to_owned(), name: "f".to_owned(), input };
        assert_eq!(answer.blocks, [Block::text("Hello"), Content::ToolUse(call).into()]);
        assert_eq!(answer.stop_reason, Some(StopReason::ToolUse));
    }

    #[test]
    fn the_input_of_a_tool_is_an_object_or_what_is_there_of_it() {
        for (text, expected) in [("", "{}"), (" {\"a\":1} ", "{\"a\":1}"), ("{\"a\":", "\"{\\\"a\\\":\"")] {
            assert_eq!(tool_input(text).as_str(), expected);
        }
    }
}
