//! Wrong tries at one login: by the network that they come from, and in sum from wherever it was never right.
//!
//! A network that was wrong too often has to wait, for as long as it goes on, and nobody else with it: who knows another's
//! login cannot lock it for them. Guesses from ever new networks are held to one in a while, all of them together, after
//! which only the networks that the login has signed in from of late are let through at once.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use stonegate_identity::DirectoryError;
use stonegate_identity::ticket::{TicketKind, Tickets};

use super::failures::{Count, MEMORY, Try, in_a_moment};
use super::newest::Place;
use crate::asker::Network;

/// Failures from strange networks, all together, that cost nothing.
const ELSEWHERE_FREE: u32 = 50;
/// The pause after each further one.
const ELSEWHERE_PAUSE: SignedDuration = SignedDuration::from_mins(1);
/// How long a network is known that was right once.
const AT_HOME: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Networks that are remembered of one login, of either sort.
const NETWORKS_MOST: usize = 32;

/// What is kept of the tries at one login. Networks are digests: where people are is nobody's business.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Tries {
    /// By network.
    wrong: BTreeMap<String, Count>,
    /// From all networks that it was not right from.
    elsewhere: Count,
    /// When it was right last, in microseconds since 1970, by network.
    homes: BTreeMap<String, i64>,
}

impl Tries {
    fn is_home(&self, network: &str, now: Timestamp) -> bool {
        let last = self.homes.get(network).and_then(|last| Timestamp::from_microsecond(*last).ok());
        last.is_some_and(|last| now.duration_since(last) < AT_HOME)
    }

    fn is_open(&self, network: &str, now: Timestamp) -> Try {
        match self.wrong.get(network).map_or(Try::Open, |count| count.is_open(now)) {
            Try::Open if !self.is_home(network, now) => self.elsewhere.is_open(now),
            known => known,
        }
    }

    fn add(&mut self, network: &str, now: Timestamp) {
        self.wrong.retain(|_, count| count.is_remembered(now));
        self.wrong.entry(network.to_owned()).or_default().add(now);
        if !self.is_home(network, now) {
            let pause = |failures| (failures >= ELSEWHERE_FREE).then_some(ELSEWHERE_PAUSE);
            self.elsewhere.add_with(now, pause);
        }
        // Whoever is forgotten for others' sake is held by the sum.
        keep_newest(&mut self.wrong, |count| count.last);
    }

    fn take_back(&mut self, network: &str, now: Timestamp) {
        if let Some(count) = self.wrong.get_mut(network) {
            count.take_back();
        }
        if !self.is_home(network, now) {
            self.elsewhere.take_back();
        }
    }

    fn right(&mut self, network: &str, now: Timestamp) {
        self.take_back(network, now);
        self.wrong.remove(network);
        self.homes.insert(network.to_owned(), now.as_microsecond());
        keep_newest(&mut self.homes, |last| *last);
    }

    fn kept_until(&self, now: Timestamp) -> Timestamp {
        let memory = if self.homes.is_empty() { MEMORY } else { AT_HOME };
        now.saturating_add(memory).unwrap_or(Timestamp::MAX)
    }
}

fn keep_newest<T>(of: &mut BTreeMap<String, T>, when: impl Fn(&T) -> i64) {
    while of.len() > NETWORKS_MOST {
        let oldest = of.iter().min_by_key(|(_, entry)| when(entry)).map(|(name, _)| name.clone());
        let Some(oldest) = oldest else { return };
        of.remove(&oldest);
    }
}

/// Tries at one login from one network.
pub(super) struct AtLogin<'a> {
    tickets: &'a dyn Tickets,
    who: &'a str,
    network: String,
}

impl<'a> AtLogin<'a> {
    /// `who` is the login as it may be written down.
    pub(super) fn new(tickets: &'a dyn Tickets, who: &'a str, network: Network) -> Self {
        Self { tickets, who, network: super::short_digest(&format!("network:{network}")) }
    }

