//! The course of a stream: events, pauses and faults in their order.

use std::{sync::Arc, time::Duration};

use crate::{
    answer::{Answer, Block},
    face::{self, Face, Latency},
    refusal::usual_message,
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
    /// A failure that is told, by the name that the script gave it.
    Failure { kind: String, message: String },
    /// Bytes that no client can read.
    Garbage,
    /// The connection ends.
    Drop,
}

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
pub(crate) fn course(answer: &Answer, face: &Arc<dyn Face>, behaviour: &Behaviour, pace: Duration) -> Course {
    let pace = behaviour.event_delay_ms.map_or(pace, Duration::from_millis);
    if !behaviour.events.is_empty() {
        let events: Vec<String> = behaviour.events.iter().map(|event| event.get().to_owned()).collect();
        let total = events.len() as u64;
        return plan(Box::new(events.into_iter()), Some(total), behaviour, pace);
    }
    if behaviour.endless {
        let events = endless(answer.clone(), face.clone());
        return plan(Box::new(events), None, behaviour, pace.max(LEAST_ENDLESS_PAUSE));
    }
    let mut events = face.start(answer);
    events.extend(face::block_events(face.as_ref(), answer));
    let pauses = u64::try_from(pace.as_millis()).unwrap_or(0) * (events.len() as u64 + 1);
    let silence = behaviour.silence.map_or(0, |silence| silence.ms);
    let first_byte_ms = behaviour.delay_ms;
    let latency = Latency { first_byte_ms, total_ms: first_byte_ms + pauses + silence };
    events.extend(face.end(answer, latency));
    let total = events.len() as u64;
    plan(Box::new(events.into_iter()), Some(total), behaviour, pace)
}

/// The events of an answer of which the last text goes on instead of ending.
fn endless(mut answer: Answer, face: Arc<dyn Face>) -> impl Iterator<Item = String> {
    if !matches!(answer.blocks.last(), Some(Block::Text { .. })) {
        answer.blocks.push(Block::Text { text: String::new(), citations: Vec::new() });
    }
    let last = answer.blocks.len() - 1;
    let mut events = face.start(&answer);
    for (index, block) in answer.blocks.iter().enumerate() {
        events.extend(face.block(&answer, index, block));
        if index < last {
            events.extend(face.block_end(&answer, index, block));
        }
    }
    let rest = (1_u64..).map(move |count| face.more_text(&answer, last, &format!(" and {count}")));
    events.into_iter().chain(rest)
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
        return Some((failure.after_events, Fault::Failure { kind: failure.kind.clone(), message }));
    }
    if let Some(after) = behaviour.garbage_after_events {
        return Some((after, Fault::Garbage));
    }
    match behaviour.drop {
        Some(Cut::AfterEvents(after)) => Some((after, Fault::Drop)),
        Some(Cut::BeforeHeaders | Cut::AfterBytes(_)) | None => None,
    }
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
