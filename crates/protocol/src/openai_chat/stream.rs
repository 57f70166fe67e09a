//! An answer as a stream of `chat.completion.chunk`s.

use bytes::{BufMut, BytesMut};
use serde::Serialize;

use crate::carry::Answering;
use crate::conversation::usage::Usage;
use crate::conversation::{BlockStart, Citation, Delta, Event, StopReason, ThinkingDisplay};
use crate::failure::Failure;
use crate::json::quoted;
use crate::openai::error::chat_event;
use crate::problem::Problem;
use crate::relay::Writer;

use super::tools::{Forms, custom_text};
use super::usage::UsageWire;

/// What an answer says of itself.
#[derive(Clone, Debug)]
pub(super) struct Label {
    pub(super) id: String,
    pub(super) created: i64,
    /// The model as the client named it.
    pub(super) model: String,
}

impl Label {
    pub(super) fn new(answering: &Answering, model: &str) -> Label {
        Label {
            id: format!("chatcmpl-{}", answering.call),
            created: answering.created_at,
            model: model.to_owned(),
        }
    }
}

/// Writes chunks as events come; the finish reason, the usage and `[DONE]` wait for the end.
#[derive(Debug)]
pub(super) struct Stream {
    /// Every chunk's beginning, up to its choices.
    head: String,
    forms: Forms,
    display: ThinkingDisplay,
    wants_usage: bool,
    has_begun: bool,
    blocks: Vec<Open>,
    /// How many `tool_calls` there are so far.
    calls: u64,
    has_old_call: bool,
    /// How many `reasoning_details` there are so far.
    details: u64,
    /// Characters of `content` so far.
    characters: u64,
    stop: Option<StopReason>,
    explanation: Option<String>,
}

/// A block that is being written.
#[derive(Debug)]
enum Open {
    Text { start: u64, citations: Vec<Citation> },
    Thinking { text: String, signature: Option<String> },
    Sealed,
    Call { index: u64, is_empty: bool },
    Custom { index: u64, input: String },
    OldCall { is_empty: bool },
}

impl Stream {
    pub(super) fn new(label: &Label, forms: Forms, display: ThinkingDisplay, wants_usage: bool) -> Stream {
        let head = format!(
            r#"data: {{"id":{},"object":"chat.completion.chunk","created":{},"model":{},"choices":["#,
            quoted(&label.id),
            label.created,
            quoted(&label.model)
        );
        Stream {
            head,
            forms,
            display,
            wants_usage,
            has_begun: false,
            blocks: Vec::new(),
            calls: 0,
            has_old_call: false,
            details: 0,
            characters: 0,
            stop: None,
            explanation: None,
        }
    }

    fn begin(&mut self, out: &mut BytesMut) {
        if !std::mem::replace(&mut self.has_begun, true) {
            let delta = DeltaWire { role: Some("assistant"), content: Some(""), ..DeltaWire::default() };
            self.chunk(&delta, None, out);
        }
    }

