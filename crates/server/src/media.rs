//! Images and documents that a request names by address, fetched for it: Bedrock takes bytes only.
//!
//! The caller chooses the address, so it is treated as hostile: `http` and `https` only, public addresses only (checked
//! after the name is resolved, and again at every redirection), a bounded time and size, and no more than the kinds of
//! files that models read.

mod address;

use std::collections::BTreeMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use http::header::{ACCEPT, CONTENT_TYPE, LOCATION, USER_AGENT};
use http::response::Parts;
use http::{HeaderMap, Request, Response, Uri};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioExecutor;
use stonegate_protocol::{Fetched, Problem, ProblemKind};

use crate::config::Media;

/// How often an address may point to another one.
const MOST_REDIRECTIONS: usize = 3;
/// Addresses in one request.
const MOST_ADDRESSES: usize = 100;
/// Addresses that are fetched at a time for one request.
const AT_ONCE: usize = 8;

/// A client that reaches the public internet only, unless it is told otherwise.
pub(crate) type Http<B> = Client<Connector, B>;
/// What it connects by.
pub(crate) type Connector = HttpsConnector<HttpConnector<PublicNames>>;

/// Fetches media for calls.
pub(crate) struct MediaFetcher {
    settings: Media,
    /// The most bytes for one request: a few words must not make the gateway hold gigabytes.
    most_together: usize,
    /// Made when it is first needed: most gateways never fetch anything.
    http: OnceLock<Http<Empty<Bytes>>>,
}

/// Why an address was not fetched.
#[derive(Debug, thiserror::Error)]
enum NotFetched {
    #[error("is no http or https address")]
    NoAddress,
    #[error("is not on the public internet, so this gateway does not fetch it")]
    NotPublic,
    #[error("was not answered within {} seconds", .0.as_secs())]
    TooSlow(Duration),
    #[error("could not be reached")]
    Unreachable,
    #[error("was answered with status {0}")]
    Status(u16),
    #[error("points from one address to the next too often")]
    Redirections,
    #[error("is larger than {0} bytes")]
    TooLarge(usize),
    #[error("makes the files of this request more than {0} bytes in all")]
    TooMuch(usize),
    #[error("was not answered to its end")]
    CutShort,
    #[error("is neither an image nor a document that models read")]
    Kind,
}

impl MediaFetcher {
    /// A fetcher that takes `most_together` bytes for one request: what its body may have anyway.
    pub(crate) fn new(settings: Media, most_together: usize) -> Self {
        MediaFetcher { settings, most_together, http: OnceLock::new() }
    }

    /// Fetches all of them, a few at a time.
    pub(crate) async fn fetch(&self, addresses: Vec<String>) -> Result<BTreeMap<String, Fetched>, Problem> {
        if addresses.is_empty() {
            return Ok(BTreeMap::new());
        }
        if !self.settings.fetch {
            let message = "images and documents by URL are not fetched by this gateway; send them as base64";
            return Err(Problem::new(ProblemKind::InvalidRequest, message));
        }
        if addresses.len() > MOST_ADDRESSES {
            let message = format!("more than {MOST_ADDRESSES} images and documents by URL");
            return Err(Problem::new(ProblemKind::InvalidRequest, message));
        }
        let room = AtomicUsize::new(self.most_together);
        let room = &room;
        let one = |address: String| async move {
            let limit = self.settings.timeout;
            let fetched = tokio::time::timeout(limit, self.follow(&address, room)).await;
            match fetched.unwrap_or(Err(NotFetched::TooSlow(limit))) {
                Ok(fetched) => Ok((address, fetched)),
                Err(why) => {
                    Err(Problem::new(ProblemKind::InvalidRequest, format!("{}: {why}", shown(&address))))
                }
            }
        };
        stream::iter(addresses.into_iter().map(one)).buffer_unordered(AT_ONCE).try_collect().await
    }

    async fn follow(&self, address: &str, room: &AtomicUsize) -> Result<Fetched, NotFetched> {
        let mut uri: Uri = address.parse().map_err(|_invalid| NotFetched::NoAddress)?;
        for _ in 0..=MOST_REDIRECTIONS {
            let response = self.request(&uri).await?;
            let status = response.status();
            if status.is_redirection() {
                uri = redirected(&uri, response.headers()).ok_or(NotFetched::NoAddress)?;
                continue;
            }
            if !status.is_success() {
                return Err(NotFetched::Status(status.as_u16()));
            }
            return self.read(response.into_parts(), room).await;
        }
        Err(NotFetched::Redirections)
    }

    async fn request(&self, uri: &Uri) -> Result<Response<Incoming>, NotFetched> {
        self.check(uri)?;
        let http = self.http()?;
        let request = Request::get(uri)
            .header(USER_AGENT, "Stonegate")
            .header(ACCEPT, "image/*, application/pdf, text/*;q=0.5")
            .body(Empty::new())
            .map_err(|_invalid| NotFetched::NoAddress)?;
        http.request(request).await.map_err(|error| {
            // The resolver refused every address that the name has.
            let is_private = error.is_connect() && caused_by::<PrivateName>(&error);
            if is_private { NotFetched::NotPublic } else { NotFetched::Unreachable }
        })
    }

