//! Parts of content: text, images, files and sound, as both of OpenAI's APIs have them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::{
    invalid,
    members::{self, Kind, Member},
};
use crate::{
    models::{Feature, Model},
    refusal::Refusal,
};

const TEXT: &[Member] = &[
    ("type", Kind::Text),
    ("text", Kind::Text),
    ("annotations", Kind::List),
    ("logprobs", Kind::Any),
    ("prompt_cache_breakpoint", Kind::Any),
];
const REFUSAL: &[Member] = &[("type", Kind::Text), ("refusal", Kind::Text)];
const IMAGE_URL: &[Member] =
    &[("type", Kind::Text), ("image_url", Kind::Object), ("prompt_cache_breakpoint", Kind::Any)];
const URL: &[Member] = &[("url", Kind::Text), ("detail", DETAIL)];
const DETAIL: Kind = Kind::OneOf(&["auto", "low", "high", "original"]);
const INPUT_IMAGE: &[Member] = &[
    ("type", Kind::Text),
    ("image_url", Kind::Text),
    ("file_id", Kind::Text),
    ("detail", DETAIL),
    ("prompt_cache_breakpoint", Kind::Any),
];
const FILE: &[Member] =
    &[("type", Kind::Text), ("file", Kind::Object), ("prompt_cache_breakpoint", Kind::Any)];
const INPUT_FILE: &[Member] = &[
    ("type", Kind::Text),
    ("file_data", Kind::Text),
    ("file_id", Kind::Text),
    ("file_url", Kind::Text),
    ("filename", Kind::Text),
    ("prompt_cache_breakpoint", Kind::Any),
];
const AUDIO: &[Member] = &[("type", Kind::Text), ("input_audio", Kind::Object)];

/// What a role's content may hold.
pub(super) struct Allowed<'a> {
    pub(super) model: &'a Model,
    pub(super) kinds: &'static [&'static str],
}

impl Allowed<'_> {
    /// Content as blocks of a conversation. A text alone is one block; an empty one is none.
    pub(super) fn content(&self, param: &str, content: &Value) -> Result<Vec<Value>, Refusal> {
        match content {
            Value::String(text) if text.is_empty() => Ok(Vec::new()),
            Value::String(text) => Ok(vec![json!({ "type": "text", "text": text })]),
            Value::Array(parts) => {
                let parts = parts.iter().enumerate();
                parts.map(|(index, part)| self.part(&format!("{param}[{index}]"), part)).collect()
            }
            other => Err(members::wrong_type(param, other, "one of a string or array of objects")),
        }
    }

    fn part(&self, param: &str, part: &Value) -> Result<Value, Refusal> {
        let members = members::object(param, part)?;
        let path = format!("{param}.");
        let kind = members::required(&path, members, "type")?;
        members::one_of(&format!("{path}type"), &json!(kind), self.kinds)?;
        match kind {
            "text" | "input_text" | "output_text" | "reasoning_text" | "summary_text" => {
                members::check(&path, members, TEXT)?;
                Ok(json!({ "type": "text", "text": members::required(&path, members, "text")? }))
            }
            "refusal" => {
                members::check(&path, members, REFUSAL)?;
                Ok(json!({ "type": "text", "text": members::required(&path, members, "refusal")? }))
            }
            "image_url" => {
                members::check(&path, members, IMAGE_URL)?;
                let image = members.get("image_url").and_then(Value::as_object);
                let image = image.ok_or_else(|| members::missing(&format!("{path}image_url")))?;
                members::check(&format!("{path}image_url."), image, URL)?;
                self.image(&path, members::required(&format!("{path}image_url."), image, "url")?)
            }
            "input_image" => {
                members::check(&path, members, INPUT_IMAGE)?;
                self.image(&path, members::required(&path, members, "image_url")?)
            }
            "file" => {
                members::check(&path, members, FILE)?;
                let file = members.get("file").and_then(Value::as_object);
                let file = file.ok_or_else(|| members::missing(&format!("{path}file")))?;
                self.file(&format!("{path}file."), file)
            }
            "input_file" => {
                members::check(&path, members, INPUT_FILE)?;
                self.file(&path, members)
            }
            _ => {
                members::check(&path, members, AUDIO)?;
                self.needs(&path, Feature::Audio, "audio")?;
                Ok(json!({ "type": "audio", "size": part.to_string().len() * 3 / 4 }))
            }
        }
    }

    fn needs(&self, path: &str, feature: Feature, what: &str) -> Result<(), Refusal> {
        if self.model.can(feature) {
            return Ok(());
        }
        Err(invalid(path.trim_end_matches('.'), format!("The model does not support {what} inputs.")))
    }

    fn image(&self, path: &str, url: &str) -> Result<Value, Refusal> {
        self.needs(path, Feature::Images, "image")?;
        let param = path.trim_end_matches('.');
        if url.starts_with("s3://") {
            return Ok(json!({ "type": "image", "source": { "type": "url", "media_type": "image/png" } }));
        }
        let (media_type, data) = data_url(url).ok_or_else(|| {
            invalid(
                param,
                "Image URLs must be data: URLs with base64 or s3:// URLs; other URLs are not fetched.",
            )
        })?;
        let bytes = STANDARD.decode(data).unwrap_or_default();
        let is_image = matches!(media_type, "image/png" | "image/jpeg" | "image/gif" | "image/webp");
        if !is_image || seen_type(&bytes) != Some(media_type) {
            return Err(invalid(
                param,
                "The image data you provided does not represent a valid image. Please check your input and try again \
                 with one of the following image formats: ['image/jpeg', 'image/png', 'image/gif', 'image/webp'].",
            ));
        }
        Ok(json!({ "type": "image", "source": { "type": "base64", "media_type": media_type, "data": data } }))
    }

    fn file(&self, path: &str, file: &Map<String, Value>) -> Result<Value, Refusal> {
        self.needs(path, Feature::Documents, "file")?;
        let param = path.trim_end_matches('.');
        let data = file.get("file_data").and_then(Value::as_str);
        let data =
            data.ok_or_else(|| invalid(param, "Files must come as 'file_data'; others are not fetched."))?;
        let is_pdf = data_url(data).is_some_and(|(media_type, data)| {
            media_type == "application/pdf"
                && STANDARD.decode(data).is_ok_and(|bytes| bytes.starts_with(b"%PDF"))
        });
        if !is_pdf {
            return Err(invalid(param, "The file data is not a data: URL with a valid PDF."));
        }
        let (_, data) = data_url(data).unwrap_or_default();
        Ok(json!({
            "type": "document", "title": file.get("filename"),
            "source": { "type": "base64", "media_type": "application/pdf", "data": data },
        }))
    }
}

/// The media type and the base64 of a data URL.
fn data_url(url: &str) -> Option<(&str, &str)> {
    url.strip_prefix("data:")?.split_once(";base64,")
}

fn seen_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}
