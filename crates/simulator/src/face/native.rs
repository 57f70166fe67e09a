//! Answers of InvokeModel in the forms of other makers than Anthropic. Every stream's last event has Bedrock's metrics.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{
    Face, Headers, Ids, Latency,
    anthropic::{MODELLED, invoke_stream_head, token_headers},
    chat::{ChatCompletions, Reasoned},
    converse::Converse,
};
use crate::{
    answer::{Answer, Block, pieces, reported},
    frames,
    models::{Chat, Family},
    prompt::text,
    tokens,
};

/// Whose words an answer is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Words {
    Llama,
    /// Mistral's completions.
    Mistral,
    MistralChat,
    DeepSeek,
    /// Cohere's completions.
    Command,
    CommandR,
    /// Chat Completions of a model, made at a time.
    Chat {
        model: &'static str,
        created: i64,
        is_inline: bool,
    },
}

impl Words {
    pub(crate) fn chat(model: &'static str, created: i64, chat: &Chat) -> Words {
        Words::Chat { model, created, is_inline: chat.family == Family::GptOss }
    }
}

/// The answer of one of these makers.
#[derive(Debug)]
pub(crate) struct Native {
    words: Words,
    /// What some repeat of the request.
    prompt: String,
    chat: ChatCompletions,
}

impl Native {
    pub(crate) fn new(words: Words, body: &Value) -> Native {
        let (model, created, reasoned) = match words {
            Words::Chat { model, created, is_inline: true } => (model, created, Reasoned::Inline),
            Words::Chat { model, created, is_inline: false } => (model, created, Reasoned::Apart),
            _ => ("", 0, Reasoned::Apart),
        };
        let chat = ChatCompletions::new(model, created, reasoned, false);
        Native { words, prompt: text(body, "prompt").to_owned(), chat }
    }

    fn is_chat(&self) -> bool {
        matches!(self.words, Words::Chat { .. } | Words::MistralChat)
    }

    /// Why the answer ended, in the maker's word.
    fn stop_reason(&self, answer: &Answer) -> &'static str {
        let is_cut = answer.stop_reason == "max_tokens";
        match self.words {
            Words::Command | Words::CommandR if is_cut => "MAX_TOKENS",
            Words::Command | Words::CommandR => "COMPLETE",
            _ if is_cut => "length",
            _ => "stop",
        }
    }

    fn body(&self, answer: &Answer) -> Value {
        let said = said(answer);
        let reason = self.stop_reason(answer);
        match self.words {
            Words::Llama => json!({
                "generation": said, "prompt_token_count": input(answer),
                "generation_token_count": output(answer), "stop_reason": reason,
            }),
            Words::Mistral => json!({ "outputs": [{ "text": said, "stop_reason": reason }] }),
            Words::DeepSeek => json!({ "choices": [{ "text": said, "stop_reason": reason }] }),
            Words::Command => json!({
                "generations": [{ "finish_reason": reason, "id": answer.id, "text": said }],
                "id": answer.id, "prompt": self.prompt,
            }),
            Words::CommandR => self.response(answer),
            Words::MistralChat => mistral(parsed(&self.chat.whole(answer, Latency::default()))),
            Words::Chat { .. } => parsed(&self.chat.whole(answer, Latency::default())),
        }
    }

    fn response(&self, answer: &Answer) -> Value {
        json!({
            "response_id": answer.id, "generation_id": answer.id, "text": said(answer),
            "finish_reason": self.stop_reason(answer), "chat_history": [],
        })
    }

    /// One more piece of text, which is the `nth` of its block.
    fn piece(&self, answer: &Answer, piece: &str, nth: usize) -> Value {
        match self.words {
            Words::Llama => {
                let count = (nth == 0).then(|| input(answer));
                let written = tokens::of_text(piece).max(1);
                json!({
                    "generation": piece, "prompt_token_count": count, "generation_token_count": written,
                    "stop_reason": null,
                })
            }
            Words::Mistral => json!({ "outputs": [{ "text": piece, "stop_reason": null }] }),
            Words::DeepSeek => json!({ "choices": [{ "text": piece, "stop_reason": null }] }),
            Words::Command => json!({ "text": piece, "is_finished": false }),
            _ => json!({ "is_finished": false, "event_type": "text-generation", "text": piece }),
        }
    }

    fn last(&self, answer: &Answer) -> Value {
        let reason = self.stop_reason(answer);
        match self.words {
            Words::Llama => json!({
                "generation": "", "prompt_token_count": null, "generation_token_count": output(answer),
                "stop_reason": reason,
            }),
            Words::Mistral => json!({ "outputs": [{ "text": "", "stop_reason": reason }] }),
            Words::DeepSeek => json!({ "choices": [{ "text": "", "stop_reason": reason }] }),
            Words::Command => json!({ "is_finished": true, "finish_reason": reason }),
            _ => json!({
                "is_finished": true, "event_type": "stream-end", "finish_reason": reason,
                "response": self.response(answer),
            }),
        }
    }

    /// An event of Chat Completions in the maker's form.
    fn adapted(&self, events: Vec<String>) -> Vec<String> {
        match self.words {
            Words::MistralChat => events.iter().map(|event| mistral(parsed(event)).to_string()).collect(),
            _ => events,
        }
    }
}

