//! Reads what an upstream wrote, half letters included.
//!
//! Some engines cut their answers between the two halves of a letter beyond the first 65,536, and write each half into a
//! piece of its own as `\ud83d`. That is no text, and no reason to break an answer off.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

/// Half a letter becomes U+FFFD; all else is read as it is.
pub(crate) fn lenient<T: DeserializeOwned>(text: &[u8]) -> serde_json::Result<T> {
    let read = serde_json::from_slice(text);
    match (read, mended(text)) {
        (Err(_), Cow::Owned(mended)) => serde_json::from_slice(&mended),
        (read, _) => read,
    }
}

/// The text without halves; looked for only where a backslash and a `u` with a `d` behind it stand.
fn mended(text: &[u8]) -> Cow<'_, [u8]> {
    if !may_have_halves(text) {
        return Cow::Borrowed(text);
    }
    let mut mended = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        if *byte != b'\\' {
            mended.push(*byte);
            at += 1;
            continue;
        }
        let length = match (unit(text, at), unit(text, at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                mended.extend_from_slice(b"\\ufffd");
                at += 6;
                continue;
            }
            (Some(_), _) => 6,
            (None, _) => 2,
        };
        let end = (at + length).min(text.len());
        mended.extend_from_slice(text.get(at..end).unwrap_or_default());
        at = end;
    }
    Cow::Owned(mended)
}

fn may_have_halves(text: &[u8]) -> bool {
    memchr::memmem::find_iter(text, b"\\u").any(|at| matches!(text.get(at + 2), Some(b'd' | b'D')))
}

/// The code unit of a `\uXXXX` there.
fn unit(text: &[u8], at: usize) -> Option<u16> {
    let digits = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_letter_is_read_as_one_that_is_missing() {
        for (text, expected) in [
            (r#""a\ud83d""#, Some("a\u{fffd}")),
            (r#""\ude00b""#, Some("\u{fffd}b")),
            (r#""\ud83d\ude00""#, Some("😀")),
            (r#""\ud83d\ud83d\ude00""#, Some("\u{fffd}😀")),
            (r#""\\ud83d""#, Some(r"\ud83d")),
            (r#""\\\ud83d""#, Some("\\\u{fffd}")),
            (r#""\ud83""#, None),
            (r#""\u00e4""#, Some("ä")),
            (r#"\ud83d"#, None),
            ("\"\\", None),
        ] {
            assert_eq!(lenient::<String>(text.as_bytes()).ok().as_deref(), expected, "{text}");
        }
    }
}
