//! Seals on thinking: a signature that only the simulator can make and that one changed byte breaks.
//!
//! The key is fixed, so that a conversation goes on after a restart and behind several simulators.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

const KEY: &[u8] = b"stonegate simulator: thinking blocks";
/// Real signatures begin with a few constant bytes, too.
const MARK: &[u8] = &[0x12, 0x53, 0x49, 0x4d, 0x01];
const NONCE: usize = 16;
const TAG: usize = 32;

/// Signs a thinking text. The nonce makes signatures of equal texts differ, as real ones do.
pub(crate) fn sign(what: Sealed, text: &str, nonce: [u8; NONCE]) -> String {
    let mut sealed = MARK.to_vec();
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&tag(what, text, &nonce));
    STANDARD.encode(sealed)
}

/// Whether `signature` was made for exactly this text.
pub(crate) fn is_good(what: Sealed, text: &str, signature: &str) -> bool {
    let Ok(sealed) = STANDARD.decode(signature) else { return false };
    let Some(rest) = sealed.strip_prefix(MARK) else { return false };
    rest.split_at_checked(NONCE).is_some_and(|(nonce, found)| found == tag(what, text, nonce))
}

/// What a seal is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sealed {
    /// `thinking` and `signature`.
    Thinking,
    /// The `data` of `redacted_thinking`; its text is empty.
    Redacted,
    /// The `encrypted_content` of a reasoning item; its text is empty.
    Reasoning,
}

fn tag(what: Sealed, text: &str, nonce: &[u8]) -> [u8; TAG] {
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY).expect("HMAC takes keys of any length");
    let kind: &[u8] = match what {
        Sealed::Thinking => b"thinking",
        Sealed::Redacted => b"redacted",
        Sealed::Reasoning => b"reasoning",
    };
    mac.update(kind);
    mac.update(nonce);
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_holds_for_its_very_bytes_only() {
        let signature = sign(Sealed::Thinking, "Let me see.", [7; 16]);
        assert!(is_good(Sealed::Thinking, "Let me see.", &signature));
        assert!(!is_good(Sealed::Thinking, "Let me see", &signature));
        assert!(!is_good(Sealed::Redacted, "Let me see.", &signature));
        assert!(!is_good(Sealed::Thinking, "Let me see.", "bm9wZQ=="));
        assert!(!is_good(Sealed::Thinking, "Let me see.", ""));
    }
}
