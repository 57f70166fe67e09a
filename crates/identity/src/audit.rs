//! The audit log: who did what to what. Each entry is sealed over the one before it, so that nothing in between can be
//! changed, taken away or put in without breaking the chain.

use std::{fmt, str::FromStr};

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

mod change;

pub use change::{Audited, Change};

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number; later ones are larger, and some may be missing.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Who, e.g. `user:usr_…` or `operator`.
    pub actor: String,
    /// What, e.g. `key.revoke`.
    pub action: String,
    /// To what, e.g. `key:key_…`.
    pub subject: String,
    /// What became of it.
    pub change: Change,
    /// In which request.
    pub request_id: Option<String>,
    /// From which address. `None` for what no request asked for, and in logs from before addresses were kept.
    pub address: Option<String>,
    /// What vouches for this entry and for all before it. `None` in logs that were begun before there were seals.
    pub seal: Option<Seal>,
}

/// A SHA-256 over an entry and the seal before it, written in hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seal([u8; 32]);

impl Seal {
    /// What the first entry is sealed over.
    pub const FIRST: Self = Self([0; 32]);

    /// Takes a seal that was stored.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The seal's bytes, to be stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Seal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        HEXLOWER.encode_display(&self.0).fmt(out)
    }
}

/// No seal: 64 hexadecimal digits are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a seal is written with 64 hexadecimal digits in lower case")]
pub struct NotASeal;

impl FromStr for Seal {
    type Err = NotASeal;

    fn from_str(text: &str) -> Result<Self, NotASeal> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_no_digits| NotASeal)?;
        bytes.try_into().map(Self).map_err(|_other_length| NotASeal)
    }
}

impl AuditEntry {
    /// The seal of this entry where `before` is that of the entry before it: the SHA-256 of `before` and of each member,
    /// which is written as its length in eight bytes, the highest first, and its text; one that is absent as eight bytes
    /// 0xff. The number is not among them, since a copy may number anew. The address comes last and only where there is one, so
    /// that entries from before addresses were kept have the seals that they always had.
    #[must_use]
    pub fn seal_after(&self, before: &Seal) -> Seal {
        let at = self.at.as_microsecond().to_string();
        let members = [
            Some(&*at),
            Some(&*self.actor),
            Some(&*self.action),
            Some(&*self.subject),
            self.change.before.as_deref(),
            self.change.after.as_deref(),
            self.request_id.as_deref(),
        ];
        let mut hash = Sha256::new_with_prefix(before.0);
        let address = self.address.as_deref().map(Some);
        for member in members.into_iter().chain(address) {
            let length = member.map_or(u64::MAX, |text| u64::try_from(text.len()).unwrap_or(u64::MAX));
            hash.update(length.to_be_bytes());
            hash.update(member.unwrap_or_default());
        }
        Seal(hash.finalize().into())
    }
}

/// Follows a log from its first entry to its last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    /// The last seal, to be kept elsewhere: whoever has it can tell whether the log was cut or written anew.
    pub head: Option<Seal>,
    /// How many entries it has.
    pub entries: u64,
}

/// Where a log was tampered with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the chain is broken at entry {number} ({at}): it, or one before it, was changed, taken away or put in"
)]
pub struct BrokenChain {
    /// The first entry that does not fit.
    pub number: u64,
    /// Its time.
    pub at: Timestamp,
}

