//! Where a string ends: the first quote that no backslash escapes.
//!
//! Source code in a JSON string has an escape every few bytes, and looking at each costs more than all the rest of a walk
//! over the body. So the bytes are taken 32 at a time, as bits: which are quotes, which are backslashes, and which of them
//! are escaped follows by arithmetic, without a branch for each.

use wide::u8x16;

const HALF: usize = 16;
const BLOCK: usize = 32;
/// Every second bit, beginning with the second.
const ODD: u32 = 0xAAAA_AAAA;

/// Where a string ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closing {
    /// The offset of its closing quote, counted from the first byte inside it.
    pub(super) at: usize,
    /// Whether it is known to be ASCII without any escape, and so to say what is written. Only short ones are looked at.
    pub(super) is_plain: bool,
}

/// Looks for the end of the string that has begun just before.
#[inline]
pub(super) fn closing_quote(inside: &[u8]) -> Option<Closing> {
    // By far the most strings are names and other short ones.
    if let Some(first) = inside.first_chunk() {
        let block = Block::read(first);
        let quotes = block.quotes();
        let before_the_first = quotes.wrapping_sub(1) & !quotes;
        if quotes != 0 && block.backslashes() & before_the_first == 0 {
            let is_plain = block.beyond_ascii() & before_the_first == 0;
            return Some(Closing { at: quotes.trailing_zeros() as usize, is_plain });
        }
    }
    far_closing_quote(inside).map(|at| Closing { at, is_plain: false })
}

fn far_closing_quote(inside: &[u8]) -> Option<usize> {
    let (blocks, rest) = inside.as_chunks::<BLOCK>();
    let mut is_escaped = 0;
    for (number, block) in blocks.iter().enumerate() {
        if let Some(found) = in_block(block, &mut is_escaped) {
            return Some(number * BLOCK + found);
        }
    }
    let mut last = [0; BLOCK];
    last.get_mut(..rest.len())?.copy_from_slice(rest);
    in_block(&last, &mut is_escaped).map(|found| blocks.len() * BLOCK + found)
}

/// Looks through one block. `is_escaped` is 1 if the block before ended with the backslash that escapes this one's first
/// byte, and is left so for the next.
#[inline]
fn in_block(block: &[u8; BLOCK], is_escaped: &mut u32) -> Option<usize> {
    let block = Block::read(block);
    // By far the most blocks of prose have neither.
    if *is_escaped == 0 && block.is_dull() {
        return None;
    }
    let closing = block.quotes() & !escaped(block.backslashes(), is_escaped);
    (closing != 0).then(|| closing.trailing_zeros() as usize)
}

/// 32 bytes in two halves, and which of each are quotes and backslashes.
struct Block {
    bytes: [u8x16; 2],
    quotes: [u8x16; 2],
    backslashes: [u8x16; 2],
}

impl Block {
    #[inline]
    fn read(bytes: &[u8; BLOCK]) -> Block {
        let (low, high) = bytes.split_at(HALF);
        let bytes = [half(low), half(high)];
        Block { bytes, quotes: equal(bytes, b'"'), backslashes: equal(bytes, b'\\') }
    }

    /// Whether there is neither a quote nor a backslash.
    #[inline]
    fn is_dull(&self) -> bool {
        let [quotes, more_quotes] = self.quotes;
        let [backslashes, more_backslashes] = self.backslashes;
        ((quotes | more_quotes) | (backslashes | more_backslashes)).to_bitmask() == 0
    }

    #[inline]
    fn quotes(&self) -> u32 {
        bits(self.quotes)
    }

    #[inline]
    fn backslashes(&self) -> u32 {
        bits(self.backslashes)
    }

    #[inline]
    fn beyond_ascii(&self) -> u32 {
        bits(self.bytes)
    }
}

#[inline]
fn half(bytes: &[u8]) -> u8x16 {
    bytes.first_chunk().map_or(u8x16::ZERO, |bytes| u8x16::new(*bytes))
}

#[inline]
fn equal([low, high]: [u8x16; 2], wanted: u8) -> [u8x16; 2] {
    let wanted = u8x16::splat(wanted);
    [low.simd_eq(wanted), high.simd_eq(wanted)]
}

/// The highest bit of each byte.
#[inline]
fn bits([low, high]: [u8x16; 2]) -> u32 {
    (high.to_bitmask() << HALF) | low.to_bitmask()
}

/// Which bytes are escaped: those behind each run of backslashes of odd length, and every second backslash in a run. The
/// runs' ends are found by the carry of one subtraction, as simdjson does it (`json_escape_scanner.h`).
#[inline]
fn escaped(backslashes: u32, is_escaped: &mut u32) -> u32 {
    let starts = backslashes & !*is_escaped;
    let behind = (starts << 1) | ODD;
    let runs = behind.wrapping_sub(starts) ^ ODD;
    let escaped = runs ^ (backslashes | *is_escaped);
    // Told by the run at the end alone, so that the next block need not wait for all of the above; a block of nothing else
    // leaves it as it was.
    let run = backslashes.leading_ones();
    if run < u32::BITS {
        *is_escaped = run & 1;
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Byte by byte, as one would say it.
    fn slowly(inside: &[u8]) -> Option<usize> {
        let mut is_escaped = false;
        inside.iter().position(|byte| {
            let is_closing = *byte == b'"' && !is_escaped;
            is_escaped = *byte == b'\\' && !is_escaped;
            is_closing
        })
    }

    fn check(text: &[u8]) {
        let closing = closing_quote(text);
        assert_eq!(closing.map(|closing| closing.at), slowly(text), "{text:?}");
        let is_plain = |at: usize| text[..at].iter().all(|byte| byte.is_ascii() && *byte != b'\\');
        assert!(closing.is_none_or(|closing| !closing.is_plain || is_plain(closing.at)), "{text:?}");
    }

    #[test]
    fn runs_of_backslashes_are_counted_across_every_border() {
        for before in 0..70 {
            for run in 0..70 {
                let mut text = vec![b'a'; before];
                text.extend(vec![b'\\'; run]);
                text.extend(b"\"x\"");
                check(&text);
            }
        }
    }

    proptest! {
        #[test]
        fn the_end_is_where_a_slow_look_finds_it(text in prop::collection::vec(prop::sample::select(&b"\\\\\\\"a\0"[..]), 0..200)) {
            check(&text);
        }

        #[test]
        fn quotes_are_found_in_any_bytes(text in prop::collection::vec(any::<u8>(), 0..200)) {
            check(&text);
        }
    }
}
