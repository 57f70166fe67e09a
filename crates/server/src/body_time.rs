//! How long a request's body may take where a handler takes it in one piece.
//!
//! Calls read theirs with the same patience (`call::intake`). Without, whoever sends a byte a minute holds a connection for as
//! long as they like, also while the gateway wants to stop.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::BytesMut;
use http::StatusCode;
use http::header::{CONNECTION, HeaderValue};
use http_body::Body as _;
use http_body_util::BodyExt as _;

/// No handler takes more than this; what is longer is left to its own bound to refuse.
const MOST: usize = 256 * 1024;

/// Answers 408 when the body has not come in time.
pub(crate) async fn in_time(State(patience): State<Duration>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (head, body) = request.into_parts();
    match tokio::time::timeout(patience, gather(body)).await {
        Ok(Ok(body)) => next.run(Request::from_parts(head, Body::from(body))).await,
        Ok(Err(_broken)) => StatusCode::BAD_REQUEST.into_response(),
        Err(_elapsed) => {
            let close = [(CONNECTION, HeaderValue::from_static("close"))];
            (StatusCode::REQUEST_TIMEOUT, close, "the body did not come in time\n").into_response()
        }
    }
}

async fn gather(mut body: Body) -> Result<Bytes, axum::Error> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(piece) = frame?.into_data() {
            whole.extend_from_slice(&piece);
        }
        if whole.len() > MOST {
            break;
        }
    }
    Ok(whole.freeze())
}
