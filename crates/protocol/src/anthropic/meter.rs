//! Reads from an answer what it consumed, and estimates from above what was not reported.

use serde::Deserialize;

use crate::carry::Bounds;
use crate::conversation::sizes::CacheLifetime;
use crate::conversation::usage::Usage;
use crate::failure::Failure;
use crate::json::{NotJson, Scanner, lenient};
use crate::passthrough::{Splice, find_members};
use crate::relay::{Basis, Ending};

/// Two bytes of JSON text are at most about a token: prose has four to a token, code and numbers three, and what takes
/// more bytes a letter takes more tokens as well.
const BYTES_PER_TOKEN: u64 = 2;

/// The meter of one answer.
#[derive(Debug)]
pub(crate) struct Meter {
    /// `told` and `extra` together.
    usage: Usage,
    /// What the answer itself took: the report, or what it was at most.
    told: Usage,
    /// What the report has beside it (see [`IterationWire`]).
    extra: Usage,
    output_ceiling: u64,
    lifetime: CacheLifetime,
    /// Bytes and tokens of output that passed without being reported.
    passed_bytes: u64,
    passed_tokens: u64,
    input_reported: bool,
    output_reported: bool,
    stop_reason: Option<String>,
    model: Option<String>,
}

impl Meter {
    /// Until the upstream reports it, the prompt counts as what it may be at most.
    pub(crate) fn new(bounds: Bounds, lifetime: CacheLifetime) -> Meter {
        let told = Usage::unreported(bounds.input_tokens, lifetime);
        Meter {
            usage: told,
            told,
            extra: Usage::default(),
            output_ceiling: bounds.output_tokens,
            lifetime,
            passed_bytes: 0,
            passed_tokens: 0,
            input_reported: false,
            output_reported: false,
            stop_reason: None,
            model: None,
        }
    }

    pub(crate) fn usage(&self) -> &Usage {
        &self.usage
    }

    /// What the upstream reported so far; none before it said what the prompt was.
    pub(crate) fn reported(&self) -> Option<Usage> {
        self.input_reported.then_some(self.usage)
    }

    pub(crate) fn end(self, failure: Option<Failure>) -> Ending {
        let reported = self.input_reported && self.output_reported;
        Ending {
            usage: self.usage,
            basis: if reported { Basis::Reported } else { Basis::Estimated },
            stop_reason: self.stop_reason,
            failure,
            served_model: self.model,
        }
    }

    /// The headers of an answer in one piece, in which Bedrock counts as well. Of cached parts they say nothing.
    pub(crate) fn headers(&mut self, headers: &[(&str, &str)]) {
        let count = |wanted: &str| {
            let (_, value) = headers.iter().find(|(name, _)| *name == wanted)?;
            value.parse::<u64>().ok()
        };
        if self.lifetime == CacheLifetime::None
            && let Some(input) = count("x-amzn-bedrock-input-token-count")
        {
            self.told = Usage { input_tokens: input, ..Usage::default() };
            self.sum();
        }
        if let Some(output) = count("x-amzn-bedrock-output-token-count") {
            self.told.output_tokens = output;
            self.output_reported = true;
            self.sum();
        }
    }

    /// Part of an answer in one piece.
    pub(crate) fn part(&mut self, bytes: usize) {
        self.passed_bytes += bytes as u64;
        self.estimate();
    }

    /// A whole answer in one piece. Its content is only passed over, however long it is.
    pub(crate) fn message(&mut self, body: &[u8]) -> Result<(), NotAMessage> {
        let message = MessageWire::within(body)?;
        self.model = message.model;
        self.stop_reason = message.stop_reason;
        if let Some(usage) = message.usage {
            self.take_input(&usage);
            self.take_output(&usage, true);
        }
        Ok(())
    }

    pub(crate) fn message_start(&mut self, event: &[u8]) {
        let Ok(MessageStartWire { message: Some(message) }) = serde_json::from_slice(event) else {
            return;
        };
        self.model = message.model;
        if let Some(usage) = message.usage {
            self.take_input(&usage);
            self.take_output(&usage, false);
        }
    }

