//! The whole surface on one page.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::{any, get, post};
use http::StatusCode;
use stonegate_protocol::{Problem, ProblemKind};

use crate::app::App;
use crate::call::entrance::dialect_of;
use crate::call::intake::Intake;
use crate::{admin, call, control, count, error, health, models};

/// Every route that the gateway answers.
pub(crate) fn router(app: Arc<App>, admin_state: admin::AdminState) -> Router {
    Router::new()
        // Anthropic Messages.
        .route("/v1/messages", post(call::messages).fallback(wrong_method))
        .route("/v1/messages/count_tokens", post(count::count_tokens).fallback(wrong_method))
        // OpenAI, also under the path that Bedrock has for it.
        .route("/v1/chat/completions", post(call::chat).fallback(wrong_method))
        .route("/openai/v1/chat/completions", post(call::chat).fallback(wrong_method))
        .route("/openai/v1/models", get(models::list).fallback(wrong_method))
        .route("/openai/v1/models/{*id}", get(models::show).fallback(wrong_method))
        .route("/v1/models", get(models::list).fallback(wrong_method))
        .route("/v1/models/{*id}", get(models::show).fallback(wrong_method))
        // Bedrock's own API, for its SDKs with another endpoint; at the root, and under a path of its own.
        .merge(bedrock(""))
        .merge(bedrock("/bedrock"))
        .route("/bedrock/credentials", get(control::credentials).fallback(wrong_method))
        // What clients probe before they start.
        .route("/", any(hello))
        .route("/api/hello", any(hello))
        // Operations.
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .with_state(app)
        // Administration; its router knows its full paths.
        .merge(admin::router(admin_state))
        .fallback(nowhere)
}

/// What AWS's SDKs ask of Bedrock. Not nested: a signature covers the whole path, and a nested router would cut it.
fn bedrock(prefix: &str) -> Router<Arc<App>> {
    let at = |path: &str| format!("{prefix}{path}");
    Router::new()
        .route(&at("/foundation-models"), get(control::foundation_models).fallback(wrong_method))
        .route(&at("/foundation-models/{id}"), get(control::foundation_model).fallback(wrong_method))
        .route(&at("/inference-profiles"), get(control::inference_profiles).fallback(wrong_method))
        .route(&at("/inference-profiles/{id}"), get(control::inference_profile).fallback(wrong_method))
}

/// `HEAD /` and `HEAD /api/hello`: Claude Code warms its connection with them.
async fn hello() -> &'static str {
    "Stonegate\n"
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
