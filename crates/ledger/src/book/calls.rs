//! The calls of one replica: those under way, and those that ended and await their commit.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};

use super::line::Hold;
use crate::{
    account::AccountPath,
    call::CallId,
    journal::{Draft, Tokens, UsageRecord},
    money::Nanodollars,
    reservation::Seen,
};

/// A call under way and what it holds.
#[derive(Clone, Debug)]
pub(crate) struct OpenCall {
    pub(super) draft: Draft,
    pub(super) path: AccountPath,
    pub(super) holds: Vec<Hold>,
    pub(super) reserved: (Nanodollars, Tokens),
    pub(super) began: Timestamp,
    /// The version of budgets that the call began under.
    pub(super) known: u64,
}

impl OpenCall {
    pub(crate) fn id(&self) -> CallId {
        self.draft.call
    }

    /// What it is charged if nothing more is ever heard of it.
    pub(crate) fn reserved(&self) -> Seen {
        let (cost, tokens) = self.reserved;
        Seen { tokens, cost }
    }

    pub(crate) fn draft(&self) -> &Draft {
        &self.draft
    }

    pub(crate) fn path(&self) -> &AccountPath {
        &self.path
    }
}

/// All calls of a replica.
#[derive(Debug, Default)]
pub(super) struct Calls {
    open: HashMap<CallId, Entry>,
    /// Calls that the store has not been told of, in the order in which they began.
    untold: VecDeque<(Timestamp, CallId)>,
    pub(super) records: Vec<UsageRecord>,
    pub(super) closed: Vec<CallId>,
}

#[derive(Debug)]
struct Entry {
    call: Arc<OpenCall>,
    told: bool,
}

impl Calls {
    pub(super) fn open(&mut self, call: Arc<OpenCall>) {
        let id = call.draft.call;
        self.untold.push_back((call.began, id));
        self.open.insert(id, Entry { call, told: false });
    }

    /// Puts a call in the place of what it was. A store that knows it is told again.
    pub(super) fn replace(&mut self, call: Arc<OpenCall>) {
        let id = call.draft.call;
        let Some(entry) = self.open.get_mut(&id) else { return };
        if entry.told {
            self.untold.push_back((call.began, id));
        }
        entry.call = call;
    }

    /// Ends a call that was opened.
    pub(super) fn close(&mut self, id: CallId) {
        if self.open.remove(&id).is_some_and(|entry| entry.told) {
            self.closed.push(id);
        }
    }

    /// The calls that have been open for `grace` and that the store is now told of. Those that end sooner leave
    /// nothing but their record.
    pub(super) fn tell(&mut self, now: Timestamp, grace: SignedDuration) -> Vec<Arc<OpenCall>> {
        let mut told = Vec::new();
        while let Some(&(began, id)) = self.untold.front() {
            let age = now.duration_since(began);
            if age < grace && !age.is_negative() {
                break;
            }
            self.untold.pop_front();
            if let Some(entry) = self.open.get_mut(&id) {
                entry.told = true;
                told.push(entry.call.clone());
            }
        }
        told
    }

    pub(super) fn in_flight(&self) -> usize {
        self.open.len()
    }
}
