//! A small HTTP client for talking to a gateway on this machine.

use anyhow::{Context as _, bail};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Calls one gateway with one key.
pub(crate) struct Client {
    http: HttpClient<HttpConnector, Full<Bytes>>,
    base_url: String,
    key: String,
}

impl Client {
    pub(crate) fn new(base_url: &str, key: &str) -> Client {
        Client {
            http: HttpClient::builder(TokioExecutor::new()).build_http(),
            base_url: base_url.to_owned(),
            key: key.to_owned(),
        }
    }

    /// What `GET path` gives, as JSON.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let response = self.send(Method::GET, path, None).await?;
        let body = response.into_body().collect().await.context("the answer broke off")?.to_bytes();
        serde_json::from_slice(&body).with_context(|| format!("{path} gave no JSON"))
    }

    /// Sends a JSON body; the answer's body is still to come. A status that is no success is an error.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Response<Incoming>> {
        self.send(Method::POST, path, Some(body)).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Response<Incoming>> {
        let body = body.map(ToString::to_string).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base_url))
            .header("x-api-key", &self.key)
            .header("anthropic-version", "2023-06-01")
            .header("content-type", "application/json")
            .body(Full::from(body))?;
        let response =
            self.http.request(request).await.with_context(|| format!("{path} was not answered"))?;
        let status = response.status();
        if !status.is_success() {
            let body = response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            bail!("{path} answered {status}: {}", String::from_utf8_lossy(&body));
        }
        Ok(response)
    }
}
