//! Where a request came from: the other end of the connection, or, where that is a proxy which the operator trusts, what it
//! says in `x-forwarded-for`.
//!
//! Each proxy adds the address that it saw at the end of that header; what stands before came from further away, and the
//! first of it may have been made up. So the list is read from its end, for as long as its addresses are trusted proxies.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{Extensions, HeaderMap};
use ipnet::IpNet;

use crate::asker::Asker;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// Networks of proxies whose word is taken.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    pub(crate) fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Who asks, where a request with these extensions and headers comes from.
    pub(crate) fn asker(&self, extensions: &Extensions, headers: &HeaderMap) -> Asker {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
        Asker(peer.map(|peer| self.whence(peer, headers)))
    }

    /// The address that a request with these headers came from, when this one is at the other end of the connection.
    fn whence(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut address = peer.to_canonical();
        let lines: Vec<&str> =
            headers.get_all(FORWARDED_FOR).iter().map(|line| line.to_str().unwrap_or("?")).collect();
        let mut said = lines.iter().rev().flat_map(|line| line.rsplit(','));
        while self.0.iter().any(|network| network.contains(&address)) {
            match said.next().and_then(parsed) {
                Some(before) => address = before.to_canonical(),
                None => break,
            }
        }
        address
    }
}

/// An address as proxies write it: perhaps with a port, of IPv6 perhaps in brackets.
fn parsed(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    text.parse()
        .ok()
        .or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
}

/// Finds out where requests came from, for those who want to know.
pub(crate) async fn look(
    State(proxies): State<TrustedProxies>,
    mut request: Request,
    next: Next,
) -> Response {
    let asker = proxies.asker(request.extensions(), request.headers());
    request.extensions_mut().insert(asker);
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_proxy_is_believed_as_far_as_it_is_trusted() {
        let networks = ["10.0.0.0/8", "2001:db8::/32", "127.0.0.1/32"];
        let proxies = TrustedProxies::new(networks.map(|network| network.parse().unwrap()).to_vec());
        for (peer, said, expected) in [
            ("192.0.2.1", &[][..], "192.0.2.1"),
            // Nobody else's word counts, whatever they say.
            ("192.0.2.1", &["10.0.0.1"], "192.0.2.1"),
            ("192.0.2.1", &["198.51.100.7, 10.0.0.1"], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.1"], "192.0.2.1"),
            ("10.0.0.1", &["198.51.100.7,192.0.2.1"], "192.0.2.1"),
            ("10.0.0.1", &["192.0.2.1, 10.2.3.4"], "192.0.2.1"),
            ("10.0.0.1", &["198.51.100.7, 192.0.2.1", "10.2.3.4"], "192.0.2.1"),
            ("10.0.0.1", &["10.2.3.4"], "10.2.3.4"),
            ("::ffff:10.0.0.1", &["::ffff:192.0.2.1"], "192.0.2.1"),
            ("10.0.0.1", &["192.0.2.1:4711"], "192.0.2.1"),
            ("2001:db8::1", &["[2001:470::7]:443"], "2001:470::7"),
            ("2001:db8::1", &["[2001:470::7]"], "2001:470::7"),
            // What is no address says nothing, nor does what stands before it.
            ("10.0.0.1", &["192.0.2.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.1, "], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.1\u{e9}"], "10.0.0.1"),
        ] {
            let mut headers = HeaderMap::new();
            for line in said {
                headers.append(FORWARDED_FOR, HeaderValue::from_bytes(line.as_bytes()).unwrap());
            }
            let found = proxies.whence(peer.parse().unwrap(), &headers);
            assert_eq!(found.to_string(), expected, "{peer} {said:?}");
            let nobody = TrustedProxies::default().whence(peer.parse().unwrap(), &headers);
            assert_eq!(nobody, peer.parse::<IpAddr>().unwrap().to_canonical());
        }
    }
}
