//! The whole surface on one page.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use futures_util::FutureExt as _;
use http::header::{ACCEPT, LOCATION};
use http::{HeaderMap, Method, StatusCode};
use hyper::body::Incoming;
use stonegate_protocol::{Problem, ProblemKind};
use tower::Service;

use crate::app::App;
use crate::call::entrance::{self, dialect_of};
use crate::call::intake::Intake;
use crate::proxies::{self, TrustedProxies};
use crate::{
    admin, call, control, count, error, health, invocations, kept, managed, models, otlp, scim, signin,
};

/// The gateway's surface: a router, and a way past it for the calls that come by the thousand.
///
/// The router's layers, boxes and extensions cost a call as much as parsing its body; the calls' own paths are few and
/// have no parts that vary.
#[derive(Clone)]
pub(crate) struct Surface {
    app: Arc<App>,
    router: Router,
}

/// What answers a request.
type Answering = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

impl Surface {
    pub(crate) fn new(app: Arc<App>, admin_state: admin::AdminState) -> Self {
        Surface { router: router(Arc::clone(&app), admin_state), app }
    }
}

impl Service<http::Request<Incoming>> for Surface {
    type Response = Response;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // As the router, which is always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Incoming>) -> Answering {
        let request = request.map(Body::new);
        let app = || Arc::clone(&self.app);
        match (request.method(), request.uri().path()) {
            (&Method::POST, MESSAGES) => Box::pin(call::serve(app(), request, entrance::MESSAGES).map(Ok)),
            (&Method::POST, CHAT) => Box::pin(call::serve(app(), request, entrance::CHAT).map(Ok)),
            _ => Box::pin(self.router.call(request)),
        }
    }
}

const MESSAGES: &str = "/v1/messages";
const CHAT: &str = "/v1/chat/completions";

/// Every route that the gateway answers.
fn router(app: Arc<App>, admin_state: admin::AdminState) -> Router {
    let proxies = app.proxies.clone();
    Router::new()
        // Anthropic Messages.
        .route(MESSAGES, post(call::messages).fallback(wrong_method))
        .route("/v1/messages/count_tokens", post(count::count_tokens).fallback(wrong_method))
        // The same where Bedrock has them, for clients whose Bedrock is the gateway.
        .route("/anthropic/v1/messages", post(call::messages).fallback(wrong_method))
        .route("/anthropic/v1/messages/count_tokens", post(count::count_tokens).fallback(wrong_method))
        // OpenAI, also under the path that Bedrock has for it.
        .route(CHAT, post(call::chat).fallback(wrong_method))
        .route("/openai/v1/chat/completions", post(call::chat).fallback(wrong_method))
        .merge(responses("/v1"))
        .merge(responses("/openai/v1"))
        .route("/v1/embeddings", post(invocations::embeddings).fallback(wrong_method))
        .route("/openai/v1/embeddings", post(invocations::embeddings).fallback(wrong_method))
        .route("/v1/rerank", post(invocations::rerank).fallback(wrong_method))
        // Cohere's own clients of today.
        .route("/v2/rerank", post(invocations::rerank).fallback(wrong_method))
        .route("/v1/images/generations", post(invocations::images).fallback(wrong_method))
        .route("/openai/v1/images/generations", post(invocations::images).fallback(wrong_method))
        .route("/openai/v1/models", get(models::list).fallback(wrong_method))
        .route("/openai/v1/models/{*id}", get(models::show).fallback(wrong_method))
        .route("/v1/models", get(models::list).fallback(wrong_method))
        .route("/v1/models/{*id}", get(models::show).fallback(wrong_method))
        // Bedrock's own API, for its SDKs with another endpoint; at the root, and under a path of its own.
        .merge(bedrock(""))
        .merge(bedrock("/bedrock"))
        .route("/bedrock/credentials", get(control::credentials).fallback(wrong_method))
        // What Claude Code asks of a gateway that it signed in to.
        .route("/managed/settings", get(managed::settings).fallback(wrong_method))
        .route("/v1/metrics", post(otlp::metrics).fallback(wrong_method))
        .route("/v1/logs", post(otlp::logs).fallback(wrong_method))
        .route("/v1/traces", post(otlp::traces).fallback(wrong_method))
        // What clients probe before they start.
        .route("/", any(front))
        .route("/api/hello", any(hello))
        // Operations.
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .with_state(app)
        .merge(desk(proxies, admin_state))
        .fallback(nowhere)
}

