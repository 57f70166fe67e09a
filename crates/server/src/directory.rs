//! Who holds which key, in memory, over the [`Directory`] that keeps it.
//!
//! A request costs a hash and one look into a map. What changes comes by asking the directory a few times a second, so
//! that a revocation is felt within one second; a key that is not in the map may have been made a moment ago by another
//! process and is looked up, with a bound on how often and a memory of those that do not exist.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    hash::{BuildHasherDefault, Hasher},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use stonegate_identity::{
    Directory, DirectoryError, KeyDigest, KeyGrant,
    directory::{Changes, Snapshot},
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

mod uses;

use uses::{Known, Uses};

/// How often the directory is asked for changes: well below the second that a revocation may take.
const POLL: Duration = Duration::from_millis(250);
/// How many polls lie between two looks for grants that have ended: access tokens and keys for a while come by the hour.
const POLLS_TO_FORGET: u32 = 2_400;
/// How many polls lie between two times that the directory is told of keys' uses.
const POLLS_TO_TELL: u32 = 240;
/// For how long a grant that has ended is remembered, so that its holder is told so without asking the directory.
const MEMORY: SignedDuration = SignedDuration::from_hours(1);
/// Locks over the map, so that a change does not hold up every core.
const SHARDS: usize = 16;
/// How many keys that do not exist are remembered.
const UNKNOWN_MOST: usize = 16_384;
/// How many keys are looked up at a time: whoever floods us with made-up keys shall not keep the store busy.
const LOOKUPS_MOST: usize = 2;
/// How long a request waits for its turn to be looked up.
const LOOKUP_PATIENCE: Duration = Duration::from_secs(2);
const TOO_MANY_LOOKUPS: &str = "too many unknown keys are being looked up";

type Shard = RwLock<HashMap<KeyDigest, Known, BuildHasherDefault<DigestHasher>>>;

/// The directory's grants in memory.
pub struct DirectoryCache {
    directory: Arc<dyn Directory>,
    shards: [Shard; SHARDS],
    version: AtomicU64,
    unknown: Mutex<HashSet<KeyDigest, BuildHasherDefault<DigestHasher>>>,
    lookups: Semaphore,
    uses: Uses,
    /// One reader of changes at a time: an older answer must not overtake a newer one.
    refreshing: tokio::sync::Mutex<()>,
}

impl DirectoryCache {
    /// Loads every grant.
    ///
    /// # Errors
    /// When the directory does not answer.
    pub async fn load(directory: Arc<dyn Directory>, now: Timestamp) -> Result<Self, DirectoryError> {
        let cache = Self {
            shards: Default::default(),
            version: AtomicU64::new(0),
            unknown: Mutex::default(),
            lookups: Semaphore::new(LOOKUPS_MOST),
            uses: Uses::default(),
            refreshing: tokio::sync::Mutex::new(()),
            directory,
        };
        let all = cache.directory.all_grants(now).await?;
        cache.take(all);
        Ok(cache)
    }

    /// The directory itself.
    #[must_use]
    pub fn directory(&self) -> &Arc<dyn Directory> {
        &self.directory
    }

    /// The grant of one key, of which a use is noted where it holds at `now`. Asks the directory only when the key is not
    /// known here.
    ///
    /// # Errors
    /// When the directory was asked and does not answer.
    pub async fn grant(
        &self,
        digest: &KeyDigest,
        now: Timestamp,
    ) -> Result<Option<KeyGrant>, DirectoryError> {
        match self.known(digest, now) {
            Some(grant) => Ok(Some(grant)),
            None if self.is_unknown(digest) => Ok(None),
            None => Box::pin(self.look_up(*digest, now)).await,
        }
    }

    /// The same of what is known here already.
    pub(crate) fn known(&self, digest: &KeyDigest, now: Timestamp) -> Option<KeyGrant> {
        let shard = self.shard(digest).read().unwrap_or_else(PoisonError::into_inner);
        let known = shard.get(digest)?;
        known.note(now, &self.uses);
        Some(known.grant.clone())
    }

    async fn look_up(&self, digest: KeyDigest, now: Timestamp) -> Result<Option<KeyGrant>, DirectoryError> {
        let turn = tokio::time::timeout(LOOKUP_PATIENCE, self.lookups.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return Err(DirectoryError::Unavailable(TOO_MANY_LOOKUPS.into())) };
        let version = self.version.load(Ordering::Acquire);
        match self.directory.grant_by_digest(digest).await? {
            Some(grant) => Ok(Some(self.take_one(digest, grant, now))),
            None => {
                self.remember_unknown(digest, version);
                Ok(None)
            }
        }
    }

