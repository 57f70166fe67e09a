//! How many tokens a request may be: at most, for quotes; about, for `count_tokens`.

use stonegate_protocol::conversation::Sizes;

use crate::calibration::{Density, Surcharge};

/// Tokens of a conversation's frame: what a model is told about it besides the caller's own words.
const FRAME: u64 = 1_024;
/// What the use of tools adds to a prompt, at most: Anthropic names some 350 to 700 tokens.
const TOOLS: u64 = 2_048;
/// What a tool adds that only has a type, at most: Anthropic names some 250 to 750 tokens for its own.
const TYPED_TOOL: u64 = 2_048;
/// What a document adds besides its text.
const DOCUMENT: u64 = 256;
/// About what an image is.
const IMAGE: u64 = 1_600;
/// Text in a document of its own: what turns tables and HTML into text may put marks around what was one byte.
const PER_DOCUMENT_BYTE: u64 = 3;

/// The most tokens that a prompt can be, of which an image takes no more than those.
///
/// A token stands for one byte of text at least, and the JSON that carries a text is longer than the text. That is three or
/// four times more than it will be, but it is a bound and not a guess: the ledger's promise rests on it. A PDF has no such
/// bound (its pages are packed, count as text and image both, and may be one page many times over), nor have Office's
/// files, sounds and videos: with one of them in it, only the model's context window bounds a prompt.
///
/// Of the surcharge this has what is for a medium; what is for every call comes on top, even of the window.
pub(crate) fn most_tokens(sizes: &Sizes, image_tokens: u64, surcharge: Surcharge) -> u64 {
    if sizes.unbounded > 0 {
        return u64::MAX;
    }
    let tools = if sizes.tools > 0 { TOOLS } else { 0 };
    [
        sizes.text_bytes,
        sizes.repeated_bytes,
        FRAME,
        tools,
        sizes.typed_tools.saturating_mul(TYPED_TOOL),
        sizes.images.saturating_mul(image_tokens.saturating_add(surcharge.per_medium)),
        sizes.documents.saturating_mul(DOCUMENT.saturating_add(surcharge.per_medium)),
        sizes.document_bytes.saturating_mul(PER_DOCUMENT_BYTE),
    ]
    .into_iter()
    .fold(0, u64::saturating_add)
}

/// About how many tokens a prompt is, for `count_tokens` where the upstream does not count.
///
/// Text as dense as it was lately ([`Density`] has what holds before anything was seen), 1,600 per image (what a large one
/// counts with most models), for documents 3,000 per 40 KB and no less than one page, 400 for the use of tools. Never more
/// than the most that it can be.
#[must_use]
pub fn estimate_tokens(sizes: &Sizes, density: Density) -> u64 {
    let pages = (sizes.document_bytes / 40_000).max(sizes.documents);
    density
        .tokens(sizes.text_bytes)
        .saturating_add(sizes.images.saturating_mul(IMAGE))
        .saturating_add(pages.saturating_mul(3_000))
        .saturating_add(preamble(sizes.tools))
        .min(most_tokens(sizes, IMAGE, Surcharge::default()))
        .max(1)
}

/// About how many tokens the use of so many tools adds to their definitions.
pub(crate) fn preamble(tools: u64) -> u64 {
    if tools > 0 { 400 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Surcharge = Surcharge { per_call: 0, per_medium: 0 };

    fn estimated(sizes: &Sizes) -> u64 {
        estimate_tokens(sizes, Density::default())
    }

    fn text(text_bytes: u64) -> Sizes {
        Sizes { text_bytes, ..Sizes::default() }
    }

    #[test]
    fn an_estimate_stays_below_the_bound() {
        let sizes = [
            text(0),
            text(40),
            text(1_000_000),
            Sizes { images: 3, image_bytes: 3_000_000, ..text(500) },
            Sizes { documents: 2, document_bytes: 9_000_000, ..text(500) },
            Sizes { documents: 2, document_bytes: 9_000_000, unbounded: 2, ..text(500) },
            Sizes { tools: 20, tool_bytes: 30_000, ..text(50_000) },
        ];
        for sizes in sizes {
            assert!(estimated(&sizes) <= most_tokens(&sizes, 1_600, PLAIN), "{sizes:?}");
        }
    }

    #[test]
    fn a_bound_is_no_higher_than_it_must_be() {
        for (sizes, most) in [
            (text(1_000), 2_024),
            (Sizes { tools: 12, tool_bytes: 900, ..text(1_000) }, 4_072),
            (Sizes { tools: 2, typed_tools: 1, ..text(1_000) }, 6_120),
            (Sizes { images: 2, image_bytes: 4_000_000, ..text(1_000) }, 12_024),
            // A text as a document is a text.
            (Sizes { documents: 1, ..text(1_000) }, 2_280),
            (Sizes { documents: 1, document_bytes: 1_000, ..text(1_000) }, 5_280),
            (Sizes { repeated_bytes: 500, ..text(1_000) }, 2_524),
            // A PDF is all that fits in a prompt.
            (Sizes { documents: 1, document_bytes: 400, unbounded: 1, ..text(1_000) }, u64::MAX),
        ] {
            assert_eq!(most_tokens(&sizes, 5_000, PLAIN), most, "{sizes:?}");
        }
    }

    #[test]
    fn tools_images_and_documents_count() {
        let plain = estimated(&text(3_000));
        assert_eq!(plain, 1_000);
        assert!(estimated(&Sizes { tools: 1, ..text(3_000) }) > plain);
        assert_eq!(estimated(&Sizes { images: 2, ..text(3_000) }), plain + 3_200);
        assert_eq!(estimated(&Sizes { documents: 1, document_bytes: 10, ..text(3_000) }), plain + 3_000);
    }

    #[test]
    fn no_medium_is_bounded_by_nothing() {
        let plain = most_tokens(&text(3_000), 5_000, PLAIN);
        for sizes in [
            Sizes { images: 1, ..text(3_000) },
            Sizes { documents: 1, unbounded: 1, ..text(3_000) },
            Sizes { audios: 1, unbounded: 1, ..text(3_000) },
            Sizes { videos: 1, unbounded: 1, ..text(3_000) },
        ] {
            assert!(most_tokens(&sizes, 5_000, PLAIN) >= plain + 5_000, "{sizes:?}");
        }
    }

    #[test]
    fn a_huge_request_does_not_wrap_around() {
        let most = u64::MAX;
        let sizes = Sizes {
            text_bytes: most,
            images: most,
            documents: most,
            document_bytes: most,
            tools: most,
            videos: most,
            ..Sizes::default()
        };
        assert_eq!(most_tokens(&sizes, most, PLAIN), most);
        assert_eq!(estimated(&sizes), most);
    }
}
