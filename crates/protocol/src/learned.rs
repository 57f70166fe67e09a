//! What an upstream refused although no table said so, and for which requests that holds.
//!
//! A refusal speaks of one request. A member is often taken only along with the beta that it belongs to: refused
//! without it, it is left out of requests that send no other betas than those that did not help, and is tried again
//! with any other. A beta that is refused without its name is one of those that the request sent and the table does not
//! know; requests that lack one of these are tried, which in time shows which it was.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::failure::RejectedPart;

/// The most betas that are kept with one lesson. A request that sends more teaches nothing.
const MOST_BETAS: usize = 64;

/// What one upstream model refused. Kept by the server, which also bounds it ([`Learned::len`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// Values of `anthropic-beta` that were refused by name.
    pub(crate) betas: BTreeSet<String>,
    /// Members that were refused, as dotted paths, each with the betas along with which it was.
    members: BTreeMap<String, BTreeSet<String>>,
    /// Betas, unknown to the table, of requests of which upstream refused one without saying which.
    suspects: Vec<BTreeSet<String>>,
}

/// The betas that one request sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SentBetas {
    /// One a line, in two texts so that a request costs two allocations and not one for each beta.
    known: String,
    unknown: String,
}

impl SentBetas {
    /// Adds one that the table knows.
    pub(crate) fn add_known(&mut self, beta: &str) {
        add_line(&mut self.known, beta);
    }

    /// Adds one that the table does not know.
    pub(crate) fn add_unknown(&mut self, beta: &str) {
        add_line(&mut self.unknown, beta);
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        self.known.lines().chain(self.unknown())
    }

    fn unknown(&self) -> impl Iterator<Item = &str> {
        self.unknown.lines()
    }
}

/// For the log: the names, those that the table does not know marked by `?`.
impl fmt::Display for SentBetas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.known.lines().map(|beta| (beta, ""));
        for (index, (beta, mark)) in known.chain(self.unknown().map(|beta| (beta, "?"))).enumerate() {
            write!(f, "{}{}{mark}", if index > 0 { "," } else { "" }, beta.escape_debug())?;
        }
        Ok(())
    }
}

fn add_line(text: &mut String, line: &str) {
    if text.is_empty() {
        text.reserve(256);
    }
    text.push_str(line);
    text.push('\n');
}

impl Learned {
    /// Notes a part of a request that was refused, with the betas that the request sent; false where it was known
    /// already, so that trying again would change nothing.
    pub fn note(&mut self, part: RejectedPart, sent: &SentBetas) -> bool {
        match part {
            RejectedPart::Beta(name) => self.betas.insert(name),
            RejectedPart::Betas => self.note_suspects(sent.unknown().map(str::to_owned).collect()),
            RejectedPart::Member(path) => self.note_member(path, sent),
        }
    }

    /// The union of all betas that did not help: none of them makes the member be taken.
    fn note_member(&mut self, path: String, sent: &SentBetas) -> bool {
        if sent.all().count() > MOST_BETAS {
            return false;
        }
        let is_new = !self.members.contains_key(&path);
        let did_not_help = self.members.entry(path).or_default();
        let before = did_not_help.len();
        for beta in sent.all() {
            if did_not_help.len() < MOST_BETAS && !did_not_help.contains(beta) {
                did_not_help.insert(beta.to_owned());
            }
        }
        is_new || did_not_help.len() > before
    }

    fn note_suspects(&mut self, unknown: BTreeSet<String>) -> bool {
        let is_known = self.suspects.iter().any(|known| known.is_subset(&unknown));
        if unknown.is_empty() || unknown.len() > MOST_BETAS || is_known {
            return false;
        }
        self.suspects.retain(|known| !unknown.is_subset(known));
        self.suspects.push(unknown);
        true
    }

