//! A key's text (`sk-stone-…`), its digest, and the form of it that may be shown.
//!
//! `sk-stone-` + 39 characters for 24 random bytes + 7 characters for the CRC-32 of all before them. The checksum is
//! no secret and no protection: it lets a scanner tell a leaked key from chance, and lets us refuse a mistyped one
//! without asking the store. 55 bytes in all, which is what SHA-256 takes in one block.

use std::{fmt, str};

use data_encoding::{BASE32_DNSSEC, HEXLOWER};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// What every key starts with.
const PREFIX: &[u8] = b"sk-stone-";
const CHECKSUM_AT: usize = PREFIX.len() + 39;
const LENGTH: usize = CHECKSUM_AT + 7;

/// A whole key in plain text. Shown once, to the one who made it; never stored, logged or compared.
#[derive(Clone)]
pub struct KeyText([u8; LENGTH]);

/// A text that is not one of our keys: another prefix, another length, or a checksum that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a Stonegate key: keys start with `sk-stone-` and end with a checksum")]
pub struct NotAKey;

impl KeyText {
    /// Makes the key that these random bytes stand for.
    #[must_use]
    pub fn mint(random: [u8; 24]) -> Self {
        let mut text = [0; LENGTH];
        text[..PREFIX.len()].copy_from_slice(PREFIX);
        BASE32_DNSSEC.encode_mut(&random, &mut text[PREFIX.len()..CHECKSUM_AT]);
        let checksum = checksum_of(&text[..CHECKSUM_AT]);
        text[CHECKSUM_AT..].copy_from_slice(&checksum);
        Self(text)
    }

    /// Takes a key from a header. Looks nothing up and allocates nothing.
    ///
    /// # Errors
    /// When the text cannot be a key of ours.
    pub fn parse(text: &str) -> Result<Self, NotAKey> {
        let text: [u8; LENGTH] = text.as_bytes().try_into().map_err(|_wrong_length| NotAKey)?;
        if text.starts_with(PREFIX) && checksum_of(&text[..CHECKSUM_AT]) == text[CHECKSUM_AT..] {
            Ok(Self(text))
        } else {
            Err(NotAKey)
        }
    }

    /// What is stored of the key, and what it is found by.
    #[must_use]
    pub fn digest(&self) -> KeyDigest {
        KeyDigest::of(&self.0)
    }

    /// The key itself. Only for showing it to its maker.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("made of ASCII, or parsed from a str of the same bytes")
    }

    /// What may be shown and stored: enough to tell keys apart, far too little to use one.
    #[must_use]
    pub fn public_form(&self) -> PublicForm {
        let text = self.as_str();
        PublicForm(format!("{}…{}", &text[..PREFIX.len() + 4], &text[CHECKSUM_AT..]))
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("sk-stone-[hidden]")
    }
}

impl fmt::Display for KeyText {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, out)
    }
}

fn checksum_of(text: &[u8]) -> [u8; 7] {
    checksum::<7>(text)
}

/// The CRC-32 of a text in the alphabet of keys; `N` is 7, the characters that 32 bits take.
pub(crate) fn checksum<const N: usize>(text: &[u8]) -> [u8; N] {
    let mut characters = [0; N];
    BASE32_DNSSEC.encode_mut(&crc32fast::hash(text).to_be_bytes(), &mut characters);
    characters
}

/// First characters and checksum of a key, e.g. `sk-stone-3f9a…0k2b7de`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicForm(String);

impl PublicForm {
    /// Takes a form that was stored.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The form as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PublicForm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// SHA-256 of a secret's text. The secrets are 192 random bits, so no salt and no slow hash is called for.
#[derive(Clone, Copy)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    pub(crate) fn of(text: &[u8]) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// Takes a digest that was stored.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest as text, to be a name in the store.
    #[must_use]
    pub fn to_hex(&self) -> String {
        HEXLOWER.encode(&self.0)
    }

    /// The digest's bytes, to be stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for KeyDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for KeyDigest {}

impl std::hash::Hash for KeyDigest {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        // Any eight bytes of a digest are as good as all of it.
        let [first, second, third, fourth, fifth, sixth, seventh, eighth, ..] = self.0;
        state.write_u64(u64::from_le_bytes([first, second, third, fourth, fifth, sixth, seventh, eighth]));
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "KeyDigest({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minted_key_parses_and_keeps_its_digest() {
        for byte in [0, 1, 0x7f, 0xff] {
            let key = KeyText::mint([byte; 24]);
            let again = KeyText::parse(key.as_str()).unwrap();
            assert_eq!(key.digest(), again.digest());
            assert!(key.as_str().starts_with("sk-stone-") && key.as_str().len() == 55);
        }
        assert_ne!(KeyText::mint([1; 24]).digest(), KeyText::mint([2; 24]).digest());
    }

    #[test]
    fn the_form_of_a_key_does_not_change() {
        assert_eq!(
            KeyText::mint([7; 24]).as_str(),
            "sk-stone-0s3ge1o70s3ge1o70s3ge1o70s3ge1o70s3ge1ohf0lp30"
        );
    }

    #[test]
    fn every_single_mistyped_character_is_noticed() {
        let key = KeyText::mint([9; 24]);
        for at in 0..55 {
            let mut typed = key.as_str().to_owned().into_bytes();
            typed[at] = if typed[at] == b'q' { b'r' } else { b'q' };
            assert_eq!(
                KeyText::parse(str::from_utf8(&typed).unwrap()).err(),
                Some(NotAKey),
                "character {at}"
            );
        }
    }

    #[test]
    fn what_is_not_a_key_is_refused_without_a_panic() {
        let upper = KeyText::mint([9; 24]).as_str().to_uppercase();
        let longer = format!("{}0", KeyText::mint([9; 24]).as_str());
        for text in ["", "sk-stone-", "sk-ant-api03-abc", &upper, &longer, &"ä".repeat(27), &"\0".repeat(55)]
        {
            assert_eq!(KeyText::parse(text).err(), Some(NotAKey), "{text:?}");
        }
    }

    #[test]
    fn a_key_does_not_show_itself() {
        let key = KeyText::mint([9; 24]);
        let secret = &key.as_str()[13..48];
        for shown in [format!("{key:?}"), format!("{key}"), key.public_form().to_string()] {
            assert!(!shown.contains(secret) && shown.starts_with("sk-stone-"), "{shown}");
        }
        assert!(key.public_form().as_str().ends_with(&key.as_str()[48..]));
    }
}
