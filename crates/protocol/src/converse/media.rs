//! Images, documents, sound and video in the forms that Converse has for them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::carry::Unsupported;
use crate::conversation::{Media, MediaKind, Source};
use crate::traits::{Feature, Traits};

use super::wire::{Block, Bytes, Cites, Document, Picture, S3};

/// The longest name of a document.
const LONGEST_NAME: usize = 200;
/// The name of a document that has none, or none that is taken.
const UNNAMED: &str = "document";

/// MIME type and format of what Converse knows. The first format of a type is its own, the first type of a format too.
const FORMATS: [(MediaKind, &str, &str); 43] = [
    (MediaKind::Image, "image/png", "png"),
    (MediaKind::Image, "image/jpeg", "jpeg"),
    (MediaKind::Image, "image/jpg", "jpeg"),
    (MediaKind::Image, "image/gif", "gif"),
    (MediaKind::Image, "image/webp", "webp"),
    (MediaKind::Document, "application/pdf", "pdf"),
    (MediaKind::Document, "text/csv", "csv"),
    (MediaKind::Document, "application/csv", "csv"),
    (MediaKind::Document, "application/msword", "doc"),
    (MediaKind::Document, "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
    (MediaKind::Document, "application/vnd.ms-excel", "xls"),
    (MediaKind::Document, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    (MediaKind::Document, "text/html", "html"),
    (MediaKind::Document, "text/plain", "txt"),
    (MediaKind::Document, "text/markdown", "md"),
    (MediaKind::Document, "text/x-markdown", "md"),
    (MediaKind::Document, "application/json", "txt"),
    (MediaKind::Document, "application/xml", "txt"),
    (MediaKind::Document, "application/yaml", "txt"),
    (MediaKind::Audio, "audio/mpeg", "mp3"),
    (MediaKind::Audio, "audio/mp3", "mp3"),
    (MediaKind::Audio, "audio/opus", "opus"),
    (MediaKind::Audio, "audio/wav", "wav"),
    (MediaKind::Audio, "audio/x-wav", "wav"),
    (MediaKind::Audio, "audio/wave", "wav"),
    (MediaKind::Audio, "audio/aac", "aac"),
    (MediaKind::Audio, "audio/flac", "flac"),
    (MediaKind::Audio, "audio/mp4", "mp4"),
    (MediaKind::Audio, "audio/ogg", "ogg"),
    (MediaKind::Audio, "audio/x-matroska", "mka"),
    (MediaKind::Audio, "audio/x-aac", "x-aac"),
    (MediaKind::Audio, "audio/m4a", "m4a"),
    (MediaKind::Audio, "audio/x-m4a", "m4a"),
    (MediaKind::Audio, "audio/pcm", "pcm"),
    (MediaKind::Audio, "audio/webm", "webm"),
    (MediaKind::Video, "video/mp4", "mp4"),
    (MediaKind::Video, "video/x-matroska", "mkv"),
    (MediaKind::Video, "video/quicktime", "mov"),
    (MediaKind::Video, "video/webm", "webm"),
    (MediaKind::Video, "video/x-flv", "flv"),
    (MediaKind::Video, "video/mpeg", "mpeg"),
    (MediaKind::Video, "video/x-ms-wmv", "wmv"),
    (MediaKind::Video, "video/3gpp", "three_gp"),
];

/// The MIME type of a format; of one that is not in the table, what its name suggests.
pub(super) fn media_type(kind: MediaKind, format: &str) -> String {
    let known = FORMATS.iter().find(|(of, _, name)| *of == kind && *name == format);
    let class = match kind {
        MediaKind::Image => "image",
        MediaKind::Document => "application",
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
    };
    known.map_or_else(|| format!("{class}/{format}"), |(_, media_type, _)| (*media_type).to_owned())
}

/// The names that documents have so far, and the next number for each: no two may have the same.
#[derive(Default)]
pub(super) struct Names(BTreeMap<String, u32>);

impl Names {
    /// Letters, digits, single spaces, hyphens, parentheses and brackets are taken.
    fn fitted(&mut self, name: Option<&str>) -> String {
        let mut fitted = String::new();
        for letter in name.unwrap_or_default().chars() {
            let fits = letter.is_ascii_alphanumeric() || matches!(letter, '-' | '(' | ')' | '[' | ']');
            let letter = if fits {
                letter
            } else if letter.is_whitespace() {
                ' '
            } else {
                '-'
            };
            if !(letter == ' ' && (fitted.is_empty() || fitted.ends_with(' '))) {
                fitted.push(letter);
            }
        }
        fitted.truncate(LONGEST_NAME - 8);
        let fitted = fitted.trim_end();
        let base = if fitted.is_empty() { UNNAMED } else { fitted };
        let mut unique = base.to_owned();
        let mut number = self.0.get(base).copied().unwrap_or(2);
        while self.0.contains_key(&unique) {
            unique = format!("{base} ({number})");
            number += 1;
        }
        self.0.insert(base.to_owned(), number);
        self.0.entry(unique.clone()).or_insert(2);
        unique
    }
}

/// A medium as a block.
pub(super) fn block<'a>(
    media: &'a Media,
    traits: &Traits,
    names: &mut Names,
) -> Result<Block<'a>, Unsupported> {
    let (feature, what) = match media.kind {
        MediaKind::Image => (Feature::Images, "images"),
        MediaKind::Document => (Feature::Documents, "documents"),
        MediaKind::Audio => (Feature::Audio, "audio"),
        MediaKind::Video => (Feature::Video, "video"),
    };
    if !traits.can(feature) {
        // A text needs no reader of documents.
        if let (MediaKind::Document, Source::Text(text)) = (media.kind, &media.source) {
            let title = media.name.as_deref().unwrap_or(UNNAMED);
            return Ok(Block::text(format!("{title}:\n{text}")));
        }
        return Err(refused(&format!("this model takes no {what}")));
    }
    let format = format(media)?;
    let source = source(media)?;
    Ok(match media.kind {
        MediaKind::Image => Block::Image(Picture { format: Cow::Borrowed(format), source }),
        MediaKind::Audio => Block::Audio(Picture { format: Cow::Borrowed(format), source }),
        MediaKind::Video => Block::Video(Picture { format: Cow::Borrowed(format), source }),
        MediaKind::Document => Block::Document(Document {
            format: Some(Cow::Borrowed(format)),
            name: Cow::Owned(names.fitted(media.name.as_deref())),
            source,
            context: media.context.as_deref().filter(|context| !context.is_empty()).map(Cow::Borrowed),
            citations: Cites::of(media.cite),
        }),
    })
}

