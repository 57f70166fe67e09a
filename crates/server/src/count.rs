//! `POST /v1/messages/count_tokens`: Bedrock's own counting, or an estimate where a model has none.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use stonegate_bedrock::Deadlines;
use stonegate_catalog::{Billing, Density, estimate_tokens};
use stonegate_identity::Action;
use stonegate_ledger::CallId;
use stonegate_protocol::anthropic::{self, Inbound, count};
use stonegate_protocol::{
    Dialect, Door, Dropped, Failure, FailureClass, Fetched, Outbound, Problem, Target, bedrock_native,
};

use crate::app::App;
use crate::call::admit::{Admission, admit};
use crate::call::claim::Claim;
use crate::call::entrance::model_of;
use crate::call::intake::{Intake, dialect_headers, patience, read_body};
use crate::call::say_dropped;
use crate::call::trial::Trial;
use crate::{clock, error};

/// A count is a few bytes.
const ANSWER_LIMIT: usize = 64 * 1024;
/// Says that the number is Stonegate's own estimate.
pub(crate) const ESTIMATED: HeaderName = HeaderName::from_static("x-stonegate-estimated");

/// Counts the tokens of a request that is not sent.
pub(crate) async fn count_tokens(State(app): State<Arc<App>>, request: Request) -> Response {
    let intake = Intake::now();
    match answer(&app, &intake, request).await {
        Ok(mut response) => {
            error::identify(&mut response, intake.call);
            response
        }
        Err(problem) => error::respond(&problem, intake.call, Dialect::Anthropic),
    }
}

async fn answer(app: &App, intake: &Intake, request: Request) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let claim = Claim::read(app, &head, intake).await?;
    let body = read_body(app, &head.headers, body).await?;
    let caller = claim.prove(app, &head, &body, intake.at)?;
    let (version, betas) = dialect_headers(&head.headers);
    let inbound =
        anthropic::parse_count(version, &betas, body).map_err(|malformed| Problem::from(&malformed))?;
    let admission = admit(app, &caller, Action::SendMessages, &inbound)?;
    let fetched = app.media.fetch(stonegate_protocol::Inbound::remote_media(&inbound)).await?;
    let trial = Trial::begin(app, intake.started, patience(&head.headers));
    let density = density(app, &admission);
    let counting = Counting { app, admission, call: intake.call, trial };
    match counting.upstream(&inbound, &fetched).await? {
        Some(Counted { tokens, dropped }) => {
            let mut response = render(tokens);
            say_dropped(&mut response, &dropped);
            Ok(response)
        }
        None => {
            let sizes = inbound.sizes().with_fetched(fetched.values());
            let mut response = render(estimate_tokens(&sizes, density));
            response.headers_mut().insert(ESTIMATED, HeaderValue::from_static("true"));
            Ok(response)
        }
    }
}

/// How dense the caller's text has been with that model.
pub(crate) fn density(app: &App, admission: &Admission) -> Density {
    app.calibrations.of(admission.path().tenant(), &admission.resolved().model.family).density()
}

/// `POST /model/{id}/count-tokens`: Bedrock's own form of it, which goes to Bedrock as it came.
pub(crate) async fn count_natively(State(app): State<Arc<App>>, request: Request) -> Response {
    let intake = Intake::now();
    match native_answer(&app, &intake, request).await {
        Ok(mut response) => {
            error::identify_for(&mut response, intake.call, Dialect::BedrockNative);
            response
        }
        Err(problem) => error::respond(&problem, intake.call, Dialect::BedrockNative),
    }
}

