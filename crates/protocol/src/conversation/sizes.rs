//! What a quote needs to know of a request, whatever dialect it came in.

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
