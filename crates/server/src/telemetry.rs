//! Logs: JSON lines or text on standard error, written by a thread of their own.
//!
//! A call must never wait for a terminal or a full pipe. Lines go through a bounded queue; when it is full, lines are
//! dropped and counted, and the count is logged as soon as there is room again. What a line may say is the duty of
//! whoever logs it: never the text of a prompt, never a secret.

use std::io::{self, IsTerminal as _, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Log, LogFormat};
use crate::telemetry::json::JsonLines;

mod json;

/// Bytes of lines that may wait to be written, some two thousand lines; but for one line alone.
const MOST_WAITING: usize = 1024 * 1024;
/// Room that is kept for lines once they are written; what a burst took beyond it is given back.
const ROOM: usize = 128 * 1024;
/// AWS's libraries warn of every source of credentials that is not there; what is really missing, we say ourselves.
/// The setting can raise it again.
const QUIET: &str = "aws_config=error";
/// How long the end of the program waits for lines that are still in the queue.
const LAST_LINES: Duration = Duration::from_secs(2);

/// Logging could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `log.level` is checked with the settings; this is for those who make a [`Log`] themselves.
    #[error("`log.level` cannot be read: {0}")]
    Level(String),
    /// Another part of the process logs already.
    #[error("logging was started before: {0}")]
    Twice(String),
    /// No thread can be had.
    #[error("no thread for the log: {0}")]
    Thread(io::Error),
}

/// Writes the lines that are still in the queue when it is dropped, at the end of `main`.
#[derive(Debug)]
#[must_use = "the last lines are written when this is dropped"]
pub struct LogGuard(Queue);

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.0.wait_for_the_last();
    }
}

/// Starts logging for the whole process.
///
/// # Errors
/// [`TelemetryError`]; a second start is one.
pub fn start(log: &Log) -> Result<LogGuard, TelemetryError> {
    let on_terminal = io::stderr().is_terminal();
    let levels: Targets = format!("{QUIET},{}", log.level)
        .parse()
        .map_err(|error| TelemetryError::Level(format!("{error}")))?;
    let queue = spawn_writer(io::stderr()).map_err(TelemetryError::Thread)?;
    let guard = LogGuard(queue.clone());
    let is_json = match log.format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !on_terminal,
    };
    let registry = tracing_subscriber::registry().with(levels);
    let started = if is_json {
        registry.with(JsonLines(queue)).try_init()
    } else {
        let format = tracing_subscriber::fmt::layer().with_writer(queue);
        registry.with(format.with_ansi(on_terminal)).try_init()
    };
    started.map_err(|error| TelemetryError::Twice(error.to_string()))?;
    Ok(guard)
}

/// The queue's entrance.
#[derive(Debug, Clone, Default)]
struct Queue(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// There is something to write.
    begun: Condvar,
    /// All is written.
    written: Condvar,
}

/// Lines one behind the other, so that to log is to copy, and what is logged anew lands where memory is warm.
#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    /// How many found no room since the writer last looked.
    dropped: u64,
    writer: Writer,
}

/// What the thread does that writes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Writer {
    /// It writes, or rests and will look again, or has been woken.
    #[default]
    Busy,
    /// It sleeps until it is woken.
    Asleep,
}

