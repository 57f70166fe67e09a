//! CountTokens for clients of Bedrock's own API: the body passes through.

use bytes::Bytes;

use crate::anthropic::count::bare_id;
use crate::carry::{Outbound, Service, Target, model_path};

/// The request to CountTokens for `POST /model/{model}/count-tokens`.
#[must_use]
pub fn carry_count(target: &Target<'_>, body: Bytes) -> Outbound {
    let json = || "application/json".to_owned();
    Outbound {
        service: Service::Runtime,
        path: model_path(bare_id(target.upstream_id), "count-tokens"),
        headers: vec![("content-type", json()), ("accept", json())],
        body: body.into(),
        stream: false,
    }
}
