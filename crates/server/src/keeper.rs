//! Carries the book's news to the store and the store's answers back: the group commit.
//!
//! One task, one sync under way. While it is, the next batch gathers by itself: the more calls end at a time, the
//! more of them share a transaction.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stonegate_ledger::{Book, Crossing, LedgerStore, StoreError, Ticket};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::config::OnOutage;

/// How often the store is asked for news when there is nothing to tell it: a budget that another process changed is
/// in force within this time.
pub(crate) const POLL: Duration = Duration::from_millis(250);
/// How often other tasks get a turn before a commit, so that calls which are about to end share it: a transaction costs the
/// same for one call and for thirty. On an idle machine these turns take no time.
const TURNS: u32 = 16;
/// The pause after a sync that failed; it doubles up to [`RETRY_MOST`].
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_MOST: Duration = Duration::from_secs(2);
/// A store that fails for less than this is slow, not away.
const SLOW: Duration = Duration::from_secs(2);
/// How many records may wait in memory while the store is away: some 50 MB.
const MOST_UNSAID: usize = 50_000;
/// How long the last sync may be tried at shutdown.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// The store did not answer in time; what was to be kept is kept in memory and tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the ledger's store does not answer")]
pub(crate) struct StoreAway;

/// How a keeper bears with its store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// How long a caller waits for it.
    pub(crate) wait: Duration,
    /// What becomes of calls while it is away.
    pub(crate) on_outage: OnOutage,
}

/// Drives the [`Book`] against its store.
pub(crate) struct Keeper {
    book: Book,
    store: Arc<dyn LedgerStore>,
    wake: Arc<Notify>,
    waiting: Mutex<BinaryHeap<Reverse<Waiter>>>,
    begun: AtomicU64,
    is_away: AtomicBool,
    /// Since when it is away, or is not.
    since: Mutex<Instant>,
    done: watch::Sender<u64>,
    patience: Patience,
}

struct Waiter {
    ticket: Ticket,
    durable: oneshot::Sender<()>,
}

impl PartialEq for Waiter {
    fn eq(&self, other: &Self) -> bool {
        self.ticket == other.ticket
    }
}

impl Eq for Waiter {}

impl PartialOrd for Waiter {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiter {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.ticket.cmp(&other.ticket)
    }
}

impl Keeper {
    /// A keeper that works when `wake` is notified.
    pub(crate) fn new(
        book: Book,
        store: Arc<dyn LedgerStore>,
        wake: Arc<Notify>,
        patience: Patience,
    ) -> Self {
        Keeper {
            book,
            store,
            wake,
            waiting: Mutex::new(BinaryHeap::new()),
            begun: AtomicU64::new(0),
            is_away: AtomicBool::new(false),
            since: Mutex::new(Instant::now()),
            done: watch::Sender::new(0),
            patience,
        }
    }

    /// The book that calls reserve in.
    pub(crate) fn book(&self) -> &Book {
        &self.book
    }

    /// Whether the store failed when it was last asked.
    pub(crate) fn is_away(&self) -> bool {
        self.is_away.load(Ordering::Relaxed)
    }

    /// Whether new calls may begin.
    ///
    /// # Errors
    /// [`StoreAway`] when the store has been away for a while and calls are to be refused then, or when so many records
    /// wait for it that no more can.
    pub(crate) fn admit(&self) -> Result<(), StoreAway> {
        if !self.is_away() {
            return Ok(());
        }
        let may_go_on = match self.patience.on_outage {
            OnOutage::Refuse => lock(&self.since).elapsed() < SLOW,
            OnOutage::ServeLeased => self.book.unsaid() < MOST_UNSAID,
        };
        if may_go_on { Ok(()) } else { Err(StoreAway) }
    }

    /// For how long the store has answered without fail; `None` when it did not when it was last asked.
    pub(crate) fn in_touch_for(&self) -> Option<Duration> {
        (!self.is_away()).then(|| lock(&self.since).elapsed())
    }

    /// Notes how the store did.
    fn note(&self, is_away: bool) {
        if self.is_away.swap(is_away, Ordering::Relaxed) != is_away {
            *lock(&self.since) = Instant::now();
        }
    }

