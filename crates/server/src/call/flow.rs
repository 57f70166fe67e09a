//! One answer on its way from Bedrock to the client: bytes in, bytes out, metered, settled once.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use http_body::Body as _;
use stonegate_bedrock::{Reply, ReplyBody};
use stonegate_catalog::{Expected, Price};
use stonegate_identity::archive::Document;
use stonegate_ledger::{Basis, CallId, Outcome, Reservation, Seen, Settlement, Ticket, Tokens};
use stonegate_protocol::{Ending, Failure, FailureClass, Relay, UpstreamEnd, Usage};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::call::record::{self, Label};
use crate::clock;
use crate::kept::Keeping;

/// Output that has gathered to this size is handed on, even while more input is ready.
const ENOUGH: usize = 32 * 1024;

/// How often upstream's connection is given a turn to bring more before output is handed on. The HTTP client hands over
/// one chunk at a time and needs its own task to run for the next; one turn is not enough for that, two are.
const TURNS: u8 = 2;

/// The type of the failure by which answers are broken off at the end of the drain time.
pub(crate) const STOPPING: &str = "Stopping";

/// Why reading stopped for now.
#[derive(Debug)]
pub(crate) enum Stop {
    /// There is no more to read: the relay saw the last event, or upstream ended, well or not.
    End(UpstreamEnd),
    /// There is output; more input may be ready.
    Output,
}

/// Who is there to see the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// The client.
    Client,
    /// Nobody: the client left, and the rest is read for the sake of the account.
    Nobody,
}

/// What a call is charged by and known as, once upstream has answered.
pub(crate) struct Terms {
    /// The prices that it was reserved at.
    pub(crate) price: Arc<Price>,
    /// What its report is held against.
    pub(crate) expected: Expected,
    /// The endpoint's name.
    pub(crate) endpoint: Arc<str>,
    /// What the log says of it.
    pub(crate) label: Label,
    /// When the call came in.
    pub(crate) started: Instant,
    /// How long upstream may be silent.
    pub(crate) idle_timeout: Duration,
    /// Where the answer is to be kept.
    pub(crate) keeping: Option<Box<Keeping>>,
}

/// How a flow ended.
pub(crate) struct Finished {
    /// Durable when the end may be shown.
    pub(crate) ticket: Ticket,
    /// What upstream reported, and why it broke off if it did.
    pub(crate) ending: Ending,
    /// Upstream's body, where its end is yet to come: until it was read, the connection cannot serve another call.
    pub(crate) rest: Option<ReplyBody>,
    /// What to keep of the answer.
    pub(crate) document: Option<Document>,
}

/// An upstream answer in progress, with the reservation that pays for it. Dropping it settles by what was seen.
pub(crate) struct Flow {
    upstream: Option<ReplyBody>,
    request_id: Option<Arc<str>>,
    live: Option<Live>,
    terms: Terms,
    /// What the relay gave before the flow began.
    first: BytesMut,
    /// When upstream began to speak: a stream's first event, or the first piece of a whole answer.
    first_byte: Option<Instant>,
    last_input: Instant,
    turns_left: u8,
    at_eof: bool,
    watchdog: Pin<Box<Sleep>>,
}

/// What a flow has until it is finished.
struct Live {
    relay: Relay,
    reservation: Reservation,
}

impl Flow {
    pub(crate) fn new(
        reply: Reply,
        relay: Relay,
        reservation: Reservation,
        terms: Terms,
        first: BytesMut,
    ) -> Self {
        let now = Instant::now();
        Flow {
            upstream: Some(reply.body),
            request_id: reply.request_id.map(Arc::from),
            live: Some(Live { relay, reservation }),
            first_byte: (!first.is_empty()).then_some(now),
            first,
            last_input: now,
            turns_left: TURNS,
            at_eof: false,
            watchdog: Box::pin(sleep_until(now + terms.idle_timeout)),
            terms,
        }
    }

