//! Translate, send, and perhaps again: everything until the first byte of an answer is in hand.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use http::{HeaderName, HeaderValue};
use http_body_util::BodyExt as _;
use stonegate_bedrock::{Deadlines, Reply};
use stonegate_catalog::{Expected, Price};
use stonegate_identity::archive::DocumentOwner;
use stonegate_ledger::{Basis, Nanodollars, Outcome, Quote, Reservation, Settlement, Tokens};
use stonegate_protocol::{
    Answering, Bounds, Carried, Dialect, Door, Dropped, Failure, FailureClass, Inbound, Learned, Problem,
    Relay, SentBetas, Target, bedrock_native, carry,
};
use tokio::time::Instant;

use crate::app::App;
use crate::call::admit::Admission;
use crate::call::flow::{Flow, Terms, micros};
use crate::call::intake::Intake;
use crate::call::record::{self, Label};
use crate::call::trial::Trial;
use crate::clock;
use crate::kept::Keeping;

/// A call that is paid for and not yet sent. It is large and handed on from step to step, so in a box.
pub(crate) struct Outgoing {
    pub(crate) inbound: Box<dyn Inbound>,
    pub(crate) admission: Admission,
    pub(crate) quote: Quote,
    pub(crate) price: Arc<Price>,
    pub(crate) expected: Expected,
    pub(crate) reservation: Reservation,
    pub(crate) answering: Answering,
    /// Whose kept answers are.
    pub(crate) owner: DocumentOwner,
    pub(crate) started: Instant,
    /// How long the client said that it waits.
    pub(crate) patience: Option<Duration>,
}

impl Outgoing {
    fn label(&self) -> Label {
        Label {
            path: self.admission.path().clone(),
            model: Arc::clone(&self.admission.resolved().model.id),
            stream: self.inbound.is_stream(),
        }
    }
}

/// An answer that has begun, and what the client should know of how the call was carried.
pub(crate) struct Answer {
    pub(crate) flow: Box<Flow>,
    pub(crate) dropped: Vec<Dropped>,
    /// Headers of Bedrock's answer that are the client's as well.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

/// Why one attempt came to nothing.
enum Setback {
    /// Upstream's doing; another attempt may help. With the betas that the attempt sent.
    Failure(Failure, SentBetas),
    /// The request asks for what the model cannot do.
    Unsupported(Problem),
}

/// Sends the call, trying again where that can help, and gives its answer as soon as the first byte is there.
///
/// A call that fails for good is settled here.
pub(crate) async fn dispatch(app: Arc<App>, outgoing: Box<Outgoing>) -> Result<Answer, Problem> {
    let mut outgoing = Attended(Some(outgoing));
    let first = outgoing.get();
    let mut trial = Trial::begin(&app, first.started, first.patience);
    loop {
        trial.attempt();
        let current = outgoing.get();
        let learned = trial.learned(&app.lessons, &current.admission);
        let (failure, betas) = match attempt(&app, current, &learned).await {
            Ok((reply, carried, first)) => {
                trial.confirm(&app.lessons, &current.admission, current.reservation.call());
                app.lockout.accepted();
                return Ok(begin(&app, outgoing.take(), reply, carried, first));
            }
            Err(Setback::Unsupported(problem)) => {
                fail(outgoing.take(), &app, Outcome::Refused, None);
                return Err(problem);
            }
            Err(Setback::Failure(failure, betas)) => (failure, betas),
        };
        app.lockout.failed(&failure);
        if outcome_of(&failure) == Outcome::Refused {
            current.reservation.mark_refused();
        }
        let heals = |door: Door<'_>| current.inbound.heals(door.surface);
        if current.admission.door().is_ok_and(heals) && trial.leave_out(&learned, &failure, betas) {
            continue;
        }
        match trial.pause(&app, &failure) {
            Some(pause) if pay(&app, current, &failure) => {
                trial.rest(current.reservation.call(), pause, &failure).await;
            }
            Some(_) | None => {
                let problem = current.inbound.problem(&failure);
                fail(outgoing.take(), &app, outcome_of(&failure), Some(&failure));
                return Err(problem);
            }
        }
    }
}

/// A call until its answer begins. Dropped before that, because its client left or the gateway stops, it is settled by
/// what is known of it, and logged as every call is.
struct Attended(Option<Box<Outgoing>>);

impl Attended {
    fn get(&mut self) -> &mut Outgoing {
        self.0.as_mut().expect("it is taken only when the dispatch returns")
    }

