//! Answers of Bedrock's Chat Completions on their way to a chat client.
//!
//! Chunks are re-framed, not rebuilt: their bytes go on as they came, but for the model's name, a usage that nobody asked
//! for, and thoughts that a model writes into its text.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

use crate::conversation::meter::Meter;
use crate::conversation::usage::Usage;
use crate::failure::{Failure, from_openai_error};
use crate::framing::sse;
use crate::json::{NotJson, Scanner, lenient, quoted};
use crate::openai::error::chat_event;
use crate::passthrough::{Splice, find_members};
use crate::problem::Problem;
use crate::relay::{Carrier, Ending, UpstreamEnd};

use super::chunk::Chunk;
use super::inline::{Split, Told};
use super::reader::stop_reason;

/// What of the request decides the answer's form.
#[derive(Debug)]
pub(super) struct Asked {
    /// The model as the client named it.
    pub(super) model: String,
    /// How many answers there will be.
    pub(super) choices: u64,
    pub(super) wants_usage: bool,
    pub(super) thinks_inline: bool,
}

/// A stream of chunks.
#[derive(Debug)]
pub(super) struct Chunks {
    asked: Asked,
    meter: Meter,
    parser: sse::Parser,
    splits: BTreeMap<u64, Split>,
    /// How many of the choices have come to their end.
    finished: u64,
    /// What came with and after the last choice's end, kept back until the journal has the call.
    tail: BytesMut,
    is_done: bool,
    failure: Option<Failure>,
}

impl Chunks {
    pub(super) fn new(asked: Asked, meter: Meter) -> Chunks {
        Chunks {
            asked,
            meter,
            parser: sse::Parser::default(),
            splits: BTreeMap::new(),
            finished: 0,
            tail: BytesMut::new(),
            is_done: false,
            failure: None,
        }
    }

    fn event(&mut self, data: &str, out: &mut BytesMut) {
        if data.trim() == "[DONE]" {
            self.is_done = true;
            if self.finished < self.asked.choices {
                self.failure = Some(Failure::broken_off("the stream says [DONE] without a finish reason"));
            }
            return;
        }
        let chunk: Chunk = match lenient(data.as_bytes()) {
            Ok(chunk) => chunk,
            Err(error) => {
                self.failure = Some(Failure::broken_off(format!("a chunk cannot be read: {error}")));
                return;
            }
        };
        if chunk.error.is_some() {
            self.failure = Some(from_openai_error(data.as_bytes()));
            return;
        }
        meter(&mut self.meter, &chunk);
        let choices = chunk.choices.as_deref().unwrap_or_default();
        self.finished += choices.iter().filter(|choice| choice.finish_reason.is_some()).count() as u64;
        if choices.is_empty() && chunk.usage.is_some() && !self.asked.wants_usage {
            return;
        }
        let edited = edit(data.as_bytes(), &chunk, &self.asked, &mut self.splits);
        let is_end = self.finished >= self.asked.choices;
        sse::write("", &edited, if is_end { &mut self.tail } else { out });
    }
}

impl Carrier for Chunks {
    fn push(&mut self, chunk: Bytes, out: &mut BytesMut) {
        self.parser.push(&chunk);
        while !self.is_over() {
            match self.parser.next_event() {
                Ok(Some(event)) => self.event(&event.data, out),
                Ok(None) => break,
                Err(error) => self.failure = Some(Failure::broken_off(error.to_string())),
            }
        }
    }

    fn is_over(&self) -> bool {
        self.is_done || self.failure.is_some()
    }

    fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    fn seen(&self) -> &Usage {
        self.meter.usage()
    }

    fn finish(mut self: Box<Self>, end: UpstreamEnd, out: &mut BytesMut) -> Ending {
        if !self.is_over() {
            self.failure = Some(match end {
                UpstreamEnd::Failed(failure) => failure,
                UpstreamEnd::Eof => Failure::broken_off("the stream ended before [DONE]"),
            });
        }
        match &self.failure {
            None => {
                out.extend_from_slice(&self.tail);
                out.extend_from_slice(b"data: [DONE]\n\n");
            }
            Some(failure) => {
                let mut event = Vec::new();
                chat_event(&Problem::from(failure), &mut event);
                out.extend_from_slice(&event);
            }
        }
        self.meter.end(self.failure)
    }
}

/// An answer in one piece.
#[derive(Debug)]
pub(super) struct Completion {
    asked: Asked,
    meter: Meter,
    body: BytesMut,
}

impl Completion {
    pub(super) fn new(asked: Asked, meter: Meter) -> Completion {
        Completion { asked, meter, body: BytesMut::new() }
    }

    fn completion(&mut self, out: &mut BytesMut) -> Result<(), Failure> {
        let completion: Chunk = lenient(&self.body)
            .map_err(|error| Failure::broken_off(format!("the answer is no completion: {error}")))?;
        if completion.error.is_some() {
            return Err(from_openai_error(&self.body));
        }
        meter(&mut self.meter, &completion);
        let finished = completion.choices.iter().flatten().filter(|choice| choice.finish_reason.is_some());
        if finished.count() == 0 {
            return Err(Failure::broken_off("the answer has no finish reason"));
        }
        // Whole answers always say what was consumed.
        self.asked.wants_usage = true;
        out.extend_from_slice(&edit(&self.body, &completion, &self.asked, &mut BTreeMap::new()));
        Ok(())
    }
}

