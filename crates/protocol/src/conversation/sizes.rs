//! What a quote needs to know of a request, whatever dialect it came in.

use std::ops::Range;

use crate::carry::Fetched;
use crate::json::Scanner;

/// What a quote needs to know of a request's size. Bytes are those of the JSON text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// The body less the base64 of images and documents: prompts, tool definitions and their punctuation.
    pub text_bytes: u64,
    /// The part of `text_bytes` that defines tools.
    pub tool_bytes: u64,
    /// Image blocks.
    pub images: u64,
    /// Decoded bytes of the images that came as base64.
    pub image_bytes: u64,
    /// Document blocks.
    pub documents: u64,
    /// Decoded bytes of the documents that came as base64.
    pub document_bytes: u64,
    /// Sounds.
    pub audios: u64,
    /// Decoded bytes of the sounds that came as base64.
    pub audio_bytes: u64,
    /// Videos.
    pub videos: u64,
    /// Decoded bytes of the videos that came as base64.
    pub video_bytes: u64,
    /// Those of the above, and parts besides them, whose tokens no size bounds: paged and packed documents, of which a page
    /// counts as its text and as an image of it, sounds, videos, and what only upstream can fetch.
    pub unbounded: u64,
    /// Bytes that stand in the request once and that upstream writes out again besides: a definition where a tool is named
    /// in mid-conversation, the marks between the sentences of a document that is to be cited.
    pub repeated_bytes: u64,
    /// Tool definitions.
    pub tools: u64,
    /// Those of them that upstream spells out: the request has no more than their type.
    pub typed_tools: u64,
    /// Messages.
    pub messages: u64,
}

impl Sizes {
    /// Counts the media of another part of the request.
    pub(crate) fn add_media(&mut self, more: &Sizes) {
        self.images += more.images;
        self.image_bytes += more.image_bytes;
        self.documents += more.documents;
        self.document_bytes += more.document_bytes;
        self.audios += more.audios;
        self.audio_bytes += more.audio_bytes;
        self.videos += more.videos;
        self.video_bytes += more.video_bytes;
        self.unbounded += more.unbounded;
        self.repeated_bytes = self.repeated_bytes.saturating_add(more.repeated_bytes);
    }

    /// The sizes with what was fetched for the request.
    #[must_use]
    pub fn with_fetched<'a>(mut self, fetched: impl IntoIterator<Item = &'a Fetched>) -> Sizes {
        for Fetched { media_type, base64 } in fetched {
            let bytes = base64.len() as u64 / 4 * 3;
            let (kind, _) = media_type.split_once('/').unwrap_or((media_type, ""));
            let (size, is_bounded) = match kind {
                "image" => (&mut self.image_bytes, true),
                "audio" => (&mut self.audio_bytes, false),
                "video" => (&mut self.video_bytes, false),
                "text" => (&mut self.text_bytes, true),
                _ => (&mut self.document_bytes, false),
            };
            *size = size.saturating_add(bytes);
            self.unbounded += u64::from(!is_bounded);
        }
        self
    }

    /// Counts a medium.
    pub(crate) fn add(&mut self, medium: Medium, encoded: Encoded) {
        let (count, bytes) = match medium {
            Medium::Image => (&mut self.images, &mut self.image_bytes),
            Medium::Audio => (&mut self.audios, &mut self.audio_bytes),
            Medium::Video => (&mut self.videos, &mut self.video_bytes),
            Medium::Text | Medium::Paged => (&mut self.documents, &mut self.document_bytes),
        };
        *count += 1;
        *bytes += encoded.decoded_bytes();
        let is_bounded = match medium {
            Medium::Image => true,
            // Whatever it is called, its first bytes decide how it is read.
            Medium::Text => !encoded.is_packed,
            Medium::Audio | Medium::Video | Medium::Paged => false,
        };
        self.unbounded += u64::from(!is_bounded);
    }

    /// Counts text that is to be cited: upstream cuts it into sentences and numbers them, the shortest of which has two
    /// letters.
    pub(crate) fn cite(&mut self, text_bytes: u64) {
        const MARKS_PER_BYTE: u64 = 4;
        self.repeated_bytes = self.repeated_bytes.saturating_add(text_bytes.saturating_mul(MARKS_PER_BYTE));
    }
}

