//! The course of a stream: events, pauses and faults in their order.

use std::time::Duration;

use crate::{
    answer::Answer,
    refusal::usual_message,
    render::{self, Latency},
    script::{Behaviour, Cut, Silence},
};

/// An endless stream without a pause would only heat the room.
const LEAST_ENDLESS_PAUSE: Duration = Duration::from_millis(5);

/// What comes next on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Beat {
    /// An event of the provider.
    Event(String),
    Pause(Duration),
    Fault(Fault),
}

/// How a stream can go wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// One that the service model names.
    Exception { kind: String, message: String },
    /// One that it does not.
    Error { code: String, message: String },
    /// A frame with a wrong checksum.
    Garbage,
    /// The connection ends.
    Drop,
}

/// The exceptions that `InvokeModelWithResponseStream` can send, as their names stand in frames.
const MODELLED: &[&str] = &[
    "internalServerException",
    "modelStreamErrorException",
    "validationException",
    "throttlingException",
    "modelTimeoutException",
    "serviceUnavailableException",
];

/// The beats of one stream.
pub(crate) struct Course {
    events: Box<dyn Iterator<Item = String> + Send>,
    /// How many events there are; `None` when they never end.
    total: Option<u64>,
    sent: u64,
    silence: Option<Silence>,
    fault: Option<(u64, Fault)>,
    pace: Duration,
    paused: bool,
}

/// Plans the stream of an answer.
pub(crate) fn course(answer: &Answer, behaviour: &Behaviour, pace: Duration, first_byte_ms: u64) -> Course {
    let pace = behaviour.event_delay_ms.map_or(pace, Duration::from_millis);
    if !behaviour.events.is_empty() {
        let events: Vec<String> = behaviour.events.iter().map(|event| event.get().to_owned()).collect();
        return plan(Box::new(events.clone().into_iter()), Some(events.len() as u64), behaviour, pace);
    }
    if behaviour.endless {
        let mut index = answer.blocks.len();
        let mut events = vec![render::message_start(answer)];
        events.extend(render::block_events(answer));
        if matches!(answer.blocks.last(), Some(crate::answer::Block::Text { .. })) {
            // The text goes on instead of ending.
            events.pop();
            index -= 1;
        } else {
            events.push(render::text_start(index));
        }
        let rest = (1..).map(move |count| render::endless_delta(index, count));
        return plan(
            Box::new(events.into_iter().chain(rest)),
            None,
            behaviour,
            pace.max(LEAST_ENDLESS_PAUSE),
        );
    }
    let mut events = vec![render::message_start(answer)];
    events.extend(render::block_events(answer));
    events.push(render::message_delta(answer));
    let pauses = u64::try_from(pace.as_millis()).unwrap_or(0) * events.len() as u64;
    let silence = behaviour.silence.map_or(0, |silence| silence.ms);
    let latency = Latency { first_byte_ms, total_ms: first_byte_ms + pauses + silence };
    events.push(render::message_stop(answer, latency));
    let total = events.len() as u64;
    plan(Box::new(events.into_iter()), Some(total), behaviour, pace)
}

fn plan(
    events: Box<dyn Iterator<Item = String> + Send>,
    total: Option<u64>,
    behaviour: &Behaviour,
    pace: Duration,
) -> Course {
    Course {
        events,
        total,
        sent: 0,
        silence: behaviour.silence,
        fault: fault(behaviour),
        pace,
        paused: false,
    }
}

fn fault(behaviour: &Behaviour) -> Option<(u64, Fault)> {
    if let Some(failure) = &behaviour.exception {
        let message = failure.message.clone().unwrap_or_else(|| usual_message(&failure.kind).to_owned());
        let kind = lower_first(&failure.kind);
        let fault = if MODELLED.contains(&kind.as_str()) {
            Fault::Exception { kind, message }
        } else {
            Fault::Error { code: failure.kind.clone(), message }
        };
        return Some((failure.after_events, fault));
    }
    if let Some(after) = behaviour.garbage_after_events {
        return Some((after, Fault::Garbage));
    }
    match behaviour.drop {
        Some(Cut::AfterEvents(after)) => Some((after, Fault::Drop)),
        Some(Cut::BeforeHeaders | Cut::AfterBytes(_)) | None => None,
    }
}

fn lower_first(name: &str) -> String {
    let mut characters = name.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_ascii_lowercase().to_string() + characters.as_str())
}

impl Course {
    /// A fault waits for its number of events, but comes before the last event at the latest.
    fn fault_is_due(&self) -> bool {
        let at_end = self.total.is_some_and(|total| self.sent + 1 >= total);
        self.fault.as_ref().is_some_and(|(after, _)| self.sent >= *after || at_end)
    }
}

impl Iterator for Course {
    type Item = Beat;

    fn next(&mut self) -> Option<Beat> {
        if let Some(silence) = self.silence.take_if(|silence| silence.after_events <= self.sent) {
            return Some(Beat::Pause(Duration::from_millis(silence.ms)));
        }
        if self.fault_is_due() {
            self.events = Box::new(std::iter::empty());
            return self.fault.take().map(|(_, fault)| Beat::Fault(fault));
        }
        if self.sent > 0 && !self.pace.is_zero() && !self.paused {
            self.paused = true;
            return Some(Beat::Pause(self.pace));
        }
        self.paused = false;
        let event = self.events.next()?;
        self.sent += 1;
        Some(Beat::Event(event))
    }
}
