//! The prompt cache: prefixes that were marked before and are read again.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{
    models::Feature,
    prompt::{Prompt, list, text},
    tokens,
};

/// How many blocks before a mark are searched for a prefix that is known.
const LOOK_BACK: usize = 20;

/// Prompts shorter than this are not cached where nobody marks anything.
const LEAST_IMPLICIT: u64 = 1024;

/// What the prompt costs, split as Anthropic reports it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct InputUsage {
    pub(crate) fresh: u64,
    pub(crate) read: u64,
    pub(crate) written_5m: u64,
    pub(crate) written_1h: u64,
}

impl InputUsage {
    pub(crate) fn written(&self) -> u64 {
        self.written_5m + self.written_1h
    }
}

type Fingerprint = [u8; 32];

/// Prefixes and when they are forgotten.
#[derive(Debug, Default)]
pub(crate) struct Cache(Mutex<HashMap<Fingerprint, Timestamp>>);

/// The prompt up to and with one block.
struct Boundary {
    fingerprint: Fingerprint,
    tokens: u64,
    /// The lifetime that a mark on this block asks for.
    mark: Option<Lifetime>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lifetime {
    FiveMinutes,
    Hour,
}

impl Lifetime {
    fn duration(self) -> SignedDuration {
        match self {
            Lifetime::FiveMinutes => SignedDuration::from_mins(5),
            Lifetime::Hour => SignedDuration::from_hours(1),
        }
    }
}

impl Cache {
    /// Accounts for a prompt and remembers its marked prefixes.
    pub(crate) fn account(&self, prompt: Prompt<'_>, least: u64, now: Timestamp) -> InputUsage {
        let mut boundaries = boundaries(prompt);
        let mut least = least;
        if prompt.model.can(Feature::ImplicitCache) {
            // Nothing is marked; what was said before is found again if it is long.
            least = least.max(LEAST_IMPLICIT);
            if let Some(last) = boundaries.last_mut() {
                last.mark = Some(Lifetime::FiveMinutes);
            }
        }
        let total = tokens::of_prompt(prompt.body);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, end| *end > now);
        let marks: Vec<usize> =
            boundaries.iter().enumerate().filter(|(_, b)| b.mark.is_some()).map(|(i, _)| i).collect();
        let searched = |index: usize| marks.iter().any(|&mark| index <= mark && mark - index < LOOK_BACK);
        let hit = (0..boundaries.len()).rev().find(|&index| {
            searched(index)
                && boundaries.get(index).is_some_and(|found| known.contains_key(&found.fingerprint))
        });
        let read = hit.and_then(|index| boundaries.get(index)).map_or(0, |found| found.tokens);
        let mut usage = InputUsage { read, ..InputUsage::default() };
        let mut covered = read;
        for boundary in &boundaries {
            let Some(lifetime) = boundary.mark.filter(|_| boundary.tokens >= least) else { continue };
            let new = boundary.tokens.saturating_sub(covered);
            match lifetime {
                Lifetime::FiveMinutes => usage.written_5m += new,
                Lifetime::Hour => usage.written_1h += new,
            }
            covered = covered.max(boundary.tokens);
            let end = now.checked_add(lifetime.duration()).unwrap_or(Timestamp::MAX);
            known.entry(boundary.fingerprint).and_modify(|known| *known = end.max(*known)).or_insert(end);
        }
        usage.fresh = total.saturating_sub(covered);
        usage
    }
}

fn boundaries(prompt: Prompt<'_>) -> Vec<Boundary> {
    let mut walk = Walk { hash: Sha256::new(), tokens: 0, boundaries: Vec::new() };
    walk.hash.update(prompt.model.id);
    walk.tokens = tokens::of_tools(prompt.body) - prompt.tools().iter().map(tokens::of_tool).sum::<u64>();
    for tool in prompt.tools() {
        walk.block("tool", tool, tokens::of_tool(tool));
    }
    walk.content("system", prompt.body.get("system"));
    for message in prompt.messages() {
        walk.tokens += 4;
        walk.content(text(message, "role"), message.get("content"));
    }
    walk.boundaries
}

struct Walk {
    hash: Sha256,
    tokens: u64,
    boundaries: Vec<Boundary>,
}

impl Walk {
    /// A string is the same as one block of text.
    fn content(&mut self, place: &str, content: Option<&Value>) {
        match content {
            Some(Value::String(text)) => {
                self.block(place, &serde_json::json!({"type": "text", "text": text}), tokens::of_text(text));
            }
            Some(Value::Array(blocks)) => {
                for block in blocks {
                    self.block(place, block, tokens::of_block(block));
                }
            }
            _ => {}
        }
    }

    fn block(&mut self, place: &str, block: &Value, tokens: u64) {
        self.hash.update(place);
        self.hash.update(tokens::without_mark(block).to_string());
        self.tokens += tokens;
        let nested = list(block, "content").iter().rev().find_map(mark);
        let fingerprint = self.hash.clone().finalize().into();
        self.boundaries.push(Boundary { fingerprint, tokens: self.tokens, mark: mark(block).or(nested) });
    }
}

fn mark(block: &Value) -> Option<Lifetime> {
    let mark = block.get("cache_control").filter(|mark| mark.is_object())?;
    Some(if text(mark, "ttl") == "1h" { Lifetime::Hour } else { Lifetime::FiveMinutes })
}
