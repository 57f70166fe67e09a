//! Ids and nonces: unlike each other, unlike those of another start.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz123456789";
const ID_LETTERS: usize = 22;

/// A well of numbers that nobody has to keep secret.
#[derive(Debug)]
pub(crate) struct Chance {
    seed: i128,
    drawn: AtomicU64,
}

impl Chance {
    pub(crate) fn new(started_at: Timestamp) -> Chance {
        Chance {
            seed: started_at.as_nanosecond() ^ (i128::from(std::process::id()) << 80),
            drawn: AtomicU64::new(0),
        }
    }

    fn draw(&self) -> [u8; 32] {
        let number = self.drawn.fetch_add(1, Ordering::Relaxed);
        Sha256::new()
            .chain_update(self.seed.to_be_bytes())
            .chain_update(number.to_be_bytes())
            .finalize()
            .into()
    }

    /// The changing part of a message's or a tool call's id.
    pub(crate) fn letters(&self) -> String {
        let letter = |byte: &u8| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]);
        self.draw().iter().take(ID_LETTERS).map(letter).collect()
    }

    pub(crate) fn nonce(&self) -> [u8; 16] {
        let mut nonce = [0; 16];
        nonce.copy_from_slice(&self.draw()[..16]);
        nonce
    }

    pub(crate) fn number(&self) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.draw()[..8]);
        u64::from_be_bytes(bytes)
    }

    /// An id in the form of `x-amzn-requestid`.
    pub(crate) fn request_id(&self) -> String {
        let hex = data_encoding::HEXLOWER.encode(&self.nonce());
        let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default();
        format!("{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
    }
}
