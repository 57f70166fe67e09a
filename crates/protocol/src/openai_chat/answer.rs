//! An answer in one piece: a `chat.completion`.

use bytes::BytesMut;
use serde::Serialize;

use crate::conversation::usage::Usage;
use crate::conversation::{Answer, Content, Event, ThinkingDisplay, ToolUse};
use crate::failure::Failure;
use crate::relay::Writer;

use super::stream::{
    AnnotationWire, Calls, CustomWire, DetailWire, FunctionWire, Label, annotations, append, finish_reason,
    refusal,
};
use super::tools::{Forms, custom_text};
use super::usage::UsageWire;

/// Gathers an answer, and writes it at its end.
#[derive(Debug)]
pub(super) struct Whole {
    label: Label,
    forms: Forms,
    display: ThinkingDisplay,
    answer: Answer,
}

impl Whole {
    pub(super) fn new(label: Label, forms: Forms, display: ThinkingDisplay) -> Whole {
        Whole { label, forms, display, answer: Answer::default() }
    }
}

impl Writer for Whole {
    fn write(&mut self, event: Event, _out: &mut BytesMut) {
        self.answer.take(event);
    }

    fn finish(self: Box<Self>, usage: &Usage, failure: Option<&Failure>, out: &mut BytesMut) {
        if failure.is_some() {
            return;
        }
        let Whole { label, forms, display, answer } = *self;
        let mut parts = Parts::default();
        for block in &answer.blocks {
            parts.take(&block.content, &forms, display);
        }
        let calls = Calls::of(!parts.calls.is_empty(), parts.old_call.is_some());
        let message = MessageWire {
            role: "assistant",
            content: parts.has_text.then_some(parts.text),
            refusal: refusal(answer.stop_reason.as_ref(), answer.explanation.as_deref()),
            annotations: parts.annotations,
            reasoning_content: parts.thoughts,
            reasoning_details: parts.details,
            tool_calls: parts.calls,
            function_call: parts
                .old_call
                .as_ref()
                .map(|(name, arguments)| FunctionWire { name: Some(name), arguments: Some(arguments) }),
        };
        let completion = CompletionWire {
            id: &label.id,
            object: "chat.completion",
            created: label.created,
            model: &label.model,
            choices: [ChoiceWire {
                index: 0,
                message,
                logprobs: None,
                finish_reason: finish_reason(answer.stop_reason.as_ref(), calls),
            }],
            usage: UsageWire::from(usage),
        };
        append(&completion, out);
    }
}

/// The parts of a message, as its blocks come.
#[derive(Default)]
struct Parts<'a> {
    text: String,
    has_text: bool,
    characters: u64,
    annotations: Vec<AnnotationWire>,
    thoughts: Option<String>,
    details: Vec<DetailWire<'a>>,
    calls: Vec<CallWire<'a>>,
    old_call: Option<(&'a str, String)>,
}

impl<'a> Parts<'a> {
    fn take(&mut self, content: &'a Content, forms: &Forms, display: ThinkingDisplay) {
        match content {
            Content::Text { text, citations } => {
                let start = self.characters;
                self.characters += text.chars().count() as u64;
                self.annotations.append(&mut annotations(citations, start, self.characters));
                self.text.push_str(text);
                self.has_text = true;
            }
            Content::Thinking { text, signature } => {
                let text = if display == ThinkingDisplay::Hidden { "" } else { text.as_str() };
                if !text.is_empty() {
                    self.thoughts.get_or_insert_default().push_str(text);
                }
                if !text.is_empty() || signature.is_some() {
                    let signature = signature.as_deref();
                    self.detail(DetailWire {
                        r#type: "reasoning.text",
                        text: Some(text),
                        signature,
                        ..DetailWire::default()
                    });
                }
            }
            Content::SealedThinking { data } => self.detail(DetailWire {
                r#type: "reasoning.encrypted",
                data: Some(data),
                ..DetailWire::default()
            }),
            Content::ToolUse(call) => self.call(call, forms),
            // No model answers with these.
            Content::Media(_) | Content::ToolResult(_) | Content::SearchResult { .. } => {}
        }
    }

    fn detail(&mut self, detail: DetailWire<'a>) {
        self.details.push(DetailWire { index: self.details.len() as u64, ..detail });
    }

    fn call(&mut self, call: &'a ToolUse, forms: &Forms) {
        // What was cut off is carried as a string: the client gets what there is of it.
        let input = if call.input.is_object() { None } else { call.input.text() };
        let arguments = input.map_or_else(|| call.input.as_str().to_owned(), std::borrow::Cow::into_owned);
        if forms.is_old && self.old_call.is_none() {
            self.old_call = Some((&call.name, arguments));
            return;
        }
        let form = if forms.custom.contains(&call.name) {
            CallForm::Custom { name: &call.name, input: custom_text(&arguments) }
        } else {
            CallForm::Function { name: &call.name, arguments }
        };
        self.calls.push(CallWire { id: &call.id, form });
    }
}

#[derive(Serialize)]
struct CompletionWire<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: [ChoiceWire<'a>; 1],
    usage: UsageWire,
}

#[derive(Serialize)]
struct ChoiceWire<'a> {
    index: u64,
    message: MessageWire<'a>,
    logprobs: Option<()>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct MessageWire<'a> {
    role: &'static str,
    content: Option<String>,
    refusal: Option<&'a str>,
    annotations: Vec<AnnotationWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasoning_details: Vec<DetailWire<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<CallWire<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<FunctionWire<'a>>,
}

struct CallWire<'a> {
    id: &'a str,
    form: CallForm<'a>,
}

enum CallForm<'a> {
    Function { name: &'a str, arguments: String },
    Custom { name: &'a str, input: String },
}

impl Serialize for CallWire<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("id", self.id)?;
        match &self.form {
            CallForm::Function { name, arguments } => {
                map.serialize_entry("type", "function")?;
                let function = FunctionWire { name: Some(name), arguments: Some(arguments) };
                map.serialize_entry("function", &function)?;
            }
            CallForm::Custom { name, input } => {
                map.serialize_entry("type", "custom")?;
                let custom = CustomWire { name: Some(name), input: Some(input) };
                map.serialize_entry("custom", &custom)?;
            }
        }
        map.end()
    }
}
