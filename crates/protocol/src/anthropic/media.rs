//! Images and documents in the forms that Claude takes.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::carry::Unsupported;
use crate::conversation::{Media, MediaKind, Source};

use super::body::{Block, Cites, Mark, MediaSource};
use super::outbound::unsupported;

const IMAGE_TYPES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];
const PDF: &str = "application/pdf";
const PLAIN_TEXT: &str = "text/plain";
/// Documents that are text without being called `text/…`.
const TEXT_LIKE: [&str; 7] = [
    "application/json",
    "application/xml",
    "application/yaml",
    "application/x-yaml",
    "application/csv",
    "application/javascript",
    "application/markdown",
];

/// An image or document as a block.
pub(super) fn block<'a>(media: &'a Media, mark: Option<Mark>) -> Result<Block<'a>, Unsupported> {
    match media.kind {
        MediaKind::Image => Ok(Block::Image { source: image(media)?, cache_control: mark }),
        MediaKind::Document => Ok(Block::Document {
            source: document(media)?,
            title: media.name.as_deref().filter(|name| !name.is_empty()),
            context: media.context.as_deref().filter(|context| !context.is_empty()),
            citations: Cites::of(media.cite),
            cache_control: mark,
        }),
        MediaKind::Audio => Err(refused("this model does not listen to audio")),
        MediaKind::Video => Err(refused("this model does not watch video")),
    }
}

fn image(media: &Media) -> Result<MediaSource<'_>, Unsupported> {
    let data = base64(&media.source)?;
    // Clients name the type of what they never looked at; the model's endpoint does look.
    let media_type = seen_type(data).unwrap_or(&media.media_type);
    if IMAGE_TYPES.contains(&media_type) {
        Ok(MediaSource::Base64 { media_type, data })
    } else {
        let said = if media_type.is_empty() { "an image of an unknown type" } else { media_type };
        Err(refused(&format!("{said} is not taken; this model reads JPEG, PNG, GIF and WebP images")))
    }
}

fn document(media: &Media) -> Result<MediaSource<'_>, Unsupported> {
    if let Source::Text(text) = &media.source {
        return Ok(MediaSource::Text { media_type: PLAIN_TEXT, data: Cow::Borrowed(text) });
    }
    let data = base64(&media.source)?;
    let media_type = media.media_type.as_str();
    if media_type == PDF || seen_type(data) == Some(PDF) {
        return Ok(MediaSource::Base64 { media_type: PDF, data });
    }
    if media_type.starts_with("text/") || TEXT_LIKE.contains(&media_type) {
        let text = STANDARD.decode(data).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.ok_or_else(|| refused(&format!("the {media_type} document is no UTF-8 text")))?;
        return Ok(MediaSource::Text { media_type: PLAIN_TEXT, data: Cow::Owned(text) });
    }
    let said = if media_type.is_empty() { "a document of an unknown type" } else { media_type };
    Err(refused(&format!("{said} is not taken; this model reads PDF and text documents")))
}

fn base64(source: &Source) -> Result<&str, Unsupported> {
    match source {
        Source::Base64(data) => Ok(data),
        Source::Text(_) => Err(refused("an image cannot come as text")),
        Source::Url(_) => Err(refused("an address cannot be sent to this model; send the bytes")),
        Source::S3 { .. } => {
            Err(refused("an S3 address cannot be sent to this model this way; send the bytes"))
        }
    }
}

/// What the first bytes say that it is.
fn seen_type(base64: &str) -> Option<&'static str> {
    [
        ("iVBORw0KGgo", "image/png"),
        ("/9j/", "image/jpeg"),
        ("R0lGOD", "image/gif"),
        ("UklGR", "image/webp"),
        ("JVBER", PDF),
    ]
    .into_iter()
    .find(|(start, _)| base64.starts_with(start))
    .map(|(_, kind)| kind)
}

fn refused(why: &str) -> Unsupported {
    unsupported("messages", &format!("messages: {why}"))
}