/// Mistral calls the reason otherwise, and tells little else.
fn mistral(mut answer: Value) -> Value {
    let mut choices = answer.get_mut("choices").map(Value::take).unwrap_or_default();
    for choice in choices.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        choice.remove("logprobs");
        let reason = choice.remove("finish_reason").unwrap_or_default();
        choice.insert("stop_reason".to_owned(), reason);
        if let Some(delta) = choice.remove("delta") {
            choice.insert("message".to_owned(), delta);
        }
    }
    json!({ "choices": choices })
}

fn parsed(event: &str) -> Value {
    serde_json::from_str(event).unwrap_or_default()
}

/// All that was written; what was thought stands before it, as in what DeepSeek's model writes.
fn said(answer: &Answer) -> String {
    answer.blocks.iter().map(words).collect()
}

fn words(block: &Block) -> String {
    match block {
        Block::Thinking { thinking, .. } => format!("{thinking}\n</think>\n\n"),
        Block::Text { text, .. } => text.clone(),
        Block::Redacted { .. } | Block::Tool { .. } => String::new(),
    }
}

fn input(answer: &Answer) -> u64 {
    reported(answer, "input_tokens", answer.input.fresh)
}

fn output(answer: &Answer) -> u64 {
    reported(answer, "output_tokens", answer.output_tokens)
}

/// What InvokeModel tells beside the maker's own members: of a guardrail, and at the end of a stream the metrics.
fn beside(answer: &Answer, metrics: Option<Latency>) -> Map<String, Value> {
    let mut members = Map::new();
    if let Some(finding) = &answer.guardrail {
        let action = if finding.side.is_some() { "INTERVENED" } else { "NONE" };
        members.insert("amazon-bedrock-guardrailAction".to_owned(), json!(action));
        let trace = finding.trace.as_ref();
        members.extend(trace.map(|trace| ("amazon-bedrock-trace".to_owned(), json!({ "guardrail": trace }))));
    }
    if let Some(latency) = metrics {
        let metrics = json!({
            "inputTokenCount": input(answer), "outputTokenCount": output(answer),
            "invocationLatency": latency.total_ms, "firstByteLatency": latency.first_byte_ms,
            "cacheReadInputTokenCount": reported(answer, "cache_read_input_tokens", answer.input.read),
            "cacheWriteInputTokenCount":
                reported(answer, "cache_creation_input_tokens", answer.input.written()),
        });
        members.insert("amazon-bedrock-invocationMetrics".to_owned(), metrics);
    }
    members
}

fn with(mut value: Value, members: Map<String, Value>) -> String {
    if let Some(known) = value.as_object_mut() {
        known.extend(members);
    }
    value.to_string()
}

impl Face for Native {
    fn ids(&self) -> Ids {
        let answer = if self.is_chat() { "chatcmpl-" } else { "" };
        Ids { answer, tool: "call_" }
    }

    fn whole(&self, answer: &Answer, _latency: Latency) -> String {
        with(self.body(answer), beside(answer, None))
    }

    fn whole_headers(&self, answer: &Answer, latency: Latency) -> Headers {
        token_headers(answer, latency)
    }

    fn stream_head(&self) -> (&'static str, Headers) {
        invoke_stream_head()
    }

    fn start(&self, answer: &Answer) -> Vec<String> {
        if self.is_chat() { self.adapted(self.chat.start(answer)) } else { Vec::new() }
    }