async fn native_answer(app: &App, intake: &Intake, request: Request) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let claim = Claim::read(app, &head, intake).await?;
    let body = read_body(app, &head.headers, body).await?;
    let caller = claim.prove(app, &head, &body, intake.at)?;
    let model = model_of(&head).map_err(|malformed| Problem::from(&malformed))?;
    let (admission, _) =
        Admission::for_task(app, &caller, Action::InvokeBedrock, &model, &[Billing::Tokens])?;
    let outbound = bedrock_native::carry_count(&target(&admission), body);
    let trial = Trial::begin(app, intake.started, patience(&head.headers));
    let mut counting = Counting { app, admission, call: intake.call, trial };
    let tokens = counting.ask(&outbound).await.map_err(|failure| Problem::from(&failure))?;
    let mut response = Response::new(Body::from(format!(r#"{{"inputTokens":{tokens}}}"#)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// A request to count that its caller may send.
struct Counting<'a> {
    app: &'a App,
    admission: Admission,
    call: CallId,
    trial: Trial,
}

/// A count, and what was not counted.
struct Counted {
    tokens: u64,
    dropped: Vec<Dropped>,
}

impl Counting<'_> {
    /// Counts by Bedrock, without what it refuses by name: a call would go without that as well. `None` where it cannot
    /// count for this model: by the catalog, or by its own word.
    async fn upstream(
        mut self,
        inbound: &Inbound,
        fetched: &BTreeMap<String, Fetched>,
    ) -> Result<Option<Counted>, Problem> {
        if !self.admission.resolved().model.counts_tokens {
            return Ok(None);
        }
        let lessons = &self.app.count_lessons;
        loop {
            let learned = self.trial.learned(lessons, &self.admission);
            let carried = count::carry_count(inbound, &target(&self.admission), &learned, fetched)
                .map_err(|unsupported| Problem::from(&unsupported))?;
            match self.ask(&carried.outbound).await {
                Ok(tokens) => {
                    self.trial.confirm(lessons, &self.admission, self.call);
                    return Ok(Some(Counted { tokens, dropped: carried.dropped }));
                }
                Err(failure) if cannot_count(&failure) => return Ok(None),
                Err(failure) if self.trial.leave_out(&learned, &failure, carried.betas) => {}
                Err(failure) => return Err(stonegate_protocol::Inbound::problem(inbound, &failure)),
            }
        }
    }

    /// Asks Bedrock, and again where that can help.
    async fn ask(&mut self, outbound: &Outbound) -> Result<u64, Failure> {
        loop {
            self.trial.attempt();
            let failure = match ask_once(self.app, outbound).await {
                Ok(tokens) => {
                    self.app.lockout.accepted();
                    return Ok(tokens);
                }
                Err(failure) => failure,
            };
            self.app.lockout.failed(&failure);
            let Some(pause) = self.trial.pause(self.app, &failure) else { return Err(failure) };
            self.trial.rest(self.call, pause, &failure).await;
        }
    }
}

/// What CountTokens is asked for.
fn target(admission: &Admission) -> Target<'_> {
    let resolved = admission.resolved();
    Target {
        upstream_id: &resolved.upstream_id,
        door: Door::INVOKE,
        capabilities: &resolved.model.capabilities,
        traits: &resolved.model.traits,
        long_context: resolved.long_context,
    }
}

async fn ask_once(app: &App, outbound: &Outbound) -> Result<u64, Failure> {
    let deadlines = Deadlines { first_byte: app.config.bedrock.first_byte_timeout };
    let reply = app.bedrock.send(&app.endpoint, outbound, deadlines, clock::now().into()).await?;
    count::read_count(&reply.whole(ANSWER_LIMIT, app.config.bedrock.idle_timeout).await?)
}

/// Whether Bedrock's answer means that this model has no counting, here or at all.
fn cannot_count(failure: &Failure) -> bool {
    match failure.class {
        FailureClass::NotFound => true,
        FailureClass::Rejected => failure.detail.contains("support counting tokens"),
        FailureClass::Throttled
        | FailureClass::Exhausted
        | FailureClass::Overloaded
        | FailureClass::Unavailable
        | FailureClass::Credentials
        | FailureClass::Denied
        | FailureClass::TimedOut
        | FailureClass::BrokenOff
        | FailureClass::Unreachable => false,
    }
}

fn render(tokens: u64) -> Response {
    let body: Bytes = count::render_count(tokens);
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
