//! The face that an answer shows: each surface has its own bodies, events and frames for the same answer.

pub(crate) mod anthropic;
pub(crate) mod chat;
pub(crate) mod converse;
pub(crate) mod native;
pub(crate) mod responses;

use std::fmt::Debug;

use bytes::Bytes;

use crate::answer::{Answer, Block};

/// How long the answer took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Latency {
    pub(crate) first_byte_ms: u64,
    pub(crate) total_ms: u64,
}

/// How ids begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ids {
    pub(crate) answer: &'static str,
    pub(crate) tool: &'static str,
}

pub(crate) type Headers = Vec<(&'static str, String)>;

/// One wire form of answers, whole and streamed. An event is a text; the face alone knows how it is framed.
pub(crate) trait Face: Debug + Send + Sync {
    fn ids(&self) -> Ids;

    /// Remembers the answer, where the surface lets later requests speak of it.
    fn keep(&self, _answer: &Answer) {}

    /// The body of an answer that is not streamed.
    fn whole(&self, answer: &Answer, latency: Latency) -> String;

    /// Headers that come with such a body.
    fn whole_headers(&self, _answer: &Answer, _latency: Latency) -> Headers {
        Headers::new()
    }

    /// The content type of a stream, and headers that come with it.
    fn stream_head(&self) -> (&'static str, Headers);

    /// Events before the first block.
    fn start(&self, answer: &Answer) -> Vec<String>;

    /// A block's events but for the last ones.
    fn block(&self, answer: &Answer, index: usize, block: &Block) -> Vec<String>;

    /// Events that end a block.
    fn block_end(&self, answer: &Answer, index: usize, block: &Block) -> Vec<String>;

    /// One more piece of the text of a block.
    fn more_text(&self, answer: &Answer, index: usize, piece: &str) -> String;

    /// Events after the last block.
    fn end(&self, answer: &Answer, latency: Latency) -> Vec<String>;

    /// The bytes of an event, which is the `nth` of its stream, counted from 0.
    fn frame(&self, event: &str, nth: u64, chance: u64) -> Bytes;

    /// The bytes of a failure in mid-stream; `kind` as a script names it.
    fn failure(&self, kind: &str, message: &str, nth: u64) -> Bytes;

    /// Bytes that no client can read.
    fn garbage(&self) -> Bytes;
}

/// All events of the blocks.
pub(crate) fn block_events(face: &dyn Face, answer: &Answer) -> Vec<String> {
    let mut events = Vec::new();
    for (index, block) in answer.blocks.iter().enumerate() {
        events.extend(face.block(answer, index, block));
        events.extend(face.block_end(answer, index, block));
    }
    events
}
