//! What a quote needs to know of a request, whatever dialect it came in.

use crate::carry::Fetched;

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
