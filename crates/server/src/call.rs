//! The straight way of a call: one function, each step a file of its own.

pub(crate) mod admit;
pub(crate) mod authenticate;
pub(crate) mod claim;
mod collect;
mod detach;
pub(crate) mod dispatch;
pub(crate) mod entrance;
pub(crate) mod flow;
pub(crate) mod intake;
pub(crate) mod near;
pub(crate) mod origin;
pub(crate) mod record;
mod reply;
pub(crate) mod reserve;
pub(crate) mod trial;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::BytesMut;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use stonegate_ledger::Reservation;
use stonegate_protocol::{Answering, Dropped, Problem};

use crate::app::App;
use crate::call::admit::Admission;
use crate::call::claim::Claim;
use crate::call::collect::Collect;
use crate::call::detach::Detach;
use crate::call::dispatch::{Answer, Outgoing, dispatch};
use crate::call::entrance::Entrance;
use crate::call::flow::{Audience, Flow, Stop};
use crate::call::intake::Intake;
use crate::call::near::Near;
use crate::call::origin::Origin;
use crate::call::reply::StreamBody;
use crate::call::reserve::Quoted;
use crate::{clock, error, kept};

/// A dispatch under way.
type Work = Pin<Box<dyn Future<Output = Result<Answer, Problem>> + Send>>;

/// `POST /v1/messages`.
pub(crate) async fn messages(State(app): State<Arc<App>>, request: Request) -> Response {
    serve(app, request, entrance::MESSAGES).await
}

/// `POST /v1/chat/completions`.
pub(crate) async fn chat(State(app): State<Arc<App>>, request: Request) -> Response {
    serve(app, request, entrance::CHAT).await
}

/// `POST /v1/responses`.
pub(crate) async fn responses(State(app): State<Arc<App>>, request: Request) -> Response {
    serve(app, request, entrance::RESPONSES).await
}

/// `POST /v1/responses/compact`.
pub(crate) async fn compact(State(app): State<Arc<App>>, request: Request) -> Response {
    serve(app, request, entrance::COMPACT).await
}

/// `POST /model/{id}/converse`.
pub(crate) async fn converse(State(app): State<Arc<App>>, request: Request) -> Response {
    serve(app, request, entrance::CONVERSE).await
}

/// `POST /model/{id}/converse-stream`.
pub(crate) async fn converse_stream(State(app): State<Arc<App>>, request: Request) -> Response {
    serve(app, request, entrance::CONVERSE_STREAM).await
}

/// `POST /model/{id}/invoke`.
pub(crate) async fn invoke(State(app): State<Arc<App>>, request: Request) -> Response {
    serve(app, request, entrance::INVOKE).await
}

/// `POST /model/{id}/invoke-with-response-stream`.
pub(crate) async fn invoke_stream(State(app): State<Arc<App>>, request: Request) -> Response {
    serve(app, request, entrance::INVOKE_STREAM).await
}

/// One call, whichever way it came in.
pub(crate) async fn serve(app: Arc<App>, request: Request, entrance: Entrance) -> Response {
    let intake = Intake::now();
    let outgoing = match prepare(&app, &intake, request, entrance).await {
        Ok(outgoing) => outgoing,
        Err(problem) => {
            record::refused(intake.call, &problem);
            return error::respond(&problem, intake.call, entrance.dialect);
        }
    };
    match answer(app, outgoing).await {
        Ok(mut response) => {
            error::identify_for(&mut response, intake.call, entrance.dialect);
            response
        }
        Err(problem) => error::respond(&problem, intake.call, entrance.dialect),
    }
}

/// Everything before the call is sent: who, what, whether, and for how much.
async fn prepare(
    app: &App,
    intake: &Intake,
    request: Request,
    entrance: Entrance,
) -> Result<Box<Outgoing>, Problem> {
    let (head, body) = request.into_parts();
    let claim = Claim::read(app, &head, intake).await?;
    let body = intake::read_body(app, &head.headers, body).await?;
    let caller = claim.prove(app, &head, &body, intake.at)?;
    let origin = Origin::read(&app.names, &head.headers, &caller)?;
    let inbound = (entrance.parse)(&head, body).map_err(|malformed| Problem::from(&malformed))?;
    let inbound = kept::go_on(app, &caller, inbound, intake.at).await?;
    let admission = admit::admit(app, &caller, entrance.action, &*inbound)?;
    let fetched = app.media.fetch(inbound.remote_media()).await?;
    let sizes = inbound.sizes().with_fetched(fetched.values());
    let Quoted { quote, price, expected } = reserve::quote(app, &admission, &*inbound, &sizes, intake.at)?;
    let draft = reserve::draft(app, &admission, &*inbound, intake, origin);
    let reservation = reserve::reserve(app, &admission, quote, draft).await?;
    let patience = intake::patience(&head.headers);
    let answering = Answering {
        call: intake.call.to_string(),
        created_at: intake.at.as_second(),
        clock: || clock::now().as_second(),
        is_kept: app.config.responses.keep && inbound.wants_kept(),
        fetched,
    };
    Ok(Box::new(Outgoing {
        inbound,
        admission,
        quote,
        price,
        expected,
        reservation,
        answering,
        owner: kept::owner(&caller),
        started: intake.started,
        patience,
    }))
}