    fn chunk(&self, delta: &DeltaWire<'_>, finish_reason: Option<&str>, out: &mut BytesMut) {
        out.extend_from_slice(self.head.as_bytes());
        out.extend_from_slice(br#"{"index":0,"delta":"#);
        append(delta, out);
        out.extend_from_slice(br#","logprobs":null,"finish_reason":"#);
        append(&finish_reason, out);
        // As OpenAI does it: a client that asked for usage finds the member in every chunk.
        out.extend_from_slice(if self.wants_usage { br#"}],"usage":null}"# } else { b"}]}" });
        out.extend_from_slice(b"\n\n");
    }

    fn start(&mut self, block: BlockStart, out: &mut BytesMut) {
        let open = match block {
            BlockStart::Text => Open::Text { start: self.characters, citations: Vec::new() },
            BlockStart::Thinking => Open::Thinking { text: String::new(), signature: None },
            BlockStart::SealedThinking { data } => {
                self.detail(
                    DetailWire { r#type: "reasoning.encrypted", data: Some(&data), ..DetailWire::default() },
                    out,
                );
                Open::Sealed
            }
            BlockStart::ToolUse { id, name } => self.start_call(&id, &name, out),
        };
        self.blocks.push(open);
    }

    fn start_call(&mut self, id: &str, name: &str, out: &mut BytesMut) -> Open {
        if self.forms.is_old && !std::mem::replace(&mut self.has_old_call, true) {
            let call = FunctionWire { name: Some(name), arguments: Some("") };
            self.chunk(&DeltaWire { function_call: Some(call), ..DeltaWire::default() }, None, out);
            return Open::OldCall { is_empty: true };
        }
        let index = self.calls;
        self.calls += 1;
        let is_custom = self.forms.custom.contains(name);
        let mut call = CallWire { index, id: Some(id), ..CallWire::default() };
        if is_custom {
            // No type: the SDKs' types of chunks know only `function`, and the member tells it as well.
            call.custom = Some(CustomWire { name: Some(name), input: Some("") });
        } else {
            call.r#type = Some("function");
            call.function = Some(FunctionWire { name: Some(name), arguments: Some("") });
        }
        self.call(call, out);
        if is_custom {
            Open::Custom { index, input: String::new() }
        } else {
            Open::Call { index, is_empty: true }
        }
    }

    fn call(&self, call: CallWire<'_>, out: &mut BytesMut) {
        self.chunk(&DeltaWire { tool_calls: Some([call]), ..DeltaWire::default() }, None, out);
    }

    fn detail(&mut self, detail: DetailWire<'_>, out: &mut BytesMut) {
        let detail = DetailWire { index: self.details, ..detail };
        self.details += 1;
        self.chunk(&DeltaWire { reasoning_details: Some([detail]), ..DeltaWire::default() }, None, out);
    }

    fn delta(&mut self, index: usize, delta: Delta, out: &mut BytesMut) {
        let Some(open) = self.blocks.get_mut(index) else { return };
        match (open, delta) {
            (Open::Text { .. }, Delta::Text(text)) => {
                self.characters += text.chars().count() as u64;
                self.chunk(&DeltaWire { content: Some(&text), ..DeltaWire::default() }, None, out);
            }
            (Open::Text { citations, .. }, Delta::Citation(citation)) => citations.push(*citation),
            (Open::Thinking { text, .. }, Delta::Thinking(more)) => {
                if self.display != ThinkingDisplay::Hidden {
                    text.push_str(&more);
                    let delta = DeltaWire { reasoning_content: Some(&more), ..DeltaWire::default() };
                    self.chunk(&delta, None, out);
                }
            }
            (Open::Thinking { signature, .. }, Delta::Signature(whole)) => *signature = Some(whole),
            (Open::Custom { input, .. }, Delta::Input(more)) => input.push_str(&more),
            (Open::Call { index, is_empty }, Delta::Input(more)) => {
                *is_empty &= more.is_empty();
                let index = *index;
                self.arguments(Some(index), &more, out);
            }
            (Open::OldCall { is_empty }, Delta::Input(more)) => {
                *is_empty &= more.is_empty();
                self.arguments(None, &more, out);
            }
            // A reader that mixes kinds up is at fault; its words are not made up for.
            (
                _,
                Delta::Text(_)
                | Delta::Citation(_)
                | Delta::Thinking(_)
                | Delta::Signature(_)
                | Delta::Input(_),
            ) => {}
        }
    }

    /// More of a call's arguments: of the one with that index, or of the one of the old form.
    fn arguments(&self, index: Option<u64>, more: &str, out: &mut BytesMut) {
        let function = FunctionWire { name: None, arguments: Some(more) };
        match index {
            Some(index) => {
                self.call(CallWire { index, function: Some(function), ..CallWire::default() }, out);
            }
            None => {
                self.chunk(&DeltaWire { function_call: Some(function), ..DeltaWire::default() }, None, out);
            }
        }
    }

    fn end_block(&mut self, index: usize, out: &mut BytesMut) {
        let Some(open) = self.blocks.get_mut(index).map(|open| std::mem::replace(open, Open::Sealed)) else {
            return;
        };
        match open {
            Open::Sealed | Open::Call { is_empty: false, .. } | Open::OldCall { is_empty: false } => {}
            // Clients read the arguments as JSON, and nothing is no JSON.
            Open::Call { index, is_empty: true } => self.arguments(Some(index), "{}", out),
            Open::OldCall { is_empty: true } => self.arguments(None, "{}", out),
            // The text inside cannot be read from a piece of JSON, so it goes in one piece.
            Open::Custom { index, input } => {
                let input = custom_text(&input);
                let custom = CustomWire { name: None, input: Some(&input) };
                self.call(CallWire { index, custom: Some(custom), ..CallWire::default() }, out);
            }
            // Whole and once: what the client sends back has to be one piece with its signature.
            Open::Thinking { text, signature } => {
                if !text.is_empty() || signature.is_some() {
                    let detail = DetailWire {
                        r#type: "reasoning.text",
                        text: Some(&text),
                        signature: signature.as_deref(),
                        ..DetailWire::default()
                    };
                    self.detail(detail, out);
                }
            }
            Open::Text { start, citations } => {
                let annotations = annotations(&citations, start, self.characters);
                if !annotations.is_empty() {
                    let delta = DeltaWire { annotations: Some(annotations), ..DeltaWire::default() };
                    self.chunk(&delta, None, out);
                }
            }
        }
    }
}

impl Writer for Stream {
    fn write(&mut self, event: Event, out: &mut BytesMut) {
        self.begin(out);
        match event {
            Event::Start { .. } | Event::Usage(_) => {}
            Event::BlockStart { block, .. } => self.start(block, out),
            Event::Delta { index, delta } => self.delta(index, delta, out),
            Event::BlockStop { index } => self.end_block(index, out),
            Event::Stop { reason, explanation, .. } => {
                self.stop = Some(reason);
                self.explanation = explanation;
            }
        }
    }

    fn finish(mut self: Box<Self>, usage: &Usage, failure: Option<&Failure>, out: &mut BytesMut) {
        if let Some(failure) = failure {
            let mut event = Vec::new();
            chat_event(&Problem::from(failure), &mut event);
            out.extend_from_slice(&event);
            return;
        }
        self.begin(out);
        if let Some(refusal) = refusal(self.stop.as_ref(), self.explanation.as_deref()) {
            self.chunk(&DeltaWire { refusal: Some(refusal), ..DeltaWire::default() }, None, out);
        }
        let calls = Calls::of(self.calls > 0, self.has_old_call);
        let reason = finish_reason(self.stop.as_ref(), calls);
        self.chunk(&DeltaWire::default(), Some(reason), out);
        if self.wants_usage {
            out.extend_from_slice(self.head.as_bytes());
            out.extend_from_slice(br#"],"usage":"#);
            append(&UsageWire::from(usage), out);
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

/// Whether the answer calls tools, and in which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Calls {
    None,
    Tools,
    Old,
}

impl Calls {
    pub(super) fn of(has_calls: bool, has_old_call: bool) -> Calls {
        match (has_old_call, has_calls) {
            (true, _) => Calls::Old,
            (false, true) => Calls::Tools,
            (false, false) => Calls::None,
        }
    }
}

/// OpenAI's word for why the model stopped.
pub(super) fn finish_reason(stop: Option<&StopReason>, calls: Calls) -> &'static str {
    match (stop, calls) {
        (Some(StopReason::MaxTokens | StopReason::ContextWindow), _) => "length",
        (Some(StopReason::Refusal | StopReason::Guardrail), _) => "content_filter",
        // Some models end their turn with a call in it.
        (_, Calls::Tools) => "tool_calls",
        (_, Calls::Old) => "function_call",
        (
            None
            | Some(
                StopReason::EndTurn
                | StopReason::StopSequence
                | StopReason::ToolUse
                | StopReason::PauseTurn
                | StopReason::Malformed
                | StopReason::Other(_),
            ),
            Calls::None,
        ) => "stop",
    }
}

/// What is said to people of a refusal.
pub(super) fn refusal<'a>(stop: Option<&StopReason>, explanation: Option<&'a str>) -> Option<&'a str> {
    explanation.filter(|text| !text.is_empty() && stop == Some(&StopReason::Refusal))
}

/// Citations as OpenAI has them: only of addresses, and of the whole text that they stand behind.
pub(super) fn annotations(citations: &[Citation], start: u64, end: u64) -> Vec<AnnotationWire> {
    let cited = citations.iter().filter_map(|citation| {
        let url = citation.url.clone()?;
        let title = citation.title.clone().unwrap_or_default();
        let url_citation = UrlCitationWire { start_index: start, end_index: end, title, url };
        Some(AnnotationWire { r#type: "url_citation", url_citation })
    });
    cited.collect()
}

pub(super) fn append<T: Serialize>(value: &T, out: &mut BytesMut) {
    // Texts and numbers always serialise, and there is always room.
    if serde_json::to_writer((&mut *out).writer(), value).is_err() {
        out.extend_from_slice(b"null");
    }
}

#[derive(Default, Serialize)]
struct DeltaWire<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_details: Option<[DetailWire<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[CallWire<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<FunctionWire<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<Vec<AnnotationWire>>,
}

/// OpenRouter's form of thoughts.
#[derive(Default, Serialize)]
pub(super) struct DetailWire<'a> {
    pub(super) r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) signature: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<&'a str>,
    pub(super) index: u64,
}

#[derive(Default, Serialize)]
struct CallWire<'a> {
    index: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<FunctionWire<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom: Option<CustomWire<'a>>,
}

#[derive(Default, Serialize)]
pub(super) struct FunctionWire<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) arguments: Option<&'a str>,
}

#[derive(Default, Serialize)]
pub(super) struct CustomWire<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct AnnotationWire {
    r#type: &'static str,
    url_citation: UrlCitationWire,
}

#[derive(Serialize)]
struct UrlCitationWire {
    start_index: u64,
    end_index: u64,
    title: String,
    url: String,
}