    fn take(&mut self) -> Box<Outgoing> {
        self.0.take().expect("it is taken only when the dispatch returns")
    }
}

impl Drop for Attended {
    fn drop(&mut self) {
        let Some(outgoing) = self.0.take() else { return };
        let settlement =
            Settlement { total_us: micros(outgoing.started.elapsed()), ..outgoing.reservation.last_known() };
        record::ended(outgoing.reservation.call(), &outgoing.label(), &settlement, None);
        let _ticket = outgoing.reservation.settle(settlement);
    }
}

/// One attempt: the answer's headers, and for a stream its first event, so that a failure which Bedrock reports as the
/// first event of a successful stream can still be tried again.
async fn attempt(
    app: &App,
    outgoing: &mut Outgoing,
    learned: &Learned,
) -> Result<(Reply, Carried, BytesMut), Setback> {
    let resolved = outgoing.admission.resolved();
    let target = Target {
        upstream_id: &resolved.upstream_id,
        door: outgoing.admission.door().map_err(Setback::Unsupported)?,
        capabilities: &resolved.model.capabilities,
        traits: &resolved.model.traits,
        long_context: resolved.long_context,
    };
    let bounds = Bounds {
        input_tokens: outgoing.quote.unresolved_tokens(0).input,
        output_tokens: outgoing.reservation.output_tokens(),
    };
    let mut carried = carry(&*outgoing.inbound, &target, learned, bounds, &outgoing.answering)
        .map_err(|unsupported| Setback::Unsupported(Problem::from(&unsupported)))?;
    outgoing.reservation.mark_sent();
    let deadlines = Deadlines { first_byte: app.config.bedrock.first_byte_timeout };
    let mut first = BytesMut::new();
    match send(app, &mut carried, deadlines, &mut first).await {
        Ok(reply) => Ok((reply, carried, first)),
        Err(failure) => Err(Setback::Failure(failure, carried.betas)),
    }
}

async fn send(
    app: &App,
    carried: &mut Carried,
    deadlines: Deadlines,
    first: &mut BytesMut,
) -> Result<Reply, Failure> {
    let mut reply =
        app.bedrock.send(&app.endpoint, &carried.outbound, deadlines, clock::now().into()).await?;
    let headers = reply.headers.iter().filter(|(name, _)| name.as_str().starts_with("x-amzn-bedrock-"));
    let headers: Vec<(&str, &str)> =
        headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
    carried.relay.headers(&headers);
    if carried.outbound.stream {
        let silence = app.config.bedrock.first_byte_timeout;
        match tokio::time::timeout(silence, first_event(&mut reply, &mut carried.relay, first)).await {
            Ok(begun) => begun?,
            Err(_elapsed) => {
                let detail = "no event within bedrock.first_byte_timeout_seconds";
                return Err(Failure::local(FailureClass::TimedOut, "Timeout", detail));
            }
        }
    }
    Ok(reply)
}

/// Reads until there is something for the client.
async fn first_event(reply: &mut Reply, relay: &mut Relay, first: &mut BytesMut) -> Result<(), Failure> {
    while first.is_empty() {
        match reply.body.frame().await {
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    relay.push(data, first);
                }
            }
            Some(Err(error)) => return Err(Failure::broken_off(error.to_string())),
            None => return Err(Failure::broken_off("the stream ended before its first event")),
        }
        if first.is_empty()
            && let Some(failure) = relay.failure()
        {
            return Err(failure.clone());
        }
    }
    Ok(())
}

