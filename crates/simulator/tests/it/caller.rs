//! A caller that knows nothing of the simulator's inside: hyper to send, AWS's decoder to read streams.

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::{Value, json};
use stonegate_simulator::{Options, Running, SAMPLE_BEARER_TOKEN, Simulator};

pub(crate) const NEW: &str = "us.anthropic.claude-opus-5-5";
pub(crate) const OLD: &str = "us.anthropic.claude-haiku-4-5-20251001-v1%3A0";
pub(crate) const OLDEST: &str = "us.anthropic.claude-opus-4-1-20250805-v1%3A0";

pub(crate) async fn simulator() -> Running {
    Simulator::start(Options::default()).await.expect("a simulator starts")
}

/// An answer that was read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
    /// Whether the connection broke before the end.
    pub(crate) broke: bool,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().expect("text")).unwrap_or_default()
    }

    pub(crate) fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_default().to_owned()
    }

    /// The frames of a stream; the last one is an `Err` when its checksum is wrong.
    pub(crate) fn frames(&self) -> Vec<Result<Frame, String>> {
        let mut bytes = BytesMut::from(self.body.as_ref());
        let mut decoder = MessageFrameDecoder::new();
        let mut frames = Vec::new();
        loop {
            match decoder.decode_frame(&mut bytes) {
                Ok(DecodedFrame::Complete(message)) => {
                    let headers = message.headers().iter();
                    let text = |header: &aws_smithy_types::event_stream::Header| {
                        header.value().as_string().expect("text").as_str().to_owned()
                    };
                    frames.push(Ok(Frame {
                        headers: headers
                            .map(|header| (header.name().as_str().to_owned(), text(header)))
                            .collect(),
                        payload: serde_json::from_slice(message.payload()).expect("JSON"),
                    }));
                }
                Ok(DecodedFrame::Incomplete) => return frames,
                Err(error) => {
                    frames.push(Err(error.to_string()));
                    return frames;
                }
            }
        }
    }

    /// The provider's events of a stream.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.frames().into_iter().flatten().filter_map(|frame| frame.event()).collect()
    }

    /// Deltas of a stream put together.
    pub(crate) fn deltas(&self, kind: &str, member: &str) -> String {
        let events = self.events();
        let deltas = events.iter().map(|event| &event["delta"]).filter(|delta| delta["type"] == kind);
        deltas.map(|delta| delta[member].as_str().unwrap_or_default()).collect()
    }
}

/// A frame of an event stream.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) payload: Value,
}

impl Frame {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .unwrap_or_default()
    }

    pub(crate) fn event(&self) -> Option<Value> {
        let bytes = STANDARD.decode(self.payload.get("bytes")?.as_str()?).expect("base64");
        Some(serde_json::from_slice(&bytes).expect("JSON"))
    }
}

pub(crate) async fn send(
    request: http::Request<Full<Bytes>>,
) -> Result<Answer, hyper_util::client::legacy::Error> {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let (parts, mut incoming) = client.request(request).await?.into_parts();
    let mut body = BytesMut::new();
    let mut broke = false;
    while let Some(frame) = incoming.frame().await {
        match frame.map(hyper::body::Frame::into_data) {
            Ok(Ok(data)) => body.extend_from_slice(&data),
            Ok(Err(_)) => {}
            Err(_) => {
                broke = true;
                break;
            }
        }
    }
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body: body.freeze(), broke })
}

pub(crate) fn request(running: &Running, path: &str, body: impl Into<Bytes>) -> http::Request<Full<Bytes>> {
    http::Request::post(format!("{}{path}", running.base_url()))
        .header("authorization", format!("Bearer {SAMPLE_BEARER_TOKEN}"))
        .header("content-type", "application/json")
        .body(Full::new(body.into()))
        .expect("a request")
}

pub(crate) async fn post(running: &Running, path: &str, body: &Value) -> Answer {
    send(request(running, path, body.to_string())).await.expect("an answer")
}

pub(crate) async fn get(running: &Running, path: &str) -> Answer {
    let mut get = request(running, path, "");
    *get.method_mut() = http::Method::GET;
    send(get).await.expect("an answer")
}

pub(crate) async fn invoke(running: &Running, model: &str, body: &Value) -> Answer {
    post(running, &format!("/model/{model}/invoke"), body).await
}

pub(crate) async fn stream(running: &Running, model: &str, body: &Value) -> Answer {
    post(running, &format!("/model/{model}/invoke-with-response-stream"), body).await
}

pub(crate) async fn converse(running: &Running, model: &str, body: &Value) -> Answer {
    post(running, &format!("/model/{model}/converse"), body).await
}

pub(crate) async fn converse_stream(running: &Running, model: &str, body: &Value) -> Answer {
    post(running, &format!("/model/{model}/converse-stream"), body).await
}

/// A body of Converse with one user message.
pub(crate) fn saying(text: &str) -> Value {
    json!({"messages": [{"role": "user", "content": [{"text": text}]}]})
}

/// A body with one user message.
pub(crate) fn asking(text: &str) -> Value {
    json!({
        "anthropic_version": "bedrock-2023-05-31", "max_tokens": 4096,
        "messages": [{"role": "user", "content": text}],
    })
}

/// The same with further members.
pub(crate) fn with(mut body: Value, members: Value) -> Value {
    let object = body.as_object_mut().expect("an object");
    for (name, value) in members.as_object().expect("an object") {
        object.insert(name.clone(), value.clone());
    }
    body
}

/// A tool without parameters.
pub(crate) fn tool(name: &str) -> Value {
    json!({"name": name, "description": "A tool.", "input_schema": {"type": "object", "properties": {}}})
}
