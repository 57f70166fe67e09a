//! `count_tokens` by Bedrock's CountTokens.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;

use crate::carry::{Dropped, Fetched, Outbound, Service, Target, Unsupported, model_path};
use crate::failure::Failure;
use crate::learned::{Learned, SentBetas};

use super::inbound::Inbound;
use super::outbound::prepare;

/// The geographies that an inference profile's id may begin with. CountTokens takes the bare model id only.
const GEOGRAPHIES: [&str; 8] = ["us", "eu", "apac", "jp", "au", "in", "us-gov", "global"];

/// A request to count on its way up.
#[derive(Debug)]
pub struct CarriedCount {
    /// What goes upstream.
    pub outbound: Outbound,
    /// What was left out on the way.
    pub dropped: Vec<Dropped>,
    /// The betas that go along.
    pub betas: SentBetas,
}

/// The request to CountTokens for a Messages request.
///
/// # Errors
/// Where the request asks for what the model cannot do.
pub fn carry_count(
    inbound: &Inbound,
    target: &Target<'_>,
    learned: &Learned,
    fetched: &BTreeMap<String, Fetched>,
) -> Result<CarriedCount, Unsupported> {
    let prepared = prepare(inbound, target, learned, fetched, None)?;
    const HEAD: &str = r#"{"input":{"invokeModel":{"body":""#;
    const TAIL: &str = r#""}}}"#;
    let mut body = String::with_capacity(HEAD.len() + TAIL.len() + prepared.body.len().div_ceil(3) * 4);
    body.push_str(HEAD);
    STANDARD.encode_string(prepared.body.to_bytes(), &mut body);
    body.push_str(TAIL);
    let outbound = Outbound {
        service: Service::Runtime,
        path: model_path(bare_id(target.upstream_id), "count-tokens"),
        headers: vec![
            ("content-type", "application/json".to_owned()),
            ("accept", "application/json".to_owned()),
        ],
        body: Bytes::from(body).into(),
        stream: false,
    };
    Ok(CarriedCount { outbound, dropped: prepared.dropped, betas: prepared.betas })
}

/// The model id without the geography of an inference profile.
#[must_use]
pub fn bare_id(upstream_id: &str) -> &str {
    match upstream_id.split_once('.') {
        Some((geography, bare)) if GEOGRAPHIES.contains(&geography) => bare,
        _ => upstream_id,
    }
}

#[derive(Deserialize)]
struct Counted {
    #[serde(rename = "inputTokens")]
    input_tokens: u64,
}

/// The count in CountTokens' answer.
///
/// # Errors
/// Where the answer is not what Bedrock promises.
pub fn read_count(body: &[u8]) -> Result<u64, Failure> {
    match serde_json::from_slice::<Counted>(body) {
        Ok(counted) => Ok(counted.input_tokens),
        Err(error) => Err(Failure::broken_off(format!("CountTokens answered what is no count: {error}"))),
    }
}

/// The answer to `POST /v1/messages/count_tokens`.
#[must_use]
pub fn render_count(input_tokens: u64) -> Bytes {
    Bytes::from(format!(r#"{{"input_tokens":{input_tokens}}}"#))
}
