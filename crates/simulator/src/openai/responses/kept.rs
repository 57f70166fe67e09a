//! Responses that are kept, so that the next request can go on from one.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use serde_json::Value;

use crate::prompt::text;

/// How many responses are kept; the oldest goes first.
const MOST: usize = 1_000;

/// The kept responses of one simulator, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<VecDeque<Exchange>>);

/// What went in and what came out, as items.
#[derive(Debug)]
struct Exchange {
    id: String,
    items: Vec<Value>,
}

impl Kept {
    pub(crate) fn keep(&self, id: &str, items: Vec<Value>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            kept.pop_front();
        }
        kept.push_back(Exchange { id: id.to_owned(), items });
    }

    /// All items up to the end of a response.
    pub(super) fn find(&self, id: &str) -> Option<Vec<Value>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|exchange| exchange.id == id).map(|exchange| exchange.items.clone())
    }

    /// An item itself, never a reference to one.
    pub(super) fn find_item(&self, id: &str) -> Option<Value> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut items = kept.iter().flat_map(|exchange| &exchange.items);
        items.find(|item| text(item, "id") == id && text(item, "type") != "item_reference").cloned()
    }
}
