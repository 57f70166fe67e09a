//! Requests that become InvokeModel calls answered in one piece: embeddings, rankings, images.
//!
//! Nothing here runs a call: a plan says what to send, the caller sends it, side by side, and gives back what came.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::carry::{Dropped, Outbound, Service, Target, Unsupported, model_path};
use crate::conversation::Sizes;
use crate::failure::Failure;
use crate::inbound::Malformed;

/// What to send for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The calls; their answers belong together in this order, and may come in any.
    pub calls: Vec<Part>,
    /// What was left out on the way.
    pub dropped: Vec<Dropped>,
}

/// One call of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The call.
    pub outbound: Outbound,
    /// How many images or queries it is on the bill; 0 where tokens are what is billed.
    pub units: u64,
}

/// What came back for one call of a plan, with a status of success.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answered<'a> {
    /// The body.
    pub body: &'a [u8],
    /// The header `x-amzn-bedrock-input-token-count`, where it came.
    pub input_tokens: Option<u64>,
}

/// Reads a body whose form is a struct; the struct refuses what is said twice.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Malformed> {
    serde_json::from_slice(body)
        .map_err(|error| Malformed { message: format!("The request body: {error}"), pointer: String::new() })
}

/// Members that no model here could use, whatever they mean.
pub(crate) type Others = BTreeMap<String, IgnoredAny>;

/// Refuses the first of them by name.
pub(crate) fn refuse_others(others: &Others) -> Result<(), Malformed> {
    match others.keys().next() {
        Some(name) => Err(Malformed::member(name, "is not known to Stonegate")),
        None => Ok(()),
    }
}

/// One InvokeModel call, so many units on the bill.
pub(crate) fn invoke<T: Serialize>(target: &Target<'_>, body: &T, units: u64) -> Result<Part, Unsupported> {
    let body = serde_json::to_vec(body)
        .map_err(|error| Unsupported::member("input", &format!("cannot be written: {error}")))?;
    let json = || "application/json".to_owned();
    let outbound = Outbound {
        service: Service::Runtime,
        path: model_path(target.upstream_id, "invoke"),
        headers: vec![("content-type", json()), ("accept", json())],
        body: Bytes::from(body).into(),
        stream: false,
    };
    Ok(Part { outbound, units })
}

/// Reads an answer.
pub(crate) fn answer<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body)
        .map_err(|error| Failure::broken_off(format!("the answer cannot be read: {error}")))
}

/// The sizes of a request that is text only.
pub(crate) fn text_sizes(body: &[u8]) -> Sizes {
    Sizes { text_bytes: body.len() as u64, ..Sizes::default() }
}

/// A target that none of the forms here is for.
pub(crate) fn not_for(target: &Target<'_>, what: &str) -> Unsupported {
    Unsupported::member("model", &format!("{} does not {what}", target.traits.bedrock_id))
}
