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

/// The offset of the closing quote, counted from the first byte inside the string.
#[inline]
pub(super) fn closing_quote(inside: &[u8]) -> Option<usize> {
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
    let quotes = equal(block, b'"');
    let backslashes = equal(block, b'\\');
    // By far the most blocks of prose have none.
    let closing =
        if backslashes | *is_escaped == 0 { quotes } else { quotes & !escaped(backslashes, is_escaped) };
    (closing != 0).then(|| closing.trailing_zeros() as usize)
}

/// Which bytes are escaped: those behind each run of backslashes of odd length, and every second backslash in a run. The
/// runs' ends are found by the carry of one subtraction, as simdjson does it (`json_escape_scanner.h`).
#[inline]
fn escaped(backslashes: u32, is_escaped: &mut u32) -> u32 {
    let starts = backslashes & !*is_escaped;
    let behind = (starts << 1) | ODD;
    let runs = behind.wrapping_sub(starts) ^ ODD;
    let escaped = runs ^ (backslashes | *is_escaped);
    *is_escaped = (runs & backslashes) >> (u32::BITS - 1);
    escaped
}

/// A bit for each byte that is `wanted`.
#[inline]
fn equal(block: &[u8; BLOCK], wanted: u8) -> u32 {
    let wanted = u8x16::splat(wanted);
    let (halves, _) = block.as_chunks::<HALF>();
    halves.iter().rev().fold(0, |bits, half| (bits << HALF) | u8x16::new(*half).simd_eq(wanted).to_bitmask())
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

    #[test]
    fn runs_of_backslashes_are_counted_across_every_border() {
        for before in 0..70 {
            for run in 0..70 {
                let mut text = vec![b'a'; before];
                text.extend(vec![b'\\'; run]);
                text.extend(b"\"x\"");
                assert_eq!(closing_quote(&text), slowly(&text), "{before} letters, {run} backslashes");
            }
        }
    }

    proptest! {
        #[test]
        fn the_end_is_where_a_slow_look_finds_it(text in prop::collection::vec(prop::sample::select(&b"\\\\\\\"a\0"[..]), 0..200)) {
            prop_assert_eq!(closing_quote(&text), slowly(&text));
        }

        #[test]
        fn quotes_are_found_in_any_bytes(text in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(closing_quote(&text), slowly(&text));
        }
    }
}
