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
    /// Tool definitions.
    pub tools: u64,
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
    }

    /// The sizes with what was fetched for the request.
    #[must_use]
    pub fn with_fetched<'a>(mut self, fetched: impl IntoIterator<Item = &'a Fetched>) -> Sizes {
        for Fetched { media_type, base64 } in fetched {
            let bytes = base64.len() as u64 / 4 * 3;
            let (kind, _) = media_type.split_once('/').unwrap_or((media_type, ""));
            let size = match kind {
                "image" => &mut self.image_bytes,
                "audio" => &mut self.audio_bytes,
                "video" => &mut self.video_bytes,
                "text" => &mut self.text_bytes,
                _ => &mut self.document_bytes,
            };
            *size = size.saturating_add(bytes);
        }
        self
    }
}

/// The base64 of a medium in a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Encoded {
    /// Its length.
    pub(crate) base64_bytes: u64,
    /// The bytes that it takes in the body: more, where it is written with escapes.
    pub(crate) written_bytes: u64,
}

impl Encoded {
    /// The whole of a string.
    pub(crate) fn string(scanner: &Scanner<'_>, range: &Range<usize>) -> Encoded {
        let written_bytes = range.len().saturating_sub(2) as u64;
        Encoded { base64_bytes: scanner.text_bytes(range), written_bytes }
    }

    /// What a `data:` address has behind `;base64,`; nothing of any other address.
    pub(crate) fn address(scanner: &Scanner<'_>, range: &Range<usize>) -> Encoded {
        const MARK: &str = ";base64,";
        let text = scanner.text(range).unwrap_or_default();
        let Some(behind) = data_of(text.as_bytes(), MARK).filter(|_| text.starts_with("data:")) else {
            return Encoded::default();
        };
        // With an escape in the mark itself nobody knows how much of what is written stands before it: at most all of it
        // six bytes a letter.
        let raw = scanner.raw(range);
        let head = data_of(raw, MARK).unwrap_or(1 + behind * 6);
        let written_bytes = raw.len().saturating_sub(head + 1) as u64;
        Encoded { base64_bytes: (text.len() - behind) as u64, written_bytes }
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
