//! Scripted behaviour: what the next matching call meets instead of an ordinary answer.

use std::{collections::VecDeque, sync::Mutex, sync::PoisonError, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

/// What one call, or several, will meet. The JSON form of scripts has the same members.
///
/// A script waits in a queue; the first one that matches a call which passed the checks is played and counted down.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// Which calls it is for; by default the next invocation, streamed or not.
    #[serde(rename = "match")]
    pub when: Match,
    /// How many calls meet it; by default one.
    pub times: Option<u32>,
    /// It stays for good.
    pub forever: bool,
    /// Silence before the status line.
    pub delay_ms: u64,
    /// Silence before each piece of the request's body is read. `match.text` cannot hold here and is ignored.
    pub read_delay_ms: u64,
    /// Silence before each event of the stream but the first; by default the simulator's pace.
    pub event_delay_ms: Option<u64>,
    /// An error in place of an answer.
    pub error: Option<ErrorAnswer>,
    /// An abrupt end of the connection.
    pub drop: Option<Cut>,
    /// A failure in mid-stream.
    pub exception: Option<StreamFailure>,
    /// One silence in mid-stream.
    pub silence: Option<Silence>,
    /// After so many events comes a frame with a wrong checksum, then the end.
    pub garbage_after_events: Option<u64>,
    /// The text never ends.
    pub endless: bool,
    /// The provider's events, each sent as it stands, in place of an answer.
    pub events: Vec<Box<RawValue>>,
    /// The body of an answer that is not streamed, as it stands.
    pub body: Option<Box<RawValue>>,
    /// What the model says.
    pub answer: Option<Outline>,
    /// The guardrail that the request names intervenes; without one nothing happens.
    pub guardrail: Option<Intervention>,
}

/// What a guardrail blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intervention {
    /// What the user said; the model is not asked.
    Input,
    /// What the model said.
    Output,
}

/// Which calls a script is for. What is absent matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// A part of the model id or ARN of the path, decoded.
    pub model: Option<String>,
    /// A part of the path as on the wire. Without it a script is for invocations only.
    pub path: Option<String>,
    /// A part of any text of the last user turn.
    pub text: Option<String>,
    /// Streamed calls only, or the others only.
    pub stream: Option<bool>,
}

/// An AWS error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ErrorAnswer {
    /// By default the one that the type has in AWS's service model.
    pub status: Option<u16>,
    /// Such as `ThrottlingException`.
    #[serde(rename = "type")]
    pub kind: String,
    /// By default AWS's usual words for the type.
    pub message: Option<String>,
    /// Seconds for `retry-after`.
    pub retry_after: Option<u64>,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// Further members of the body, such as `originalStatusCode`.
    pub details: Map<String, Value>,
}

/// Where the connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// Nothing is answered at all.
    BeforeHeaders,
    /// After so many events; an answer that is no stream is cut in its middle.
    AfterEvents(u64),
    /// After so many bytes of the body, be it within a frame.
    AfterBytes(u64),
}

/// A failure inside the stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StreamFailure {
    /// Such as `throttlingException`; any other name than a modelled one is sent as an `error` message.
    #[serde(rename = "type")]
    pub kind: String,
    /// By default AWS's usual words for the type.
    pub message: Option<String>,
    /// After so many events, at the latest before the last one.
    pub after_events: u64,
}

/// A silence inside the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Silence {
    /// After so many events.
    pub after_events: u64,
    /// For so long.
    pub ms: u64,
}

/// What the model says, in this order: redacted thinking, thinking, text, tool calls.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outline {
    /// A block of `redacted_thinking` comes first.
    pub redacted: bool,
    /// The text of a thinking block; it gets a signature.
    pub thinking: Option<String>,
    /// The text.
    pub text: Option<String>,
    /// Blocks of `tool_use`.
    pub tools: Vec<ToolCall>,
    /// In place of the reason that follows from the rest.
    pub stop_reason: Option<String>,
    /// Members that replace those of the computed `usage`.
    pub usage: Map<String, Value>,
}

/// A call of a tool.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolCall {
    /// The tool's name.
    pub name: String,
    /// Its input; sent in these very bytes.
    pub input: Box<RawValue>,
}

impl Behaviour {
    /// An answer with this text.
    pub fn text(text: &str) -> Behaviour {
        let answer = Outline { text: Some(text.to_owned()), ..Outline::default() };
        Behaviour { answer: Some(answer), ..Behaviour::default() }
    }

    /// An answer that calls a tool. `input` is JSON; what is not is sent as a JSON string.
    pub fn tool(name: &str, input: &str) -> Behaviour {
        Behaviour::default().then_tool(name, input)
    }

    /// The same with one more tool call.
    #[must_use]
    pub fn then_tool(mut self, name: &str, input: &str) -> Behaviour {
        let input = RawValue::from_string(input.to_owned()).unwrap_or_else(|_not_json| {
            serde_json::value::to_raw_value(input).expect("a string always serialises")
        });
        self.answer.get_or_insert_default().tools.push(ToolCall { name: name.to_owned(), input });
        self
    }

    /// The same with a thinking block.
    #[must_use]
    pub fn thinking(mut self, text: &str) -> Behaviour {
        self.answer.get_or_insert_default().thinking = Some(text.to_owned());
        self
    }

    /// An AWS error with its usual status and words.
    pub fn error(kind: &str) -> Behaviour {
        let error = ErrorAnswer { kind: kind.to_owned(), ..ErrorAnswer::default() };
        Behaviour { error: Some(error), ..Behaviour::default() }
    }

    /// An AWS error in other words.
    pub fn error_with(status: u16, kind: &str, message: &str) -> Behaviour {
        let mut behaviour = Behaviour::error(kind);
        if let Some(error) = &mut behaviour.error {
            error.status = Some(status);
            error.message = Some(message.to_owned());
        }
        behaviour
    }