    /// How much is kept: the number of names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.betas.len()
            + self.members.values().map(|betas| 1 + betas.len()).sum::<usize>()
            + self.suspects.iter().map(BTreeSet::len).sum::<usize>()
    }

    /// Whether nothing was learned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a member is left out of a request that sends these betas.
    #[must_use]
    pub fn leaves_out(&self, member: &str, sent: &[&str]) -> bool {
        self.members.get(member).is_some_and(|did_not_help| covers(did_not_help, sent))
    }

    /// The members that are left out of a request that sends these betas.
    pub(crate) fn left_out(&self, sent: &[&str]) -> impl Iterator<Item = &str> {
        let learned = self.members.iter();
        learned.filter(|(_, did_not_help)| covers(did_not_help, sent)).map(|(path, _)| path.as_str())
    }

    /// Those of a request's unknown betas of which one is sure to be refused.
    pub(crate) fn suspects(&self, sent: &SentBetas) -> BTreeSet<String> {
        if self.suspects.is_empty() {
            return BTreeSet::new();
        }
        let unknown: BTreeSet<&str> = sent.unknown().collect();
        let is_sent = |suspects: &&BTreeSet<String>| suspects.iter().all(|beta| unknown.contains(&**beta));
        self.suspects.iter().filter(is_sent).flatten().cloned().collect()
    }
}

fn covers(did_not_help: &BTreeSet<String>, sent: &[&str]) -> bool {
    sent.iter().all(|beta| did_not_help.contains(*beta))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(known: &[&str], unknown: &[&str]) -> SentBetas {
        let mut sent = SentBetas::default();
        known.iter().for_each(|beta| sent.add_known(beta));
        unknown.iter().for_each(|beta| sent.add_unknown(beta));
        sent
    }

    fn member() -> RejectedPart {
        RejectedPart::Member("x".to_owned())
    }

    #[test]
    fn what_is_known_is_not_learned_twice() {
        let mut learned = Learned::default();
        for part in [RejectedPart::Beta("x".to_owned()), RejectedPart::Betas, member()] {
            assert!(learned.note(part.clone(), &sent(&["a"], &["b"])));
            assert!(!learned.note(part, &sent(&["a"], &["b"])));
        }
    }

    #[test]
    fn a_member_is_left_out_only_where_no_other_beta_is_sent() {
        let mut learned = Learned::default();
        learned.note(member(), &sent(&["a", "b"], &[]));
        for (betas, left_out) in
            [(&[][..], true), (&["a"], true), (&["a", "b"], true), (&["c"], false), (&["a", "b", "c"], false)]
        {
            assert_eq!(learned.leaves_out("x", betas), left_out, "{betas:?}");
            assert_eq!(learned.left_out(betas).count(), usize::from(left_out), "{betas:?}");
        }
        assert!(learned.note(member(), &sent(&["c"], &[])), "it did not help either");
        assert!(learned.leaves_out("x", &["a", "c"]));
    }

    #[test]
    fn of_unnamed_betas_the_wrong_one_is_found_in_time() {
        let mut learned = Learned::default();
        let both = sent(&["a"], &["right", "wrong"]);
        assert!(learned.note(RejectedPart::Betas, &both));
        assert_eq!(learned.suspects(&both).len(), 2);
        let (right, wrong) = (sent(&[], &["right"]), sent(&[], &["wrong"]));
        assert!(learned.suspects(&right).is_empty() && learned.suspects(&wrong).is_empty(), "both are tried");
        assert!(learned.note(RejectedPart::Betas, &wrong));
        assert_eq!(learned.suspects(&both), BTreeSet::from(["wrong".to_owned()]));
        assert!(!learned.note(RejectedPart::Betas, &sent(&["a"], &[])), "no beta that could be left out");
    }

    #[test]
    fn no_lesson_grows_without_end() {
        let mut learned = Learned::default();
        for n in 0..1_000 {
            learned.note(member(), &sent(&[&n.to_string()], &[]));
        }
        assert_eq!(learned.len(), 1 + MOST_BETAS);
    }
}