    /// Takes what a lookup brought. If the feed was faster, what it brought is at least as new and stays: a revocation is
    /// never overwritten.
    fn take_one(&self, digest: KeyDigest, grant: KeyGrant, now: Timestamp) -> KeyGrant {
        let mut shard = self.shard(&digest).write().unwrap_or_else(PoisonError::into_inner);
        let known = shard.entry(digest).or_insert_with(|| Known::new(grant));
        known.note(now, &self.uses);
        known.grant.clone()
    }

    fn is_unknown(&self, digest: &KeyDigest) -> bool {
        self.unknown.lock().unwrap_or_else(PoisonError::into_inner).contains(digest)
    }

    /// Remembers that there is no such key, unless something has changed since it was asked for.
    fn remember_unknown(&self, digest: KeyDigest, version: u64) {
        let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        if unknown.len() >= UNKNOWN_MOST {
            unknown.clear();
        }
        if self.version.load(Ordering::Acquire) == version {
            unknown.insert(digest);
        }
    }

    /// Takes in what has changed.
    ///
    /// # Errors
    /// When the directory does not answer; what is known stays in force.
    pub async fn refresh(&self, now: Timestamp) -> Result<(), DirectoryError> {
        let _turn = self.refreshing.lock().await;
        match self.directory.changes_since(self.version.load(Ordering::Acquire)).await? {
            Changes::None => {}
            Changes::Grants(changed) => self.take(changed),
            Changes::StartOver => {
                tracing::warn!("the directory is older than what was read of it: reading all of it again");
                let all = self.directory.all_grants(now).await?;
                for shard in &self.shards {
                    shard.write().unwrap_or_else(PoisonError::into_inner).clear();
                }
                self.take(all);
            }
        }
        Ok(())
    }

    fn take(&self, snapshot: Snapshot) {
        for (digest, grant) in snapshot.grants {
            let mut shard = self.shard(&digest).write().unwrap_or_else(PoisonError::into_inner);
            match shard.entry(digest) {
                Entry::Occupied(mut known) => known.get_mut().grant = grant,
                Entry::Vacant(place) => drop(place.insert(Known::new(grant))),
            }
        }
        self.version.store(snapshot.version, Ordering::Release);
        self.unknown.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Forgets grants that ended a while ago. Whoever still shows one is looked up.
    fn forget_ended(&self, now: Timestamp) {
        let past = now.saturating_sub(MEMORY).unwrap_or(Timestamp::MIN);
        for shard in &self.shards {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            shard.retain(|_, known| known.grant.ends_at().is_none_or(|end| end > past));
        }
    }

    /// Tells the directory when keys were used.
    async fn tell_uses(&self) {
        if let Err(away) = self.uses.tell(&*self.directory).await {
            tracing::warn!(
                error = &away as &dyn std::error::Error,
                "when keys were used could not be noted yet"
            );
        }
    }

    /// Takes in changes, and tells of uses, until it is stopped.
    pub async fn follow(&self, now: impl Fn() -> Timestamp, stop: CancellationToken) {
        let mut is_away = false;
        let mut polls = 0_u32;
        loop {
            tokio::select! {
                () = stop.cancelled() => return self.tell_uses().await,
                () = tokio::time::sleep(POLL) => {}
            }
            polls = polls.wrapping_add(1);
            if polls.is_multiple_of(POLLS_TO_TELL) {
                self.tell_uses().await;
            }
            if polls.is_multiple_of(POLLS_TO_FORGET) {
                self.forget_ended(now());
            }
            match self.refresh(now()).await {
                Ok(()) if is_away => {
                    is_away = false;
                    tracing::info!("the directory answers again");
                }
                Ok(()) => {}
                Err(error) if !is_away => {
                    is_away = true;
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the directory does not answer: revoked keys go on working until it does"
                    );
                }
                Err(_) => {}
            }
        }
    }

    fn shard(&self, digest: &KeyDigest) -> &Shard {
        // Not the byte that the map's own hash starts with.
        &self.shards[usize::from(digest.as_bytes()[31]) % SHARDS]
    }
}

/// Digests are as good as random; hashing them once more would only cost time.
#[derive(Default)]
struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

#[cfg(test)]
#[path = "directory/tests.rs"]
mod tests;
