//! Where the bytes of images, files, sound and video are in OpenAI's dialects, and of what type they are.

use crate::carry::{Answering, Unsupported};
use crate::conversation::sizes::Medium;
use crate::conversation::{Media, MediaKind, Source};

/// Whether an address has to be fetched.
pub(crate) fn is_remote(address: &str) -> bool {
    let starts =
        |scheme: &str| address.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    starts("https://") || starts("http://")
}

/// A file: whatever its type says, a document if nothing.
pub(crate) fn file(media_type: String, source: Source, name: Option<String>) -> Media {
    let kind = match media_type.split('/').next() {
        Some("image") => MediaKind::Image,
        Some("audio") => MediaKind::Audio,
        Some("video") => MediaKind::Video,
        Some(_) | None => MediaKind::Document,
    };
    Media { kind, media_type, source, name, context: None, cite: false }
}

/// What a file counts as in a quote: text or an image where all that is said of it says so.
pub(crate) fn counted(address: &str, format: Option<&str>, filename: Option<&str>) -> Medium {
    let head = address.strip_prefix("data:").map(|rest| rest.split([';', ',']).next().unwrap_or_default());
    if head.is_none() && address.contains("://") {
        return Medium::Paged;
    }
    let said = head.filter(|said| !said.is_empty());
    let by_name = filename.and_then(media_type_of_name);
    let types = [said, format, by_name].into_iter().flatten();
    let mediums = types.map(|said| match said.to_ascii_lowercase() {
        said if said.starts_with("image/") => Medium::Image,
        said => Medium::document(&said),
    });
    // Without a word of what it is, it is what takes most.
    mediums.reduce(|one, other| if one == other { one } else { Medium::Paged }).unwrap_or(Medium::Paged)
}

/// The MIME type, and where the bytes are. What was fetched for the call stands in the place of its address.
pub(crate) fn source(
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
pub(crate) fn media_type_of_name(name: &str) -> Option<&'static str> {
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
