//! Images and documents: where they come from and whether they are what they say.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::{
    Rules,
    content::Place,
    shape::{Checked, Invalid, array, booleans, either, field, join, object, present, should_be, text_field},
};

const IMAGE_TYPES: &[&str] = &["image/jpeg", "image/png", "image/gif", "image/webp"];
const LONGEST_IMAGE: usize = 5 << 20;

impl Rules<'_> {
    pub(super) fn image(&self, path: &str, block: &Map<String, Value>) -> Checked {
        self.only(path, block, &["type", "source", "cache_control"])?;
        let path = join(path, "source");
        let source = object(&path, field(block, "", "source")?)?;
        match text_field(source, &path, "type")? {
            "base64" => self.image_bytes(&join(&path, "base64"), source),
            "url" => Err(Invalid(format!("{path}: URL sources are not supported"))),
            other => Err(Invalid(format!("{path}: source type '{other}' is not supported"))),
        }
    }

    fn image_bytes(&self, path: &str, source: &Map<String, Value>) -> Checked {
        self.only(path, source, &["type", "media_type", "data"])?;
        let media_type = text_field(source, path, "media_type")?;
        if !IMAGE_TYPES.contains(&media_type) {
            return Err(should_be(&join(path, "media_type"), &either(IMAGE_TYPES)));
        }
        let data = text_field(source, path, "data")?;
        if data.len() > LONGEST_IMAGE {
            return Err(Invalid(format!(
                "{path}: image exceeds 5 MB maximum: {} bytes > {LONGEST_IMAGE} bytes",
                data.len()
            )));
        }
        let bytes = decode(path, data)?;
        match seen_type(&bytes) {
            Some(seen) if seen == media_type => Ok(()),
            Some(seen) => Err(Invalid(format!(
                "{}: The image was specified using the {media_type} media type, but the image appears to be a {seen} \
                 image",
                join(path, "data")
            ))),
            None => Err(Invalid("Could not process image".to_owned())),
        }
    }

    pub(super) fn document(&self, path: &str, block: &Map<String, Value>) -> Checked {
        self.only(path, block, &["type", "source", "title", "context", "citations", "cache_control"])?;
        if let Some(citations) = present(block, "citations") {
            let path = join(path, "citations");
            let citations = object(&path, citations)?;
            self.only(&path, citations, &["enabled"])?;
            booleans(citations, &path, &["enabled"])?;
        }
        for name in ["title", "context"] {
            if present(block, name).is_some_and(|value| !value.is_string()) {
                return Err(should_be(&join(path, name), "a valid string"));
            }
        }
        let path = join(path, "source");
        let source = object(&path, field(block, "", "source")?)?;
        match text_field(source, &path, "type")? {
            "base64" => self.pdf(&join(&path, "base64"), source),
            "text" => self.plain_text(&join(&path, "text"), source),
            "content" => self.inner_content(&join(&path, "content"), source),
            "url" => Err(Invalid(format!("{path}: URL sources are not supported"))),
            other => Err(Invalid(format!("{path}: source type '{other}' is not supported"))),
        }
    }

    fn pdf(&self, path: &str, source: &Map<String, Value>) -> Checked {
        self.only(path, source, &["type", "media_type", "data"])?;
        if text_field(source, path, "media_type")? != "application/pdf" {
            return Err(should_be(&join(path, "media_type"), "'application/pdf'"));
        }
        let bytes = decode(path, text_field(source, path, "data")?)?;
        if bytes.starts_with(b"%PDF") {
            Ok(())
        } else {
            Err(Invalid(format!("{}: The PDF specified was not valid.", join(path, "data"))))
        }
    }

    fn plain_text(&self, path: &str, source: &Map<String, Value>) -> Checked {
        self.only(path, source, &["type", "media_type", "data"])?;
        if text_field(source, path, "media_type")? != "text/plain" {
            return Err(should_be(&join(path, "media_type"), "'text/plain'"));
        }
        if text_field(source, path, "data")?.is_empty() {
            return Err(Invalid(format!("{}: document text must be non-empty", join(path, "data"))));
        }
        Ok(())
    }

    fn inner_content(&self, path: &str, source: &Map<String, Value>) -> Checked {
        self.only(path, source, &["type", "content"])?;
        let content = field(source, path, "content")?;
        if content.is_string() {
            return Ok(());
        }
        let path = join(path, "content");
        array(&path, content)?
            .iter()
            .enumerate()
            .try_for_each(|(index, block)| self.block(&format!("{path}.{index}"), block, Place::Document))
    }

    pub(super) fn search_result(&self, path: &str, block: &Map<String, Value>) -> Checked {
        self.only(path, block, &["type", "source", "title", "content", "citations", "cache_control"])?;
        text_field(block, path, "source")?;
        text_field(block, path, "title")?;
        let path = join(path, "content");
        array(&path, field(block, "", "content")?)?
            .iter()
            .enumerate()
            .try_for_each(|(index, block)| self.block(&format!("{path}.{index}"), block, Place::Document))
    }
}

fn decode(path: &str, data: &str) -> Checked<Vec<u8>> {
    let bytes = STANDARD.decode(data).ok().filter(|bytes| !bytes.is_empty());
    bytes.ok_or_else(|| Invalid(format!("{}: Invalid base64 data", join(path, "data"))))
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
