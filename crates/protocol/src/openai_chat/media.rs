//! Images, files, sound and video of a chat request.

use crate::carry::{Answering, Unsupported};
use crate::conversation::{Media, MediaKind, Source};
use crate::openai::media::{self, is_remote, media_type_of_name, source};

use super::wire::{Address, File, ImageSource, InputAudio};

/// An image or a video by its address.
pub(super) fn addressed(
    kind: MediaKind,
    address: Address,
    path: &str,
    answering: &Answering,
) -> Result<Media, Unsupported> {
    let (url, format) = match address {
        Address::Plain(url) => (url, None),
        Address::Object { url, format } => (url, format),
    };
    let (media_type, source) = source(url, format, path, answering)?;
    Ok(Media { kind, media_type, source, name: None, context: None, cite: false })
}

/// An image in Anthropic's form.
pub(super) fn image(image: ImageSource, path: &str, answering: &Answering) -> Result<Media, Unsupported> {
    let (media_type, source) = match (image.data, image.url) {
        (Some(data), _) => (image.media_type.unwrap_or_default(), Source::Base64(data)),
        (None, Some(url)) => source(url, image.media_type, path, answering)?,
        (None, None) => return Err(Unsupported::member(&format!("{path}.source.data"), "is required")),
    };
    Ok(Media { kind: MediaKind::Image, media_type, source, name: None, context: None, cite: false })
}

/// Sound in base64.
pub(super) fn sound(audio: InputAudio) -> Media {
    let media_type = match audio.format.as_deref() {
        Some("mp3") => "audio/mpeg".to_owned(),
        Some(format) => format!("audio/{}", format.to_ascii_lowercase()),
        None => String::new(),
    };
    let source = Source::Base64(audio.data);
    Media { kind: MediaKind::Audio, media_type, source, name: None, context: None, cite: false }
}

/// A file: whatever its type says, a document if nothing.
pub(super) fn file(file: File, path: &str, answering: &Answering) -> Result<Media, Unsupported> {
    let by_name = file.filename.as_deref().and_then(media_type_of_name);
    let asked = file.format.or_else(|| by_name.map(str::to_owned));
    let (media_type, source) = match (file.file_data, file.file_id) {
        (Some(data), _) if data.starts_with("data:") || is_remote(&data) || data.starts_with("s3://") => {
            source(data, asked, path, answering)?
        }
        // Bare base64, as some clients send it.
        (Some(data), _) => (asked.unwrap_or_default(), Source::Base64(data)),
        // LiteLLM's clients put an address in its place.
        (None, Some(id)) if is_remote(&id) || id.starts_with("s3://") => source(id, asked, path, answering)?,
        (None, Some(_)) => {
            let why = "files are not stored here; send the file itself in `file_data`";
            return Err(Unsupported::member(&format!("{path}.file.file_id"), why));
        }
        (None, None) => return Err(Unsupported::member(&format!("{path}.file.file_data"), "is required")),
    };
    Ok(media::file(media_type, source, file.filename))
}
