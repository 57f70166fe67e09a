//! `POST /v1/metrics`, `/v1/logs`, `/v1/traces`: what clients measure of themselves (OTLP over HTTP).
//!
//! Claude Code sends it to the gateway that it signed in to. It is stamped with who sent it and goes to the collector that the
//! operator names, or is let go where none is named. Whoever sends it has to have a key, and never waits for the collector.
//! None of it is logged: it may hold what people asked.

mod body;
mod relay;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http_body_util::BodyExt as _;
use stonegate_identity::Caller;
use stonegate_protocol::otlp::{Attribute, Encoding, Signal, stamp};
use stonegate_protocol::{Dialect, Problem, ProblemKind};

use crate::app::App;
use crate::call::intake::{Intake, authenticate};
use crate::error;

use relay::Export;
pub(crate) use relay::{Relay, Sending};

/// The largest export that is taken, packed and unpacked.
const MOST: usize = 4 * 1024 * 1024;
/// How long the person's name and address are looked for; a sick store must not hold up a client.
const PERSON_PATIENCE: Duration = Duration::from_secs(1);

/// `POST /v1/metrics`
pub(crate) async fn metrics(State(app): State<Arc<App>>, request: Request) -> Response {
    take(&app, Signal::Metrics, request).await
}

/// `POST /v1/logs`
pub(crate) async fn logs(State(app): State<Arc<App>>, request: Request) -> Response {
    take(&app, Signal::Logs, request).await
}

/// `POST /v1/traces`
pub(crate) async fn traces(State(app): State<Arc<App>>, request: Request) -> Response {
    take(&app, Signal::Traces, request).await
}

/// Takes one export and answers as a collector does, in the export's own encoding.
async fn take(app: &App, signal: Signal, request: Request) -> Response {
    let intake = Intake::now();
    let (head, body) = request.into_parts();
    let named = head.headers.get(CONTENT_TYPE).and_then(|kind| Encoding::of(kind.to_str().ok()?));
    let taken = match (authenticate(app, &head, &intake).await, &app.telemetry) {
        (Err(problem), _) => Err(problem),
        (Ok(caller), Some(relay)) => pass_on(app, relay, signal, named, &caller, &head, body).await,
        (Ok(_), None) => {
            let_go(app, body).await;
            Ok(())
        }
    };
    let encoding = named.unwrap_or(Encoding::Binary);
    let mut response = match taken {
        Ok(()) => Response::new(Body::from(encoding.all_taken())),
        Err(problem) => refused(&problem, &intake, encoding),
    };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(encoding.content_type()));
    error::identify(&mut response, intake.call);
    response
}

async fn pass_on(
    app: &App,
    relay: &Relay,
    signal: Signal,
    encoding: Option<Encoding>,
    caller: &Caller,
    head: &Parts,
    body: Body,
) -> Result<(), Problem> {
    let encoding = encoding.ok_or_else(|| {
        unsupported("content-type: OTLP is taken as application/x-protobuf or application/json")
    })?;
    let export = body::read(app.config.server.body_timeout, MOST, &head.headers, body).await?;
    let attributes = identity(app, caller).await;
    let body = stamp(signal, encoding, &export, &attributes)
        .map_err(|wrong| Problem::new(ProblemKind::InvalidRequest, wrong.to_string()).retry(false))?;
    relay.offer(Export { signal, encoding, body });
    Ok(())
}

/// Who sent it, in the names of OpenTelemetry's conventions where there are such.
async fn identity(app: &App, caller: &Caller) -> Vec<Attribute> {
    let attribute = |name, value: Option<String>| value.map(|value| Attribute { name, value });
    let person = async { app.directory.directory().find_user(&caller.user).await.ok().flatten() };
    let person = if app.config.telemetry.name_people {
        tokio::time::timeout(PERSON_PATIENCE, person).await.ok().flatten()
    } else {
        None
    };
    let (name, email) = person.map_or((None, None), |person| (Some(person.name), person.email));
    let all = [
        attribute("stonegate.tenant", Some(caller.tenant.to_string())),
        attribute("stonegate.team", caller.team.as_ref().map(ToString::to_string)),
        attribute("stonegate.key", caller.key.as_ref().map(ToString::to_string)),
        attribute("user.id", Some(caller.user.to_string())),
        attribute("user.name", name),
        attribute("user.email", email),
    ];
    all.into_iter().flatten().collect()
}

/// Reads so much as keeps the connection; what is longer or slower costs the client its connection.
async fn let_go(app: &App, mut body: Body) {
    let discard = async {
        let mut length = 0_usize;
        while let Some(Ok(frame)) = body.frame().await {
            length = length.saturating_add(frame.data_ref().map_or(0, bytes::Bytes::len));
            if length > MOST {
                break;
            }
        }
    };
    tokio::time::timeout(app.config.server.body_timeout, discard).await.ok();
}

fn unsupported(message: &str) -> Problem {
    let problem = Problem::new(ProblemKind::InvalidRequest, message).retry(false);
    Problem { status: Some(http::StatusCode::UNSUPPORTED_MEDIA_TYPE.as_u16()), ..problem }
}

/// The status and headers that the problem has everywhere, with the body that OTLP wants.
fn refused(problem: &Problem, intake: &Intake, encoding: Encoding) -> Response {
    let (mut head, _) = error::respond(problem, intake.call, Dialect::Anthropic).into_parts();
    head.headers.remove(http::header::CONTENT_LENGTH);
    Response::from_parts(head, Body::from(encoding.status(code(problem.kind), &problem.message)))
}

/// The code of `google.rpc.Code` that says the same.
fn code(kind: ProblemKind) -> u8 {
    match kind {
        ProblemKind::InvalidRequest | ProblemKind::TooLarge => 3,
        ProblemKind::Timeout => 4,
        ProblemKind::NotFound => 5,
        ProblemKind::Billing | ProblemKind::RateLimited => 8,
        ProblemKind::Policy | ProblemKind::Permission => 7,
        ProblemKind::Unsupported => 12,
        ProblemKind::Internal => 13,
        ProblemKind::Authentication => 16,
        ProblemKind::Unavailable | ProblemKind::Overloaded => 14,
    }
}
