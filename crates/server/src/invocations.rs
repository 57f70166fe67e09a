//! Embeddings, rankings and images: requests that become InvokeModel calls answered in one piece, run side by side.
//!
//! The way is that of every call (who, what, whether, for how much, send, settle, record), without a stream and without
//! output tokens.

mod parts;
mod task;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use stonegate_ledger::{Draft, Outcome, Reservation, Ticket};
use stonegate_protocol::{Answered, Dialect, Door, Failure, Plan, Problem, Target};
use tokio::time::Instant;

use crate::app::App;
use crate::call::admit::Admission;
use crate::call::intake::{self, Intake};
use crate::call::near::Near;
use crate::call::origin::Origin;
use crate::call::record::{self, Label};
use crate::call::{self, reserve, say_dropped};
use crate::error;
use crate::invocations::parts::{Consumed, Run, Whole};
use crate::invocations::task::{Billed, Task};

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
    let (task, mut job, plan) = prepared.inspect_err(|problem| record::refused(intake.call, problem))?;
    let label = job.label.clone();
    let near = job.near.take();
    let (ticket, rendered) = job.run(app, &*task, &plan).await;
    app.keeper.durable(ticket).await.map_err(error::unrecorded)?;
    let body = rendered.map_err(|failure| {
        tracing::debug!(request_id = %intake.call, model = %label.model, %failure, "no answer to give");
        Problem::from(&failure)
    })?;
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    say_dropped(&mut response, &plan.dropped);
    if let Some(near) = near {
        near.tell(&mut response, Dialect::OpenaiChat);
    }
    Ok(response)
}

/// A request that is paid for and not yet sent.
struct Job {
    reservation: Reservation,
    near: Option<Near>,
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
    let caller = intake::authenticate(app, &head, intake).await?;
    let origin = Origin::read(&app.names, &head.headers, &caller)?;
    let body = intake::read_body(app, &head.headers, body).await?;
    let task = parse(&body).map_err(|malformed| Problem::from(&malformed))?;
    let (admission, billing) =
        Admission::for_task(app, &caller, task.action(), task.model(), task.billings())?;
    let resolved = admission.resolved();
    let target = Target {
        upstream_id: &resolved.upstream_id,
        door: Door::INVOKE,
        capabilities: &resolved.model.capabilities,
        traits: &resolved.model.traits,
        long_context: false,
    };
    let plan = task.plan(&target).map_err(|unsupported| Problem::from(&unsupported))?;
    let billed = Billed { billing, price: Arc::clone(&resolved.price) };
    let draft = Draft {
        call: intake.call,
        started_at: intake.at,
        dialect: app.names.dialect(Dialect::OpenaiChat),
        client: origin.client,
        tags: origin.tags,
        model_requested: reserve::kept_model_name(task.model()),
        model_served: Arc::clone(&resolved.model.id),
        price_version: Arc::clone(&app.names.price_version),
        stream: false,
    };
    let quote = billed.quote(task.sizes(), plan.calls.iter().map(|part| part.units).sum());
    let reservation = reserve::reserve(app, &admission, quote, draft).await?;
    let label =
        Label { path: admission.path().clone(), model: Arc::clone(&resolved.model.id), stream: false };
    let near = call::near(&reservation, &admission);
    let job = Job {
        reservation,
        near,
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
    async fn run(mut self, app: &App, task: &dyn Task, plan: &Plan) -> (Ticket, Result<Bytes, Failure>) {
        self.reservation.mark_sent();
        let run = Run {
            app,
            task,
            billed: &self.billed,
            reservation: &self.reservation,
            label: &self.label,
            started: self.started,
            patience: self.patience,
        };
        let (consumed, answers) = run.all(&plan.calls).await;
        let call = self.reservation.call();
        let rendered = answers.and_then(|answers| {
            let views: Vec<Answered<'_>> = answers.iter().map(Whole::view).collect();
            task.render(&views, &call.to_string(), self.created_at, consumed.tokens)
        });
        let failure = rendered.as_ref().err();
        // Nobody is billed for what upstream refused; what it answered before that is charged.
        let outcome =
            if consumed == Consumed::default() { Outcome::Refused } else { Outcome::UpstreamFailed };
        let ended = failure.map(|failure| (outcome, failure));
        let settlement = self.billed.settlement(app, consumed, self.started.elapsed(), ended);
        record::ended(call, &self.label, &settlement, failure);
        (self.reservation.settle(settlement), rendered)
    }
}
