//! Images and files of a Responses request.

use crate::carry::{Answering, Unsupported};
use crate::conversation::{Media, MediaKind, Source};
use crate::openai::media::{self, media_type_of_name, source};

use super::wire::Part;

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
    Ok(media::file(media_type, source, part.filename))
}

fn no_bytes(part: &Part, path: &str, wanted: &str) -> Unsupported {
    if part.file_id.is_some() {
        let why = format!("files are not stored here; send the file itself in `{wanted}`");
        return Unsupported::member(&format!("{path}.file_id"), &why);
    }
    Unsupported::member(&format!("{path}.{wanted}"), "is required")
}