    /// Resolves when the record behind the ticket is in the store; or, where answers are given while it is away, when it
    /// is.
    ///
    /// # Errors
    /// [`StoreAway`] when that takes too long; the record is not lost and will be kept later.
    pub(crate) fn durable(
        &self,
        ticket: Ticket,
    ) -> impl Future<Output = Result<(), StoreAway>> + Send + use<> {
        let (durable, kept) = oneshot::channel();
        let Patience { wait, on_outage } = self.patience;
        let is_waived = on_outage == OnOutage::ServeLeased && self.is_away();
        if !is_waived {
            lock(&self.waiting).push(Reverse(Waiter { ticket, durable }));
        }
        self.wake.notify_one();
        async move {
            if is_waived {
                return Ok(());
            }
            match (tokio::time::timeout(wait, kept).await, on_outage) {
                (Ok(Ok(())), _) | (Err(_), OnOutage::ServeLeased) => Ok(()),
                (Ok(Err(_)), _) | (Err(_), OnOutage::Refuse) => Err(StoreAway),
            }
        }
    }

    /// Resolves when a sync that began after this call has brought its answer: what was short may have arrived.
    ///
    /// # Errors
    /// [`StoreAway`] when that takes too long.
    pub(crate) async fn news(&self) -> Result<(), StoreAway> {
        let awaited = self.begun.load(Ordering::Acquire) + 1;
        let mut done = self.done.subscribe();
        self.book.ask_for_news();
        self.wake.notify_one();
        match tokio::time::timeout(self.patience.wait, done.wait_for(|done| *done >= awaited)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(StoreAway),
        }
    }

    /// Runs until `stop`, then says what is left to say.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        let mut pause = RETRY_FIRST;
        while !stop.is_cancelled() {
            match self.sync().await {
                Ok(()) => {
                    pause = RETRY_FIRST;
                    tokio::select! {
                        () = self.wake.notified() => {}
                        () = tokio::time::sleep(POLL) => {}
                        () = stop.cancelled() => {}
                    }
                    self.gather().await;
                }
                Err(error) => {
                    tracing::warn!(%error, retry_ms = pause.as_millis(), "the ledger could not be synced");
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = stop.cancelled() => {}
                    }
                    pause = (pause * 2).min(RETRY_MOST);
                }
            }
        }
        self.book.retire();
        let last_words = async {
            loop {
                match self.sync().await {
                    Ok(()) if self.book.has_work() => {}
                    Ok(()) => break,
                    Err(error) => {
                        tracing::warn!(%error, "the ledger could not be synced at shutdown");
                        tokio::time::sleep(RETRY_FIRST).await;
                    }
                }
            }
        };
        if tokio::time::timeout(LAST_WORDS, last_words).await.is_err() {
            tracing::error!(
                "stopping without having told the store everything; open calls will be unresolved"
            );
        }
    }

    /// Lets calls that are about to end do so.
    async fn gather(&self) {
        for _ in 0..TURNS {
            if self.book.in_flight() == 0 {
                break;
            }
            tokio::task::yield_now().await;
        }
    }

    /// One exchange with the store.
    ///
    /// # Errors
    /// What the store says. The same is said again next time, and counts once.
    pub(crate) async fn sync(&self) -> Result<(), StoreError> {
        let number = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
        if let Some(request) = self.book.plan_sync(clock::now()) {
            match self.store.sync(&request).await {
                Ok(reply) => {
                    reply.crossings.iter().for_each(told);
                    self.book.apply_sync(reply, clock::now());
                }
                Err(error) => {
                    self.note(true);
                    self.book.sync_failed(clock::now());
                    return Err(error);
                }
            }
        }
        self.note(false);
        self.done.send_replace(number);
        let durable = self.book.durable();
        let mut waiting = lock(&self.waiting);
        while waiting.peek().is_some_and(|Reverse(first)| first.ticket <= durable) {
            if let Some(Reverse(first)) = waiting.pop() {
                // Whoever waited may be gone by now.
                first.durable.send(()).ok();
            }
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes in the log that a budget has reached a threshold.
fn told(crossing: &Crossing) {
    let Crossing { counter, threshold, at: _, spent, limit } = crossing;
    tracing::warn!(budget = %counter.budget, window = %counter.window, threshold, spent, limit, "a budget has reached a threshold");
}

#[cfg(test)]
mod tests;
