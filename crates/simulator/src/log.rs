//! The log of what arrived, kept in memory for tests and written to a file on request.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Write as _},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use tokio::sync::Notify;

/// How many requests are remembered, and how many bytes of bodies; the oldest go first.
const ENTRIES_KEPT: usize = 20_000;
const BODY_BYTES_KEPT: usize = 256 << 20;

/// One request that arrived.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Counts from 1 in the order of arrival.
    pub number: u64,
    /// When its head arrived.
    pub at: Timestamp,
    /// The method.
    pub method: String,
    /// The path as it stood on the wire, still percent-encoded.
    pub path: String,
    /// What followed the `?`.
    pub query: Option<String>,
    /// Names in lower case, in order; a value that is not text has its odd bytes replaced.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// What the checks of caller and content said.
    pub verdict: Verdict,
    /// The status that was answered.
    pub status: Option<u16>,
    /// The id that was answered in `x-amzn-requestid`.
    pub request_id: String,
    /// How it ended.
    pub outcome: Outcome,
}

impl Entry {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as JSON; `None` if it is not.
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }

    fn to_json(&self) -> serde_json::Value {
        json!({
            "number": self.number, "at": self.at.to_string(), "method": self.method, "path": self.path,
            "query": self.query, "headers": self.headers.iter().map(hidden).collect::<Vec<_>>(),
            "body": STANDARD.encode(&self.body), "verdict": self.verdict, "status": self.status,
            "request_id": self.request_id, "outcome": self.outcome,
        })
    }
}

/// A header as it may stand in a file: a bearer token is cut to its last four characters.
fn hidden((name, value): &(String, String)) -> (String, String) {
    let shown = match value.strip_prefix("Bearer ") {
        Some(token) if name == "authorization" => {
            let tail: Vec<char> = token.chars().rev().take(4).collect();
            format!("Bearer …{}", tail.iter().rev().collect::<String>())
        }
        _ => value.clone(),
    };
    (name.clone(), shown)
}

/// What the checks said of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Not checked yet, or nothing to check.
    Pending,
    /// Caller and content are good.
    Good,
    /// Refused: the error's type and message.
    Refused {
        /// As in `x-amzn-errortype`.
        kind: String,
        /// As in the body.
        message: String,
    },
    /// A script or a directive made the answer an error; nothing was wrong with the request.
    Scripted {
        /// As in `x-amzn-errortype`.
        kind: String,
    },
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is still being answered.
    Open {
        /// Events handed to the connection so far.
        events: u64,
    },
    /// The answer was handed to the connection to its last byte.
    Finished {
        /// When.
        at: Timestamp,
        /// Events written; 0 for an answer that is no stream.
        events: u64,
    },
    /// The other side went away before the end.
    ClientGone {
        /// When that was noticed.
        at: Timestamp,
        /// Events handed to the connection before.
        events: u64,
    },
    /// A script or directive dropped the connection.
    Dropped {
        /// When.
        at: Timestamp,
        /// Events handed to the connection before.
        events: u64,
    },
}

impl Outcome {
    /// Events written so far or in all.
    pub fn events(&self) -> u64 {
        match *self {
            Outcome::Open { events }
            | Outcome::Finished { events, .. }
            | Outcome::ClientGone { events, .. }
            | Outcome::Dropped { events, .. } => events,
        }
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        !matches!(self, Outcome::Open { .. })
    }
}

#[derive(Debug, Default)]
struct Kept {
    entries: VecDeque<Entry>,
    body_bytes: usize,
    arrived: u64,
}

/// The log. Locked for moments only.
#[derive(Debug)]
pub(crate) struct Log {
    kept: Mutex<Kept>,
    record: Option<Mutex<File>>,
    changed: Notify,
}

impl Log {
    pub(crate) fn open(record: Option<&Path>) -> io::Result<Log> {
        let record = record.map(|path| File::options().create(true).append(true).open(path)).transpose()?;
        Ok(Log { kept: Mutex::default(), record: record.map(Mutex::new), changed: Notify::new() })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a request in and gives its number.
    pub(crate) fn arrive(&self, mut entry: Entry) -> u64 {
        let mut kept = self.kept();
        kept.arrived += 1;
        entry.number = kept.arrived;
        kept.entries.push_back(entry);
        if kept.entries.len() > ENTRIES_KEPT {
            forget_oldest(&mut kept);
        }
        let number = kept.arrived;
        drop(kept);
        self.changed.notify_waiters();
        number
    }

    /// The body is there: the request is complete and can be written to the record.
    pub(crate) fn complete(&self, number: u64, body: &Bytes) {
        let mut kept = self.kept();
        kept.body_bytes += body.len();
        while kept.body_bytes > BODY_BYTES_KEPT && kept.entries.len() > 1 {
            forget_oldest(&mut kept);
        }
        let Some(entry) = find(&mut kept, number) else { return };
        entry.body = body.clone();
        let line = self.record.is_some().then(|| entry.to_json());
        drop(kept);
        if let (Some(record), Some(line)) = (&self.record, line) {
            let mut file = record.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = writeln!(file, "{line}") {
                tracing::warn!(%error, "the record of requests cannot be written");
            }
        }
    }

    pub(crate) fn note(&self, number: u64, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = find(&mut self.kept(), number) {
            change(entry);
        }
        self.changed.notify_waiters();
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.kept().entries.iter().cloned().collect()
    }

    /// The entries with a higher number than `after`.
    pub(crate) fn to_json(&self, after: u64) -> serde_json::Value {
        self.kept().entries.iter().filter(|entry| entry.number > after).map(Entry::to_json).collect()
    }

    pub(crate) fn clear(&self) {
        let mut kept = self.kept();
        kept.entries.clear();
        kept.body_bytes = 0;
    }

    /// Waits until the log is as wished.
    pub(crate) async fn until(&self, wished: impl Fn(&[Entry]) -> bool) -> Vec<Entry> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let entries = self.entries();
            if wished(&entries) {
                return entries;
            }
            changed.await;
        }
    }
}

fn forget_oldest(kept: &mut Kept) {
    if let Some(gone) = kept.entries.pop_front() {
        kept.body_bytes = kept.body_bytes.saturating_sub(gone.body.len());
    }
}

fn find(kept: &mut Kept, number: u64) -> Option<&mut Entry> {
    let first = kept.entries.front()?.number;
    let index = usize::try_from(number.checked_sub(first)?).ok()?;
    kept.entries.get_mut(index)
}
