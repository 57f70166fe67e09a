//! Reads from an answer what it consumed, and estimates from above what was not reported.

use serde::Deserialize;
use serde_json::Error;

use crate::conversation::sizes::CacheLifetime;
use crate::conversation::usage::Usage;
use crate::failure::Failure;
use crate::json::{NotJson, Scanner};
use crate::passthrough::{Splice, find_members};
use crate::relay::{Basis, Ending};

/// Two bytes of JSON text are at most about a token: prose has four to a token, code and numbers three, and what takes
/// more bytes a letter takes more tokens as well.
const BYTES_PER_TOKEN: u64 = 2;

/// The meter of one answer.
#[derive(Debug)]
pub(crate) struct Meter {
    usage: Usage,
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
    pub(crate) fn new(output_ceiling: u64, lifetime: CacheLifetime) -> Meter {
        Meter {
            usage: Usage::default(),
            output_ceiling,
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

    /// Part of an answer in one piece.
    pub(crate) fn part(&mut self, bytes: usize) {
        self.passed_bytes += bytes as u64;
        self.estimate();
    }

    /// A whole answer in one piece.
    pub(crate) fn message(&mut self, body: &[u8]) -> Result<(), Error> {
        let message: MessageWire = serde_json::from_slice(body)?;
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
            self.usage.output_tokens = self.usage.output_tokens.max(estimate.min(self.output_ceiling.max(1)));
        }
    }

    fn take_input(&mut self, wire: &UsageWire) {
        if let Some(input) = wire.input_tokens {
            self.usage.input_tokens = input;
            self.input_reported = true;
        }
        if let Some(read) = wire.cache_read_input_tokens {
            self.usage.cache_read_tokens = read;
        }
        let by_lifetime = wire.cache_creation.as_ref();
        let hour = by_lifetime.and_then(|written| written.ephemeral_1h_input_tokens);
        let five = by_lifetime.and_then(|written| written.ephemeral_5m_input_tokens);
        let total = wire.cache_creation_input_tokens.unwrap_or(0);
        let rest = total.saturating_sub(hour.unwrap_or(0)).saturating_sub(five.unwrap_or(0));
        if hour.is_some() || five.is_some() || wire.cache_creation_input_tokens.is_some() {
            // What is not split by lifetime was written for as long as the request asked at most.
            let rest_for_hour = if self.lifetime == CacheLifetime::Hour { rest } else { 0 };
            self.usage.cache_write_1h_tokens = hour.unwrap_or(0) + rest_for_hour;
            self.usage.cache_write_5m_tokens = five.unwrap_or(0) + (rest - rest_for_hour);
        }
    }

    fn take_output(&mut self, wire: &UsageWire, is_final: bool) {
        if let Some(output) = wire.output_tokens {
            // Until the last report, a figure is a lower bound only.
            self.usage.output_tokens = if is_final { output } else { self.usage.output_tokens.max(output) };
            self.output_reported |= is_final;
        }
        if let Some(thinking) =
            wire.output_tokens_details.as_ref().and_then(|details| details.thinking_tokens)
        {
            self.usage.thinking_tokens = Some(thinking);
        }
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

#[derive(Deserialize)]
struct MessageWire {
    model: Option<String>,
    stop_reason: Option<String>,
    usage: Option<UsageWire>,
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
