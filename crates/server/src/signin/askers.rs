//! How many sign-ins one network may begin: each leaves something in the store until it ends.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// Sign-ins that an address may begin in a minute. A whole organisation may be behind one.
const IN_A_MINUTE: u32 = 120;
/// Addresses that are counted; beyond them, all are forgotten.
const ADDRESSES_MOST: usize = 10_000;

/// Counts of the minute that is.
#[derive(Default)]
pub(super) struct Askers(Mutex<(i64, HashMap<Option<IpAddr>, u32>)>);

impl Askers {
    /// Whether this address may begin another one.
    pub(super) fn admit(&self, peer: Option<IpAddr>, now: Timestamp) -> bool {
        let minute = now.as_second() / 60;
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.0 != minute || counts.1.len() >= ADDRESSES_MOST {
            *counts = (minute, HashMap::new());
        }
        let count = counts.1.entry(peer.map(network)).or_default();
        *count = count.saturating_add(1);
        *count <= IN_A_MINUTE
    }
}

/// Whoever has one IPv6 address has 2⁶⁴ of them.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_network_has_so_many_a_minute() {
        let askers = Askers::default();
        let at = |second: i64| Timestamp::from_second(1_790_000_040 + second).unwrap();
        let address = |text: &str| Some(text.parse().unwrap());
        let admitted = |peer, second| (0..200).filter(|_| askers.admit(peer, at(second))).count();
        assert_eq!(admitted(address("192.0.2.1"), 0), 120);
        assert_eq!(admitted(address("192.0.2.2"), 0), 120);
        assert_eq!(admitted(address("2001:db8::1"), 0), 120);
        assert_eq!(admitted(address("2001:db8::2"), 0), 0, "the same network");
        assert_eq!(admitted(address("192.0.2.1"), 60), 120);
    }
}
