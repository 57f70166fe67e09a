//! The audit log: read, checked, and handed out.

use stonegate_api::SealedAuditEntry;
use stonegate_identity::{
    BrokenChain, Chain, DirectoryError,
    directory::{AuditFilter, PageRequest},
};

use super::{Operator, moment};
use crate::admin::{Problem, wire};

/// Which entries to list.
#[derive(Debug, Clone, Default)]
pub struct AuditSelection {
    /// Only this one's acts.
    pub actor: Option<String>,
    /// Only such acts.
    pub action: Option<String>,
    /// Only what was done to this.
    pub subject: Option<String>,
    /// Only from then on: a time, or a while such as `7d`.
    pub since: Option<String>,
    /// Only before then.
    pub until: Option<String>,
    /// How many at most, the latest: 1 to 1,000.
    pub limit: u32,
}

/// Why a log was not followed to its end.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// Somebody tampered with it.
    #[error(transparent)]
    Broken(#[from] BrokenChain),
    /// What was handed out is no entry.
    #[error(transparent)]
    Unread(#[from] Problem),
    /// It cannot be read.
    #[error("the audit log cannot be read")]
    Directory(#[from] DirectoryError),
    /// Whoever took the entries failed.
    #[error("the entries cannot be written")]
    Out(#[from] std::io::Error),
}

/// Follows the log of a gateway that hands it out part by part, and believes none of it that its seals do not vouch for.
#[derive(Debug, Default)]
pub struct AuditFollower {
    chain: Chain,
}

impl AuditFollower {
    /// Takes the next entry, and gives it as lists show it.
    ///
    /// # Errors
    /// When the chain is broken there, or it is no entry.
    pub fn follow(&mut self, sealed: SealedAuditEntry) -> Result<stonegate_api::AuditEntry, AuditError> {
        let entry = wire::audit::entry(sealed)?;
        self.chain.follow(&entry)?;
        Ok(wire::audit::shown(&entry))
    }

    /// What was followed so far.
    #[must_use]
    pub fn into_chain(self) -> Chain {
        self.chain
    }
}

impl Operator {
    /// Entries of the log, the latest first.
    ///
    /// # Errors
    /// When a time cannot be read, or the store does not answer.
    pub async fn list_audit(
        &self,
        wanted: &AuditSelection,
    ) -> Result<Vec<stonegate_api::AuditEntry>, Problem> {
        let gone_by = |field, text: &Option<String>| {
            text.as_deref().map(|text| moment::gone_by(field, text, self.now)).transpose()
        };
        let filter = AuditFilter {
            actor: wanted.actor.clone(),
            action: wanted.action.clone(),
            subject: wanted.subject.clone(),
            since: gone_by("since", &wanted.since)?,
            until: gone_by("until", &wanted.until)?,
        };
        let page = PageRequest { after: None, limit: wanted.limit };
        let entries = self.directory().list_audit(&filter, &page).await?.items;
        Ok(entries.iter().map(wire::audit::shown).collect())
    }

    /// Follows the log from its first entry to its last, and hands each on that holds.
    ///
    /// # Errors
    /// When the chain is broken, the store does not answer, or the entries are not taken.
    pub async fn follow_audit(
        &self,
        take: &mut dyn FnMut(stonegate_api::AuditEntry) -> std::io::Result<()>,
    ) -> Result<Chain, AuditError> {
        let mut chain = Chain::default();
        let mut after = 0;
        loop {
            let entries = self.directory().read_audit(after, PageRequest::MOST).await?;
            let Some(last) = entries.last() else { return Ok(chain) };
            after = last.number;
            for entry in &entries {
                chain.follow(entry)?;
                take(wire::audit::shown(entry))?;
            }
        }
    }
}
