//! An answer as Converse gives it: one message with its usage, or the events of a stream, usage last.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{Face, Headers, Ids, Latency};
use crate::{
    answer::{Answer, Block, input_pieces, pieces, reported, whole_input},
    frames,
    models::Model,
    prompt::{list, text},
};

/// The exceptions that `ConverseStream` can send, as their names stand in frames.
const MODELLED: &[&str] = &[
    "internalServerException",
    "modelStreamErrorException",
    "validationException",
    "throttlingException",
    "serviceUnavailableException",
];

/// What of the request comes back in the answer.
#[derive(Debug)]
pub(crate) struct Converse {
    /// Reasoning comes with a signature.
    signs: bool,
    performance: Option<Value>,
    tier: Option<Value>,
    /// `additionalModelResponseFieldPaths`.
    paths: Vec<String>,
}

impl Converse {
    /// For the answer to this body.
    pub(crate) fn new(body: &Value, model: &Model) -> Converse {
        let given = |name: &str| body.get(name).filter(|value| value.is_object()).cloned();
        let paths = list(body, "additionalModelResponseFieldPaths").iter().filter_map(Value::as_str);
        Converse {
            signs: model.claude().is_some(),
            performance: given("performanceConfig"),
            tier: given("serviceTier"),
            paths: paths.map(str::to_owned).collect(),
        }
    }

    fn content(&self, block: &Block) -> Value {
        match block {
            Block::Redacted { data } => json!({ "reasoningContent": { "redactedContent": data } }),
            Block::Thinking { thinking, signature, .. } => {
                let mut shown = json!({ "text": thinking });
                if self.signs {
                    shown["signature"] = json!(signature);
                }
                json!({ "reasoningContent": { "reasoningText": shown } })
            }
            Block::Text { text, citations } if citations.is_empty() => json!({ "text": text }),
            Block::Text { text, citations } => {
                let citations: Vec<Value> = citations.iter().map(citation).collect();
                json!({ "citationsContent": { "content": [{ "text": text }], "citations": citations } })
            }
            Block::Tool { id, name, input } => {
                let input: Value = serde_json::from_str(whole_input(input)).unwrap_or_else(|_| json!({}));
                json!({ "toolUse": { "toolUseId": id, "name": name, "input": input } })
            }
        }
    }

    /// What the request wants of the model's own answer; only the stop sequence is known here.
    fn additional(&self, answer: &Answer) -> Option<Value> {
        let known = json!({ "stop_sequence": answer.stop_sequence, "stop_reason": answer.stop_reason });
        let mut found = Map::new();
        for path in &self.paths {
            let value = known.pointer(path);
            found.extend(value.map(|value| (path.trim_start_matches('/').to_owned(), value.clone())));
        }
        (!found.is_empty()).then_some(Value::Object(found))
    }

    /// The members that end both forms of an answer.
    fn ending(&self, answer: &Answer, latency: Latency) -> Map<String, Value> {
        let mut members = Map::new();
        members.insert("usage".to_owned(), usage(answer));
        members.insert("metrics".to_owned(), json!({ "latencyMs": latency.total_ms }));
        let trace = answer.guardrail.as_ref().and_then(|finding| finding.trace.as_ref());
        members.extend(trace.map(|trace| ("trace".to_owned(), json!({ "guardrail": trace }))));
        let echoed = [("performanceConfig", &self.performance), ("serviceTier", &self.tier)];
        members
            .extend(echoed.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))));
        members
    }
}

impl Face for Converse {
    fn ids(&self) -> Ids {
        Ids { answer: "msg_", tool: "tooluse_" }
    }

    fn whole(&self, answer: &Answer, latency: Latency) -> String {
        let content: Vec<Value> = answer.blocks.iter().map(|block| self.content(block)).collect();
        let mut body = self.ending(answer, latency);
        body.insert("output".to_owned(), json!({ "message": { "role": "assistant", "content": content } }));
        body.insert("stopReason".to_owned(), json!(stop_reason(answer)));
        let additional = self.additional(answer);
        body.extend(additional.map(|fields| ("additionalModelResponseFields".to_owned(), fields)));
        Value::Object(body).to_string()
    }

    fn stream_head(&self) -> (&'static str, Headers) {
        ("application/vnd.amazon.eventstream", Headers::new())
    }

    fn start(&self, _answer: &Answer) -> Vec<String> {
        vec![json!({ "messageStart": { "role": "assistant" } }).to_string()]
    }