    pub(crate) fn message_delta(&mut self, event: &[u8]) {
        let Ok(wire) = serde_json::from_slice::<MessageDeltaWire>(event) else {
            return;
        };
        if let Some(reason) = wire.delta.and_then(|delta| delta.stop_reason) {
            self.stop_reason = Some(reason);
        }
        if let Some(usage) = wire.usage {
            self.take_input(&usage);
            let is_final = self.stop_reason.is_some();
            self.take_output(&usage, is_final);
        }
    }

    /// The last event, without Bedrock's metrics, which count where nothing else did.
    pub(crate) fn message_stop(&mut self, event: &[u8]) -> Vec<u8> {
        const METRICS: &str = "amazon-bedrock-invocationMetrics";
        let places = find_members(event, 0..event.len(), &[METRICS]);
        if let Some(metrics) =
            serde_json::from_slice(event).ok().and_then(|wire: MessageStopWire| wire.metrics)
        {
            if !self.input_reported
                && let Some(input) = metrics.input
            {
                self.take_input(&UsageWire {
                    input_tokens: Some(input),
                    cache_read_input_tokens: metrics.cache_read,
                    cache_creation_input_tokens: metrics.cache_write,
                    ..UsageWire::default()
                });
            }
            if !self.output_reported
                && let Some(output) = metrics.output
            {
                self.take_output(&UsageWire { output_tokens: Some(output), ..UsageWire::default() }, true);
            }
        }
        let mut splice = Splice::default();
        places.into_iter().for_each(|place| splice.remove(place));
        splice.apply(event)
    }

    /// A block may begin with content (a tool's name, redacted thinking): all of it counts.
    pub(crate) fn block_start(&mut self, event: &[u8]) {
        self.passed(event, "content_block");
    }

    pub(crate) fn delta(&mut self, event: &[u8]) {
        self.passed(event, "delta");
    }

    fn passed(&mut self, event: &[u8], member: &str) {
        let (mut bytes, mut tokens) = (0, 0);
        let walked: Result<_, NotJson> = Scanner::new(event).members(|scanner, name, _| {
            if name != member || scanner.peek() != Some(b'{') {
                scanner.value()?;
                return Ok(());
            }
            scanner.members(|scanner, name, _| {
                let value = scanner.value()?;
                match name {
                    "type" | "id" => {}
                    "estimated_tokens" => {
                        tokens += serde_json::from_slice::<u64>(scanner.raw(&value)).unwrap_or(0);
                    }
                    _ => bytes += value.len().saturating_sub(2) as u64,
                }
                Ok(())
            })?;
            Ok(())
        });
        // What cannot be read is counted whole: an upper estimate.
        self.passed_bytes += if walked.is_ok() { bytes } else { event.len() as u64 };
        self.passed_tokens += tokens;
        self.estimate();
    }

    /// Never zero once something came out, never more than was allowed.
    fn estimate(&mut self) {
        if !self.output_reported {
            let estimate =
                self.passed_bytes.div_ceil(BYTES_PER_TOKEN).saturating_add(self.passed_tokens).max(1);
            self.told.output_tokens = self.told.output_tokens.max(estimate.min(self.output_ceiling.max(1)));
            self.sum();
        }
    }

    fn sum(&mut self) {
        self.usage = self.told.plus(&self.extra);
    }

