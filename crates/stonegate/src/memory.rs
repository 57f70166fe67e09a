//! The allocator, and how memory that is free goes back to the system.

use std::hint::black_box;
use std::thread;
use std::time::Duration;

use mimalloc::MiMalloc;
use tokio::time::{Instant, interval_at};

/// Streams make many small, short-lived buffers on all threads; the system's allocator keeps too much of them.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// A start frees what it read by: the entries of the catalog's data, the settings and their sources.
const FIRST: Duration = Duration::from_secs(2);
/// How often a server at rest gives back what its last burst of calls left.
const EVERY: Duration = Duration::from_secs(30);

/// Gives free memory back to the system, now and then, for as long as the process runs.
///
/// The allocator returns what has been free for a second, but only on an occasion: a page that is freed, or a thread that
/// ends. A server at rest has neither, and would keep the most that it ever needed. So a thread ends.
pub(crate) async fn give_back() {
    let mut occasions = interval_at(Instant::now() + FIRST, EVERY);
    loop {
        occasions.tick().await;
        // It has to allocate, or the allocator never hears of it. Where no thread can be had, there is a next time.
        drop(thread::Builder::new().name("give-back".to_owned()).spawn(|| drop(black_box(Box::new(0_u8)))));
    }
}