impl Carrier for Completion {
    fn push(&mut self, chunk: Bytes, _out: &mut BytesMut) {
        self.body.extend_from_slice(&chunk);
        self.meter.passed(chunk.len());
    }

    fn seen(&self) -> &Usage {
        self.meter.usage()
    }

    fn finish(mut self: Box<Self>, end: UpstreamEnd, out: &mut BytesMut) -> Ending {
        let failure = match end {
            UpstreamEnd::Failed(failure) => Some(failure),
            UpstreamEnd::Eof => self.completion(out).err(),
        };
        self.meter.end(failure)
    }
}

fn meter(meter: &mut Meter, chunk: &Chunk) {
    if let Some(model) = &chunk.model {
        meter.served_by(model);
    }
    for choice in chunk.choices.iter().flatten() {
        let bytes = choice.delta.as_ref().map_or(0, super::chunk::Said::len);
        if bytes > 0 {
            meter.passed(bytes);
        }
        if let Some(word) = &choice.finish_reason {
            meter.stop(stop_reason(word).as_str());
        }
    }
    if let Some(usage) = chunk.usage {
        meter.report(usage.into());
    }
}

/// The bytes as the client shall have them.
fn edit(body: &[u8], chunk: &Chunk, asked: &Asked, splits: &mut BTreeMap<u64, Split>) -> Vec<u8> {
    let mut splice = Splice::default();
    let mut choices = None;
    let mut scanner = Scanner::new(body);
    // The text was read before, so there is no error; were there one, nothing would be edited.
    let walked: Result<_, NotJson> = scanner.members(|scanner, name, key| {
        if name == "choices" && scanner.peek() == Some(b'[') {
            let mut ranges: Vec<Range<usize>> = Vec::new();
            scanner.array(|scanner, _| {
                ranges.push(scanner.value()?);
                Ok::<(), NotJson>(())
            })?;
            choices = Some(ranges);
            return Ok(());
        }
        let value = scanner.value()?;
        match name {
            "model" => splice.replace(value, quoted(&asked.model).into_bytes()),
            "usage" if !asked.wants_usage => splice.remove(key.start..value.end),
            _ => {}
        }
        Ok(())
    });
    if walked.is_ok() {
        for (choice, range) in chunk.choices.iter().flatten().zip(choices.iter().flatten()) {
            let Some(said) = &choice.delta else { continue };
            let place = |member: &str| {
                let inside = |message| find_members(body, range.clone(), &[message, member]).pop();
                inside("delta").or_else(|| inside("message"))
            };
            if said.reasoning.is_some() && said.reasoning_content.is_none() {
                rename_reasoning(body, place("reasoning"), &mut splice);
            }
            if asked.thinks_inline {
                let split = splits.entry(choice.index).or_default();
                let mut told = split.push(said.content.as_deref().unwrap_or_default());
                if choice.finish_reason.is_some() {
                    let rest = split.end();
                    told.thoughts.push_str(&rest.thoughts);
                    told.words.push_str(&rest.words);
                }
                let open = find_members(body, range.clone(), &["delta"])
                    .pop()
                    .or_else(|| find_members(body, range.clone(), &["message"]).pop());
                tell_apart(body, place("content"), open, said.content.as_deref(), &told, &mut splice);
            }
        }
    }
    splice.apply(body)
}

/// Clients know thoughts under one name.
fn rename_reasoning(body: &[u8], member: Option<Range<usize>>, splice: &mut Splice<'_>) {
    let Some(member) = member else { return };
    let key = member.start..member.start + b"\"reasoning\"".len();
    if body.get(key.clone()) == Some(b"\"reasoning\"") {
        splice.replace(key, &b"\"reasoning_content\""[..]);
    }
}

/// Writes thoughts and words in the place of the text that held both.
fn tell_apart(
    body: &[u8],
    content: Option<Range<usize>>,
    message: Option<Range<usize>>,
    was: Option<&str>,
    told: &Told,
    splice: &mut Splice<'_>,
) {
    if told.thoughts.is_empty() && was.unwrap_or_default() == told.words {
        return;
    }
    let mut members = Vec::new();
    if !told.thoughts.is_empty() {
        members.push(format!("\"reasoning_content\":{}", quoted(&told.thoughts)));
    }
    if !told.words.is_empty() || members.is_empty() {
        members.push(format!("\"content\":{}", quoted(&told.words)));
    }
    let text = members.join(",");
    match (content, message) {
        (Some(content), _) => splice.replace(content, text.into_bytes()),
        // What was held back comes with a chunk that has no text of its own.
        (None, Some(message)) => {
            let range = message.start..message.end;
            let Some(brace) = body.get(range).and_then(|text| memchr::memchr(b'{', text)) else { return };
            let at = message.start + brace + 1;
            let is_empty = body.get(at..).is_some_and(|rest| rest.trim_ascii_start().starts_with(b"}"));
            let comma = if is_empty { "" } else { "," };
            splice.insert(at, format!("{text}{comma}").into_bytes());
        }
        (None, None) => {}
    }
}
