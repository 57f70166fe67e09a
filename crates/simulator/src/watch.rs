//! Watches one answer to its end, and knows when nobody waits for it any more.

use std::sync::Arc;

use crate::{
    log::{Entry, Log, Outcome},
    options::Clock,
};

/// A guard: dropped before it was told of an end, it notes that the other side went away.
#[derive(Debug)]
pub(crate) struct Watch {
    log: Arc<Log>,
    clock: Clock,
    number: u64,
    events: u64,
    is_over: bool,
}

impl Watch {
    pub(crate) fn new(log: Arc<Log>, clock: Clock, number: u64) -> Watch {
        Watch { log, clock, number, events: 0, is_over: false }
    }

    pub(crate) fn note(&self, change: impl FnOnce(&mut Entry)) {
        self.log.note(self.number, change);
    }

    /// An event was handed to the connection.
    pub(crate) fn event(&mut self) {
        self.events += 1;
        let events = self.events;
        self.note(|entry| entry.outcome = Outcome::Open { events });
    }

    pub(crate) fn finish(mut self) {
        self.end(|at, events| Outcome::Finished { at, events });
    }

    pub(crate) fn drop_connection(mut self) {
        self.end(|at, events| Outcome::Dropped { at, events });
    }

    fn end(&mut self, outcome: impl FnOnce(jiff::Timestamp, u64) -> Outcome) {
        self.is_over = true;
        let outcome = outcome(self.clock.now(), self.events);
        self.note(|entry| entry.outcome = outcome);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.is_over {
            self.end(|at, events| Outcome::ClientGone { at, events });
        }
    }
}
