//! A small HTTP client for talking to a gateway.

mod refusal;
mod way;

use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::rt::TokioExecutor;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::trouble::Trouble;
use way::Way;

/// How long an answer's head may take. Only calls of models take longer, and those are the clients' own.
const PATIENCE: Duration = Duration::from_secs(30);
/// Most of a body that is read: what the gateway tells is small.
const MOST_BYTES: usize = 4 << 20;

/// What a form has to write otherwise: all but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Calls one gateway as one caller, or as nobody.
pub(crate) struct Client {
    http: HttpClient<HttpsConnector<Way>, Full<Bytes>>,
    base_url: String,
    credential: Option<String>,
}

impl Client {
    /// Calls `base_url` with a key or an access token.
    ///
    /// # Errors
    /// When the machine's certificate authorities cannot be read.
    pub(crate) fn new(base_url: &str, credential: Option<&str>) -> anyhow::Result<Client> {
        Ok(Client {
            http: HttpClient::builder(TokioExecutor::new()).build(way::connector(base_url)?),
            base_url: base_url.to_owned(),
            credential: credential.map(str::to_owned),
        })
    }

    /// What `GET path` gives, as JSON.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Trouble> {
        read(path, self.send(Method::GET, path, None).await?).await
    }

    /// What comes of a JSON body, as JSON.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Trouble> {
        read(path, self.send(Method::POST, path, Some(Content::json(body))).await?).await
    }

    /// What comes of a form, as JSON: OAuth's endpoints take nothing else.
    pub(crate) async fn post_form<T: DeserializeOwned>(
        &self,
        path: &str,
        form: &[(&str, &str)],
    ) -> Result<T, Trouble> {
        read(path, self.send(Method::POST, path, Some(Content::form(form))).await?).await
    }

    /// What comes of any request, as JSON.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        content: Option<Content>,
    ) -> Result<T, Trouble> {
        read(path, self.send(method, path, content).await?).await
    }

    /// Sends a JSON body; the answer's body is still to come.
    pub(crate) async fn stream(&self, path: &str, body: &Value) -> Result<Response<Incoming>, Trouble> {
        self.send(Method::POST, path, Some(Content::json(body))).await
    }

    /// The answer to a request, whatever its status.
    pub(crate) async fn answer(
        &self,
        method: Method,
        path: &str,
        content: Option<Content>,
    ) -> Result<Response<Incoming>, Trouble> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base_url))
            .header("anthropic-version", "2023-06-01")
            .header("user-agent", concat!("stonegate/", env!("CARGO_PKG_VERSION")));
        if let Some(credential) = &self.credential {
            request = request.header(AUTHORIZATION, format!("Bearer {credential}"));
        }
        let body = match content {
            Some(Content { kind, body, once }) => {
                request = request.header(CONTENT_TYPE, kind);
                if let Some(name) = once {
                    request = request.header("idempotency-key", name);
                }
                body
            }
            None => String::new(),
        };
        let request = request
            .body(Full::from(body))
            .map_err(|error| Trouble::Wrong(format!("{}{path} cannot be asked: {error}", self.base_url)))?;
        let answered = tokio::time::timeout(PATIENCE, self.http.request(request)).await;
        let response = answered
            .map_err(|_elapsed| {
                let seconds = PATIENCE.as_secs();
                Trouble::Unreachable(format!("{} did not answer in {seconds} s", self.base_url))
            })?
            .map_err(|error| Trouble::Unreachable(way::told(&self.base_url, &error)))?;
        Ok(response)
    }

    /// The answer to a request, its body still to come; a status that is no success is an error.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        content: Option<Content>,
    ) -> Result<Response<Incoming>, Trouble> {
        let response = self.answer(method, path, content).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (head, body) = response.into_parts();
        let body = whole(path, body).await.unwrap_or_default();
        Err(refusal::of(&head, &body))
    }
}

/// What a request brings.
pub(crate) struct Content {
    kind: &'static str,
    body: String,
    /// By what name it is known when it is sent again.
    once: Option<String>,
}

impl Content {
    pub(crate) fn json(body: &Value) -> Content {
        Content { kind: "application/json", body: body.to_string(), once: None }
    }

    pub(crate) fn form(members: &[(&str, &str)]) -> Content {
        Content { kind: "application/x-www-form-urlencoded", body: form(members), once: None }
    }

    /// The same, to be done once however often it is sent.
    pub(crate) fn once(self, name: Option<String>) -> Content {
        Content { once: name, ..self }
    }
}

/// Names and values as forms and addresses have them.
pub(crate) fn form(members: &[(&str, &str)]) -> String {
    let plain = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
    let pairs: Vec<String> =
        members.iter().map(|(name, value)| format!("{}={}", plain(name), plain(value))).collect();
    pairs.join("&")
}

async fn read<T: DeserializeOwned>(path: &str, response: Response<Incoming>) -> Result<T, Trouble> {
    let body = whole(path, response.into_body()).await?;
    serde_json::from_slice(&body)
        .map_err(|error| Trouble::Unread { path: path.to_owned(), why: error.to_string() })
}

/// A body to its end.
pub(crate) async fn whole(path: &str, body: Incoming) -> Result<Bytes, Trouble> {
    let limited = http_body_util::Limited::new(body, MOST_BYTES);
    match tokio::time::timeout(PATIENCE, limited.collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(_broken)) => Err(Trouble::Unreachable(format!("the answer of {path} broke off"))),
        Err(_elapsed) => Err(Trouble::Unreachable(format!("the answer of {path} came to no end"))),
    }
}