    fn take_input(&mut self, wire: &UsageWire) {
        if let Some(input) = wire.input_tokens {
            if !self.input_reported {
                let Usage { output_tokens, thinking_tokens, .. } = self.told;
                self.told = Usage { output_tokens, thinking_tokens, ..Usage::default() };
            }
            self.told.input_tokens = input;
            self.input_reported = true;
        }
        if let Some(read) = wire.cache_read_input_tokens {
            self.told.cache_read_tokens = read;
        }
        if let Some((five, hour)) = self.written(wire) {
            self.told.cache_write_5m_tokens = five;
            self.told.cache_write_1h_tokens = hour;
        }
        if let Some(iterations) = &wire.iterations {
            let beside = iterations.iter().filter(|iteration| iteration.r#type != "message");
            self.extra = beside.fold(Usage::default(), |sum, iteration| {
                let (five, hour) = split(&iteration.usage, self.lifetime);
                sum.plus(&Usage {
                    input_tokens: iteration.usage.input_tokens.unwrap_or(0),
                    output_tokens: iteration.usage.output_tokens.unwrap_or(0),
                    cache_read_tokens: iteration.usage.cache_read_input_tokens.unwrap_or(0),
                    cache_write_5m_tokens: five,
                    cache_write_1h_tokens: hour,
                    thinking_tokens: None,
                })
            });
        }
        self.sum();
    }

    /// What was written to the cache for five minutes and for an hour; none where the report says nothing of it.
    fn written(&self, wire: &UsageWire) -> Option<(u64, u64)> {
        let known = (self.told.cache_write_5m_tokens, self.told.cache_write_1h_tokens);
        match (&wire.cache_creation, wire.cache_creation_input_tokens) {
            (None, None) => None,
            // The end of a stream repeats the total without the lifetimes that its start told.
            (None, Some(total)) if self.input_reported && total == known.0.saturating_add(known.1) => {
                Some(known)
            }
            _ => Some(split(wire, self.lifetime)),
        }
    }

    fn take_output(&mut self, wire: &UsageWire, is_final: bool) {
        if let Some(output) = wire.output_tokens {
            // Until the last report, a figure is a lower bound only.
            self.told.output_tokens = if is_final { output } else { self.told.output_tokens.max(output) };
            self.output_reported |= is_final;
        }
        if let Some(thinking) =
            wire.output_tokens_details.as_ref().and_then(|details| details.thinking_tokens)
        {
            self.told.thinking_tokens = Some(thinking);
        }
        self.sum();
    }
}

/// Why an answer in one piece is no message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotAMessage {
    #[error("{} at byte {}", .0.why, .0.at)]
    NotJson(NotJson),
    #[error(transparent)]
    Member(#[from] serde_json::Error),
}

impl From<NotJson> for NotAMessage {
    fn from(wrong: NotJson) -> Self {
        Self::NotJson(wrong)
    }
}

/// The tokens written to the cache for five minutes and for an hour. What is not split by lifetime was written for as
/// long as the request asked at most.
fn split(wire: &UsageWire, lifetime: CacheLifetime) -> (u64, u64) {
    let by_lifetime = wire.cache_creation.as_ref();
    let hour = by_lifetime.and_then(|written| written.ephemeral_1h_input_tokens).unwrap_or(0);
    let five = by_lifetime.and_then(|written| written.ephemeral_5m_input_tokens).unwrap_or(0);
    let total = wire.cache_creation_input_tokens.unwrap_or(0);
    let rest = total.saturating_sub(hour).saturating_sub(five);
    match lifetime {
        CacheLifetime::Hour => (five, hour.saturating_add(rest)),
        CacheLifetime::None | CacheLifetime::FiveMinutes => (five.saturating_add(rest), hour),
    }
}

/// The type in an `error` event.
pub(super) fn error_type(event: &[u8]) -> Option<String> {
    serde_json::from_slice::<ErrorWire>(event).ok()?.error?.r#type
}

#[derive(Deserialize)]
struct ErrorWire {
    error: Option<ErrorTypeWire>,
}

#[derive(Deserialize)]
struct ErrorTypeWire {
    r#type: Option<String>,
}

#[derive(Deserialize)]
struct MessageStartWire {
    message: Option<MessageWire>,
}

#[derive(Default, Deserialize)]
struct MessageWire {
    model: Option<String>,
    stop_reason: Option<String>,
    usage: Option<UsageWire>,
}

impl MessageWire {
    /// Reads these members out of a text that may be long. What stands inside of others is not looked at.
    fn within(text: &[u8]) -> Result<Self, NotAMessage> {
        let mut message = Self::default();
        let mut scanner = Scanner::new(text);
        scanner.keys(|scanner, key| {
            let value = scanner.value()?;
            let value = scanner.raw(&value);
            match scanner.text(&key).as_deref() {
                Some("model") => message.model = lenient(value)?,
                Some("stop_reason") => message.stop_reason = lenient(value)?,
                Some("usage") => message.usage = lenient(value)?,
                _ => {}
            }
            Ok::<_, NotAMessage>(())
        })?;
        scanner.end()?;
        Ok(message)
    }
}

#[derive(Deserialize)]
struct MessageDeltaWire {
    delta: Option<DeltaWire>,
    usage: Option<UsageWire>,
}

#[derive(Deserialize)]
struct DeltaWire {
    stop_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct UsageWire {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation: Option<CacheCreationWire>,
    output_tokens_details: Option<OutputDetailsWire>,
    iterations: Option<Vec<IterationWire>>,
}

/// One of the model's passes over the conversation. Those of type `message` are what the counts beside them sum up; others
/// (`compaction`) are billed on top.
#[derive(Deserialize)]
struct IterationWire {
    #[serde(default)]
    r#type: String,
    #[serde(flatten)]
    usage: UsageWire,
}

#[derive(Deserialize)]
struct CacheCreationWire {
    ephemeral_5m_input_tokens: Option<u64>,
    ephemeral_1h_input_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct OutputDetailsWire {
    thinking_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct MessageStopWire {
    #[serde(rename = "amazon-bedrock-invocationMetrics")]
    metrics: Option<MetricsWire>,
}

#[derive(Deserialize)]
struct MetricsWire {
    #[serde(rename = "inputTokenCount")]
    input: Option<u64>,
    #[serde(rename = "outputTokenCount")]
    output: Option<u64>,
    #[serde(rename = "cacheReadInputTokenCount")]
    cache_read: Option<u64>,
    #[serde(rename = "cacheWriteInputTokenCount")]
    cache_write: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_a_whole_reader_does() {
        for text in [
            r#"{"model":"m","content":[{"text":"a \" {[ b"}],"stop_reason":"end_turn","usage":{"input_tokens":3}}"#,
            r#"{"usage":null,"stop_reason":null,"x":1,"x":2}"#,
            r#" {"us\u0061ge":{"output_tokens":4,"new":[1]}} "#,
            r#"{"model":"a\ud83d","content":["\ud83d"]}"#,
            "{}",
            "[]",
            "",
            "{",
            r#"{"model":3}"#,
            r#"{"usage":{"input_tokens":"3"}}"#,
            r#"{"usage":{"input_tokens":3}"#,
            r#"{"usage":{"input_tokens":3}}}"#,
            r#"{"usage":{"input_tokens":3},}"#,
            r#"{"usage":{"input_tokens":3}} and more"#,
        ] {
            let whole: Option<MessageWire> = lenient(text.as_bytes()).ok();
            let within = MessageWire::within(text.as_bytes()).ok();
            let read = |message: Option<MessageWire>| {
                let MessageWire { model, stop_reason, usage } = message?;
                Some((model, stop_reason, usage.map(|usage| (usage.input_tokens, usage.output_tokens))))
            };
            assert_eq!(read(within), read(whole), "{text}");
        }
    }

    #[test]
    fn a_message_that_breaks_off_tells_nothing() {
        let mut meter = Meter::new(Bounds { input_tokens: 9, output_tokens: 9 }, CacheLifetime::None);
        let told = r#"{"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":4}"#;
        assert!(meter.message(told.as_bytes()).is_err());
        assert_eq!(meter.reported(), None);
        assert_eq!(meter.end(None).basis, Basis::Estimated);
    }
}
