//! The HTTP client: one pool of connections for all calls.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST, HeaderMap};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Limited};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector};
use hyper_util::client::legacy::connect::HttpConnector;
use stonegate_protocol::{Failure, FailureClass, Outbound, failure};

use crate::credentials::{Access, chain_of};
use crate::endpoint::Endpoint;
use crate::pieces::Pieces;
use crate::pool::{NoAnswer, Pool, ReplyBody};
use crate::sign::{Scope, Signer, Unsigned};

/// How much of an error's body is read; Bedrock's are a few hundred bytes.
const ERROR_BODY_LIMIT: usize = 64 * 1024;

/// How long each part of a call may take.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// From the start of the attempt to the answer's headers, and as long again for what an error says.
    pub first_byte: Duration,
}

/// What Bedrock answered with a 2xx status.
#[derive(Debug)]
pub struct Reply {
    /// `x-amzn-requestid`, for support cases.
    pub request_id: Option<String>,
    /// The answer's headers.
    pub headers: HeaderMap,
    /// The bytes to come.
    pub body: ReplyBody,
}

impl Reply {
    /// The whole body, of `limit` bytes at most, if it comes within `patience`.
    ///
    /// # Errors
    /// [`Failure`], class broken off, for one that is longer, does not come in time, or not to its end.
    pub async fn whole(self, limit: usize, patience: Duration) -> Result<Bytes, Failure> {
        let body = tokio::time::timeout(patience, Limited::new(self.body, limit).collect())
            .await
            .map_err(|_elapsed| Failure::broken_off("the answer did not come to its end in time"))?
            .map_err(|error| Failure::broken_off(error.to_string()))?;
        Ok(body.to_bytes())
    }
}

/// The pool of connections to every endpoint.
#[derive(Clone)]
pub struct Client {
    pool: Arc<Pool<HttpsConnector<HttpConnector>>>,
    signer: Arc<Signer>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// A client that trusts the machine's certificate authorities and gives up connecting after `connect_timeout`.
    ///
    /// # Errors
    /// When the machine's certificate store cannot be read.
    pub fn new(connect_timeout: Duration) -> std::io::Result<Self> {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(connect_timeout));
        tcp.set_keepalive(Some(Duration::from_secs(60)));
        tcp.enforce_http(false);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(std::io::Error::other)?
            .with_native_roots()?
            .with_no_client_auth();
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        Ok(Client { pool: Arc::new(Pool::new(connector)), signer: Arc::default() })
    }

    /// Sends one call and gives what Bedrock answers; no retry happens here.
    ///
    /// # Errors
    /// [`Failure`] for an answer that is not a success, no answer in time, no connection, and no credentials.
    pub async fn send(
        &self,
        endpoint: &Endpoint,
        outbound: &Outbound,
        deadlines: Deadlines,
        now: SystemTime,
    ) -> Result<Reply, Failure> {
        let request = self.request(endpoint, outbound, now).await?;
        let base = &endpoint.host(outbound.service).base;
        let response = tokio::time::timeout(deadlines.first_byte, self.pool.send(base, request))
            .await
            .map_err(|_elapsed| {
                Failure::local(FailureClass::TimedOut, "Timeout", "no answer within the first-byte timeout")
            })?
            .map_err(|error| no_answer(&error))?;
        if response.status().is_success() {
            let request_id = text(&response, "x-amzn-requestid");
            let (head, body) = response.into_parts();
            return Ok(Reply { request_id, headers: head.headers, body });
        }
        let failure = refused(response, deadlines).await;
        if let Access::Signed(cache) = &endpoint.access
            && failure.class == FailureClass::Credentials
        {
            cache.invalidate();
        }
        Err(failure)
    }

    /// Whether credentials for the endpoint can be had now.
    ///
    /// # Errors
    /// [`NoCredentials`](crate::NoCredentials) when the chain has none.
    pub async fn check_access(
        &self,
        endpoint: &Endpoint,
        now: SystemTime,
    ) -> Result<(), crate::NoCredentials> {
        match &endpoint.access {
            Access::Bearer(_) => Ok(()),
            Access::Signed(cache) => cache.credentials(now).await.map(drop),
        }
    }

    async fn request(
        &self,
        endpoint: &Endpoint,
        outbound: &Outbound,
        now: SystemTime,
    ) -> Result<Request<Pieces>, Failure> {
        let fault = |reason: &dyn std::fmt::Display| {
            Failure::local(FailureClass::Unreachable, "BadRequestLine", reason.to_string())
        };
        let unsigned = |reason: &dyn std::fmt::Display| {
            Failure::local(FailureClass::Credentials, "NoCredentials", reason.to_string())
        };
        let host = endpoint.host(outbound.service);
        let path = PathAndQuery::try_from([&*host.prefix, &outbound.path].concat());
        let uri = Uri::from(path.map_err(|error| fault(&error))?);
        let mut headers = HeaderMap::with_capacity(12);
        headers.insert(HOST, HeaderValue::from_str(&host.authority).map_err(|error| fault(&error))?);
        for (name, value) in &outbound.headers {
            headers.insert(*name, HeaderValue::from_str(value).map_err(|error| fault(&error))?);
        }
        match &endpoint.access {
            Access::Bearer(token) => {
                let mut value =
                    HeaderValue::from_str(&format!("Bearer {token}")).map_err(|error| unsigned(&error))?;
                value.set_sensitive(true);
                headers.insert(AUTHORIZATION, value);
            }
            Access::Signed(cache) => {
                let credentials = cache.credentials(now).await.map_err(|error| unsigned(&error))?;
                let scope = Scope { service: &host.signing_name, region: &endpoint.region };
                // The base may have a path of its own, which goes over the wire and so is signed.
                let request = Unsigned {
                    method: "POST",
                    path: uri.path(),
                    headers: &headers,
                    body: outbound.body.pieces(),
                };
                let added =
                    self.signer.sign(request, &credentials, scope, now).map_err(|error| unsigned(&error))?;
                headers.extend(added);
            }
        }
        let mut request = Request::new(Pieces::of(&outbound.body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(request)
    }
}

fn text<B>(response: &Response<B>, name: &str) -> Option<String> {
    Some(response.headers().get(name)?.to_str().ok()?.to_owned())
}

async fn refused(response: Response<ReplyBody>, deadlines: Deadlines) -> Failure {
    let status: StatusCode = response.status();
    let error_type = text(&response, "x-amzn-errortype");
    let retry_after = text(&response, "retry-after");
    let body = Limited::new(response.into_body(), ERROR_BODY_LIMIT).collect();
    let body = match tokio::time::timeout(deadlines.first_byte, body).await {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) => Bytes::from(error.to_string()),
        Err(_elapsed) => Bytes::from_static(b"the rest of the error did not come"),
    };
    failure::from_bedrock(status.as_u16(), error_type.as_deref(), retry_after.as_deref(), &body)
}

