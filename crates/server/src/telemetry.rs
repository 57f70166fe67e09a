//! Logs: JSON lines or text on standard error, written by a thread of their own.
//!
//! A call must never wait for a terminal or a full pipe. Lines go through a bounded queue; when it is full, lines are
//! dropped and counted, and the count is logged as soon as there is room again. What a line may say is the duty of
//! whoever logs it: never the text of a prompt, never a secret.

use std::io::{self, IsTerminal as _, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Log, LogFormat};
use crate::telemetry::json::JsonLines;

mod json;

/// Lines that may wait to be written; at some 300 bytes a line, a megabyte or so.
const QUEUE: usize = 4096;
/// Lines that came together are written together, up to about this many bytes.
const BATCH: usize = 64 * 1024;
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
        let deadline = Instant::now() + LAST_LINES;
        let (done, is_done) = sync_channel(1);
        let mut message = Message::Flush(done);
        // The queue may be full and its reader stuck; neither must keep the program from ending.
        while let Err(TrySendError::Full(unsent)) = self.0.0.try_send(message) {
            if Instant::now() > deadline {
                return;
            }
            message = unsent;
            thread::sleep(Duration::from_millis(5));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        // Late or gone: either way there is nothing more to wait for.
        is_done.recv_timeout(left).ok();
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
    let format = tracing_subscriber::fmt::layer().with_writer(queue);
    let started = if is_json {
        registry.with(format.event_format(JsonLines)).try_init()
    } else {
        registry.with(format.with_ansi(on_terminal)).try_init()
    };
    started.map_err(|error| TelemetryError::Twice(error.to_string()))?;
    Ok(guard)
}

/// Lines that were dropped since the start because the log could not keep up.
#[must_use]
pub fn dropped_lines() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// Like the subscriber, one for the process.
static DROPPED: AtomicU64 = AtomicU64::new(0);

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    /// Answer when all that came before is written.
    Flush(SyncSender<()>),
}

/// The queue's entrance.
#[derive(Debug, Clone)]
struct Queue(SyncSender<Message>);

impl<'a> MakeWriter<'a> for Queue {
    type Writer = &'a Queue;

    fn make_writer(&'a self) -> &'a Queue {
        self
    }
}

impl Write for &Queue {
    /// The formatter gives each line in one piece.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.0.try_send(Message::Line(line.to_vec())).is_err() {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn spawn_writer(sink: impl Write + Send + 'static) -> io::Result<Queue> {
    let (queue, messages) = sync_channel(QUEUE);
    thread::Builder::new().name("log".to_owned()).spawn(move || write_lines(&messages, sink))?;
    Ok(Queue(queue))
}

/// The thread's rest after each batch. A line that wakes a sleeping thread costs the call that wrote it more than the line
/// itself.
const NAP: Duration = Duration::from_millis(10);

/// The thread's life: it ends when the queue has no entrance any more.
fn write_lines(messages: &Receiver<Message>, mut sink: impl Write) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut reported = 0;
    while let Ok(first) = messages.recv() {
        let mut waiting = None;
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Line(line) => batch.extend_from_slice(&line),
                Message::Flush(done) => waiting = Some(done),
            }
            let room = waiting.is_none() && batch.len() < BATCH;
            next = if room { messages.try_recv().ok() } else { None };
        }
        // Nobody is left to tell when standard error is closed.
        sink.write_all(&batch).and_then(|()| sink.flush()).ok();
        batch.clear();
        match waiting {
            Some(done) => {
                done.send(()).ok();
            }
            // Whoever logs meanwhile finds nobody to wake, and goes on with its call.
            None => thread::sleep(NAP),
        }
        let dropped = dropped_lines();
        if dropped > reported {
            tracing::warn!(lines = dropped - reported, "the log could not keep up; lines were dropped");
            reported = dropped;
        }
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
    fn a_stuck_terminal_costs_lines_and_no_time() {
        let sink = Slow::default();
        let stuck = sink.0.lock().expect("not poisoned");
        let queue = spawn_writer(sink.clone()).expect("a thread");
        let before = dropped_lines();
        // So long that what the writer has gathered when it gets stuck is little beside the queue.
        let line = format!("{}\n", "x".repeat(1_023));
        for _ in 0..2 * QUEUE {
            (&queue).write_all(line.as_bytes()).expect("never fails");
        }
        assert!(dropped_lines() > before);
        drop(stuck);
        drop(LogGuard(queue));
        let written = sink.0.lock().expect("not poisoned").len() / line.len();
        assert_eq!(written as u64 + (dropped_lines() - before), 2 * QUEUE as u64);
    }
}
