//! When keys were used: noted in memory by whoever is let in, and told to the directory now and then.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use jiff::Timestamp;
use stonegate_identity::{Directory, DirectoryError, KeyGrant, KeyId};

/// A key is noted again when what was noted of it is this old. In between, a use costs a look at one number.
const GRAIN_SECONDS: i64 = 300;
/// How many keys the directory is told of at a time, so that others who write need not wait for long.
const STEP: usize = 200;

/// A grant, and when its use was last noted.
pub(super) struct Known {
    pub(super) grant: KeyGrant,
    noted_second: AtomicI64,
}

impl Known {
    pub(super) fn new(grant: KeyGrant) -> Self {
        Self { grant, noted_second: AtomicI64::new(i64::MIN) }
    }

    /// Notes a use of the key, if it holds at `now`, and if that is news.
    pub(super) fn note(&self, now: Timestamp, uses: &Uses) {
        let second = now.as_second();
        if second.saturating_sub(self.noted_second.load(Ordering::Relaxed)) < GRAIN_SECONDS
            || !self.grant.holds_at(now)
        {
            return;
        }
        self.noted_second.store(second, Ordering::Relaxed);
        if let Some(key) = &self.grant.caller.key {
            uses.note(key.clone(), now);
        }
    }
}

/// Uses that the directory was not told of yet.
#[derive(Default)]
pub(super) struct Uses(Mutex<HashMap<KeyId, Timestamp>>);

impl Uses {
    fn note(&self, key: KeyId, at: Timestamp) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = waiting.entry(key).or_insert(at);
        *last = at.max(*last);
    }

    /// Tells the directory.
    ///
    /// # Errors
    /// When it does not answer: what it was not told of is kept for the next time.
    pub(super) async fn tell(&self, directory: &dyn Directory) -> Result<(), DirectoryError> {
        let waiting = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let waiting: Vec<_> = waiting.into_iter().collect();
        let mut steps = waiting.chunks(STEP);
        while let Some(step) = steps.next() {
            if let Err(away) = directory.note_uses(step).await {
                let untold = step.iter().chain(steps.flatten());
                untold.for_each(|(key, at)| self.note(key.clone(), *at));
                return Err(away);
            }
        }
        Ok(())
    }
}
