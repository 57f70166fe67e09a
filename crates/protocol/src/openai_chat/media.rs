//! Images, files, sound and video of a request: where their bytes are, and of what type.

use crate::carry::{Answering, Unsupported};
use crate::conversation::{Media, MediaKind, Source};

use super::wire::{Address, File, ImageSource, InputAudio};

/// Whether an address has to be fetched.
pub(super) fn is_remote(address: &str) -> bool {
    let starts =
        |scheme: &str| address.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    starts("https://") || starts("http://")
}

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
    let kind = match media_type.split('/').next() {
        Some("image") => MediaKind::Image,
        Some("audio") => MediaKind::Audio,
        Some("video") => MediaKind::Video,
        Some(_) | None => MediaKind::Document,
    };
    Ok(Media { kind, media_type, source, name: file.filename, context: None, cite: false })
}

/// The MIME type, and where the bytes are. What was fetched for the call stands in the place of its address.
fn source(
    address: String,
    asked_type: Option<String>,
    path: &str,
    answering: &Answering,
) -> Result<(String, Source), Unsupported> {
    if let Some(rest) = address.strip_prefix("data:") {
        let (head, data) = rest.split_once(',').unwrap_or((rest, ""));
        let Some(media_type) = head.strip_suffix(";base64") else {
            return Err(Unsupported::member(path, "a `data:` address has to hold base64"));
        };
        let bare = media_type.split(';').next().unwrap_or_default();
        let media_type = if bare.is_empty() { asked_type.unwrap_or_default() } else { bare.to_owned() };
        return Ok((media_type.to_ascii_lowercase(), Source::Base64(data.to_owned())));
    }
    if address.starts_with("s3://") {
        return Ok((asked_type.unwrap_or_default(), Source::S3 { uri: address, owner: None }));
    }
    if !is_remote(&address) {
        return Err(Unsupported::member(path, "a `data:`, `https:` or `s3:` address was expected"));
    }
    Ok(match answering.fetched.get(&address) {
        Some(fetched) => {
            (asked_type.unwrap_or_else(|| fetched.media_type.clone()), Source::Base64(fetched.base64.clone()))
        }
        None => (asked_type.unwrap_or_default(), Source::Url(address)),
    })
}

/// The MIME type that a file's name tells.
fn media_type_of_name(name: &str) -> Option<&'static str> {
    let (_, extension) = name.rsplit_once('.')?;
    Some(match extension.to_ascii_lowercase().as_str() {
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "md" => "text/markdown",
        "csv" => "text/csv",
        "html" | "htm" => "text/html",
        "doc" => "application/msword",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xls" => "application/vnd.ms-excel",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        _ => return None,
    })
}