fn source(media: &Media) -> Result<Bytes<'_>, Unsupported> {
    Ok(match &media.source {
        Source::Base64(data) => Bytes::Here(Cow::Borrowed(data)),
        // Only Claude's endpoint is sure to know a document of `text`; bytes are known to all.
        Source::Text(text) => Bytes::Here(Cow::Owned(STANDARD.encode(text))),
        Source::Url(_) => return Err(refused("an address cannot be sent to this model; send the bytes")),
        Source::S3 { uri, owner } => Bytes::S3Location(S3 {
            uri: Cow::Borrowed(uri),
            bucket_owner: owner.as_deref().map(Cow::Borrowed),
        }),
    })
}

fn format(media: &Media) -> Result<&'static str, Unsupported> {
    // Clients name the type of what they never looked at; the model's endpoint does look.
    let seen = match &media.source {
        Source::Base64(data) => seen_type(data).filter(|seen| is_of(media.kind, seen)),
        Source::Text(_) | Source::Url(_) | Source::S3 { .. } => None,
    };
    let unsaid = match (&media.source, media.media_type.as_str()) {
        (Source::Text(_), _) => Some("text/plain"),
        (Source::S3 { uri, .. }, "") => return of_extension(media.kind, uri),
        _ => None,
    };
    let named = seen.or(unsaid).unwrap_or(&media.media_type);
    let found = FORMATS.iter().find(|(kind, name, _)| *kind == media.kind && *name == named);
    match found {
        Some((_, _, format)) => Ok(format),
        None if media.kind == MediaKind::Document && named.starts_with("text/") => Ok("txt"),
        None if named.is_empty() => Err(refused("the type of a file is not given")),
        None => Err(refused(&format!("{named} is not taken; send another format"))),
    }
}

fn of_extension(kind: MediaKind, uri: &str) -> Result<&'static str, Unsupported> {
    let extension = uri.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase()).unwrap_or_default();
    let extension = match extension.as_str() {
        "jpg" => "jpeg",
        "3gp" => "three_gp",
        "htm" => "html",
        other => other,
    };
    FORMATS
        .iter()
        .find(|(of, _, format)| *of == kind && *format == extension)
        .map(|(_, _, format)| *format)
        .ok_or_else(|| refused("the format of a file in S3 is not given, and its name does not tell"))
}

fn is_of(kind: MediaKind, media_type: &str) -> bool {
    FORMATS.iter().any(|(of, known, _)| *of == kind && *known == media_type)
}

/// What the first bytes say that it is.
fn seen_type(base64: &str) -> Option<&'static str> {
    [
        ("iVBORw0KGgo", "image/png"),
        ("/9j/", "image/jpeg"),
        ("R0lGOD", "image/gif"),
        ("UklGR", "image/webp"),
        ("JVBERi", "application/pdf"),
    ]
    .into_iter()
    .find(|(start, _)| base64.starts_with(start))
    .map(|(_, kind)| kind)
}

fn refused(why: &str) -> Unsupported {
    Unsupported::member("messages", why)
}