    fn place(&self) -> Place<'_> {
        Place { tickets: self.tickets, kind: TicketKind::Failures, name: self.who }
    }

    /// Whether it may be tried. Counts nothing.
    pub(super) async fn look(&self, now: Timestamp) -> Result<Try, DirectoryError> {
        Ok(self.place().read::<Tries>(now).await?.is_open(&self.network, now))
    }

    /// Counts a try as a wrong one, unless there is a pause.
    pub(super) async fn begin(&self, now: Timestamp) -> Result<Try, DirectoryError> {
        let counted = self
            .place()
            .change(now, |tries: &mut Tries| {
                let outcome = tries.is_open(&self.network, now);
                if outcome == Try::Open {
                    tries.add(&self.network, now);
                }
                (outcome, tries.kept_until(now))
            })
            .await?;
        Ok(counted.unwrap_or_else(|| in_a_moment(now)))
    }

    /// Nobody looked at the try that was counted.
    pub(super) async fn take_back(&self, now: Timestamp) -> Result<(), DirectoryError> {
        self.change(now, |tries| tries.take_back(&self.network, now)).await
    }

    /// The try that was counted was right.
    pub(super) async fn right(&self, now: Timestamp) -> Result<(), DirectoryError> {
        self.change(now, |tries| tries.right(&self.network, now)).await
    }

    async fn change(&self, now: Timestamp, how: impl Fn(&mut Tries)) -> Result<(), DirectoryError> {
        let changed = self.place().change(now, |tries: &mut Tries| {
            how(tries);
            ((), tries.kept_until(now))
        });
        changed.await.map(drop)
    }
}

/// Forgets all tries at a login: its password is another one.
pub(super) async fn forget(tickets: &dyn Tickets, who: &str, now: Timestamp) -> Result<(), DirectoryError> {
    tickets.take(TicketKind::Failures, who, now).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    #[test]
    fn a_login_is_locked_for_the_network_that_was_wrong() {
        let mut tries = Tries::default();
        for _ in 0..5 {
            assert_eq!(tries.is_open("eve", at(0)), Try::Open);
            tries.add("eve", at(0));
        }
        assert_eq!(tries.is_open("eve", at(0)), Try::Locked(at(30)));
        assert_eq!(tries.is_open("ann", at(0)), Try::Open);
    }

    #[test]
    fn guesses_from_ever_new_networks_wait_and_the_owner_at_home_does_not() {
        let mut tries = Tries::default();
        tries.add("home", at(0));
        tries.right("home", at(0));
        for number in 0..50 {
            let network = format!("bot {number}");
            assert_eq!(tries.is_open(&network, at(1)), Try::Open, "{number}");
            tries.add(&network, at(1));
        }
        assert_eq!(tries.is_open("bot 50", at(1)), Try::Locked(at(61)));
        assert_eq!(tries.is_open("bot 0", at(1)), Try::Locked(at(61)));
        assert_eq!(tries.is_open("home", at(1)), Try::Open);
        assert_eq!(tries.is_open("bot 50", at(61)), Try::Open, "one in a minute");
        tries.add("bot 50", at(61));
        assert_eq!(tries.is_open("bot 51", at(62)), Try::Locked(at(121)));
        assert!(tries.wrong.len() <= NETWORKS_MOST);
        // Who was not at home for long is a stranger again.
        let late = AT_HOME.as_secs();
        tries.add("bot", at(late));
        assert!(!tries.is_home("home", at(late)));
    }

    #[test]
    fn a_right_one_takes_back_its_own_try_only() {
        let mut tries = Tries::default();
        for _ in 0..3 {
            tries.add("eve", at(0));
        }
        tries.add("ann", at(0));
        let before = tries.clone();
        tries.right("ann", at(0));
        assert_eq!(tries.wrong.keys().collect::<Vec<_>>(), ["eve"]);
        assert_eq!(tries.wrong["eve"], before.wrong["eve"]);
        tries.add("ann", at(1));
        tries.take_back("ann", at(1));
        assert_eq!(tries.is_open("ann", at(1)), Try::Open);
    }
}
