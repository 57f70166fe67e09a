//! Calls of each client to each model, without a network between.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value};
use stonegate_protocol::framing::eventstream::Frame;
use stonegate_protocol::{
    Answering, Bounds, Carried, Ending, Learned, Surface, Unsupported, UpstreamEnd, carry,
};

use super::clients::{request, writes};
use super::targets::{MODELS, Model, surface_name};

pub(crate) const ANSWERS: &str = include_str!("answers.json");
pub(crate) const PROBES: &str = include_str!("probes.json");
/// The ceiling of a client that names none.
const CEILING: u64 = 4_000;

pub(crate) fn read(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap()
}

pub(crate) fn called(
    client: &str,
    members: Value,
    model: &Model,
    stream: bool,
) -> Result<Carried, Unsupported> {
    let answering = Answering { call: "req_1".to_owned(), created_at: 1_800_000_000, ..Answering::default() };
    let inbound = request(client, members, stream);
    let ceiling = inbound.max_output_tokens().unwrap_or(CEILING);
    let bounds = Bounds { input_tokens: 100, output_tokens: ceiling };
    carry(&*inbound, &model.target(), &Learned::default(), bounds, &answering)
}

/// What a client gets of an upstream's bytes that come in these chunks.
pub(crate) fn answered(client: &str, model: &Model, chunks: &[Bytes], stream: bool) -> (Bytes, Ending) {
    static BASES: LazyLock<Map<String, Value>> = LazyLock::new(|| {
        read(PROBES).into_iter().map(|(client, probes)| (client, probes["base"].clone())).collect()
    });
    let base = BASES[writes(client)].clone();
    let mut relay = called(client, base, model, stream).unwrap().relay;
    let mut out = BytesMut::new();
    for chunk in chunks {
        if !relay.is_over() {
            relay.push(chunk.clone(), &mut out);
        }
    }
    let ending = relay.finish(UpstreamEnd::Eof, &mut out);
    (out.freeze(), ending)
}

/// The bytes of a stream of events, one chunk for each, as the surface frames them.
pub(crate) fn framed(surface: Surface, events: &[Value], is_complete: bool) -> Vec<Bytes> {
    let mut chunks: Vec<Bytes> = events.iter().map(|event| frame(surface, event)).collect();
    if surface == Surface::OpenaiChat && is_complete {
        chunks.push(Bytes::from_static(b"data: [DONE]\n\n"));
    }
    chunks
}

fn frame(surface: Surface, event: &Value) -> Bytes {
    let (kind, payload) = match surface {
        Surface::InvokeModel => {
            ("chunk".to_owned(), format!(r#"{{"bytes":"{}"}}"#, STANDARD.encode(event.to_string())))
        }
        Surface::Converse => {
            let (kind, payload) = event.as_object().unwrap().iter().next().unwrap();
            (kind.clone(), payload.to_string())
        }
        Surface::OpenaiChat | Surface::OpenaiResponses => {
            return Bytes::from(format!("data: {event}\n\n"));
        }
    };
    let headers =
        [(":event-type", kind.as_str()), (":content-type", "application/json"), (":message-type", "event")];
    let mut bytes = BytesMut::new();
    Frame::new(&headers, payload).encode(&mut bytes).unwrap();
    bytes.freeze()
}

/// One model for each surface.
pub(crate) fn by_surface() -> BTreeMap<&'static str, &'static Model> {
    let models =
        ["claude-opus-5-5", "llama4-maverick", "gpt-oss-120b", "gpt-6-sol"].map(|name| &MODELS[name]);
    models.map(|model| (surface_name(model.surface), model)).into()
}
