//! How many tokens a request may be: at most, for quotes; about, for `count_tokens`.

use stonegate_protocol::conversation::Sizes;

/// Tokens of a conversation's frame: what a model is told about it besides the caller's own words.
const FRAME: u64 = 1_024;
/// What the use of tools adds to a prompt, at most: Anthropic names some 350 to 700 tokens, more with a computer.
const TOOLS: u64 = 2_048;
/// The most that an image counts. The newest Claude models see up to 2,576 pixels on the long side, 4,784 tokens.
const IMAGE: u64 = 5_000;
/// The least bound of a document.
const DOCUMENT: u64 = 8_000;
/// The most that a video counts: Nova looks at 960 pictures of one at most, at 288 tokens each.
const VIDEO: u64 = 300_000;
/// The most that a sound counts: the models that hear have windows of 32,768 tokens.
const AUDIO: u64 = 33_000;
/// A page of a PDF counts as its text and as an image of it. A dense page has some 3,000 tokens in 3 KB.
const PER_DOCUMENT_BYTE: u64 = 3;

/// The most tokens that a prompt can be.
///
/// A token stands for one byte of text at least, and the JSON that carries a text is longer than the text. That is three or
/// four times more than it will be, but it is a bound and not a guess: the ledger's promise rests on it. Images and
/// documents have no such bound; theirs is high above what is common, and the model's context window is above all.
pub(crate) fn most_tokens(sizes: &Sizes) -> u64 {
    let tools = if sizes.tools > 0 { TOOLS } else { 0 };
    let documents = sizes
        .documents
        .saturating_mul(DOCUMENT)
        .saturating_add(sizes.document_bytes.saturating_mul(PER_DOCUMENT_BYTE));
    sizes
        .text_bytes
        .saturating_add(FRAME)
        .saturating_add(tools)
        .saturating_add(sizes.images.saturating_mul(IMAGE))
        .saturating_add(sizes.videos.saturating_mul(VIDEO))
        .saturating_add(sizes.audios.saturating_mul(AUDIO))
        .saturating_add(documents)
}

/// About how many tokens a prompt is, for `count_tokens` where the upstream does not count.
///
/// A token per three bytes of JSON (prose has four, code three, and the marks of JSON are cheap), 1,600 per image (what a
/// large one counts with most models), for documents 3,000 per 40 KB and no less than one page, 400 for the use of tools.
/// Meant to be rather over than under, since clients compact their history by it.
#[must_use]
pub fn estimate_tokens(sizes: &Sizes) -> u64 {
    let tools = if sizes.tools > 0 { 400 } else { 0 };
    let pages = (sizes.document_bytes / 40_000).max(sizes.documents);
    (sizes.text_bytes / 3)
        .saturating_add(sizes.images.saturating_mul(1_600))
        .saturating_add(pages.saturating_mul(3_000))
        .saturating_add(tools)
        .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            Sizes { tools: 20, tool_bytes: 30_000, ..text(50_000) },
        ];
        for sizes in sizes {
            assert!(estimate_tokens(&sizes) <= most_tokens(&sizes), "{sizes:?}");
        }
    }

    #[test]
    fn tools_images_and_documents_count() {
        let plain = estimate_tokens(&text(3_000));
        assert_eq!(plain, 1_000);
        assert!(estimate_tokens(&Sizes { tools: 1, ..text(3_000) }) > plain);
        assert_eq!(estimate_tokens(&Sizes { images: 2, ..text(3_000) }), plain + 3_200);
        assert_eq!(
            estimate_tokens(&Sizes { documents: 1, document_bytes: 10, ..text(3_000) }),
            plain + 3_000
        );
    }

    #[test]
    fn no_medium_is_bounded_by_nothing() {
        let plain = most_tokens(&text(3_000));
        for sizes in [
            Sizes { images: 1, ..text(3_000) },
            Sizes { documents: 1, ..text(3_000) },
            Sizes { audios: 1, ..text(3_000) },
            Sizes { videos: 1, ..text(3_000) },
        ] {
            assert!(most_tokens(&sizes) >= plain + 5_000, "{sizes:?}");
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
        assert_eq!(most_tokens(&sizes), most);
        assert_eq!(estimate_tokens(&sizes), most);
    }
}
