//! Responses that are kept for later calls: what is put away at the end of a call, what a call goes on from, and the paths
//! under `/v1/responses/{id}`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use jiff::{SignedDuration, Timestamp};
use stonegate_catalog::estimate_tokens;
use stonegate_identity::archive::{Archive, ArchiveError, Document, DocumentOwner};
use stonegate_identity::{Action, Caller, Resource, authorize};
use stonegate_protocol::openai_responses::{self, ItemsQuery, Stored};
use stonegate_protocol::{Dialect, Inbound, Problem, ProblemKind};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::call::admit::admit;
use crate::call::intake::{Intake, authenticate, read_body};
use crate::count::{ESTIMATED, density};
use crate::{clock, error};

/// How often what has ended is taken away, and how much at a time.
const SWEEP_EVERY: Duration = Duration::from_secs(600);
const SWEEP_MOST: u32 = 1_000;

/// An answer that its client wants kept.
pub(crate) struct Keeping {
    pub(crate) inbound: Box<dyn Inbound>,
    pub(crate) owner: DocumentOwner,
    pub(crate) days: u32,
}

impl Keeping {
    /// What to keep of an answer that ended with these bytes.
    pub(crate) fn document(&self, last: &[u8], now: Timestamp) -> Option<Document> {
        let (id, body) = self.inbound.kept(last)?;
        let expires_at = now.saturating_add(SignedDuration::from_hours(i64::from(self.days) * 24)).ok()?;
        Some(Document { owner: self.owner.clone(), id, body: body.to_vec(), created_at: now, expires_at })
    }
}

/// Puts a document away. The answer is complete and paid for, so it is given all the same when this fails.
pub(crate) async fn put(archive: &dyn Archive, document: Option<Document>) {
    let Some(document) = document else { return };
    let id = document.id.clone();
    if let Err(away) = archive.put(document).await {
        tracing::error!(
            error = &away as &dyn std::error::Error,
            response = id,
            "a response could not be kept"
        );
    }
}

/// Whose documents a caller's are.
pub(crate) fn owner(caller: &Caller) -> DocumentOwner {
    DocumentOwner { tenant: caller.tenant.clone(), user: caller.user.clone() }
}

/// The request with the answer that it goes on from, if it does.
pub(crate) async fn go_on(
    app: &App,
    caller: &Caller,
    inbound: Box<dyn Inbound>,
    now: Timestamp,
) -> Result<Box<dyn Inbound>, Problem> {
    let Some(id) = inbound.goes_on_from() else { return Ok(inbound) };
    if !app.config.responses.keep {
        let message =
            "previous_response_id: this gateway keeps no responses; send the whole conversation in input";
        return Err(Problem::new(ProblemKind::InvalidRequest, message).member("previous_response_id"));
    }
    let found = app.archive.find(&owner(caller), &id, now).await.map_err(|away| archive_away(&away))?;
    let kept = found.ok_or_else(|| openai_responses::not_found(&id))?;
    inbound.with_kept(&kept).map_err(|malformed| Problem::from(&malformed))
}

/// Takes away what has ended, until it is stopped.
pub(crate) async fn sweep(archive: Arc<dyn Archive>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(SWEEP_EVERY) => {}
        }
        if let Err(away) = archive.sweep(clock::now(), SWEEP_MOST).await {
            tracing::warn!(error = &away as &dyn std::error::Error, "kept responses could not be swept");
        }
    }
}

/// `GET /v1/responses/{id}`.
pub(crate) async fn show(State(app): State<Arc<App>>, Path(id): Path<String>, head: Parts) -> Response {
    let intake = Intake::now();
    let shown = find(&app, &intake, &head, &id).await.map(|kept| Bytes::from(kept.response().to_owned()));
    respond(shown, &intake)
}