    /// A literal address never reaches the resolver, so it is looked at here.
    fn check(&self, uri: &Uri) -> Result<(), NotFetched> {
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(NotFetched::NoAddress);
        }
        let host = uri.host().ok_or(NotFetched::NoAddress)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        match host.parse::<IpAddr>() {
            Ok(address) if !address::is_public(address) && !self.settings.allow_private => {
                Err(NotFetched::NotPublic)
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    async fn read(
        &self,
        (head, mut body): (Parts, Incoming),
        room: &AtomicUsize,
    ) -> Result<Fetched, NotFetched> {
        let limit = self.settings.max_bytes;
        let mut file = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(piece) = frame.map_err(|_broken| NotFetched::CutShort)?.into_data() else { continue };
            if file.len() + piece.len() > limit {
                return Err(NotFetched::TooLarge(limit));
            }
            let take = |left: usize| left.checked_sub(piece.len());
            if room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
                return Err(NotFetched::TooMuch(self.most_together));
            }
            file.extend_from_slice(&piece);
        }
        let media_type = recognised(&file).map(str::to_owned).or_else(|| media_type(&head.headers));
        Ok(Fetched { media_type: media_type.ok_or(NotFetched::Kind)?, base64: STANDARD.encode(&file) })
    }

    fn http(&self) -> Result<&Http<Empty<Bytes>>, NotFetched> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        let made = client(self.settings.allow_private).map_err(|error| {
            tracing::error!(%error, "media cannot be fetched");
            NotFetched::Unreachable
        })?;
        Ok(self.http.get_or_init(|| made))
    }
}

/// Whether an address by which the operator's own services say that they are reached may be asked at all: by TLS, and not by
/// a literal address that is private.
pub(crate) fn may_be_reached(uri: &Uri, allow_private: bool) -> bool {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let is_private = host.parse::<IpAddr>().is_ok_and(|address| !address::is_public(address));
    match uri.scheme_str() {
        Some("https") => !host.is_empty() && (allow_private || !is_private),
        Some("http") => !host.is_empty() && allow_private,
        Some(_) | None => false,
    }
}

/// Makes such a client.
///
/// # Errors
/// When the machine's certificate authorities cannot be read.
pub(crate) fn client<B>(allow_private: bool) -> std::io::Result<Http<B>>
where
    B: http_body::Body + Send,
    B::Data: Send,
{
    // No connection is kept: the next address is most likely another host's.
    Ok(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector(allow_private)?))
}

/// What such a client connects by.
///
/// # Errors
/// When the machine's certificate authorities cannot be read.
pub(crate) fn connector(allow_private: bool) -> std::io::Result<Connector> {
    let mut tcp = HttpConnector::new_with_resolver(PublicNames { allow_private });
    tcp.enforce_http(false);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(std::io::Error::other)?
        .with_native_roots()?
        .with_no_client_auth();
    let https =
        hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
    Ok(https.wrap_connector(tcp))
}

/// Resolves names to public addresses only. The connection is made to what was checked, so that a name cannot mean
/// another address a moment later.
#[derive(Clone)]
pub(crate) struct PublicNames {
    allow_private: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("the name has no public address")]
struct PrivateName;

type Resolving = Pin<Box<dyn Future<Output = Result<std::vec::IntoIter<SocketAddr>, std::io::Error>> + Send>>;

impl tower::Service<Name> for PublicNames {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = std::io::Error;
    type Future = Resolving;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> =
                found.filter(|found| allow_private || address::is_public(found.ip())).collect();
            if allowed.is_empty() {
                return Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, PrivateName));
            }
            Ok(allowed.into_iter())
        })
    }
}

fn caused_by<E: std::error::Error + 'static>(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        // An I/O error shows the error inside of it, but does not give it as its source.
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if error.is::<E>() || inner.is_some_and(|inner| inner.is::<E>()) {
            return true;
        }
        next = error.source();
    }
    false
}

/// Where a redirection leads, relative or not.
fn redirected(from: &Uri, headers: &HeaderMap) -> Option<Uri> {
    let to: Uri = headers.get(LOCATION)?.to_str().ok()?.parse().ok()?;
    if to.scheme().is_some() {
        return Some(to);
    }
    let mut parts = to.into_parts();
    parts.scheme = from.scheme().cloned();
    parts.authority = parts.authority.or_else(|| from.authority().cloned());
    Uri::from_parts(parts).ok()
}

/// What a file is by its first bytes, which is what the model's endpoint will go by.
fn recognised(body: &[u8]) -> Option<&'static str> {
    match body {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        [b'%', b'P', b'D', b'F', b'-', ..] => Some("application/pdf"),
        _ => None,
    }
}

/// What the server says that it is, for texts, which have no first bytes of their own.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next()?.trim().to_ascii_lowercase();
    let is_text = essence.starts_with("text/") || essence == "application/json";
    is_text.then_some(essence)
}

/// The address for an error message: without its query, which may hold a signature, and not for ever long.
fn shown(address: &str) -> String {
    address.split(['?', '#']).next().unwrap_or_default().chars().take(200).collect()
}

#[cfg(test)]
mod tests;
