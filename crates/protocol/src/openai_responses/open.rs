//! An item of a response while it is being written.

use crate::conversation::{BlockStart, Citation, answer};
use crate::json::quoted;

use super::inbound::{ENCRYPTED_THOUGHTS, Inbound};
use super::response::{self, Called, Status};
use super::sealed::Sealed;
use super::tools::{Form, Forms, custom_text};
use super::wire::Reasoning;

/// What a client gets of thoughts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thoughts {
    pub(super) place: Place,
    /// Whether they come sealed as well, to be sent back.
    is_sealed: bool,
}

/// Where a client reads thoughts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It asked for a summary.
    Summary,
    /// It did not: they are given as a model without a summary gives them.
    Text,
}

impl Thoughts {
    /// Sealed where the client asks for it, and where OpenAI would keep them: its client sends such items back by no more
    /// than their id, and here nothing is kept by the ids of items. A client that has nothing stored and does not ask
    /// could not send them back to OpenAI either.
    pub(super) fn of(inbound: &Inbound) -> Thoughts {
        let reasoning: Reasoning = inbound.loose("reasoning").unwrap_or_default();
        Thoughts {
            place: if reasoning.wants_summary() { Place::Summary } else { Place::Text },
            is_sealed: !inbound.stores_nothing() || inbound.includes(ENCRYPTED_THOUGHTS),
        }
    }

    fn seal(self, thoughts: impl FnOnce() -> Sealed) -> Option<String> {
        self.is_sealed.then(|| thoughts().seal())
    }
}

/// An item that is being written.
#[derive(Debug)]
pub(super) enum Open {
    Message { text: String, citations: Vec<Citation> },
    Thinking { text: String, signature: Option<String> },
    Sealed { data: String },
    Function { call_id: String, name: String, namespace: Option<String>, arguments: String },
    Custom { call_id: String, name: String, namespace: Option<String>, input: String },
    Search { call_id: String, arguments: String },
}

impl Open {
    /// What the ids of such items begin with.
    pub(super) fn prefix(&self) -> &'static str {
        match self {
            Open::Message { .. } => "msg",
            Open::Thinking { .. } | Open::Sealed { .. } => "rs",
            Open::Function { .. } => "fc",
            Open::Custom { .. } => "ctc",
            Open::Search { .. } => "tsc",
        }
    }

    pub(super) fn of(block: BlockStart, forms: &Forms) -> Open {
        match block {
            BlockStart::Text => Open::Message { text: String::new(), citations: Vec::new() },
            BlockStart::Thinking => Open::Thinking { text: String::new(), signature: None },
            BlockStart::SealedThinking { data } => Open::Sealed { data },
            BlockStart::ToolUse { id: call_id, name } => match forms.of(&name) {
                Form::Function { name, namespace } => {
                    Open::Function { call_id, name, namespace, arguments: String::new() }
                }
                Form::Custom { name, namespace } => {
                    Open::Custom { call_id, name, namespace, input: String::new() }
                }
                Form::Search => Open::Search { call_id, arguments: String::new() },
            },
        }
    }

    /// The item as it is when nothing of it is written yet.
    pub(super) fn added(&self, id: &str, thoughts: Thoughts) -> String {
        let status = Status::InProgress;
        match self {
            Open::Message { .. } => response::message(id, status, ""),
            Open::Custom { call_id, name, namespace, .. } => {
                Called { id, call_id, name, namespace: namespace.as_deref() }.custom(status, "")
            }
            Open::Thinking { .. } | Open::Sealed { .. } | Open::Function { .. } | Open::Search { .. } => {
                self.item(id, status, thoughts)
            }
        }
    }

    /// The item as it stands.
    pub(super) fn item(&self, id: &str, status: Status, thoughts: Thoughts) -> String {
        match self {
            Open::Message { text, citations } => response::message(id, status, &text_part(text, citations)),
            Open::Thinking { text, signature } => {
                let inside = || Sealed::Thinking { text: text.clone(), signature: signature.clone() };
                let says_anything = !text.is_empty() || signature.is_some();
                let sealed = if says_anything { thoughts.seal(inside) } else { None };
                let part = |kind| if text.is_empty() { String::new() } else { response::thought(kind, text) };
                match thoughts.place {
                    Place::Summary => response::reasoning(id, &part("summary_text"), "", sealed.as_deref()),
                    Place::Text => response::reasoning(id, "", &part("reasoning_text"), sealed.as_deref()),
                }
            }
            Open::Sealed { data } => {
                let sealed = thoughts.seal(|| Sealed::Unreadable { data: data.clone() });
                response::reasoning(id, "", "", sealed.as_deref())
            }
            Open::Function { call_id, name, namespace, arguments } => {
                Called { id, call_id, name, namespace: namespace.as_deref() }.function(status, arguments)
            }
            Open::Custom { call_id, name, namespace, input } => {
                let text = custom_text(input);
                Called { id, call_id, name, namespace: namespace.as_deref() }.custom(status, &text)
            }
            Open::Search { call_id, arguments } => {
                let arguments = answer::tool_input(arguments);
                response::search(id, call_id, status, arguments.as_str())
            }
        }
    }

    /// The events between an item's last piece and its end: names, and what they say from a comma on.
    pub(super) fn ends(&self, thoughts: Thoughts) -> Vec<(&'static str, String)> {
        match self {
            Open::Message { text, citations } => {
                let characters = text.chars().count();
                let cited =
                    citations.iter().filter_map(|citation| response::annotation(citation, characters));
                let cited = cited.enumerate().map(|(number, annotation)| {
                    let rest = format!(
                        ",\"content_index\":0,\"annotation_index\":{number},\"annotation\":{annotation}"
                    );
                    ("response.output_text.annotation.added", rest)
                });
                let done = format!(",\"content_index\":0,\"text\":{},\"logprobs\":[]", quoted(text));
                let part = format!(",\"content_index\":0,\"part\":{}", text_part(text, citations));
                cited
                    .chain([("response.output_text.done", done), ("response.content_part.done", part)])
                    .collect()
            }
            Open::Thinking { text, .. } if text.is_empty() => Vec::new(),
            Open::Thinking { text, .. } => {
                let (done, part_done, place, kind) = match thoughts.place {
                    Place::Summary => (
                        "response.reasoning_summary_text.done",
                        "response.reasoning_summary_part.done",
                        "summary_index",
                        "summary_text",
                    ),
                    Place::Text => (
                        "response.reasoning_text.done",
                        "response.content_part.done",
                        "content_index",
                        "reasoning_text",
                    ),
                };
                let part = response::thought(kind, text);
                vec![
                    (done, format!(",\"{place}\":0,\"text\":{}", quoted(text))),
                    (part_done, format!(",\"{place}\":0,\"part\":{part}")),
                ]
            }
            Open::Function { name, arguments, .. } => {
                let rest = format!(",\"name\":{},\"arguments\":{}", quoted(name), quoted(arguments));
                vec![("response.function_call_arguments.done", rest)]
            }
            Open::Custom { input, .. } => {
                let text = quoted(&custom_text(input));
                vec![
                    ("response.custom_tool_call_input.delta", format!(",\"delta\":{text}")),
                    ("response.custom_tool_call_input.done", format!(",\"input\":{text}")),
                ]
            }
            Open::Sealed { .. } | Open::Search { .. } => Vec::new(),
        }
    }
}

fn text_part(text: &str, citations: &[Citation]) -> String {
    let characters = text.chars().count();
    let annotations: Vec<String> =
        citations.iter().filter_map(|citation| response::annotation(citation, characters)).collect();
    response::output_text(text, &annotations.join(","))
}
