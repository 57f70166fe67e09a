//! The way from the queue to the operator's collector.
//!
//! Behind clients' backs and bounded in every direction: so many bytes wait, so many requests are under way, so long is one
//! tried again. What does not fit is dropped and counted; measurements are worth less than calls.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use stonegate_protocol::otlp::{Encoding, Signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::config::Telemetry;
use crate::media::{self, Http};

/// Exports that may wait, and their bytes together.
const WAITING_MOST: usize = 1_024;
const WAITING_BYTES: usize = 16 * 1024 * 1024;
/// Requests to the collector at a time.
const AT_ONCE: usize = 8;
/// How long the collector has for one request.
const ATTEMPT: Duration = Duration::from_secs(10);
/// For how long one export is tried again.
const PATIENCE: Duration = Duration::from_secs(120);
/// The first pause where the collector names none; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long what waits may still take when the gateway stops.
const FLUSH: Duration = Duration::from_secs(3);
/// How often the log tells of what was dropped.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// So much of an answer is read, for the connection to be used again.
const ANSWER_MOST: usize = 64 * 1024;
/// Idle connections are given up before collectors do so.
const POOL_IDLE: Duration = Duration::from_secs(50);

/// An export on its way, stamped.
#[derive(Debug)]
pub(crate) struct Export {
    pub(crate) signal: Signal,
    pub(crate) encoding: Encoding,
    pub(crate) body: Bytes,
}

/// What clients' exports are handed to.
pub(crate) struct Relay {
    queue: mpsc::Sender<(Export, OwnedSemaphorePermit)>,
    room: Arc<Semaphore>,
    dropped: Arc<Dropped>,
}

/// The other end: sends until it is told to stop.
pub(crate) struct Sending {
    queue: mpsc::Receiver<(Export, OwnedSemaphorePermit)>,
    http: Http<Full<Bytes>>,
    endpoint: String,
    headers: HeaderMap,
    dropped: Arc<Dropped>,
}

impl Relay {
    /// Both ends, where the settings name a collector.
    ///
    /// # Errors
    /// When the machine's certificate authorities cannot be read.
    pub(crate) fn from_settings(settings: &Telemetry) -> std::io::Result<Option<(Self, Sending)>> {
        let Some(endpoint) = &settings.otlp_endpoint else { return Ok(None) };
        // The operator's own word: it may be anywhere.
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(AT_ONCE)
            .build(media::connector(true)?);
        let mut headers = HeaderMap::new();
        for (name, value) in &settings.otlp_headers {
            let (name, mut value) = (
                HeaderName::try_from(name).map_err(std::io::Error::other)?,
                HeaderValue::try_from(value.reveal()).map_err(std::io::Error::other)?,
            );
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let (offered, queue) = mpsc::channel(WAITING_MOST);
        let dropped = Arc::new(Dropped::default());
        let relay = Relay {
            queue: offered,
            room: Arc::new(Semaphore::new(WAITING_BYTES)),
            dropped: Arc::clone(&dropped),
        };
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        Ok(Some((relay, Sending { queue, http, endpoint, headers, dropped })))
    }

    /// Takes an export if there is room for it.
    pub(crate) fn offer(&self, export: Export) {
        let size = u32::try_from(export.body.len()).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).try_acquire_many_owned(size);
        let is_taken = room.is_ok_and(|room| self.queue.try_send((export, room)).is_ok());
        if !is_taken {
            self.dropped.note("the queue is full");
        }
    }
}

impl Sending {
    /// Sends what comes until `stop`, and then what is left for a short time.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let (queue, way) = (
            &mut self.queue,
            Way {
                http: &self.http,
                endpoint: &self.endpoint,
                headers: &self.headers,
                dropped: &self.dropped,
            },
        );
        let mut under_way = FuturesUnordered::new();
        let mut until = std::pin::pin!(async {
            stop.cancelled().await;
            tokio::time::sleep(FLUSH).await;
        });
        let mut is_open = true;
        while is_open || !under_way.is_empty() {
            tokio::select! {
                () = &mut until => break,
                () = stop.cancelled(), if !queue.is_closed() => queue.close(),
                Some(()) = under_way.next(), if !under_way.is_empty() => {}
                next = queue.recv(), if is_open && under_way.len() < AT_ONCE => match next {
                    Some((export, room)) => under_way.push(async move {
                        way.deliver(export).await;
                        drop(room);
                    }),
                    None => is_open = false,
                },
            }
        }
        let left = under_way.len() + queue.len();
        (0..left).for_each(|_| self.dropped.note("the gateway is stopping"));
        self.dropped.tell();
    }
}

/// Where to, and as whom.
#[derive(Clone, Copy)]
struct Way<'a> {
    http: &'a Http<Full<Bytes>>,
    endpoint: &'a str,
    headers: &'a HeaderMap,
    dropped: &'a Dropped,
}

