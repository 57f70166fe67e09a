//! Images and files of a request: where their bytes are, and of what type.

use crate::carry::{Answering, Unsupported};
use crate::conversation::{Media, MediaKind, Source};

use super::wire::Part;

/// Whether an address has to be fetched.
pub(super) fn is_remote(address: &str) -> bool {
    let starts =
        |scheme: &str| address.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    starts("https://") || starts("http://")
}

/// `input_image`.
pub(super) fn image(part: Part, path: &str, answering: &Answering) -> Result<Media, Unsupported> {
    let Some(address) = part.image_url else {
        return Err(no_bytes(&part, path, "image_url"));
    };
    let (media_type, source) = source(address, None, &format!("{path}.image_url"), answering)?;
    Ok(Media { kind: MediaKind::Image, media_type, source, name: None, context: None, cite: false })
}

/// `input_file`: whatever its type says, a document if nothing.
pub(super) fn file(part: Part, path: &str, answering: &Answering) -> Result<Media, Unsupported> {
    let by_name = part.filename.as_deref().and_then(media_type_of_name).map(str::to_owned);
    let (media_type, source) = match (&part.file_data, &part.file_url) {
        (Some(data), _) if data.starts_with("data:") => {
            source(data.clone(), by_name, &format!("{path}.file_data"), answering)?
        }
        (Some(data), _) => (by_name.unwrap_or_default(), Source::Base64(data.clone())),
        (None, Some(address)) => source(address.clone(), by_name, &format!("{path}.file_url"), answering)?,
        (None, None) => return Err(no_bytes(&part, path, "file_data")),
    };
    let kind = match media_type.split('/').next() {
        Some("image") => MediaKind::Image,
        Some("audio") => MediaKind::Audio,
        Some("video") => MediaKind::Video,
        Some(_) | None => MediaKind::Document,
    };
    Ok(Media { kind, media_type, source, name: part.filename, context: None, cite: false })
}

fn no_bytes(part: &Part, path: &str, wanted: &str) -> Unsupported {
    if part.file_id.is_some() {
        let why = format!("files are not stored here; send the file itself in `{wanted}`");
        return Unsupported::member(&format!("{path}.file_id"), &why);
    }
    Unsupported::member(&format!("{path}.{wanted}"), "is required")
}

/// The MIME type, and where the bytes are. What was fetched for the call stands in the place of its address.
fn source(
    address: String,
    by_name: Option<String>,
    path: &str,
    answering: &Answering,
) -> Result<(String, Source), Unsupported> {
    if let Some(rest) = address.strip_prefix("data:") {
        let (head, data) = rest.split_once(',').unwrap_or((rest, ""));
        let Some(media_type) = head.strip_suffix(";base64") else {
            return Err(Unsupported::member(path, "a `data:` address has to hold base64"));
        };
        let bare = media_type.split(';').next().unwrap_or_default();
        let media_type = if bare.is_empty() { by_name.unwrap_or_default() } else { bare.to_owned() };
        return Ok((media_type.to_ascii_lowercase(), Source::Base64(data.to_owned())));
    }
    if address.starts_with("s3://") {
        return Ok((by_name.unwrap_or_default(), Source::S3 { uri: address, owner: None }));
    }
    if !is_remote(&address) {
        return Err(Unsupported::member(path, "a `data:`, `https:` or `s3:` address was expected"));
    }
    Ok(match answering.fetched.get(&address) {
        Some(fetched) => {
            (by_name.unwrap_or_else(|| fetched.media_type.clone()), Source::Base64(fetched.base64.clone()))
        }
        None => (by_name.unwrap_or_default(), Source::Url(address)),
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
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        _ => return None,
    })
}