impl Waiting {
    fn is_through(&self) -> bool {
        self.lines.is_empty() && self.writer == Writer::Asleep
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for lines, and swaps them for an empty place. Gives how many found no room.
    fn take(&self, into: &mut Vec<u8>) -> u64 {
        let mut waiting = self.lock();
        if waiting.lines.is_empty() {
            waiting.writer = Writer::Asleep;
            self.0.written.notify_all();
            let woken = self.0.begun.wait_while(waiting, |waiting| waiting.lines.is_empty());
            waiting = woken.unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut waiting.lines, into);
        std::mem::take(&mut waiting.dropped)
    }

    /// Until all is written, or it took too long; then there is nothing more to wait for.
    fn wait_for_the_last(&self) {
        let waiting = self.lock();
        drop(self.0.written.wait_timeout_while(waiting, LAST_LINES, |waiting| !waiting.is_through()));
    }
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = &'a Queue;

    fn make_writer(&'a self) -> &'a Queue {
        self
    }
}

impl Write for &Queue {
    /// Each line is given in one piece.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut waiting = self.lock();
        if !waiting.lines.is_empty() && waiting.lines.len().saturating_add(line.len()) > MOST_WAITING {
            waiting.dropped = waiting.dropped.saturating_add(1);
        } else {
            waiting.lines.extend_from_slice(line);
            // Woken once, however many lines come until it runs.
            if std::mem::take(&mut waiting.writer) == Writer::Asleep {
                self.0.begun.notify_one();
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn spawn_writer(sink: impl Write + Send + 'static) -> io::Result<Queue> {
    let queue = Queue::default();
    let own = queue.clone();
    thread::Builder::new().name("log".to_owned()).spawn(move || write_lines(&own, sink))?;
    Ok(queue)
}

/// The thread's rest after each batch. A line that wakes a sleeping thread costs the call that wrote it more than the line
/// itself.
const NAP: Duration = Duration::from_millis(10);

/// The thread's life, which ends with the process.
fn write_lines(queue: &Queue, mut sink: impl Write) {
    let mut batch = Vec::new();
    loop {
        let dropped = queue.take(&mut batch);
        if dropped > 0 {
            tracing::warn!(lines = dropped, "the log could not keep up; lines were dropped");
        }
        // Nobody is left to tell when standard error is closed.
        sink.write_all(&batch).and_then(|()| sink.flush()).ok();
        batch.clear();
        batch.shrink_to(ROOM);
        // Whoever logs meanwhile finds nobody to wake, and goes on with its call.
        thread::sleep(NAP);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A sink that takes its time, or never answers at all while the test holds the lock.
    #[derive(Clone, Default)]
    struct Slow(Arc<Mutex<Vec<u8>>>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_arrive_whole_and_in_order_before_the_program_ends() {
        let sink = Slow::default();
        let queue = spawn_writer(sink.clone()).expect("a thread");
        let expected: String = (0..500).map(|n| format!("line {n}\n")).collect();
        for line in expected.split_inclusive('\n') {
            (&queue).write_all(line.as_bytes()).expect("never fails");
        }
        drop(LogGuard(queue));
        assert_eq!(String::from_utf8(sink.0.lock().expect("not poisoned").clone()).expect("text"), expected);
    }

    #[test]
    fn the_end_waits_for_what_is_being_written() {
        let sink = Slow::default();
        let stuck = sink.0.lock().expect("not poisoned");
        let queue = spawn_writer(sink.clone()).expect("a thread");
        (&queue).write_all(b"last\n").expect("never fails");
        while !queue.lock().lines.is_empty() {
            thread::yield_now();
        }
        let end = thread::spawn(move || drop(LogGuard(queue)));
        thread::sleep(NAP);
        assert!(!end.is_finished());
        drop(stuck);
        end.join().expect("no panic");
        assert_eq!(*sink.0.lock().expect("not poisoned"), b"last\n");
    }

    #[test]
    fn a_line_longer_than_all_that_may_wait_is_written() {
        let sink = Slow::default();
        let queue = spawn_writer(sink.clone()).expect("a thread");
        let line = vec![b'x'; 2 * MOST_WAITING];
        (&queue).write_all(&line).expect("never fails");
        drop(LogGuard(queue));
        assert!(*sink.0.lock().expect("not poisoned") == line);
    }

    #[test]
    fn a_stuck_terminal_costs_lines_and_no_time_and_tells_how_many() {
        /// Of a kilobyte: more than waits, and what the writer has in hand.
        const MANY: u64 = 3 * 1024;
        let sink = Slow::default();
        let stuck = sink.0.lock().expect("not poisoned");
        let queue = Queue::default();
        let (own, target) = (queue.clone(), sink.clone());
        let to_itself = tracing_subscriber::registry().with(JsonLines(queue.clone()));
        thread::spawn(move || tracing::subscriber::with_default(to_itself, || write_lines(&own, target)));
        let line = format!("{}\n", "x".repeat(1_023));
        for _ in 0..MANY {
            (&queue).write_all(line.as_bytes()).expect("never fails");
        }
        drop(stuck);
        drop(LogGuard(queue));
        let text = String::from_utf8(sink.0.lock().expect("not poisoned").clone()).expect("text");
        let (written, told): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with('x'));
        let lost = told.iter().map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            assert_eq!(line["message"], "the log could not keep up; lines were dropped");
            line["lines"].as_u64().expect("a number")
        });
        let lost: u64 = lost.sum();
        assert!(lost > 0);
        assert_eq!(written.len() as u64 + lost, MANY);
    }
}
