//! Embeddings, rankings and images: requests that become InvokeModel calls answered in one piece, run side by side.
//!
//! The way is that of every call (who, what, whether, for how much, send, settle, record), without a stream and without
//! output tokens.

mod task;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use http::header::{CONTENT_TYPE, HeaderValue};
use http_body_util::{BodyExt as _, Limited};
use stonegate_bedrock::Deadlines;
use stonegate_catalog::Price;
use stonegate_ledger::{Basis, Draft, Nanodollars, Outcome, Reservation, Settlement, Tokens};
use stonegate_protocol::{Answered, Dialect, Door, Failure, Outbound, Plan, Problem, Target, Usage};
use stonegate_routing::{Attempt, RetryPolicy, Verdict, verdict};
use tokio::time::Instant;

use crate::app::App;
use crate::call::admit::Admission;
use crate::call::flow::{micros, tokens};
use crate::call::intake::{self, Intake};
use crate::call::record::{self, Label};
use crate::call::{reserve, say_dropped};
use crate::invocations::task::{Billed, Task};
use crate::{clock, error};

/// How many calls of one request are under way at a time.
const SIDE_BY_SIDE: usize = 8;
/// The largest answer of one call: images in base64.
const ANSWER_LIMIT: usize = 64 * 1024 * 1024;

/// `POST /v1/embeddings`.
pub(crate) async fn embeddings(State(app): State<Arc<App>>, request: Request) -> Response {
    serve(&app, request, task::embeddings).await
}

/// `POST /v1/rerank`.
pub(crate) async fn rerank(State(app): State<Arc<App>>, request: Request) -> Response {
    serve(&app, request, task::rerank).await
}

/// `POST /v1/images/generations`.
pub(crate) async fn images(State(app): State<Arc<App>>, request: Request) -> Response {
    serve(&app, request, task::images).await
}

async fn serve(app: &App, request: Request, parse: task::Parse) -> Response {
    let intake = Intake::now();
    match answer(app, &intake, request, parse).await {
        Ok(mut response) => {
            error::identify(&mut response, intake.call);
            response
        }
        Err(problem) => error::respond(&problem, intake.call, Dialect::OpenaiChat),
    }
}

async fn answer(
    app: &App,
    intake: &Intake,
    request: Request,
    parse: task::Parse,
) -> Result<Response, Problem> {
    let prepared = prepare(app, intake, request, parse).await;
    let (task, job, plan) = prepared.inspect_err(|problem| record::refused(intake.call, problem))?;
    let label = job.label.clone();
    let (ticket, rendered) = job.run(app, &*task, &plan).await;
    app.keeper.durable(ticket).await.map_err(error::unrecorded)?;
    let body = rendered.map_err(|failure| {
        tracing::debug!(request_id = %intake.call, model = %label.model, %failure, "no answer to give");
        Problem::from(&failure)
    })?;
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    say_dropped(&mut response, &plan.dropped);
    Ok(response)
}

/// A request that is paid for and not yet sent.
struct Job {
    reservation: Reservation,
    price: Arc<Price>,
    billed: Billed,
    label: Label,
    started: Instant,
    created_at: i64,
    patience: Option<Duration>,
}

async fn prepare(
    app: &App,
    intake: &Intake,
    request: Request,
    parse: task::Parse,
) -> Result<(Box<dyn Task>, Job, Plan), Problem> {
    let (head, body) = request.into_parts();
    let caller = intake::authenticate(app, &head.headers, intake.at).await?;
    let body = intake::read_body(app, &head.headers, body).await?;
    let task = parse(&body).map_err(|malformed| Problem::from(&malformed))?;
    let billed = task.billed();
    let admission = Admission::for_task(app, &caller, task.action(), task.model(), billed.billing())?;
    let resolved = admission.resolved();
    let target = Target {
        upstream_id: &resolved.upstream_id,
        door: Door::INVOKE,
        capabilities: &resolved.model.capabilities,
        traits: &resolved.model.traits,
        long_context: false,
    };
    let plan = task.plan(&target).map_err(|unsupported| Problem::from(&unsupported))?;
    let price = Arc::clone(&resolved.price);
    let draft = Draft {
        call: intake.call,
        started_at: intake.at,
        dialect: app.names.dialect(Dialect::OpenaiChat),
        client: intake::client(&head.headers).map(Arc::from),
        model_requested: Arc::from(task.model()),
        model_served: Arc::clone(&resolved.model.id),
        price_version: Arc::clone(&app.names.price_version),
        stream: false,
    };
    let quote = billed.quote(&price, task.sizes());
    let reservation = reserve::reserve(app, &admission, quote, draft).await?;
    let label =
        Label { path: admission.path().clone(), model: Arc::clone(&resolved.model.id), stream: false };
    let job = Job {
        reservation,
        price,
        billed,
        label,
        started: intake.started,
        created_at: intake.at.as_second(),
        patience: intake::patience(&head.headers),
    };
    Ok((task, job, plan))
}

