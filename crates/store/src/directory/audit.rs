//! Entries of the audit log: sealed before they are written, and read back.

use stonegate_identity::{
    AuditEntry, Change, DirectoryError, Seal,
    directory::{Act, AuditFilter, Page, PageRequest},
};

use super::{
    error::unreadable,
    filter::paged,
    row::{Columns, stored_time},
};
use crate::cells::Cells;

/// The entry about an act, sealed over the one before it. The store numbers it.
pub(crate) fn sealed(
    act: &Act,
    action: &'static str,
    subject: String,
    change: Change,
    before: Option<Seal>,
) -> AuditEntry {
    let mut entry = AuditEntry {
        number: 0,
        at: act.at,
        actor: act.by.to_string(),
        action: action.to_owned(),
        subject,
        change,
        request_id: act.request_id.clone(),
        address: act.address.map(|address| address.to_string()),
        seal: None,
    };
    entry.seal = Some(entry.seal_after(&before.unwrap_or(Seal::FIRST)));
    entry
}

pub(crate) fn entry(row: &impl Cells) -> Result<AuditEntry, DirectoryError> {
    let row = Columns(row);
    let number: i64 = row.value("number")?;
    let seal: Option<&[u8]> = row.value("seal")?;
    Ok(AuditEntry {
        number: u64::try_from(number).map_err(|error| unreadable("number", error))?,
        at: row.time("at")?,
        actor: row.value("actor")?,
        action: row.value("action")?,
        subject: row.value("subject")?,
        change: Change { before: row.value("before")?, after: row.value("after")? },
        request_id: row.value("request_id")?,
        address: row.value("address")?,
        seal: seal.map(seal_of).transpose()?,
    })
}

pub(crate) fn seal_of(bytes: &[u8]) -> Result<Seal, DirectoryError> {
    bytes.try_into().map(Seal::from_bytes).map_err(|error| unreadable("seal", error))
}

/// A page of entries that were read, the last one first.
pub(crate) fn page_of(rows: &[impl Cells], page: &PageRequest) -> Result<Page<AuditEntry>, DirectoryError> {
    let entries = rows.iter().map(entry).collect::<Result<_, _>>()?;
    Ok(paged(entries, page, |entry: &AuditEntry| entry.number.to_string()))
}

/// What a list is narrowed to, as parameters that are null where they narrow nothing.
pub(crate) struct Narrowed<'a> {
    pub(crate) before: i64,
    pub(crate) actor: Option<&'a str>,
    pub(crate) action: Option<&'a str>,
    pub(crate) subject: Option<&'a str>,
    pub(crate) since: Option<i64>,
    pub(crate) until: Option<i64>,
    /// One more than asked for: its presence tells that there is another page.
    pub(crate) limit: i64,
}

impl<'a> Narrowed<'a> {
    pub(crate) fn of(filter: &'a AuditFilter, page: &PageRequest) -> Self {
        Self {
            // A cursor that is no number was not ours: it comes before everything, and the page is empty.
            before: page.after.as_ref().map_or(i64::MAX, |after| after.parse().unwrap_or(0)),
            actor: filter.actor.as_deref(),
            action: filter.action.as_deref(),
            subject: filter.subject.as_deref(),
            since: filter.since.map(stored_time),
            until: filter.until.map(stored_time),
            limit: i64::from(page.limit.clamp(1, PageRequest::MOST)) + 1,
        }
    }
}