    /// Takes what upstream has ready and appends what the client shall have of it to `out`.
    ///
    /// Ready with [`Stop::Output`] for the first event, and as soon as upstream runs dry and `out` holds something. Pending with something in
    /// `out` means that more of it is about to come: the task has been woken already.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, out: &mut BytesMut) -> Poll<Stop> {
        let (Some(Live { relay, .. }), Some(upstream)) = (&mut self.live, &mut self.upstream) else {
            return Poll::Ready(Stop::End(UpstreamEnd::Eof));
        };
        // At once, and with it the answer's headers: waiting for more would send those ahead by themselves.
        if !self.first.is_empty() {
            out.unsplit(std::mem::take(&mut self.first));
            return Poll::Ready(Stop::Output);
        }
        let mut read = false;
        let stop = loop {
            if out.len() >= ENOUGH {
                break Some(Stop::Output);
            }
            match Pin::new(&mut *upstream).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    read = true;
                    self.turns_left = TURNS;
                    if let Ok(data) = frame.into_data() {
                        relay.push(data, out);
                    }
                }
                // After the last event, only the connection's reuse is at stake.
                Poll::Ready(Some(Err(_))) if relay.is_over() => break Some(Stop::End(UpstreamEnd::Eof)),
                Poll::Ready(Some(Err(error))) => {
                    let failure = Failure::broken_off(error.to_string());
                    break Some(Stop::End(UpstreamEnd::Failed(failure)));
                }
                Poll::Ready(None) => {
                    self.at_eof = true;
                    break Some(Stop::End(UpstreamEnd::Eof));
                }
                Poll::Pending if relay.is_over() && self.turns_left == 0 => {
                    break Some(Stop::End(UpstreamEnd::Eof));
                }
                Poll::Pending if out.is_empty() && !relay.is_over() => break None,
                Poll::Pending if self.turns_left > 0 => {
                    self.turns_left -= 1;
                    // Behind the connection's own task, which the poll above has woken.
                    cx.waker().wake_by_ref();
                    if read {
                        self.last_input = Instant::now();
                    }
                    return Poll::Pending;
                }
                Poll::Pending => break Some(Stop::Output),
            }
        };
        if read {
            self.last_input = Instant::now();
        }
        if read && self.first_byte.is_none() {
            self.first_byte = Some(self.last_input);
        }
        match stop {
            Some(stop) => Poll::Ready(stop),
            None => self.poll_watchdog(cx),
        }
    }

    /// Waits for the next output or the end.
    pub(crate) async fn read(&mut self, out: &mut BytesMut) -> Stop {
        std::future::poll_fn(|cx| self.poll_read(cx, out)).await
    }

    /// The timer is moved only when it fires, so that reading never touches it.
    fn poll_watchdog(&mut self, cx: &mut Context<'_>) -> Poll<Stop> {
        while self.watchdog.as_mut().poll(cx).is_ready() {
            let due = self.last_input + self.terms.idle_timeout;
            if due <= Instant::now() {
                let failure = Failure::local(
                    FailureClass::TimedOut,
                    "IdleTimeout",
                    "upstream was silent for longer than bedrock.idle_timeout_seconds",
                );
                return Poll::Ready(Stop::End(UpstreamEnd::Failed(failure)));
            }
            self.watchdog.as_mut().reset(due);
        }
        Poll::Pending
    }

    /// Settles. What is appended to `out` may be shown only once the ticket is durable.
    pub(crate) fn finish(
        mut self: Box<Self>,
        end: UpstreamEnd,
        audience: Audience,
        out: &mut BytesMut,
    ) -> Finished {
        let Live { relay, reservation } = self.live.take().expect("a flow is finished by value, so once");
        let before = out.len();
        let is_given_up = matches!(&end, UpstreamEnd::Failed(failure) if is_own(failure));
        let mut ending = relay.finish(end, out);
        self.learn(&ending, reservation.call());
        // A whole answer was written before its first byte came, and one that the gateway leaves is written on.
        let may_be_written = is_given_up || (ending.failure.is_some() && !self.terms.label.stream);
        if may_be_written && ending.basis == stonegate_protocol::Basis::Estimated {
            let usage = &mut ending.usage;
            usage.output_tokens = usage.output_tokens.max(reservation.output_tokens());
        }
        let last = out.get(before..).unwrap_or_default();
        let keeping = self.terms.keeping.as_ref().filter(|_| ending.failure.is_none());
        let document = keeping.and_then(|keeping| keeping.document(last, clock::now()));
        let call = reservation.call();
        let settlement = self.settlement(&ending, audience);
        record::ended(call, &self.terms.label, &settlement, ending.failure.as_ref());
        let ticket = reservation.settle(settlement);
        let rest = self.upstream.take().filter(|_| !self.at_eof && ending.failure.is_none());
        Finished { ticket, ending, rest, document }
    }

    /// What upstream says of the prompt is true of later ones, however the answer ended.
    fn learn(&self, ending: &Ending, call: CallId) {
        if ending.basis == stonegate_protocol::Basis::Reported
            && let Some(exceeded) = self.terms.expected.reported(ending.usage.prompt_tokens(), clock::now)
        {
            record::exceeded(call, &self.terms.label, exceeded);
        }
    }

    fn settlement(&self, ending: &Ending, audience: Audience) -> Settlement {
        let outcome = match (&ending.failure, audience) {
            (Some(failure), _) if failure.error_type == STOPPING => Outcome::GatewayStopped,
            (Some(_), _) => Outcome::UpstreamFailed,
            (None, Audience::Client) => Outcome::Complete,
            (None, Audience::Nobody) => Outcome::ClientGone,
        };
        let cost = self.terms.price.cost(&ending.usage);
        Settlement {
            uncached_cost: self.terms.price.uncached_cost(&ending.usage),
            stop_reason: ending.stop_reason.as_deref().map(Arc::from),
            ..self.facts(Settlement::new(outcome, basis(ending), cost, tokens(&ending.usage)))
        }
    }

    /// What is known however the answer ends.
    fn facts(&self, settlement: Settlement) -> Settlement {
        Settlement {
            first_byte_us: self.first_byte.map(|at| micros(at - self.terms.started)),
            total_us: micros(self.terms.started.elapsed()),
            status: 200,
            endpoint: Some(Arc::clone(&self.terms.endpoint)),
            upstream_request_id: self.request_id.clone(),
            ..settlement
        }
    }
}