impl Job {
    /// Runs the calls, settles, and gives what the client shall see once the ticket is durable.
    async fn run(
        mut self,
        app: &App,
        task: &dyn Task,
        plan: &Plan,
    ) -> (stonegate_ledger::Ticket, Result<Bytes, Failure>) {
        self.reservation.mark_sent();
        // What upstream has reported so far, whether or not the rest comes to anything.
        let reported = AtomicU64::new(0);
        let (counted, started, patience) = (&reported, self.started, self.patience);
        let calls = plan.calls.clone().into_iter().map(|outbound| async move {
            let answer = invoke(app, &outbound, started, patience).await?;
            counted.fetch_add(task.tokens(&answer.view())?, Ordering::Relaxed);
            Ok::<Whole, Failure>(answer)
        });
        let answers: Result<Vec<Whole>, Failure> =
            futures_util::stream::iter(calls).buffered(SIDE_BY_SIDE).try_collect().await;
        let input_tokens = reported.load(Ordering::Relaxed);
        let call = self.reservation.call();
        let rendered = answers.and_then(|answers| {
            let views: Vec<Answered<'_>> = answers.iter().map(Whole::view).collect();
            task.render(&views, &call.to_string(), self.created_at, input_tokens)
        });
        let settlement = self.settlement(app, input_tokens, rendered.as_ref().err());
        record::ended(call, &self.label, &settlement, rendered.as_ref().err());
        (self.reservation.settle(settlement), rendered)
    }

    fn settlement(&self, app: &App, input_tokens: u64, failure: Option<&Failure>) -> Settlement {
        let usage = Usage { input_tokens, ..Usage::default() };
        let cost = match failure {
            // Nobody is billed for what upstream refused; what it answered before that is counted.
            Some(_) if input_tokens == 0 => Nanodollars::ZERO,
            _ => self.billed.cost(&self.price, &usage),
        };
        let outcome = match failure {
            None => Outcome::Complete,
            Some(_) if input_tokens == 0 => Outcome::Refused,
            Some(_) => Outcome::UpstreamFailed,
        };
        Settlement {
            total_us: micros(self.started.elapsed()),
            status: failure.map_or(200, |failure| failure.status),
            endpoint: Some(Arc::clone(&app.endpoint.name)),
            ..Settlement::new(outcome, Basis::Reported, cost, Tokens { ..tokens(&usage) })
        }
    }
}

/// One answer, whole.
struct Whole {
    body: Bytes,
    input_tokens: Option<u64>,
}

impl Whole {
    fn view(&self) -> Answered<'_> {
        Answered { body: &self.body, input_tokens: self.input_tokens }
    }
}

/// One call, tried again where that can help.
async fn invoke(
    app: &App,
    outbound: &Outbound,
    started: Instant,
    patience: Option<Duration>,
) -> Result<Whole, Failure> {
    app.allowance.earn();
    let bedrock = &app.config.bedrock;
    let policy = RetryPolicy { most_attempts: bedrock.max_attempts, budget: bedrock.retry_budget };
    let mut made = 0;
    loop {
        made += 1;
        let failure = match once(app, outbound).await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        let attempt = Attempt { made, elapsed: started.elapsed(), patience, jitter: clock::jitter() };
        match verdict(&failure, attempt, policy) {
            Verdict::After(pause) if app.allowance.spend() => tokio::time::sleep(pause).await,
            Verdict::After(_) | Verdict::GiveUp => return Err(failure),
        }
    }
}

async fn once(app: &App, outbound: &Outbound) -> Result<Whole, Failure> {
    let deadlines = Deadlines { first_byte: app.config.bedrock.first_byte_timeout };
    let reply = app.bedrock.send(&app.endpoint, outbound, deadlines, clock::now().into()).await?;
    let count = reply.headers.get("x-amzn-bedrock-input-token-count");
    let input_tokens = count.and_then(|count| count.to_str().ok()?.parse().ok());
    let body = Limited::new(reply.body, ANSWER_LIMIT).collect();
    let body = tokio::time::timeout(app.config.bedrock.idle_timeout, body)
        .await
        .map_err(|_elapsed| Failure::broken_off("the answer did not come to its end in time"))?
        .map_err(|error| Failure::broken_off(error.to_string()))?;
    Ok(Whole { body: body.to_bytes(), input_tokens })
}
