//! An answer of any model as a Messages client reads it: a stream of Anthropic's events, or one message.
//!
//! Anthropic's own streams bring one block after the other. Where an upstream's blocks take turns, those behind the first
//! open one wait for it.

use std::collections::VecDeque;

use bytes::{BufMut, BytesMut};

use crate::conversation::usage::Usage;
use crate::conversation::{
    Answer, Block, BlockStart, Citation, Content, Delta, Event, JsonText, Span, StopReason,
};
use crate::failure::Failure;
use crate::relay::Writer;

use super::answer::{
    BlockEventWire, BlockStartWire, BlockWire, CitationWire, DeltaWire, MessageDeltaWire, MessageWire,
    StartWire, StopDeltaWire, StopDetailsWire, TypeWire, UsageWire,
};
use super::events::Travel;

/// Writes a stream of events.
#[derive(Debug)]
pub(super) struct StreamWriter {
    travel: Travel,
    id: String,
    model: String,
    /// What was reported so far.
    usage: Usage,
    /// Whether `message_start` went out. It waits for the first block, since some upstreams report the prompt's size right
    /// before it.
    has_begun: bool,
    /// The blocks that are open, the first of which is being written.
    open: VecDeque<OpenBlock>,
    /// How many blocks were written.
    written: usize,
    calls_tools: bool,
    stop: Option<Stop>,
}

/// A block whose end was not written yet.
#[derive(Debug)]
struct OpenBlock {
    /// Its place in the events.
    index: usize,
    start: BlockStart,
    /// Its place in the stream, once its beginning is written: a text that stays empty is none.
    place: Option<usize>,
    /// What waits for the blocks before it.
    waiting: Vec<Delta>,
    is_complete: bool,
}

/// Why the model stopped.
#[derive(Debug)]
struct Stop {
    reason: StopReason,
    sequence: Option<String>,
    explanation: Option<String>,
}

impl StreamWriter {
    pub(super) fn new(travel: Travel, call: &str, model: String) -> StreamWriter {
        StreamWriter {
            travel,
            id: message_id(call),
            model,
            usage: Usage::default(),
            has_begun: false,
            open: VecDeque::new(),
            written: 0,
            calls_tools: false,
            stop: None,
        }
    }