/// An answer that nobody reads to its end, because its client left or the gateway stops.
impl Drop for Flow {
    fn drop(&mut self) {
        let Some(Live { relay, mut reservation }) = self.live.take() else { return };
        // Where nothing came, nothing is known but what is held. Else the rest is written, and billed, with nobody to read it.
        let mut uncached_cost = None;
        if self.first_byte.is_some() {
            let mut usage = *relay.seen();
            if !relay.is_over() {
                usage.output_tokens = usage.output_tokens.max(reservation.output_tokens());
            }
            uncached_cost = Some(self.terms.price.uncached_cost(&usage));
            reservation.observe(Seen { tokens: tokens(&usage), cost: self.terms.price.cost(&usage) });
        }
        let mut settlement = self.facts(reservation.last_known());
        settlement.uncached_cost = uncached_cost.unwrap_or(settlement.cost);
        record::ended(reservation.call(), &self.terms.label, &settlement, None);
        let _ticket = reservation.settle(settlement);
    }
}

/// Whether it is the gateway that gave up, and not upstream.
fn is_own(failure: &Failure) -> bool {
    failure.leaves_upstream_writing() || failure.error_type == STOPPING
}

/// The journal's view of a usage report.
pub(crate) fn tokens(usage: &Usage) -> Tokens {
    Tokens {
        input: usage.input_tokens,
        output: usage.output_tokens,
        cache_read: usage.cache_read_tokens,
        cache_write_5m: usage.cache_write_5m_tokens,
        cache_write_1h: usage.cache_write_1h_tokens,
        thinking: usage.thinking_tokens,
    }
}

fn basis(ending: &Ending) -> Basis {
    match ending.basis {
        stonegate_protocol::Basis::Reported => Basis::Reported,
        stonegate_protocol::Basis::Estimated => Basis::Estimated,
    }
}

/// Microseconds, as many as a record can hold.
pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
