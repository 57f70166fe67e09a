//! The way to a gateway: straight or through the machine's proxy, in clear text or by TLS.

use std::error::Error as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::Context as _;
use http::Uri;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector};
use hyper_util::client::legacy::Error;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

const CONNECT: Duration = Duration::from_secs(10);

/// Connects straight, or through the proxy that `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` name.
#[derive(Clone)]
pub(super) struct Way {
    tcp: HttpConnector,
    proxies: Arc<Matcher>,
}

pub(super) fn connector(base_url: &str) -> anyhow::Result<HttpsConnector<Way>> {
    let mut tcp = HttpConnector::new();
    tcp.set_connect_timeout(Some(CONNECT));
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let tls = if base_url.starts_with("http://") {
        // Reading the machine's authorities takes longer than a call on loopback.
        tls.with_root_certificates(rustls::RootCertStore::empty())
    } else {
        tls.with_native_roots().context("the machine's certificate authorities cannot be read")?
    };
    let way = Way { tcp, proxies: Arc::new(Matcher::from_env()) };
    Ok(hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(tls.with_no_client_auth())
        .https_or_http()
        .enable_http1()
        .wrap_connector(way))
}

type Connecting = Pin<Box<dyn Future<Output = Result<TokioIo<TcpStream>, anyhow::Error>> + Send>>;

impl Service<Uri> for Way {
    type Response = TokioIo<TcpStream>;
    type Error = anyhow::Error;
    type Future = Connecting;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Connecting {
        // Proxies tunnel to HTTPS alone; a gateway in clear text is on this machine or next to it.
        let proxy = (to.scheme_str() == Some("https")).then(|| self.proxies.intercept(&to)).flatten();
        let Some(proxy) = proxy else {
            let connecting = self.tcp.call(to);
            return Box::pin(async { Ok(connecting.await?) });
        };
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.tcp.clone());
        if let Some(credential) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(credential.clone());
        }
        let host = proxy.uri().host().unwrap_or_default().to_owned();
        let connecting = tunnel.call(to);
        Box::pin(async move {
            connecting.await.with_context(|| format!("the proxy {host} (HTTPS_PROXY) does not lead there"))
        })
    }
}

/// What is in the way, and what may help.
pub(super) fn told(base_url: &str, error: &Error) -> String {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    let cause = causes.last().cloned().unwrap_or_else(|| error.to_string());
    let proxy = causes.iter().find(|cause| cause.contains("HTTPS_PROXY"));
    let told = proxy.map_or_else(String::new, |proxy| format!("{proxy}: "));
    let hint = hint(&causes.join(": ")).map(|hint| format!("; {hint}")).unwrap_or_default();
    format!("{base_url} cannot be reached: {told}{cause}{hint}")
}

/// What to do about a cause that people meet.
fn hint(causes: &str) -> Option<&'static str> {
    let known = [
        (
            "UnknownIssuer",
            "let SSL_CERT_FILE name the file of the authority that signed its certificate, and NODE_EXTRA_CA_CERTS for Claude Code",
        ),
        (
            "not valid for name",
            "its certificate is for another name: use the name that the operator gave out",
        ),
        ("certificate expired", "its certificate has run out, or this machine's clock is wrong"),
        ("not valid yet", "this machine's clock is behind, or its certificate is of the future"),
        ("InvalidContentType", "it speaks no TLS there: is it http://, or another port?"),
        ("Connection refused", "nothing listens there: check address and port, or start the gateway"),
        ("lookup", "no such name: check the address, or join the network (VPN) that knows it"),
        ("resolve", "no such name: check the address, or join the network (VPN) that knows it"),
        ("timed out", "a firewall or a network (VPN) that is not joined is in between"),
    ];
    known.into_iter().find(|(sign, _)| causes.contains(sign)).map(|(_, hint)| hint)
}
