//! Whether the gateway lives, and whether it can serve.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;

use crate::app::App;
use crate::clock;

/// The state of one thing that calls depend on.
#[derive(Serialize)]
struct Check {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// What `/readyz` answers.
#[derive(Serialize)]
pub(crate) struct Readiness {
    ready: bool,
    store: Check,
    credentials: Check,
    accepting: Check,
}

/// `GET /healthz`: the process answers.
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the store answers, credentials can be had and are taken, and no shutdown has begun. It says nothing that an
/// outsider could use; the reasons in full are in the log.
pub(crate) async fn ready(State(app): State<Arc<App>>) -> (StatusCode, Json<Readiness>) {
    let store = match app.keeper.news().await {
        Ok(()) if app.keeper.book().is_ready() => passed(),
        Ok(()) | Err(_) => failed("the store does not answer"),
    };
    let credentials = match app.bedrock.check_access(&app.endpoint, clock::now().into()).await {
        Ok(()) if app.lockout.holds(&app).await => failed("Amazon Bedrock refuses them"),
        Ok(()) => passed(),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            failed("no usable AWS credentials")
        }
    };
    let accepting = if app.stopping.has_begun() { failed("shutting down") } else { passed() };
    let ready = store.ok && credentials.ok && accepting.ok;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, store, credentials, accepting }))
}

/// Tells the operator at the start that there are no credentials, which the first caller would learn otherwise.
pub(crate) async fn warn_without_credentials(app: &App) {
    if let Err(error) = app.bedrock.check_access(&app.endpoint, clock::now().into()).await {
        tracing::warn!(%error, "there are no AWS credentials: no call can be served");
    }
}

fn passed() -> Check {
    Check { ok: true, reason: None }
}

fn failed(reason: &'static str) -> Check {
    Check { ok: false, reason: Some(reason) }
}