/// What became of one attempt.
enum Attempt {
    /// It is through.
    Taken,
    /// It may be tried again, after a pause that the collector may name.
    Later(&'static str, Option<Duration>),
    /// It is of no use.
    Refused(StatusCode),
    /// There is no way to send it.
    Nowhere,
}

impl Way<'_> {
    async fn deliver(self, export: Export) {
        let started = Instant::now();
        for attempt in 0_u32.. {
            let (why, asked) = match self.attempt(&export).await {
                Attempt::Taken => return,
                Attempt::Refused(status) => {
                    return self.dropped.note(format_args!("the collector answers {status}"));
                }
                Attempt::Nowhere => return self.dropped.note("telemetry.otlp_endpoint makes no address"),
                Attempt::Later(why, asked) => (why, asked),
            };
            match pause(attempt, asked, started.elapsed(), clock::jitter()) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return self.dropped.note(why),
            }
        }
    }

    async fn attempt(self, export: &Export) -> Attempt {
        let Some(request) = self.request(export) else { return Attempt::Nowhere };
        let Ok(Ok(response)) = tokio::time::timeout(ATTEMPT, self.http.request(request)).await else {
            return Attempt::Later("the collector cannot be reached", None);
        };
        let status = response.status();
        let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        // Its text is not looked at: it may repeat what was sent.
        let rest = Limited::new(response.into_body(), ANSWER_MOST).collect();
        tokio::time::timeout(ATTEMPT, rest).await.ok();
        match status {
            status if status.is_success() => Attempt::Taken,
            // What OTLP/HTTP calls retryable.
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => {
                Attempt::Later("the collector is busy", asked.map(Duration::from_secs))
            }
            status => Attempt::Refused(status),
        }
    }

    fn request(self, export: &Export) -> Option<Request<Full<Bytes>>> {
        let uri: Uri = format!("{}{}", self.endpoint, export.signal.path()).parse().ok()?;
        let mut request = Request::post(uri).body(Full::new(export.body.clone())).ok()?;
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static("Stonegate"));
        headers.extend(self.headers.clone());
        // Last, since what it is said to be must be what it is.
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(export.encoding.content_type()));
        Some(request)
    }
}

/// How long to wait before the next attempt; none when it is not worth it. `chance` is in `0.0..1.0`.
fn pause(attempt: u32, asked: Option<Duration>, elapsed: Duration, chance: f64) -> Option<Duration> {
    let doubled =
        FIRST_PAUSE.saturating_mul(1_u32.checked_shl(attempt).unwrap_or(u32::MAX)).min(LONGEST_PAUSE);
    let pause = asked.unwrap_or_else(|| doubled.mul_f64(0.5 + chance / 2.0));
    (elapsed.saturating_add(pause) <= PATIENCE).then_some(pause)
}

/// Counts what was dropped, and tells it now and then: a collector that is away must not fill the log.
#[derive(Default)]
struct Dropped {
    total: AtomicU64,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    at: Option<Instant>,
    total: u64,
}

impl Dropped {
    fn note(&self, why: impl std::fmt::Display) {
        let total = self.total.fetch_add(1, Ordering::Relaxed) + 1;
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.at.is_some_and(|at| at.elapsed() < TELL_EVERY) {
            return;
        }
        tracing::warn!(
            exports = total.saturating_sub(told.total),
            total,
            %why,
            "telemetry of clients was dropped"
        );
        *told = Told { at: Some(Instant::now()), total };
    }

    /// Tells what has not been told yet.
    fn tell(&self) {
        let total = self.total.load(Ordering::Relaxed);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if total > told.total {
            tracing::warn!(exports = total - told.total, total, "telemetry of clients was dropped");
            told.total = total;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn export(length: usize) -> Export {
        Export { signal: Signal::Logs, encoding: Encoding::Json, body: Bytes::from(vec![b' '; length]) }
    }

    fn relay() -> (Relay, Sending) {
        let settings = Telemetry {
            otlp_endpoint: Some("http://127.0.0.1:9".to_owned()),
            otlp_headers: Default::default(),
            name_people: false,
        };
        Relay::from_settings(&settings).unwrap().unwrap()
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_counted() {
        for (length, fit) in [(1, WAITING_MOST), (4 * 1024 * 1024, 4), (WAITING_BYTES + 1, 0)] {
            let (relay, sending) = relay();
            (0..fit + 3).for_each(|_| relay.offer(export(length)));
            let dropped = relay.dropped.total.load(Ordering::Relaxed);
            assert_eq!((sending.queue.len(), dropped), (fit, 3), "{length} bytes each");
        }
    }

    #[test]
    fn room_is_free_again_when_an_export_is_through() {
        let (relay, mut sending) = relay();
        for _ in 0..10 {
            relay.offer(export(WAITING_BYTES));
            drop(sending.queue.try_recv().unwrap());
        }
        assert_eq!(relay.dropped.total.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn pauses_grow_until_it_is_not_worth_it() {
        let seconds = Duration::from_secs;
        for (attempt, asked, elapsed, expected) in [
            (0, None, 0, Some(1)),
            (1, None, 1, Some(2)),
            (4, None, 15, Some(16)),
            (5, None, 31, Some(30)),
            (200, None, 60, Some(30)),
            (6, None, 91, None),
            (0, Some(0), 0, Some(0)),
            (0, Some(90), 0, Some(90)),
            (0, Some(121), 0, None),
            (0, Some(u64::MAX), 1, None),
        ] {
            // The largest that chance makes of it.
            let found = pause(attempt, asked.map(seconds), seconds(elapsed), 1.0);
            assert_eq!(found, expected.map(seconds), "{attempt} {asked:?} {elapsed}");
        }
        assert_eq!(pause(0, None, Duration::ZERO, 0.0), Some(Duration::from_millis(500)));
    }
}