    /// A `ThrottlingException` with `retry-after`.
    pub fn throttled(retry_after: u64) -> Behaviour {
        let mut behaviour = Behaviour::error("ThrottlingException");
        if let Some(error) = &mut behaviour.error {
            error.retry_after = Some(retry_after);
        }
        behaviour
    }

    /// An exception in mid-stream.
    pub fn exception(kind: &str, after_events: u64) -> Behaviour {
        let exception = StreamFailure { kind: kind.to_owned(), message: None, after_events };
        Behaviour { exception: Some(exception), ..Behaviour::default() }
    }

    /// A dropped connection.
    pub fn dropped(cut: Cut) -> Behaviour {
        Behaviour { drop: Some(cut), ..Behaviour::default() }
    }

    /// A text that never ends, a word in each `event_delay`.
    pub fn endless(event_delay: Duration) -> Behaviour {
        Behaviour { endless: true, ..Behaviour::default() }.event_delay(event_delay)
    }

    /// The provider's events as they stand. What is no JSON is sent as a JSON string.
    pub fn events<'a>(events: impl IntoIterator<Item = &'a str>) -> Behaviour {
        let raw = |event: &str| {
            RawValue::from_string(event.to_owned()).unwrap_or_else(|_not_json| {
                serde_json::value::to_raw_value(event).expect("a string always serialises")
            })
        };
        Behaviour { events: events.into_iter().map(raw).collect(), ..Behaviour::default() }
    }

    /// The same after a silence before the status line.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Behaviour {
        self.delay_ms = millis(delay);
        self
    }

    /// The same at this pace.
    #[must_use]
    pub fn event_delay(mut self, delay: Duration) -> Behaviour {
        self.event_delay_ms = Some(millis(delay));
        self
    }

    /// The same with a silence after so many events.
    #[must_use]
    pub fn silence(mut self, after_events: u64, silence: Duration) -> Behaviour {
        self.silence = Some(Silence { after_events, ms: millis(silence) });
        self
    }

    /// The same for so many calls.
    #[must_use]
    pub fn times(mut self, times: u32) -> Behaviour {
        self.times = Some(times);
        self
    }

    /// The same for all calls to come.
    #[must_use]
    pub fn forever(mut self) -> Behaviour {
        self.forever = true;
        self
    }

    /// The same for calls of which the last user turn has this text.
    #[must_use]
    pub fn when_text(mut self, part: &str) -> Behaviour {
        self.when.text = Some(part.to_owned());
        self
    }

    /// The same for calls of a model of which the id has this part.
    #[must_use]
    pub fn when_model(mut self, part: &str) -> Behaviour {
        self.when.model = Some(part.to_owned());
        self
    }

    /// The same for calls of which the path has this part.
    #[must_use]
    pub fn when_path(mut self, part: &str) -> Behaviour {
        self.when.path = Some(part.to_owned());
        self
    }

    /// What is left when the faults are taken away: the answer and its pace.
    pub(crate) fn without_faults(mut self) -> Behaviour {
        self.error = None;
        self.drop = None;
        self.exception = None;
        self.garbage_after_events = None;
        self
    }

    pub(crate) fn is_faulty(&self) -> bool {
        self.error.is_some()
            || self.drop.is_some()
            || self.exception.is_some()
            || self.garbage_after_events.is_some()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Reads scripts: one object, an array of them, or one object a line.
pub(crate) fn parse(text: &str) -> Result<Vec<Behaviour>, serde_json::Error> {
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(text);
    }
    serde_json::Deserializer::from_str(text).into_iter::<Behaviour>().collect()
}

/// What a script is matched against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) path: &'a str,
    /// Decoded; empty where the path names none.
    pub(crate) model: &'a str,
    pub(crate) is_invocation: bool,
    pub(crate) stream: bool,
    /// The texts of the last user turn; `None` while the body has not been read.
    pub(crate) texts: Option<&'a [&'a str]>,
}

impl Match {
    fn fits(&self, call: Call<'_>) -> bool {
        let has =
            |part: &Option<String>, whole: &str| part.as_deref().is_none_or(|part| whole.contains(part));
        let has_text = match (&self.text, call.texts) {
            (Some(part), Some(texts)) => texts.iter().any(|text| text.contains(part.as_str())),
            _ => true,
        };
        has(&self.model, call.model)
            && has(&self.path, call.path)
            && (self.path.is_some() || call.is_invocation)
            && self.stream.is_none_or(|stream| stream == call.stream)
            && has_text
    }
}

/// The queue of scripts.
#[derive(Debug, Default)]
pub(crate) struct Scripts(Mutex<VecDeque<Behaviour>>);

impl Scripts {
    pub(crate) fn add(&self, behaviours: impl IntoIterator<Item = Behaviour>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(behaviours);
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(crate) fn waiting(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Takes the first that fits and counts it down.
    pub(crate) fn take(&self, call: Call<'_>) -> Option<Behaviour> {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = queue.iter().position(|behaviour| behaviour.when.fits(call))?;
        let found = queue.get_mut(index)?;
        let left = found.times.unwrap_or(1).saturating_sub(1);
        if found.forever || left > 0 {
            found.times = Some(left.max(1));
            return Some(found.clone());
        }
        queue.remove(index)
    }

    /// How slowly the body of this call is to be read.
    pub(crate) fn read_delay(&self, call: Call<'_>) -> Duration {
        let queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let slow = queue.iter().find(|behaviour| behaviour.when.fits(call)).map(|found| found.read_delay_ms);
        Duration::from_millis(slow.unwrap_or(0))
    }
}
