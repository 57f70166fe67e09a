//! What a translated answer consumed: the upstream's own report, and an estimate from above until it comes.

use crate::carry::Bounds;
use crate::failure::Failure;
use crate::relay::{Basis, Ending};

use super::event::{BlockStart, Delta, Event, StopReason};
use super::sizes::CacheLifetime;
use super::usage::Usage;

/// Two bytes of text are at most about a token: prose has four to a token, code and numbers three, and what takes more
/// bytes a letter takes more tokens as well.
const BYTES_PER_TOKEN: u64 = 2;

/// The meter of one answer.
#[derive(Debug)]
pub(crate) struct Meter {
    usage: Usage,
    output_ceiling: u64,
    /// Bytes of output that passed in all.
    passed_bytes: u64,
    /// Whether the last report covers everything that passed.
    is_reported: bool,
    stop_reason: Option<String>,
    model: Option<String>,
}

impl Meter {
    /// Until the upstream reports it, the prompt counts as what it may be at most.
    pub(crate) fn new(bounds: Bounds, lifetime: CacheLifetime) -> Meter {
        Meter {
            usage: Usage::unreported(bounds.input_tokens, lifetime),
            output_ceiling: bounds.output_tokens,
            passed_bytes: 0,
            is_reported: false,
            stop_reason: None,
            model: None,
        }
    }

    pub(crate) fn see(&mut self, event: &Event) {
        match event {
            Event::Start { model, .. } => self.model.clone_from(model),
            Event::BlockStart { block, .. } => match block {
                BlockStart::Text | BlockStart::Thinking => {}
                BlockStart::SealedThinking { data } => self.passed(data.len()),
                BlockStart::ToolUse { name, .. } => self.passed(name.len()),
            },
            Event::Delta { delta, .. } => match delta {
                Delta::Text(text) | Delta::Thinking(text) | Delta::Input(text) => self.passed(text.len()),
                Delta::Signature(_) => {}
                Delta::Citation(citation) => {
                    self.passed(citation.cited_text.as_ref().map_or(0, String::len));
                }
            },
            Event::BlockStop { .. } => {}
            Event::Usage(usage) => self.report(*usage),
            Event::Stop { reason, .. } => self.stop(StopReason::as_str(reason)),
        }
    }

    /// The upstream's own report; it covers all that passed.
    pub(crate) fn report(&mut self, usage: Usage) {
        self.usage = usage;
        self.is_reported = true;
    }

    /// Why the model stopped.
    pub(crate) fn stop(&mut self, reason: &str) {
        self.stop_reason = Some(reason.to_owned());
    }

    /// The model that the upstream names.
    pub(crate) fn served_by(&mut self, model: &str) {
        if self.model.as_deref() != Some(model) {
            self.model = Some(model.to_owned());
        }
    }

    pub(crate) fn usage(&self) -> &Usage {
        &self.usage
    }

    pub(crate) fn end(self, failure: Option<Failure>) -> Ending {
        Ending {
            usage: self.usage,
            basis: if self.is_reported { Basis::Reported } else { Basis::Estimated },
            stop_reason: self.stop_reason,
            failure,
            served_model: self.model,
        }
    }

    /// Never zero once something came out, never more than was allowed, never less than was reported.
    pub(crate) fn passed(&mut self, bytes: usize) {
        self.passed_bytes = self.passed_bytes.saturating_add(bytes as u64);
        self.is_reported = false;
        let estimate = self.passed_bytes.div_ceil(BYTES_PER_TOKEN).max(1).min(self.output_ceiling.max(1));
        self.usage.output_tokens = self.usage.output_tokens.max(estimate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Event {
        Event::Delta { index: 0, delta: Delta::Text(text.to_owned()) }
    }

    fn check(events: &[Event], lifetime: CacheLifetime, expected: (u64, u64, u64), basis: Basis) {
        let mut meter = Meter::new(Bounds { input_tokens: 50, output_tokens: 10 }, lifetime);
        events.iter().for_each(|event| meter.see(event));
        let ending = meter.end(None);
        let Usage { input_tokens, cache_write_5m_tokens, output_tokens, .. } = ending.usage;
        assert_eq!(((input_tokens, cache_write_5m_tokens, output_tokens), ending.basis), (expected, basis));
    }

    #[test]
    fn what_is_not_reported_is_estimated_from_above() {
        let report = Event::Usage(Usage { input_tokens: 7, output_tokens: 1, ..Usage::default() });
        check(&[], CacheLifetime::None, (50, 0, 0), Basis::Estimated);
        check(&[text("abc")], CacheLifetime::FiveMinutes, (0, 50, 2), Basis::Estimated);
        check(&[text(&"a".repeat(100))], CacheLifetime::None, (50, 0, 10), Basis::Estimated);
        check(&[report.clone(), text("abcdefgh")], CacheLifetime::None, (7, 0, 4), Basis::Estimated);
        check(&[text("abcdefgh"), report], CacheLifetime::None, (7, 0, 1), Basis::Reported);
    }
}