/// What a medium counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Medium {
    Image,
    Audio,
    Video,
    /// A document that is read as the text that it is.
    Text,
    /// A document with pages or sheets, or of an unknown form.
    Paged,
}

impl Medium {
    /// A document of that MIME type.
    pub(crate) fn document(media_type: &str) -> Medium {
        let is_text = media_type.starts_with("text/") && media_type != "text/rtf"
            || matches!(
                media_type,
                "application/json"
                    | "application/xml"
                    | "application/yaml"
                    | "application/x-yaml"
                    | "application/csv"
                    | "application/javascript"
                    | "application/markdown"
            );
        if is_text { Medium::Text } else { Medium::Paged }
    }
}

/// The base64 of a medium in a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Encoded {
    /// Its length.
    pub(crate) base64_bytes: u64,
    /// The bytes that it takes in the body: more, where it is written with escapes.
    pub(crate) written_bytes: u64,
    /// Whether it begins like a PDF or a packed file, or with an escape, behind which it could.
    pub(crate) is_packed: bool,
}

/// How the base64 of PDFs, of Office's zipped files and of its older ones begins.
const PACKED: [&[u8]; 3] = [b"JVBER", b"UEsDB", b"0M8R4"];

fn is_packed(written: &[u8]) -> bool {
    let start = written.get(..5).unwrap_or(written);
    start.contains(&b'\\') || PACKED.contains(&start)
}

impl Encoded {
    /// The whole of a string.
    pub(crate) fn string(scanner: &Scanner<'_>, range: &Range<usize>) -> Encoded {
        let written_bytes = range.len().saturating_sub(2) as u64;
        let is_packed = is_packed(scanner.raw(range).get(1..).unwrap_or_default());
        Encoded { base64_bytes: scanner.text_bytes(range), written_bytes, is_packed }
    }

    /// What a `data:` address has behind `;base64,`; nothing of any other address.
    pub(crate) fn address(scanner: &Scanner<'_>, range: &Range<usize>) -> Encoded {
        const MARK: &str = ";base64,";
        let text = scanner.text(range).unwrap_or_default();
        let Some(behind) = data_of(text.as_bytes(), MARK).filter(|_| text.starts_with("data:")) else {
            return Encoded { is_packed: is_packed(text.as_bytes()), ..Encoded::default() };
        };
        // With an escape in the mark itself nobody knows how much of what is written stands before it: at most all of it
        // six bytes a letter.
        let raw = scanner.raw(range);
        let head = data_of(raw, MARK).unwrap_or(1 + behind * 6);
        let written_bytes = raw.len().saturating_sub(head + 1) as u64;
        let is_packed = is_packed(text.as_bytes().get(behind..).unwrap_or_default());
        Encoded { base64_bytes: (text.len() - behind) as u64, written_bytes, is_packed }
    }

    /// How many bytes it stands for.
    pub(crate) fn decoded_bytes(self) -> u64 {
        self.base64_bytes / 4 * 3
    }
}

/// Where the data begin: behind the mark, which stands near the start.
fn data_of(text: &[u8], mark: &str) -> Option<usize> {
    let head = text.get(..text.len().min(200))?;
    Some(memchr::memmem::find(head, mark.as_bytes())? + mark.len())
}

/// How long an entry of the prompt cache lives; of a request, the longest that it asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum CacheLifetime {
    /// No part of the prompt is marked.
    #[default]
    None,
    /// Some part is to be cached for five minutes.
    FiveMinutes,
    /// Some part is to be cached for an hour.
    Hour,
}
