//! A log line as one JSON object: time, level, message, the event's fields, and where it comes from.
//!
//! Every call logs a line. The subscriber's own JSON goes through a serializer for each part of it and a check of UTF-8
//! for each piece that this writes; that took a tenth of what the gateway computes for a short call. Here a line is made
//! in a place that its thread keeps, and copied once.

use std::cell::Cell;
use std::fmt::{Debug, Display, Write as _};
use std::io::Write as _;

use jiff::Timestamp;
use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;

use crate::clock;

/// Writes events as JSON lines. The gateway has no spans, and those of its libraries say nothing to an operator.
#[derive(Debug)]
pub(super) struct JsonLines<W>(pub(super) W);

thread_local! {
    static LINE: Cell<Line> = Cell::default();
}

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        // Taken, since what shows a value may itself log; and on a thread that is ending there is none any more.
        let mut line = LINE.try_with(Cell::take).unwrap_or_default();
        line.write(clock::now(), event);
        // There is nobody to tell that a log cannot be written.
        self.0.make_writer_for(event.metadata()).write_all(&line.json).ok();
        LINE.try_with(|place| place.set(line)).ok();
    }
}

/// A JSON object that is being written.
#[derive(Default)]
struct Line {
    json: Vec<u8>,
    /// Where values are shown before they are escaped.
    scratch: String,
}

impl Line {
    fn write(&mut self, now: Timestamp, event: &Event<'_>) {
        self.json.clear();
        self.json.extend_from_slice(b"{\"timestamp\":");
        self.shown(&format_args!("{now:.6}"));
        self.member("level", event.metadata().level().as_str());
        event.record(self);
        self.member("target", event.metadata().target());
        self.json.extend_from_slice(b"}\n");
    }

    fn member(&mut self, name: &str, value: impl Serialize) {
        self.name(name);
        self.value(value);
    }

    fn name(&mut self, name: &str) {
        self.json.push(b',');
        self.value(name);
        self.json.push(b':');
    }

    fn value(&mut self, value: impl Serialize) {
        // Texts and numbers can always be written to memory.
        serde_json::to_writer(&mut self.json, &value).ok();
    }

    fn shown(&mut self, value: &dyn Display) {
        self.scratch.clear();
        // What a value fails to show is missing, and the line is there all the same.
        write!(self.scratch, "{value}").ok();
        serde_json::to_writer(&mut self.json, &self.scratch).ok();
    }
}

impl Visit for Line {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.member(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.name(field.name());
        self.shown(&format_args!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// What `log` logs, line by line.
    fn logged(log: impl FnOnce()) -> Vec<Value> {
        let written = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&written);
        let writer = move || Sink(Arc::clone(&sink));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(JsonLines(writer)), log);
        let written = written.lock().expect("not poisoned");
        let text = str::from_utf8(&written).expect("text");
        text.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect()
    }

    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_kind_of_field_is_json() {
        let lines = logged(|| {
            tracing::info!(
                text = "a",
                shown = %"b",
                debug = ?Some("c"),
                missing = None::<u64>,
                there = Some(1_u64),
                below = -2_i64,
                share = 0.5,
                none = f64::NAN,
                is_stream = true,
                "call {}", 1
            );
        });
        let [line] = &lines[..] else { panic!("{lines:?}") };
        let mut line = line.clone();
        let at = line["timestamp"].take();
        assert!(at.as_str().is_some_and(|at| at.parse::<Timestamp>().is_ok()), "{at}");
        assert_eq!(
            line,
            json!({
                "timestamp": null, "level": "INFO", "message": "call 1", "text": "a", "shown": "b",
                "debug": "Some(\"c\")", "there": 1, "below": -2, "share": 0.5, "none": null,
                "is_stream": true, "target": "stonegate_server::telemetry::json::tests",
            })
        );
    }

    #[test]
    fn nothing_that_is_logged_can_forge_a_line_or_a_member() {
        let evil = "\"}\n{\"level\":\"ERROR\",\"message\":\"forged\u{2028}\u{1b}[31m\r\0";
        let lines = logged(|| {
            tracing::warn!(shown = %evil, text = evil, debug = ?evil, "{evil}");
        });
        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!(line["level"], "WARN");
        assert_eq!([&line["shown"], &line["text"], &line["message"]], [evil, evil, evil]);
    }
}