/// `GET /v1/responses/{id}/input_items`.
pub(crate) async fn input_items(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    query: Result<Query<ItemsQuery>, axum::extract::rejection::QueryRejection>,
    head: Parts,
) -> Response {
    let intake = Intake::now();
    let page = async {
        let Query(query) =
            query.map_err(|rejection| Problem::new(ProblemKind::InvalidRequest, rejection.body_text()))?;
        let kept = find(&app, &intake, &head, &id).await?;
        let page = kept.input_items(&query).map_err(|malformed| Problem::from(&malformed))?;
        Ok(Bytes::from(page))
    };
    respond(page.await, &intake)
}

/// `DELETE /v1/responses/{id}`.
pub(crate) async fn remove(State(app): State<Arc<App>>, Path(id): Path<String>, head: Parts) -> Response {
    let intake = Intake::now();
    let removed = async {
        let caller = admitted(&app, &intake, &head).await?;
        let removed = app.archive.remove(&owner(&caller), &id, intake.at).await;
        match removed.map_err(|away| archive_away(&away))? {
            true => Ok(Bytes::from(openai_responses::deleted(&id))),
            false => Err(nothing(&id)),
        }
    };
    respond(removed.await, &intake)
}

/// `POST /v1/responses/{id}/cancel`.
pub(crate) async fn cancel(State(app): State<Arc<App>>, Path(id): Path<String>, head: Parts) -> Response {
    let intake = Intake::now();
    let refused = find(&app, &intake, &head, &id).await.and(Err(openai_responses::not_cancellable()));
    respond(refused, &intake)
}

/// `POST /v1/responses/input_tokens`: about how many tokens a request is.
pub(crate) async fn input_tokens(State(app): State<Arc<App>>, request: Request) -> Response {
    let intake = Intake::now();
    let counted = async {
        let (head, body) = request.into_parts();
        let caller = authenticate(&app, &head, &intake).await?;
        let body = read_body(&app, &head.headers, body).await?;
        let inbound = openai_responses::parse(body).map_err(|malformed| Problem::from(&malformed))?;
        let inbound = go_on(&app, &caller, Box::new(inbound), intake.at).await?;
        let admission = admit(&app, &caller, Action::SendResponses, &*inbound)?;
        let tokens = estimate_tokens(inbound.sizes(), density(&app, &admission));
        Ok(Bytes::from(openai_responses::input_tokens(tokens)))
    };
    let mut response = respond(counted.await, &intake);
    response.headers_mut().insert(ESTIMATED, HeaderValue::from_static("true"));
    response
}

async fn find(app: &App, intake: &Intake, head: &Parts, id: &str) -> Result<Stored, Problem> {
    let caller = admitted(app, intake, head).await?;
    let found = app.archive.find(&owner(&caller), id, intake.at).await.map_err(|away| archive_away(&away))?;
    found.as_deref().and_then(Stored::from_bytes).ok_or_else(|| nothing(id))
}

/// A caller whose key may make responses: what they hold is for no other key of the same user.
async fn admitted(app: &App, intake: &Intake, head: &Parts) -> Result<Arc<Caller>, Problem> {
    let caller = authenticate(app, head, intake).await?;
    let _permit = authorize(&caller, Action::SendResponses, &Resource::User((&*caller).into()))
        .map_err(|denied| error::denied(&denied))?;
    Ok(caller)
}

fn respond(answer: Result<Bytes, Problem>, intake: &Intake) -> Response {
    match answer {
        Ok(body) => {
            let mut response = Response::new(Body::from(body));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            error::identify(&mut response, intake.call);
            response
        }
        Err(problem) => error::respond(&problem, intake.call, Dialect::OpenaiResponses),
    }
}

fn nothing(id: &str) -> Problem {
    Problem::new(ProblemKind::NotFound, format!("Response with id '{id}' not found.")).retry(false)
}

fn archive_away(away: &ArchiveError) -> Problem {
    tracing::error!(error = away as &dyn std::error::Error, "kept responses cannot be read");
    Problem::new(ProblemKind::Unavailable, "kept responses cannot be read at the moment; try again later")
}