/// The call itself, and the way back.
async fn answer(app: Arc<App>, outgoing: Box<Outgoing>) -> Result<Response, Problem> {
    let granted = outgoing.reservation.output_tokens();
    let asked = outgoing.inbound.max_output_tokens();
    let is_lowered = granted < asked.unwrap_or(outgoing.quote.output_tokens);
    let dialect = outgoing.inbound.dialect();
    let near = near(&outgoing.reservation, &outgoing.admission);
    let mut response = if outgoing.inbound.is_stream() {
        stream(app, outgoing).await?
    } else {
        whole(app, outgoing).await?
    };
    if is_lowered {
        response.headers_mut().insert(MAX_TOKENS, HeaderValue::from(granted));
    }
    if let Some(near) = near {
        near.tell(&mut response, dialect);
    }
    Ok(response)
}

/// The budget that is nearest to its limit, by the name that the caller knows.
pub(crate) fn near(reservation: &Reservation, admission: &Admission) -> Option<Near> {
    let standing = reservation.near()?;
    Some(Near::new(standing.clone(), admission.name_of(&standing.budget.account)))
}

/// Room for the headers of an answer, which would else be moved again and again as they come.
const HEADERS: usize = 12;
/// The header that tells of a lowered output ceiling.
const MAX_TOKENS: HeaderName = HeaderName::from_static("x-stonegate-max-tokens");
/// The header that tells what did not go upstream.
const DROPPED: HeaderName = HeaderName::from_static("x-stonegate-dropped");

/// A streamed answer. Errors keep their status as long as the model answers within the ping time; a client that has
/// waited for longer gets its headers and a ping, and an error would follow as an event.
async fn stream(app: Arc<App>, outgoing: Box<Outgoing>) -> Result<Response, Problem> {
    let (ping, dialect) = (app.config.stream.ping, outgoing.inbound.dialect());
    let mut pending = detached(Arc::clone(&app), dispatch(Arc::clone(&app), outgoing));
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.reserve(HEADERS);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(dialect.stream_type()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Reverse proxies in front of us must not gather events.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    let body = match tokio::time::timeout(ping, &mut pending).await {
        Ok(answer) => {
            let Answer { flow, dropped, headers } = answer?;
            say_dropped(&mut response, &dropped);
            response.headers_mut().extend(headers);
            StreamBody::relaying(app, dialect, flow)
        }
        Err(_elapsed) => StreamBody::waiting(app, dialect, Box::pin(async { Ok(pending.await?.flow) })),
    };
    *response.body_mut() = Body::new(body);
    Ok(response)
}

/// An answer in one piece. It is given once its record is kept.
async fn whole(app: Arc<App>, outgoing: Box<Outgoing>) -> Result<Response, Problem> {
    let time_is_over = app.stopping.time_is_over();
    tokio::select! {
        biased;
        answer = read_whole(app, outgoing) => answer,
        () = time_is_over.cancelled() => Err(Problem::from(&reply::stopping())),
    }
}

async fn read_whole(app: Arc<App>, outgoing: Box<Outgoing>) -> Result<Response, Problem> {
    let Answer { flow, dropped, headers } =
        detached(Arc::clone(&app), dispatch(Arc::clone(&app), outgoing)).await?;
    let (finished, body) = Collect::new(Arc::clone(&app), flow).await;
    app.keeper.durable(finished.ticket).await.map_err(error::unrecorded)?;
    kept::put(&*app.archive, finished.document).await;
    if let Some(failure) = finished.ending.failure {
        return Err(Problem::from(&failure));
    }
    let mut response = Response::new(Body::from(body.freeze()));
    response.headers_mut().reserve(HEADERS);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().extend(headers);
    say_dropped(&mut response, &dropped);
    Ok(response)
}

/// Reads an answer to its end for the sake of its usage report.
pub(crate) async fn drain(app: Arc<App>, mut flow: Box<Flow>) {
    let mut unseen = BytesMut::new();
    let end = loop {
        match flow.read(&mut unseen).await {
            Stop::End(end) => break end,
            Stop::Output => unseen.clear(),
        }
    };
    app.read_out(flow.finish(end, Audience::Nobody, &mut unseen).rest);
}

/// A dispatch that goes on, and drains what it gets, should the client leave.
fn detached(
    app: Arc<App>,
    work: impl Future<Output = Result<Answer, Problem>> + Send + 'static,
) -> Detach<Result<Answer, Problem>, impl FnOnce(Work)> {
    Detach::new(Box::pin(work), move |work: Work| {
        let own = Arc::clone(&app);
        app.rescue(async move {
            if let Ok(Answer { flow, .. }) = work.await {
                drain(own, flow).await;
            }
        });
    })
}

pub(crate) fn say_dropped(response: &mut Response, dropped: &[Dropped]) {
    if dropped.is_empty() {
        return;
    }
    let list = dropped.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if let Ok(value) = HeaderValue::from_str(&list) {
        response.headers_mut().insert(DROPPED, value);
    }
}