fn begin(app: &App, outgoing: Box<Outgoing>, reply: Reply, carried: Carried, first: BytesMut) -> Answer {
    let headers = match outgoing.inbound.dialect() {
        Dialect::BedrockNative => answer_headers(&reply),
        Dialect::Anthropic | Dialect::OpenaiChat | Dialect::OpenaiResponses | Dialect::Converse => Vec::new(),
    };
    let label = outgoing.label();
    let Outgoing { inbound, price, expected, reservation, answering, owner, started, .. } = *outgoing;
    let keeping = answering.is_kept.then(|| {
        let days = app.config.responses.keep_days;
        Box::new(Keeping { inbound, owner, days })
    });
    let terms = Terms {
        label,
        price,
        expected,
        endpoint: Arc::clone(&app.endpoint.name),
        started,
        idle_timeout: app.config.bedrock.idle_timeout,
        keeping,
    };
    Answer {
        flow: Box::new(Flow::new(reply, carried.relay, reservation, terms, first)),
        dropped: carried.dropped,
        headers,
    }
}

fn answer_headers(reply: &Reply) -> Vec<(HeaderName, HeaderValue)> {
    bedrock_native::ANSWER_HEADERS
        .into_iter()
        .filter_map(|name| Some((HeaderName::from_static(name), reply.headers.get(name)?.clone())))
        .collect()
}

/// Whether upstream may bill for a failure: a refusal costs nothing, an answer that never came may.
pub(crate) fn outcome_of(failure: &Failure) -> Outcome {
    match failure.class {
        FailureClass::TimedOut | FailureClass::BrokenOff => Outcome::UpstreamFailed,
        FailureClass::Throttled
        | FailureClass::Exhausted
        | FailureClass::Overloaded
        | FailureClass::Unavailable
        | FailureClass::Rejected
        | FailureClass::Credentials
        | FailureClass::Denied
        | FailureClass::NotFound
        | FailureClass::Unreachable => Outcome::Refused,
    }
}

/// Charges an attempt that upstream may bill though no answer came, as a call of its own, before the next one is sent.
/// False where no budget covers both: the call then fails as it did.
fn pay(app: &App, outgoing: &mut Outgoing, failure: &Failure) -> bool {
    if outcome_of(failure) == Outcome::Refused {
        return true;
    }
    let intake = Intake::now();
    let Ok(attempt) = outgoing.reservation.again(intake.call, intake.at) else { return false };
    let settlement = settlement(app, outgoing, Outcome::UpstreamFailed, Some(failure));
    record::ended(attempt.call(), &outgoing.label(), &settlement, Some(failure));
    // The client sees no end of an answer, so nothing waits for the record.
    let _ticket = attempt.settle(settlement);
    outgoing.reservation.mark_refused();
    true
}

fn fail(outgoing: Box<Outgoing>, app: &App, outcome: Outcome, failure: Option<&Failure>) {
    let settlement = settlement(app, &outgoing, outcome, failure);
    record::ended(outgoing.reservation.call(), &outgoing.label(), &settlement, failure);
    // The client sees no end of an answer, so nothing waits for the record.
    let _ticket = outgoing.reservation.settle(settlement);
}

/// What an attempt without an answer is charged: nothing where upstream refused it, its input where upstream broke off,
/// and all that is held where the gateway waited no longer, since upstream may write its answer all the same.
fn settlement(app: &App, outgoing: &Outgoing, outcome: Outcome, failure: Option<&Failure>) -> Settlement {
    let is_left = failure.is_some_and(Failure::leaves_upstream_writing);
    let charged = match outcome {
        Outcome::UpstreamFailed if is_left => outgoing.reservation.unresolved(outcome),
        Outcome::UpstreamFailed => {
            let tokens = outgoing.quote.unresolved_tokens(0);
            Settlement::new(outcome, Basis::Estimated, outgoing.quote.unresolved(0), tokens)
        }
        // That a refused call costs nothing is known, not estimated.
        _ => Settlement::new(outcome, Basis::Reported, Nanodollars::ZERO, Tokens::default()),
    };
    Settlement {
        total_us: micros(outgoing.started.elapsed()),
        status: failure.map_or(400, |failure| failure.status),
        // What no upstream said was refused here.
        endpoint: failure.map(|_| Arc::clone(&app.endpoint.name)),
        ..charged
    }
}
