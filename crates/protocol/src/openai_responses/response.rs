//! The response object and the items in it, as they are written.

use crate::carry::Answering;
use crate::conversation::Citation;
use crate::json::quoted;

use super::inbound::Inbound;
use super::wire::Reasoning;

/// What a response says of itself.
#[derive(Clone, Debug)]
pub(super) struct Label {
    /// The response's id.
    pub(super) id: String,
    /// What the ids of its items end with, before their number.
    call: String,
    pub(super) created_at: i64,
    clock: fn() -> i64,
    /// The model as the client named it.
    pub(super) model: String,
}

impl Label {
    pub(super) fn new(answering: &Answering, model: &str) -> Label {
        let call = answering.call.strip_prefix("req_").unwrap_or(&answering.call).to_owned();
        Label {
            id: format!("resp_{call}"),
            call,
            created_at: answering.created_at,
            clock: answering.clock,
            model: model.to_owned(),
        }
    }

    /// Now: when the response is complete.
    pub(super) fn completed_at(&self) -> i64 {
        (self.clock)().max(self.created_at)
    }

    /// The id of an item: the same whenever the same answer is written.
    pub(super) fn item(&self, prefix: &str, index: usize) -> String {
        format!("{prefix}_{}_{index}", self.call)
    }
}

/// The members of the request that every response repeats, from a comma to the closing bracket.
#[derive(Clone, Debug)]
pub(super) struct Echo(pub(super) String);

