//! What the gateway gives a client to keep and to send back: the thoughts of a model, or the summary of a conversation.
//!
//! It stands in `encrypted_content`, which clients do not look into. It holds all that is needed, so that a client that
//! lets nothing be stored (Codex) loses nothing. It is a wrapping, not a secret: a model knows its own thoughts by the
//! signature inside, and the summary is made of the client's own conversation.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// What every carrier begins with once it is decoded; the number is that of the form.
const MARK: &[u8] = b"stonegate:1:";

/// What is inside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sealed {
    /// Thoughts that can be read.
    Thinking { text: String, signature: Option<String> },
    /// Thoughts that only the model can read, in base64.
    Unreadable { data: String },
    /// What a conversation came to.
    Summary { text: String },
}

impl Sealed {
    /// The text for `encrypted_content`.
    pub(super) fn seal(&self) -> String {
        let mut bytes = MARK.to_vec();
        // Texts always serialise; were it otherwise, the carrier would be one that nobody reads.
        bytes.extend(serde_json::to_vec(self).unwrap_or_default());
        STANDARD.encode(bytes)
    }

    /// What is inside; none where it is not of this form: of another maker, or damaged.
    pub(super) fn open(text: &str) -> Option<Sealed> {
        let bytes = STANDARD.decode(text).ok()?;
        serde_json::from_slice(bytes.strip_prefix(MARK)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_is_opened_again() {
        for sealed in [
            Sealed::Thinking { text: "Hm \u{e4}\n".to_owned(), signature: Some("a+/=".to_owned()) },
            Sealed::Thinking { text: String::new(), signature: None },
            Sealed::Unreadable { data: "AAAA".to_owned() },
            Sealed::Summary { text: "So far.".to_owned() },
        ] {
            assert_eq!(Sealed::open(&sealed.seal()), Some(sealed));
        }
    }

    #[test]
    fn what_is_foreign_or_broken_is_not_opened() {
        let good = Sealed::Summary { text: "x".to_owned() }.seal();
        for text in ["", "gAAAAABk", "\u{e4}", &good[4..], &good[..good.len() - 8]] {
            assert_eq!(Sealed::open(text), None, "{text}");
        }
    }
}
