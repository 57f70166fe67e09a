//! Where what these tests send to Bedrock is kept: `make clients` holds it against AWS's own service model.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A file of its own for each simulator.
pub(crate) fn file() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("bedrock-stonegate-{}-{number}.jsonl", std::process::id());
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}
