//! The face of an answer that no model writes by the word: vectors, a ranking, images.

use bytes::Bytes;
use serde_json::Value;

use crate::{
    answer::{Answer, Block, reported},
    face::{Face, Headers, Ids, Latency},
};

/// An answer in one piece, ready since the request was read.
#[derive(Debug)]
pub(crate) struct Answered {
    /// The texts of the request.
    pub(crate) texts: Vec<String>,
    pub(crate) input_tokens: u64,
    pub(crate) body: Value,
    /// What stands in its place when the model's filter steps in (`stop refusal` in a directive).
    pub(crate) filtered: Option<Value>,
}

impl Face for Answered {
    fn ids(&self) -> Ids {
        Ids { answer: "", tool: "" }
    }

    fn whole(&self, answer: &Answer, _latency: Latency) -> String {
        let filtered = self.filtered.as_ref().filter(|_| answer.stop_reason == "refusal");
        filtered.unwrap_or(&self.body).to_string()
    }

    fn whole_headers(&self, answer: &Answer, latency: Latency) -> Headers {
        vec![
            (
                "x-amzn-bedrock-input-token-count",
                reported(answer, "input_tokens", self.input_tokens).to_string(),
            ),
            ("x-amzn-bedrock-output-token-count", "0".to_owned()),
            ("x-amzn-bedrock-invocation-latency", latency.first_byte_ms.to_string()),
        ]
    }

    // A request for a stream of it is refused before it comes to this.

    fn stream_head(&self) -> (&'static str, Headers) {
        ("application/vnd.amazon.eventstream", Headers::new())
    }

    fn start(&self, _answer: &Answer) -> Vec<String> {
        Vec::new()
    }

    fn block(&self, _answer: &Answer, _index: usize, _block: &Block) -> Vec<String> {
        Vec::new()
    }

    fn block_end(&self, _answer: &Answer, _index: usize, _block: &Block) -> Vec<String> {
        Vec::new()
    }

    fn more_text(&self, _answer: &Answer, _index: usize, _piece: &str) -> String {
        String::new()
    }

    fn end(&self, _answer: &Answer, _latency: Latency) -> Vec<String> {
        Vec::new()
    }

    fn frame(&self, _event: &str, _nth: u64, _chance: u64) -> Bytes {
        Bytes::new()
    }

    fn failure(&self, _kind: &str, _message: &str, _nth: u64) -> Bytes {
        Bytes::new()
    }

    fn garbage(&self) -> Bytes {
        Bytes::from_static(b"{\"")
    }
}