impl Chain {
    /// Takes the next entry.
    ///
    /// # Errors
    /// When its seal is not the one that it must have after those before, or it has none.
    pub fn follow(&mut self, entry: &AuditEntry) -> Result<(), BrokenChain> {
        let broken = BrokenChain { number: entry.number, at: entry.at };
        let seal = entry.seal_after(&self.head.unwrap_or(Seal::FIRST));
        if entry.seal != Some(seal) {
            return Err(broken);
        }
        self.head = Some(seal);
        self.entries += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(acts: &[(&str, Option<&str>)]) -> Vec<AuditEntry> {
        let mut before = Seal::FIRST;
        let entry = |(number, (action, request)): (u64, &(&str, Option<&str>))| {
            let mut entry = AuditEntry {
                number,
                at: Timestamp::from_second(1_795_262_400).unwrap(),
                actor: "operator".to_owned(),
                action: (*action).to_owned(),
                subject: "tenant:acme".to_owned(),
                change: Change { before: None, after: Some("{}".to_owned()) },
                request_id: request.map(str::to_owned),
                address: None,
                seal: None,
            };
            before = entry.seal_after(&before);
            entry.seal = Some(before);
            entry
        };
        (1..).zip(acts).map(entry).collect()
    }

    fn check(log: &[AuditEntry]) -> Result<Chain, BrokenChain> {
        let mut chain = Chain::default();
        log.iter().try_for_each(|entry| chain.follow(entry)).map(|()| chain)
    }

    #[test]
    fn an_untouched_log_holds() {
        let log = log(&[("a", None), ("b", Some("")), ("c", Some("req"))]);
        let chain = check(&log).unwrap();
        assert_eq!((chain.entries, chain.head), (3, log[2].seal));
    }

    #[test]
    fn whoever_tampers_is_found_out() {
        let whole = log(&[("a", None), ("b", None), ("c", None)]);
        let other = log(&[("x", None), ("b", None)]);
        type Tamper = fn(&mut Vec<AuditEntry>, &[AuditEntry]);
        let tamper: [(&str, Tamper, u64); 10] = [
            ("an actor", |log, _| log[1].actor = "server".to_owned(), 2),
            ("a time", |log, _| log[0].at = Timestamp::UNIX_EPOCH, 1),
            ("a change", |log, _| log[2].change.after = None, 3),
            ("an address put to it", |log, _| log[1].address = Some("192.0.2.1".to_owned()), 2),
            ("nothing for empty", |log, _| log[1].request_id = Some(String::new()), 2),
            (
                "words moved to the next member",
                |log, _| {
                    log[1].action = "bt".to_owned();
                    log[1].subject = "enant:acme".to_owned();
                },
                2,
            ),
            ("one taken away", |log, _| drop(log.remove(1)), 3),
            ("one put in", |log, other| log.insert(1, other[1].clone()), 2),
            ("a seal taken away", |log, _| log[1].seal = None, 2),
            (
                "one without a seal put in at the front",
                |log, other| log.insert(0, AuditEntry { number: 0, seal: None, ..other[0].clone() }),
                0,
            ),
        ];
        for (what, tamper, number) in tamper {
            let mut log = whole.clone();
            tamper(&mut log, &other);
            assert_eq!(check(&log).map_err(|broken| broken.number), Err(number), "{what}");
        }
    }

    #[test]
    fn an_address_is_sealed_like_the_rest_and_without_one_nothing_changes() {
        let mut entry = log(&[("a", Some("req"))]).remove(0);
        let without = entry.seal_after(&Seal::FIRST);
        let mut seals = std::collections::BTreeSet::from([without.to_string()]);
        for (request, address) in [
            (Some("req"), Some("192.0.2.1")),
            (Some("req"), Some("192.0.2.10")),
            (Some("req"), Some("")),
            (Some("req192.0.2.1"), None),
            (None, Some("req")),
        ] {
            entry.request_id = request.map(str::to_owned);
            entry.address = address.map(str::to_owned);
            seals.insert(entry.seal_after(&Seal::FIRST).to_string());
        }
        assert_eq!(seals.len(), 6);
    }

    /// The formula is documented for whoever checks a log without us; these digits are from a script that did.
    #[test]
    fn a_seal_is_what_it_always_was() {
        let log = log(&[("key.revoke", Some("req_1"))]);
        let digits = log[0].seal.unwrap().to_string();
        assert_eq!(digits, "ea7d1217c4d1c08e4a3189113ebc8655fc699d5eae3f23efc5b857237b57ad08");
        assert_eq!(digits.parse(), Ok(log[0].seal.unwrap()));
        assert_eq!("00".parse::<Seal>(), Err(NotASeal));
    }
}
