//! `POST /v1/metrics`, `/v1/logs`, `/v1/traces`: what clients measure of themselves (OTLP over HTTP).
//!
//! Claude Code sends it to the gateway that it signed in to, and complains at every try that is not answered with 200. It is
//! read and let go; who sends it has to have a key, so that nobody else keeps us busy.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt as _;
use serde_json::json;
use stonegate_protocol::{Dialect, Problem};

use crate::app::App;
use crate::call::intake::{Intake, authenticate};
use crate::error;

/// So much is read to keep the connection; what is longer costs the client its connection.
const MOST: usize = 4 * 1024 * 1024;

/// Takes one signal and answers as a collector does that has taken all of it.
pub(crate) async fn take(State(app): State<Arc<App>>, request: Request) -> Response {
    let intake = Intake::now();
    let (head, mut body) = request.into_parts();
    if let Err(problem) = authenticate(&app, &head.headers, intake.at).await {
        return refused(&problem, &intake);
    }
    let discard = async {
        let mut length = 0_usize;
        while let Some(Ok(frame)) = body.frame().await {
            length = length.saturating_add(frame.data_ref().map_or(0, bytes::Bytes::len));
            if length > MOST {
                break;
            }
        }
    };
    // What did not come in time is discarded, too.
    tokio::time::timeout(app.config.server.body_timeout, discard).await.ok();
    // The answer is in the request's own coding; an empty protobuf message has no bytes.
    let is_json = head
        .headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/json"));
    let mut response = if is_json {
        Json(json!({})).into_response()
    } else {
        ([(CONTENT_TYPE, "application/x-protobuf")], ()).into_response()
    };
    error::identify(&mut response, intake.call);
    response
}

fn refused(problem: &Problem, intake: &Intake) -> Response {
    error::respond(problem, intake.call, Dialect::Anthropic)
}