/// What answers where administration has a listener of its own.
pub(crate) fn administration(app: Arc<App>, admin_state: admin::AdminState) -> Router {
    let proxies = app.proxies.clone();
    Router::new()
        .route("/", any(front))
        .route("/api/hello", any(hello))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .with_state(app)
        .merge(desk(proxies, admin_state))
        .fallback(nowhere)
}

/// Signing in, and administration, by people and by identity providers; their routers know their full paths.
fn desk(proxies: TrustedProxies, admin_state: admin::AdminState) -> Router {
    let provisioning = match admin_state.side {
        admin::Side::Administration => scim::router(admin_state.clone()),
        admin::Side::Public => Router::new(),
    };
    signin::router(admin_state.sign_in.clone())
        .merge(provisioning)
        .merge(signin::home(admin_state.clone()))
        .merge(admin::router(admin_state))
        .layer(axum::middleware::from_fn_with_state(proxies, proxies::look))
}

/// OpenAI Responses.
fn responses(prefix: &str) -> Router<Arc<App>> {
    let at = |path: &str| format!("{prefix}/responses{path}");
    Router::new()
        .route(&at(""), post(call::responses).get(no_web_socket).fallback(wrong_method))
        .route(&at("/compact"), post(call::compact).fallback(wrong_method))
        .route(&at("/input_tokens"), post(kept::input_tokens).fallback(wrong_method))
        .route(&at("/{id}"), get(kept::show).delete(kept::remove).fallback(wrong_method))
        .route(&at("/{id}/input_items"), get(kept::input_items).fallback(wrong_method))
        .route(&at("/{id}/cancel"), post(kept::cancel).fallback(wrong_method))
}

/// What AWS's SDKs ask of Bedrock. Not nested: a signature covers the whole path, and a nested router would cut it.
fn bedrock(prefix: &str) -> Router<Arc<App>> {
    let at = |path: &str| format!("{prefix}{path}");
    Router::new()
        .route(&at("/model/{id}/converse"), post(call::converse).fallback(wrong_method))
        .route(&at("/model/{id}/converse-stream"), post(call::converse_stream).fallback(wrong_method))
        .route(&at("/model/{id}/invoke"), post(call::invoke).fallback(wrong_method))
        .route(
            &at("/model/{id}/invoke-with-response-stream"),
            post(call::invoke_stream).fallback(wrong_method),
        )
        .route(&at("/model/{id}/count-tokens"), post(count::count_natively).fallback(wrong_method))
        .route(&at("/foundation-models"), get(control::foundation_models).fallback(wrong_method))
        .route(&at("/foundation-models/{id}"), get(control::foundation_model).fallback(wrong_method))
        .route(&at("/inference-profiles"), get(control::inference_profiles).fallback(wrong_method))
        .route(&at("/inference-profiles/{id}"), get(control::inference_profile).fallback(wrong_method))
}

/// `/`: a person's browser goes on to their own page.
async fn front(method: Method, headers: HeaderMap) -> Response {
    let accepted = headers.get(ACCEPT).and_then(|accepted| accepted.to_str().ok()).unwrap_or_default();
    if method == Method::GET && accepted.contains("text/html") {
        return (StatusCode::SEE_OTHER, [(LOCATION, "/home")]).into_response();
    }
    hello().await.into_response()
}

/// `HEAD /` and `HEAD /api/hello`: Claude Code warms its connection with them.
async fn hello() -> &'static str {
    "Stonegate\n"
}

/// `GET /v1/responses` would be the form over a WebSocket, which is not served. Codex goes on with `POST` at this status.
async fn no_web_socket(request: Request) -> Response {
    let message = "responses are not served over a WebSocket here; send them by POST";
    let problem = Problem::new(ProblemKind::Unsupported, message).retry(false);
    let problem = Problem { status: Some(StatusCode::UPGRADE_REQUIRED.as_u16()), ..problem };
    error::respond(&problem, Intake::now().call, dialect_of(request.uri().path()))
}

async fn nowhere(request: Request) -> Response {
    let message = format!("{} {}: there is nothing here", request.method(), request.uri().path());
    let dialect = dialect_of(request.uri().path());
    error::respond(&Problem::new(ProblemKind::NotFound, message), Intake::now().call, dialect)
}

async fn wrong_method(request: Request) -> Response {
    let message = format!("{}: the method {} is not allowed here", request.uri().path(), request.method());
    let problem = Problem::new(ProblemKind::InvalidRequest, message).retry(false);
    let problem = Problem { status: Some(StatusCode::METHOD_NOT_ALLOWED.as_u16()), ..problem };
    error::respond(&problem, Intake::now().call, dialect_of(request.uri().path()))
}
