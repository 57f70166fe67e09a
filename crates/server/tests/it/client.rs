//! A client that sends exactly what a test says and shows exactly what came back. It knows nothing of the server.
//!
//! Each request has a connection of its own, so that dropping an answer is hanging up.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use http::{HeaderMap, Method};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Bytes,
    /// Sent in pieces of this size without an announced length.
    pieces: Option<usize>,
}

impl Request {
    pub(crate) fn new(method: Method, path: &str) -> Self {
        Request { method, path: path.to_owned(), headers: Vec::new(), body: Bytes::new(), pieces: None }
    }

    pub(crate) fn get(path: &str) -> Self {
        Request::new(Method::GET, path)
    }

    /// A body, JSON or whatever a test wants it to be.
    pub(crate) fn post(path: &str, body: impl Into<Bytes>) -> Self {
        let request = Request::new(Method::POST, path).header("content-type", "application/json");
        Request { body: body.into(), ..request }
    }

    /// The same by another method.
    pub(crate) fn patch(path: &str, body: impl Into<Bytes>) -> Self {
        Request { method: Method::PATCH, ..Request::post(path, body) }
    }

    /// A Messages call.
    pub(crate) fn messages(body: &Value) -> Self {
        Request::post("/v1/messages", body.to_string()).header("anthropic-version", "2023-06-01")
    }

    /// One more header, or another value for one that is there.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A second value for a header.
    pub(crate) fn header_again(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("x-api-key", key)
    }

    pub(crate) fn chunked(mut self, piece: usize) -> Self {
        self.pieces = Some(piece);
        self
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known == name)
    }

    /// Sends it and waits for the head of the answer.
    pub(crate) async fn open(self, address: SocketAddr) -> Result<Answering, hyper::Error> {
        let stream = TcpStream::connect(address).await.expect("the gateway listens");
        self.open_on(stream).await
    }

    pub(crate) async fn open_on(self, stream: TcpStream) -> Result<Answering, hyper::Error> {
        stream.set_nodelay(true).expect("a socket option");
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends when the answer is through or dropped.
        tokio::spawn(connection);
        let mut request = http::Request::builder().method(self.method).uri(self.path).header("host", "test");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if self.pieces.is_none() && !self.body.is_empty() {
            request = request.header("content-length", self.body.len());
        }
        let pieces = split(self.body, self.pieces);
        let frames = pieces.into_iter().map(|piece| Ok::<_, std::convert::Infallible>(Frame::data(piece)));
        let body = StreamBody::new(futures_util::stream::iter(frames));
        let response = sender.send_request(request.body(body).expect("a request")).await?;
        let (head, incoming) = response.into_parts();
        Ok(Answering {
            status: head.status.as_u16(),
            headers: head.headers,
            incoming,
            text: BytesMut::new(),
            broke: false,
        })
    }
}

fn split(body: Bytes, size: Option<usize>) -> Vec<Bytes> {
    if body.is_empty() {
        return Vec::new();
    }
    let size = size.unwrap_or(body.len());
    (0..body.len()).step_by(size).map(|start| body.slice(start..body.len().min(start + size))).collect()
}

/// An answer of which the head is there. Dropping it hangs up.
pub(crate) struct Answering {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    incoming: Incoming,
    text: BytesMut,
    broke: bool,
}

impl Answering {
    /// The next event of a stream; `None` at its end.
    pub(crate) async fn event(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.text.windows(2).position(|two| two == b"\n\n") {
                let text = self.text.split_to(end + 2);
                return Some(Event::parse(str::from_utf8(&text).expect("text")));
            }
            if !self.more().await {
                assert!(self.text.is_empty(), "the stream ended within an event: {:?}", self.text);
                return None;
            }
        }
    }

    /// Reads a piece; false at the end.
    async fn more(&mut self) -> bool {
        match self.incoming.frame().await {
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    self.text.extend_from_slice(&data);
                }
                true
            }
            Some(Err(_broken)) => {
                self.broke = true;
                false
            }
            None => false,
        }
    }

    /// Reads it to its end.
    pub(crate) async fn whole(mut self) -> Answer {
        while self.more().await {}
        Answer { status: self.status, headers: self.headers, body: self.text.freeze(), broke: self.broke }
    }
}

/// An answer that was read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whether the connection broke before the end.
    pub(crate) broke: bool,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.body).expect("text")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// Status, error type and message, of a whole answer in Anthropic's error shape.
    pub(crate) fn error(&self) -> (u16, String, String) {
        let body = self.json();
        assert_eq!(body["type"], "error", "{body}");
        assert_eq!(body["request_id"], self.header("request-id").expect("a request id"), "{body}");
        let (kind, message) = error_of(&body);
        (self.status, kind, message)
    }

    /// The events of a stream.
    pub(crate) fn events(&self) -> Vec<Event> {
        let text = self.text();
        assert!(text.is_empty() || text.ends_with("\n\n"), "whole events only: {text:?}");
        text.split_terminator("\n\n").map(Event::parse).collect()
    }

    /// The last event of a stream, which is to be an error: its type and message.
    pub(crate) fn last_error(&self) -> (String, String) {
        let events = self.events();
        let last = events.last().expect("events");
        assert_eq!(last.name, "error", "{events:#?}");
        error_of(&last.json())
    }
}

fn error_of(body: &Value) -> (String, String) {
    let member = |name: &str| body["error"][name].as_str().expect("a text").to_owned();
    (member("type"), member("message"))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().expect("text"))
}

/// One server-sent event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) data: String,
}

impl Event {
    fn parse(text: &str) -> Event {
        // OpenAI's chat chunks have no names.
        let text = text.trim_end_matches('\n');
        let (name, data) = text.split_once('\n').unwrap_or(("event: ", text));
        let name = name.strip_prefix("event: ").expect("a name");
        let data = data.strip_prefix("data: ").expect("data");
        assert!(!data.contains('\n'), "one line of data: {text:?}");
        Event { name: name.to_owned(), data: data.to_owned() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.data).expect("JSON")
    }
}

/// The text of a stream, put together.
pub(crate) fn text_of(events: &[Event]) -> String {
    let deltas = events.iter().filter(|event| event.name == "content_block_delta").map(Event::json);
    deltas.map(|event| event["delta"]["text"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Waits for all of them at once.
pub(crate) async fn together<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: futures_util::stream::FuturesUnordered<F> = futures.into_iter().collect();
    let mut outputs = Vec::new();
    while let Some(output) = running.next().await {
        outputs.push(output);
    }
    outputs
}