/// Member, and what stands there where the request says nothing.
const ECHOED: [(&str, &str); 19] = [
    ("background", "false"),
    ("frequency_penalty", "0.0"),
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("max_tool_calls", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("presence_penalty", "0.0"),
    ("previous_response_id", "null"),
    ("prompt_cache_key", "null"),
    ("safety_identifier", "null"),
    ("service_tier", r#""default""#),
    ("store", "false"),
    ("temperature", "1.0"),
    ("tool_choice", r#""auto""#),
    ("tools", "[]"),
    ("top_logprobs", "0"),
    ("top_p", "1.0"),
    ("truncation", r#""disabled""#),
];

impl Echo {
    pub(super) fn of(inbound: &Inbound, answering: &Answering) -> Echo {
        let mut text = String::new();
        let mut add = |name: &str, value: &str| {
            text.push_str(",\"");
            text.push_str(name);
            text.push_str("\":");
            text.push_str(value);
        };
        let raw = |name: &str| {
            let member = inbound.find(name)?;
            std::str::from_utf8(inbound.raw(&member.place.value)).ok().filter(|raw| *raw != "null")
        };
        for (name, usual) in ECHOED {
            let said = match name {
                // Not what was asked for: whoever reads `true` goes on from the response.
                "store" => answering.is_kept.then_some("true"),
                "service_tier" => raw(name).filter(|said| *said != r#""auto""#),
                _ => raw(name),
            };
            add(name, said.unwrap_or(usual));
        }
        let reasoning: Reasoning = inbound.loose("reasoning").unwrap_or_default();
        let word = |word: Option<&str>| word.map_or_else(|| "null".to_owned(), quoted);
        let summary = reasoning.summary.as_deref().or(reasoning.generate_summary.as_deref());
        let effort = word(reasoning.effort.as_deref());
        add("reasoning", &format!(r#"{{"effort":{effort},"summary":{}}}"#, word(summary)));
        add("text", &text_of(raw("text")));
        if let Some(user) = raw("user") {
            add("user", user);
        }
        text.push('}');
        // In JSON a line's end is white space, and in an event it would end the line.
        Echo(text.replace(['\n', '\r'], " "))
    }
}

/// `text` with the format that it always has.
fn text_of(raw: Option<&str>) -> String {
    const FORMAT: &str = r#""format":{"type":"text"}"#;
    let Some(inside) = raw.and_then(|raw| raw.strip_prefix('{')) else {
        return format!("{{{FORMAT}}}");
    };
    let has_format = serde_json::from_str::<super::wire::Text>(raw.unwrap_or_default())
        .is_ok_and(|text| text.format.is_some());
    if has_format {
        return format!("{{{inside}");
    }
    // A format that is `null` would be said twice.
    if inside.contains("\"format\"") || inside.trim_start().starts_with('}') {
        return format!("{{{FORMAT}}}");
    }
    format!("{{{FORMAT},{inside}")
}

/// How far an item has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    InProgress,
    Completed,
    Incomplete,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Status::InProgress => "in_progress",
            Status::Completed => "completed",
            Status::Incomplete => "incomplete",
        }
    }
}

/// A message with one part, or none yet.
pub(super) fn message(id: &str, status: Status, part: &str) -> String {
    let status = status.word();
    let id = quoted(id);
    format!(r#"{{"id":{id},"type":"message","status":"{status}","role":"assistant","content":[{part}]}}"#)
}

/// Words of a message.
pub(super) fn output_text(text: &str, annotations: &str) -> String {
    let text = quoted(text);
    format!(r#"{{"type":"output_text","text":{text},"annotations":[{annotations}],"logprobs":[]}}"#)
}

/// Words by which a model says no.
pub(super) fn refusal(text: &str) -> String {
    format!(r#"{{"type":"refusal","refusal":{}}}"#, quoted(text))
}

/// A citation as OpenAI has it: only of addresses, and of the whole text that it stands behind.
pub(super) fn annotation(citation: &Citation, characters: usize) -> Option<String> {
    let url = quoted(citation.url.as_deref()?);
    let title = quoted(citation.title.as_deref().unwrap_or_default());
    Some(format!(
        r#"{{"type":"url_citation","start_index":0,"end_index":{characters},"url":{url},"title":{title}}}"#
    ))
}

/// Thoughts: what can be read of them, and what goes back to the model.
pub(super) fn reasoning(id: &str, summary: &str, content: &str, encrypted: Option<&str>) -> String {
    let id = quoted(id);
    let content = if content.is_empty() { String::new() } else { format!(r#","content":[{content}]"#) };
    let encrypted = encrypted.map_or_else(|| "null".to_owned(), quoted);
    format!(
        r#"{{"id":{id},"type":"reasoning","summary":[{summary}]{content},"encrypted_content":{encrypted}}}"#
    )
}

/// A part of thoughts: `summary_text` or `reasoning_text`.
pub(super) fn thought(kind: &str, text: &str) -> String {
    format!(r#"{{"type":"{kind}","text":{}}}"#, quoted(text))
}

/// A tool that is called.
pub(super) struct Called<'a> {
    pub(super) id: &'a str,
    pub(super) call_id: &'a str,
    pub(super) name: &'a str,
    pub(super) namespace: Option<&'a str>,
}

impl Called<'_> {
    pub(super) fn function(&self, status: Status, arguments: &str) -> String {
        self.item("function_call", status, &format!(r#""arguments":{}"#, quoted(arguments)))
    }

    pub(super) fn custom(&self, status: Status, input: &str) -> String {
        self.item("custom_tool_call", status, &format!(r#""input":{}"#, quoted(input)))
    }

    fn item(&self, kind: &str, status: Status, said: &str) -> String {
        let (id, call_id, name) = (quoted(self.id), quoted(self.call_id), quoted(self.name));
        let namespace = self
            .namespace
            .map(|namespace| format!(r#""namespace":{},"#, quoted(namespace)))
            .unwrap_or_default();
        let status = status.word();
        format!(
            r#"{{"id":{id},"type":"{kind}","status":"{status}","call_id":{call_id},{namespace}"name":{name},{said}}}"#
        )
    }
}

/// A search for tools, which the client runs. `arguments` is JSON.
pub(super) fn search(id: &str, call_id: &str, status: Status, arguments: &str) -> String {
    let (id, call_id, status) = (quoted(id), quoted(call_id), status.word());
    let arguments = arguments.replace(['\n', '\r'], " ");
    format!(
        r#"{{"id":{id},"type":"tool_search_call","status":"{status}","call_id":{call_id},"execution":"client","arguments":{arguments}}}"#
    )
}

/// The conversation in short.
pub(super) fn compaction(id: &str, encrypted: &str) -> String {
    format!(r#"{{"id":{},"type":"compaction","encrypted_content":{}}}"#, quoted(id), quoted(encrypted))
}
