//! The audit log on the wire.

use serde_json::{Map, Value};
use stonegate_api::SealedAuditEntry;
use stonegate_identity::{AuditEntry, Change};

use super::{Problem, shown_time, time};

pub(crate) fn shown(entry: &AuditEntry) -> stonegate_api::AuditEntry {
    let Change { before, after } = &entry.change;
    stonegate_api::AuditEntry {
        number: entry.number,
        at: shown_time(entry.at),
        actor: entry.actor.clone(),
        action: entry.action.clone(),
        subject: entry.subject.clone(),
        before: before.as_deref().map(members),
        after: after.as_deref().map(members),
        request_id: entry.request_id.clone(),
        address: entry.address.clone(),
        seal: entry.seal.map(|seal| seal.to_string()),
    }
}

/// What stands in the log is JSON that we wrote. Whatever else somebody made of it is shown as it is, and the chain of
/// seals tells.
fn members(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_else(|_not_ours| Map::from_iter([("text".to_owned(), text.into())]))
}

/// With the very texts that the seal covers.
pub(crate) fn sealed(entry: &AuditEntry) -> SealedAuditEntry {
    SealedAuditEntry {
        number: entry.number,
        at: shown_time(entry.at),
        actor: entry.actor.clone(),
        action: entry.action.clone(),
        subject: entry.subject.clone(),
        before: entry.change.before.clone(),
        after: entry.change.after.clone(),
        request_id: entry.request_id.clone(),
        address: entry.address.clone(),
        seal: entry.seal.map(|seal| seal.to_string()),
    }
}

/// What a gateway says that it has sealed. A seal that cannot be one is none, which breaks the chain.
pub(crate) fn entry(sealed: SealedAuditEntry) -> Result<AuditEntry, Problem> {
    Ok(AuditEntry {
        number: sealed.number,
        at: time("at", &sealed.at)?,
        actor: sealed.actor,
        action: sealed.action,
        subject: sealed.subject,
        change: Change { before: sealed.before, after: sealed.after },
        request_id: sealed.request_id,
        address: sealed.address,
        seal: sealed.seal.and_then(|text| text.parse().ok()),
    })
}