    fn begin(&mut self, out: &mut BytesMut) {
        if std::mem::replace(&mut self.has_begun, true) {
            return;
        }
        let message = MessageWire {
            id: &self.id,
            model: &self.model,
            content: Vec::new(),
            stop_reason: None,
            stop_sequence: None,
            stop_details: None,
            usage: UsageWire::from(&self.usage),
            ..MessageWire::default()
        };
        self.travel.write("message_start", &StartWire { r#type: "message_start", message }, out);
    }

    /// Writes what is ready of the first open block, and of those behind it once it is complete.
    fn advance(&mut self, out: &mut BytesMut) {
        let travel = self.travel;
        while let Some(block) = self.open.front_mut() {
            let is_text = block.start == BlockStart::Text;
            if block.place.is_none() && !(is_text && block.waiting.is_empty()) {
                block.place = Some(self.written);
                let content_block = BlockStartWire::from(&block.start);
                let event = BlockEventWire {
                    r#type: "content_block_start",
                    index: self.written,
                    content_block: Some(content_block),
                    delta: None,
                };
                travel.write("content_block_start", &event, out);
                self.written += 1;
            }
            if let Some(index) = block.place {
                for delta in block.waiting.drain(..) {
                    write_delta(travel, index, &delta, out);
                }
            }
            if !block.is_complete {
                return;
            }
            if let Some(index) = block.place {
                let event =
                    BlockEventWire { r#type: "content_block_stop", index, content_block: None, delta: None };
                travel.write("content_block_stop", &event, out);
            }
            self.open.pop_front();
        }
    }

    fn delta(&mut self, index: usize, delta: Delta, out: &mut BytesMut) {
        let is_first = self.open.front().is_some_and(|block| block.index == index && block.place.is_some());
        let Some(block) = self.open.iter_mut().find(|block| block.index == index) else {
            return;
        };
        match block.place.filter(|_| is_first) {
            Some(place) => write_delta(self.travel, place, &delta, out),
            None => {
                block.waiting.push(delta);
                self.advance(out);
            }
        }
    }
}

impl Writer for StreamWriter {
    fn write(&mut self, event: Event, out: &mut BytesMut) {
        match event {
            Event::Start { .. } => {}
            Event::Usage(usage) => self.usage = usage,
            Event::BlockStart { index, block } => {
                self.begin(out);
                self.calls_tools |= matches!(block, BlockStart::ToolUse { .. });
                self.open.push_back(OpenBlock {
                    index,
                    start: block,
                    place: None,
                    waiting: Vec::new(),
                    is_complete: false,
                });
                self.advance(out);
            }
            Event::Delta { index, delta } => self.delta(index, delta, out),
            Event::BlockStop { index } => {
                if let Some(block) = self.open.iter_mut().find(|block| block.index == index) {
                    block.is_complete = true;
                }
                self.advance(out);
            }
            Event::Stop { reason, sequence, explanation } => {
                self.stop = Some(Stop { reason, sequence, explanation });
            }
        }
    }

    fn finish(mut self: Box<Self>, usage: &Usage, failure: Option<&Failure>, out: &mut BytesMut) {
        if let Some(failure) = failure {
            self.travel.fail(failure, out);
            return;
        }
        self.usage = *usage;
        self.begin(out);
        for block in &mut self.open {
            block.is_complete = true;
        }
        self.advance(out);
        let stop = self.stop.take();
        let reason = stop.as_ref().map_or(&StopReason::EndTurn, |stop| &stop.reason);
        let explanation = stop.as_ref().and_then(|stop| stop.explanation.as_deref());
        let delta = StopDeltaWire {
            stop_reason: stop_word(reason, self.calls_tools),
            stop_sequence: stop.as_ref().and_then(|stop| stop.sequence.as_deref()),
            stop_details: stop_details(reason, explanation),
        };
        let event = MessageDeltaWire { r#type: "message_delta", delta, usage: UsageWire::from(usage) };
        self.travel.write("message_delta", &event, out);
        self.travel.write("message_stop", &TypeWire { r#type: "message_stop" }, out);
    }
}

/// Writes one message.
#[derive(Debug)]
pub(super) struct WholeWriter {
    id: String,
    model: String,
    answer: Answer,
}

impl WholeWriter {
    pub(super) fn new(call: &str, model: String) -> WholeWriter {
        WholeWriter { id: message_id(call), model, answer: Answer::default() }
    }
}

impl Writer for WholeWriter {
    fn write(&mut self, event: Event, _out: &mut BytesMut) {
        self.answer.take(event);
    }

    fn finish(self: Box<Self>, usage: &Usage, failure: Option<&Failure>, out: &mut BytesMut) {
        if failure.is_some() {
            return;
        }
        let answer = &self.answer;
        let content: Vec<BlockWire<'_>> = answer.blocks.iter().filter_map(block).collect();
        let calls_tools = content.iter().any(|block| matches!(block, BlockWire::ToolUse { .. }));
        let reason = answer.stop_reason.as_ref().unwrap_or(&StopReason::EndTurn);
        let message = MessageWire {
            id: &self.id,
            model: &self.model,
            content,
            stop_reason: Some(stop_word(reason, calls_tools)),
            stop_sequence: answer.stop_sequence.as_deref(),
            stop_details: stop_details(reason, answer.explanation.as_deref()),
            usage: UsageWire::from(usage),
            ..MessageWire::default()
        };
        let written = serde_json::to_writer(out.writer(), &message);
        debug_assert!(written.is_ok(), "a message is JSON, and a buffer takes all of it");
    }
}

/// The id of a message, by the call's.
fn message_id(call: &str) -> String {
    format!("msg_{}", call.strip_prefix("req_").unwrap_or(call))
}

fn write_delta(travel: Travel, index: usize, delta: &Delta, out: &mut BytesMut) {
    let delta = match delta {
        Delta::Text(text) => DeltaWire::TextDelta { text },
        Delta::Thinking(thinking) => DeltaWire::ThinkingDelta { thinking },
        Delta::Signature(signature) => DeltaWire::SignatureDelta { signature },
        Delta::Input(partial_json) => DeltaWire::InputJsonDelta { partial_json },
        Delta::Citation(citation) => match citation_wire(citation) {
            Some(citation) => DeltaWire::CitationsDelta { citation },
            None => return,
        },
    };
    let event =
        BlockEventWire { r#type: "content_block_delta", index, content_block: None, delta: Some(delta) };
    travel.write("content_block_delta", &event, out);
}

/// A model that calls tools waits for their results, whatever it calls its stop.
fn stop_word(reason: &StopReason, calls_tools: bool) -> &str {
    match reason {
        StopReason::EndTurn if calls_tools => "tool_use",
        StopReason::EndTurn | StopReason::Malformed => "end_turn",
        StopReason::MaxTokens => "max_tokens",
        StopReason::StopSequence => "stop_sequence",
        StopReason::ToolUse => "tool_use",
        StopReason::Refusal | StopReason::Guardrail => "refusal",
        StopReason::ContextWindow => "model_context_window_exceeded",
        StopReason::PauseTurn => "pause_turn",
        StopReason::Other(word) => word,
    }
}

fn stop_details<'a>(reason: &StopReason, explanation: Option<&'a str>) -> Option<StopDetailsWire<'a>> {
    match reason {
        StopReason::Refusal | StopReason::Guardrail => {
            let guardrail = "A guardrail stepped in.";
            let explanation = explanation.or_else(|| (*reason == StopReason::Guardrail).then_some(guardrail));
            Some(StopDetailsWire { r#type: "refusal", category: None, explanation })
        }
        StopReason::EndTurn
        | StopReason::MaxTokens
        | StopReason::StopSequence
        | StopReason::ToolUse
        | StopReason::ContextWindow
        | StopReason::PauseTurn
        | StopReason::Malformed
        | StopReason::Other(_) => None,
    }
}

fn block(block: &Block) -> Option<BlockWire<'_>> {
    match &block.content {
        Content::Text { text, .. } if text.is_empty() => None,
        Content::Text { text, citations } => {
            let citations: Vec<_> = citations.iter().filter_map(citation_wire).collect();
            Some(BlockWire::Text { text, citations: (!citations.is_empty()).then_some(citations) })
        }
        Content::Thinking { text, signature } => {
            Some(BlockWire::Thinking { thinking: text, signature: signature.as_deref().unwrap_or_default() })
        }
        Content::SealedThinking { data } => Some(BlockWire::RedactedThinking { data }),
        Content::ToolUse(call) => {
            Some(BlockWire::ToolUse { id: &call.id, name: &call.name, input: input(&call.input) })
        }
        // No model answers with these.
        Content::Media(_) | Content::ToolResult(_) | Content::SearchResult { .. } => None,
    }
}

/// The input of a call is an object; what was cut off stays visible in one.
fn input(input: &JsonText) -> JsonText {
    if input.is_object() {
        return input.clone();
    }
    JsonText::parse(&format!("{{\"partial_input\":{}}}", input.as_str()))
        .unwrap_or_else(JsonText::empty_object)
}

fn citation_wire(citation: &Citation) -> Option<CitationWire<'_>> {
    let cited_text = citation.cited_text.as_deref().unwrap_or_default();
    let title = citation.title.as_deref();
    Some(match (citation.span, citation.url.as_deref()) {
        (Some(Span::Characters { document, start, end }), _) => CitationWire::CharLocation {
            cited_text,
            document_index: document,
            document_title: title,
            file_id: None,
            start_char_index: start,
            end_char_index: end,
        },
        (Some(Span::Pages { document, start, end }), _) => CitationWire::PageLocation {
            cited_text,
            document_index: document,
            document_title: title,
            file_id: None,
            start_page_number: start,
            end_page_number: end,
        },
        (Some(Span::Parts { document, start, end }), Some(source)) => CitationWire::SearchResultLocation {
            cited_text,
            search_result_index: document,
            source,
            title,
            start_block_index: start,
            end_block_index: end,
        },
        (Some(Span::Parts { document, start, end }), None) => CitationWire::ContentBlockLocation {
            cited_text,
            document_index: document,
            document_title: title,
            file_id: None,
            start_block_index: start,
            end_block_index: end,
        },
        (None, Some(url)) => {
            CitationWire::WebSearchResultLocation { cited_text, url, title, encrypted_index: "" }
        }
        (None, None) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(events: Vec<Event>) -> Vec<String> {
        let mut writer = Box::new(StreamWriter::new(Travel::Events, "req_1", "m".to_owned()));
        let mut out = BytesMut::new();
        events.into_iter().for_each(|event| writer.write(event, &mut out));
        writer.finish(&Usage::default(), None, &mut out);
        let text = String::from_utf8(out.to_vec()).unwrap();
        text.lines().filter_map(|line| line.strip_prefix("data: ")).map(str::to_owned).collect()
    }

    fn start(index: usize, block: BlockStart) -> Event {
        Event::BlockStart { index, block }
    }

    fn call(id: &str) -> BlockStart {
        BlockStart::ToolUse { id: id.to_owned(), name: "f".to_owned() }
    }

    fn input(index: usize, piece: &str) -> Event {
        Event::Delta { index, delta: Delta::Input(piece.to_owned()) }
    }

    #[test]
    fn blocks_that_take_turns_come_one_after_the_other() {
        let got = written(vec![
            Event::Start { id: None, model: None },
            start(0, BlockStart::Text),
            start(1, call("a")),
            start(2, call("b")),
            input(2, "{}"),
            input(1, "{\"x\""),
            Event::BlockStop { index: 0 },
            input(1, ":1}"),
            Event::BlockStop { index: 2 },
            Event::BlockStop { index: 1 },
            Event::Stop { reason: StopReason::EndTurn, sequence: None, explanation: None },
        ]);
        let expected = [
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"f","input":{}}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"x\""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":":1}"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"b","name":"f","input":{}}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#,
            r#"{"type":"content_block_stop","index":1}"#,
        ];
        assert_eq!(got[1..8], expected, "an empty text is no block");
        assert!(got[8].contains(r#""stop_reason":"tool_use""#), "who calls tools waits for them: {}", got[8]);
    }

    #[test]
    fn the_prompts_size_is_told_at_the_start_where_it_is_known() {
        let usage = Usage { input_tokens: 7, cache_write_1h_tokens: 3, ..Usage::default() };
        let got = written(vec![
            Event::Start { id: None, model: None },
            Event::Usage(usage),
            start(0, BlockStart::Text),
        ]);
        assert_eq!(
            got[0],
            r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":7,"cache_creation_input_tokens":3,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":3},"output_tokens":0}}}"#
        );
        assert_eq!(got.len(), 3);
    }
}