/// A request that never got an answer: refused connections can be tried again at once, broken ones may have been
/// billed.
fn no_answer(error: &NoAnswer) -> Failure {
    match error {
        NoAnswer::Unreachable(error) => {
            Failure::local(FailureClass::Unreachable, "Unreachable", chain_of(&**error))
        }
        NoAnswer::Broken(error) => Failure::broken_off(chain_of(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use stonegate_protocol::Service;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::credentials::CredentialCache;
    use crate::endpoint::Host;

    fn endpoint(base: &str) -> Endpoint {
        let credentials = Credentials::new("AKID", "secret", None, None, "test");
        let cache = CredentialCache::new(SharedCredentialsProvider::new(credentials));
        let host = Host::new(base, "bedrock");
        Endpoint {
            name: "e".into(),
            region: "us-east-1".into(),
            runtime: host.clone(),
            mantle: host,
            access: Access::Signed(Arc::new(cache)),
        }
    }

    fn outbound(path: &str) -> Outbound {
        Outbound {
            service: Service::Runtime,
            path: path.to_owned(),
            headers: Vec::new(),
            body: Bytes::from_static(b"{}").into(),
            stream: false,
        }
    }

    fn client() -> Client {
        Client::new(Duration::from_secs(1)).expect("a client")
    }

    /// The `authorization` header of one call to this base.
    async fn authorization(base: &str, path: &str) -> HeaderValue {
        let (client, endpoint, outbound) = (client(), endpoint(base), outbound(path));
        let request = client.request(&endpoint, &outbound, UNIX_EPOCH).await.expect("a request");
        request.headers()[AUTHORIZATION].clone()
    }

    #[tokio::test]
    async fn the_path_of_a_base_url_is_signed() {
        let (under, whole) = (
            authorization("https://vpce.example/prefix", "/model/a/invoke").await,
            authorization("https://vpce.example", "/prefix/model/a/invoke").await,
        );
        assert_eq!(under, whole);
        assert_ne!(under, authorization("https://vpce.example", "/model/a/invoke").await);
    }

    /// Answers one request with this and says no more. Gives how the request began.
    async fn answer(listener: TcpListener, with: &str) -> String {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut request = String::new();
        while !request.ends_with("{}") {
            request.push(char::from(stream.read_u8().await.expect("a request")));
        }
        stream.write_all(with.as_bytes()).await.expect("it is read");
        // Open until the other end closes it.
        stream.read_u8().await.expect_err("nothing more");
        request
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_not_waited_for_for_ever() {
        let deadlines = Deadlines { first_byte: Duration::from_millis(50) };
        for (head, class) in
            [("200 OK", FailureClass::BrokenOff), ("400 Bad Request", FailureClass::Rejected)]
        {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let base = format!("http://{}/prefix", listener.local_addr().expect("bound"));
            let (client, endpoint, outbound) = (client(), endpoint(&base), outbound("/model/a/invoke"));
            let call = async {
                let reply = client.send(&endpoint, &outbound, deadlines, UNIX_EPOCH).await?;
                reply.whole(100, Duration::from_millis(50)).await
            };
            let with = format!("HTTP/1.1 {head}\r\ncontent-length: 50\r\n\r\n{{");
            let (failed, request) = tokio::join!(call, answer(listener, &with));
            assert_eq!(failed.expect_err("there is no end of it").class, class);
            assert!(
                request.starts_with("POST /prefix/model/a/invoke HTTP/1.1\r\nhost: 127.0.0.1:"),
                "{request}"
            );
        }
    }
}
