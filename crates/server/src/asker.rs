//! Who asks, as far as the connection tells, and how often strangers of one network may ask for what costs the gateway.
//!
//! Everything that anybody may ask for without a key and that writes to the store, hashes or looks something up is counted
//! here, in memory: each replica for itself, which bounds a network by as many times that as there are replicas.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use axum::extract::{ConnectInfo, FromRequestParts};
use http::request::Parts;
use jiff::Timestamp;

/// The address that a request comes from, where it is known: as far as proxies tell which the operator trusts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asker(pub(crate) Option<IpAddr>);

impl<S: Send + Sync> FromRequestParts<S> for Asker {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let found = parts.extensions.get().copied();
        let peer = || Self(parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip()));
        std::future::ready(Ok(found.unwrap_or_else(peer))).await
    }
}

impl Asker {
    /// The network that the address is of.
    pub(crate) fn network(self) -> Network {
        Network(self.0.map(|address| match address.to_canonical() {
            address @ IpAddr::V4(_) => address,
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::from([a, b, c, d, 0, 0, 0, 0])
            }
        }))
    }
}

/// What counts as one asker: an IPv4 address, or 64 bits of an IPv6 one, since whoever has one of them has them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Network(Option<IpAddr>);

impl fmt::Display for Network {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => write!(out, "{address}"),
            None => out.write_str("unknown"),
        }
    }
}

/// What a stranger asks for, by what it costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Favour {
    /// To begin a sign-in, which leaves something in the store until it ends.
    Begin,
    /// To have a password or a first token looked at, which takes a core and memory, and leaves something in the store.
    Prove,
    /// To have something looked up.
    Look,
}

impl Favour {
    /// How often a minute. A whole organisation may be behind one address.
    fn most(self) -> u32 {
        match self {
            Self::Begin => 120,
            Self::Prove => 60,
            Self::Look => 3_000,
        }
    }
}

/// Networks that are remembered.
const NETWORKS_MOST: usize = 50_000;

/// Counts of the minute that is.
#[derive(Default)]
pub(crate) struct Askers(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    minute: i64,
    of: HashMap<(Network, Favour), u32>,
}

impl Askers {
    /// Whether this network may have one more.
    ///
    /// # Errors
    /// With the seconds until it may, when it may not.
    pub(crate) fn admit(&self, network: Network, favour: Favour, now: Timestamp) -> Result<(), u64> {
        let second = now.as_second();
        let minute = second.div_euclid(60);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.minute != minute {
            *counts = Counts { minute, of: HashMap::new() };
        }
        counts.make_room();
        let count = counts.of.entry((network, favour)).or_default();
        *count = count.saturating_add(1);
        if *count <= favour.most() { Ok(()) } else { Err(60 - second.rem_euclid(60).unsigned_abs()) }
    }
}

impl Counts {
    /// Whoever comes from ever new networks makes the gateway forget the harmless first, and only then those that are full.
    fn make_room(&mut self) {
        if self.of.len() >= NETWORKS_MOST {
            self.of.retain(|(_, favour), count| *count >= favour.most());
        }
        if self.of.len() >= NETWORKS_MOST {
            self.of.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_040 + second).unwrap()
    }

    fn network(text: &str) -> Network {
        Asker(Some(text.parse().unwrap())).network()
    }

    #[test]
    fn each_network_has_so_many_a_minute() {
        let askers = Askers::default();
        let admitted = |from: &str, favour, second| {
            (0..200).filter(|_| askers.admit(network(from), favour, at(second)).is_ok()).count()
        };
        for (from, favour, second, expected) in [
            ("192.0.2.1", Favour::Begin, 0, 120),
            ("192.0.2.1", Favour::Prove, 0, 60),
            ("192.0.2.1", Favour::Look, 0, 200),
            ("192.0.2.1", Favour::Begin, 59, 0),
            ("192.0.2.2", Favour::Begin, 0, 120),
            ("2001:db8::1", Favour::Begin, 0, 120),
            ("2001:db8::2", Favour::Begin, 0, 0), // the same network
            ("2001:db8:0:1::2", Favour::Begin, 0, 120),
            ("::ffff:192.0.2.2", Favour::Begin, 0, 0), // by a socket for both kinds
            ("::ffff:192.0.2.3", Favour::Begin, 0, 120),
            ("192.0.2.1", Favour::Begin, 60, 120),
        ] {
            assert_eq!(admitted(from, favour, second), expected, "{favour:?} from {from} at {second}");
        }
        let refused = askers.admit(network("192.0.2.1"), Favour::Begin, at(75));
        assert_eq!(refused, Err(45));
    }

    #[test]
    fn ever_new_networks_do_not_open_one_that_is_full() {
        let askers = Askers::default();
        let full = network("192.0.2.1");
        while askers.admit(full, Favour::Prove, at(0)).is_ok() {}
        for number in 0..120_000_u32 {
            let other = Asker(Some(IpAddr::from(number.to_be_bytes()))).network();
            assert!(askers.admit(other, Favour::Prove, at(0)).is_ok());
        }
        assert!(askers.0.lock().unwrap().of.len() <= NETWORKS_MOST);
        assert!(askers.admit(full, Favour::Prove, at(0)).is_err());
    }
}
