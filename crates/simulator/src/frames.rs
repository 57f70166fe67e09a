//! Frames of `application/vnd.amazon.eventstream`, written by AWS's own encoder.

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

/// Bedrock fills `p` with as many of these as chance wants, so that the length of a frame says little.
const PADDING: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// A `chunk` event that carries one event of the provider.
pub(crate) fn chunk(provider_event: &str, chance: u64) -> Bytes {
    let payload = json!({ "bytes": STANDARD.encode(provider_event), "p": padding(chance) });
    frame(
        &[(":event-type", "chunk"), (":content-type", "application/json"), (":message-type", "event")],
        &payload,
    )
}

/// An event of a modelled union, such as `messageStart`.
pub(crate) fn event(kind: &str, mut payload: Value, chance: u64) -> Bytes {
    if let Some(members) = payload.as_object_mut() {
        members.insert("p".to_owned(), padding(chance).into());
    }
    frame(
        &[(":event-type", kind), (":content-type", "application/json"), (":message-type", "event")],
        &payload,
    )
}

fn padding(chance: u64) -> &'static str {
    PADDING.get(..(chance % (PADDING.len() as u64 + 1)) as usize).unwrap_or_default()
}

/// A failure: an exception if it is one of those that the service model knows.
pub(crate) fn failure(kind: &str, message: &str, modelled: &[&str]) -> Bytes {
    let mut characters = kind.chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    let lower: String = first.into_iter().chain(characters).collect();
    if modelled.contains(&lower.as_str()) { exception(&lower, message) } else { error(kind, message) }
}

/// A failure that the service model knows, such as `throttlingException`.
fn exception(kind: &str, message: &str) -> Bytes {
    let payload = json!({ "message": message });
    frame(
        &[(":exception-type", kind), (":content-type", "application/json"), (":message-type", "exception")],
        &payload,
    )
}

/// A failure that it does not know.
fn error(code: &str, message: &str) -> Bytes {
    frame(&[(":error-code", code), (":error-message", message), (":message-type", "error")], &json!({}))
}

/// The same frame with a checksum that is wrong.
pub(crate) fn spoiled(frame: &Bytes) -> Bytes {
    let mut bytes = BytesMut::from(frame.as_ref());
    if let Some(last) = bytes.last_mut() {
        *last ^= 0x5a;
    }
    bytes.freeze()
}

fn frame(headers: &[(&'static str, &str)], payload: &Value) -> Bytes {
    let headers = headers
        .iter()
        .map(|(name, value)| Header::new(*name, HeaderValue::String((*value).to_owned().into())))
        .collect();
    let message = Message::new_from_parts(headers, Bytes::from(payload.to_string()));
    let mut frame = Vec::new();
    // A header longer than 64 KiB is all that the encoder refuses; a script that asks for one gets an empty frame.
    if let Err(error) = write_message_to(&message, &mut frame) {
        tracing::warn!(%error, "an event does not fit a frame");
        frame.clear();
    }
    Bytes::from(frame)
}