    fn block(&self, _answer: &Answer, index: usize, block: &Block) -> Vec<String> {
        match block {
            Block::Redacted { data } => {
                vec![delta(index, json!({ "reasoningContent": { "redactedContent": data } }))]
            }
            Block::Thinking { thinking, signature, .. } => {
                let shown = pieces(thinking).into_iter().map(|piece| json!({ "text": piece }));
                let seal = self.signs.then(|| json!({ "signature": signature }));
                shown.chain(seal).map(|part| delta(index, json!({ "reasoningContent": part }))).collect()
            }
            Block::Text { text, citations } => {
                let said = pieces(text).into_iter().map(|piece| json!({ "text": piece }));
                let cited = citations.iter().map(|cited| json!({ "citation": citation(cited) }));
                said.chain(cited).map(|part| delta(index, part)).collect()
            }
            Block::Tool { id, name, input } => {
                let start = json!({ "toolUse": { "toolUseId": id, "name": name } });
                let start = json!({ "contentBlockStart": { "start": start, "contentBlockIndex": index } });
                let pieces = input_pieces(input).into_iter();
                let deltas = pieces.map(|piece| delta(index, json!({ "toolUse": { "input": piece } })));
                std::iter::once(start.to_string()).chain(deltas).collect()
            }
        }
    }

    fn block_end(&self, _answer: &Answer, index: usize, _block: &Block) -> Vec<String> {
        vec![json!({ "contentBlockStop": { "contentBlockIndex": index } }).to_string()]
    }

    fn more_text(&self, _answer: &Answer, index: usize, piece: &str) -> String {
        delta(index, json!({ "text": piece }))
    }

    fn end(&self, answer: &Answer, latency: Latency) -> Vec<String> {
        let mut stop = json!({ "stopReason": stop_reason(answer) });
        if let Some(fields) = self.additional(answer) {
            stop["additionalModelResponseFields"] = fields;
        }
        let metadata = Value::Object(self.ending(answer, latency));
        vec![json!({ "messageStop": stop }).to_string(), json!({ "metadata": metadata }).to_string()]
    }

    /// An event is an object with one member, as the union of the service model has it.
    fn frame(&self, event: &str, _nth: u64, chance: u64) -> Bytes {
        let parsed: Map<String, Value> = serde_json::from_str(event).unwrap_or_default();
        match parsed.into_iter().next() {
            Some((kind, payload)) => frames::event(&kind, payload, chance),
            None => frames::event("unknown", json!({}), chance),
        }
    }

    fn failure(&self, kind: &str, message: &str, _nth: u64) -> Bytes {
        frames::failure(kind, message, MODELLED)
    }

    fn garbage(&self) -> Bytes {
        frames::spoiled(&frames::event("contentBlockStop", json!({ "contentBlockIndex": 0 }), 7))
    }
}

fn delta(index: usize, delta: Value) -> String {
    json!({ "contentBlockDelta": { "delta": delta, "contentBlockIndex": index } }).to_string()
}

fn stop_reason(answer: &Answer) -> &str {
    match answer.stop_reason.as_str() {
        "refusal" => "content_filtered",
        "pause_turn" => "end_turn",
        other => other,
    }
}

/// Converse counts what was read from the cache and written to it beside `inputTokens`, and all of it in the total.
fn usage(answer: &Answer) -> Value {
    let input = reported(answer, "input_tokens", answer.input.fresh);
    let output = reported(answer, "output_tokens", answer.output_tokens);
    let read = reported(answer, "cache_read_input_tokens", answer.input.read);
    let written = reported(answer, "cache_creation_input_tokens", answer.input.written());
    let mut usage = json!({
        "inputTokens": input, "outputTokens": output, "totalTokens": input + output + read + written,
        "cacheReadInputTokens": read, "cacheWriteInputTokens": written,
    });
    let lifetimes = [("5m", answer.input.written_5m), ("1h", answer.input.written_1h)];
    let details: Vec<Value> = lifetimes
        .into_iter()
        .filter(|(_, tokens)| *tokens > 0)
        .map(|(ttl, tokens)| json!({ "ttl": ttl, "inputTokens": tokens }))
        .collect();
    if !details.is_empty() {
        usage["cacheDetails"] = json!(details);
    }
    usage
}

/// Anthropic's citation as Converse has it.
fn citation(cited: &Value) -> Value {
    let number = |name: &str| cited.get(name).and_then(Value::as_u64).unwrap_or(0);
    let document = number("document_index");
    let (kind, start, end) = match text(cited, "type") {
        "char_location" => ("documentChar", number("start_char_index"), number("end_char_index")),
        "page_location" => ("documentPage", number("start_page_number"), number("end_page_number")),
        _ => ("documentChunk", number("start_block_index"), number("end_block_index")),
    };
    json!({
        "title": text(cited, "document_title"), "sourceContent": [{ "text": text(cited, "cited_text") }],
        "location": { kind: { "documentIndex": document, "start": start, "end": end } },
    })
}