    fn block(&self, answer: &Answer, index: usize, block: &Block) -> Vec<String> {
        if self.is_chat() {
            return self.adapted(self.chat.block(answer, index, block));
        }
        let words = words(block);
        let pieces = pieces(&words).into_iter().enumerate();
        pieces.map(|(nth, piece)| self.piece(answer, piece, nth).to_string()).collect()
    }

    fn block_end(&self, _answer: &Answer, _index: usize, _block: &Block) -> Vec<String> {
        Vec::new()
    }

    fn more_text(&self, answer: &Answer, index: usize, piece: &str) -> String {
        if !self.is_chat() {
            return self.piece(answer, piece, 1).to_string();
        }
        self.adapted(vec![self.chat.more_text(answer, index, piece)]).concat()
    }

    fn end(&self, answer: &Answer, latency: Latency) -> Vec<String> {
        let last = match self.is_chat() {
            // Server-sent events end with a word that frames do without.
            true => {
                let events = self.adapted(self.chat.end(answer, latency));
                events.first().map(|event| parsed(event)).unwrap_or_default()
            }
            false => self.last(answer),
        };
        vec![with(last, beside(answer, Some(latency)))]
    }

    fn frame(&self, event: &str, _nth: u64, chance: u64) -> Bytes {
        frames::chunk(event, chance)
    }

    fn failure(&self, kind: &str, message: &str, _nth: u64) -> Bytes {
        frames::failure(kind, message, MODELLED)
    }

    fn garbage(&self) -> Bytes {
        frames::spoiled(&frames::chunk("{}", 7))
    }
}

/// Nova's answer: Converse's events as the model's own.
#[derive(Debug)]
pub(crate) struct NovaFace(pub(crate) Converse);

impl NovaFace {
    fn usage(answer: &Answer) -> Value {
        let (input, output) = (input(answer), output(answer));
        let read = reported(answer, "cache_read_input_tokens", answer.input.read);
        let written = reported(answer, "cache_creation_input_tokens", answer.input.written());
        json!({
            "inputTokens": input, "outputTokens": output, "totalTokens": input + output + read + written,
            "cacheReadInputTokenCount": read, "cacheWriteInputTokenCount": written,
        })
    }
}

impl Face for NovaFace {
    fn ids(&self) -> Ids {
        self.0.ids()
    }

    fn whole(&self, answer: &Answer, latency: Latency) -> String {
        let mut body = parsed(&self.0.whole(answer, latency));
        if let Some(members) = body.as_object_mut() {
            members.retain(|name, _| matches!(name.as_str(), "output" | "stopReason"));
            members.insert("usage".to_owned(), NovaFace::usage(answer));
        }
        with(body, beside(answer, None))
    }

    fn whole_headers(&self, answer: &Answer, latency: Latency) -> Headers {
        token_headers(answer, latency)
    }

    fn stream_head(&self) -> (&'static str, Headers) {
        invoke_stream_head()
    }

    fn start(&self, answer: &Answer) -> Vec<String> {
        self.0.start(answer)
    }

    fn block(&self, answer: &Answer, index: usize, block: &Block) -> Vec<String> {
        self.0.block(answer, index, block)
    }

    fn block_end(&self, answer: &Answer, index: usize, block: &Block) -> Vec<String> {
        self.0.block_end(answer, index, block)
    }

    fn more_text(&self, answer: &Answer, index: usize, piece: &str) -> String {
        self.0.more_text(answer, index, piece)
    }

    fn end(&self, answer: &Answer, latency: Latency) -> Vec<String> {
        let mut events = self.0.end(answer, latency);
        events.truncate(1);
        let metadata =
            json!({ "metadata": { "usage": NovaFace::usage(answer), "metrics": {}, "trace": {} } });
        events.push(with(metadata, beside(answer, Some(latency))));
        events
    }

    fn frame(&self, event: &str, _nth: u64, chance: u64) -> Bytes {
        frames::chunk(event, chance)
    }

    fn failure(&self, kind: &str, message: &str, _nth: u64) -> Bytes {
        frames::failure(kind, message, MODELLED)
    }

    fn garbage(&self) -> Bytes {
        frames::spoiled(&frames::chunk("{}", 7))
    }
}
