//! Images, documents, video and sound: who takes them, and whether they are what they say.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::turns::takes;
use crate::{
    models::{Feature, Model},
    prompt::{list, text},
    refusal::Refusal,
};

type Checked = Result<(), Refusal>;

const MOST_IMAGES: usize = 20;
const MOST_DOCUMENTS: usize = 5;

const KINDS: &[(&str, Feature)] = &[
    ("image", Feature::Images),
    ("document", Feature::Documents),
    ("video", Feature::Video),
    ("audio", Feature::Audio),
];

pub(super) fn check(messages: &[Value], model: &Model) -> Checked {
    let mut names: Vec<&str> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let blocks = list(message, "content");
        for (inner, block) in blocks.iter().enumerate() {
            let path = format!("messages.{index}.content.{inner}");
            names.extend(one(&path, block, model)?);
            let parts = block.get("toolResult").map(|result| list(result, "content")).unwrap_or_default();
            for (at, part) in parts.iter().enumerate() {
                names.extend(one(&format!("{path}.toolResult.content.{at}"), part, model)?);
            }
        }
        limits(index, blocks)?;
    }
    let double =
        names.iter().enumerate().find(|(at, name)| names.iter().take(*at).any(|known| known == *name));
    match double {
        Some(_) => Err(Refusal::validation(
            "Messages contain duplicate document names. Make sure that all document names are unique and try again.",
        )),
        None => Ok(()),
    }
}

fn limits(index: usize, blocks: &[Value]) -> Checked {
    let count = |kind: &str| blocks.iter().filter(|block| block.get(kind).is_some()).count();
    let documents = count("document");
    if documents > 0 && count("text") == 0 {
        return Err(Refusal::validation(format!(
            "The Message object at messages.{index} has a document and no text. Add a text field to the content and \
             try again."
        )));
    }
    for (kind, found, most) in
        [("images", count("image"), MOST_IMAGES), ("documents", documents, MOST_DOCUMENTS)]
    {
        if found > most {
            return Err(Refusal::validation(format!(
                "too many {kind} in messages.{index}: {found} > {most}"
            )));
        }
    }
    Ok(())
}

/// Checks a block or a part of a tool's result; gives the name if it is a document.
fn one<'a>(path: &str, block: &'a Value, model: &Model) -> Result<Option<&'a str>, Refusal> {
    let Some((kind, feature)) = KINDS.iter().find(|(kind, _)| block.get(*kind).is_some()) else {
        return Ok(None);
    };
    if !takes(model, *feature) {
        return Err(Refusal::validation(format!(
            "This model doesn't support the {kind} content block that you provided at {path}. Remove {kind} and try \
             again."
        )));
    }
    let media = block.get(*kind).unwrap_or(&Value::Null);
    let source = media.get("source").unwrap_or(&Value::Null);
    if source.get("s3Location").is_some() && !takes(model, Feature::S3) {
        return Err(Refusal::validation(format!(
            "This model doesn't support the s3Location field at {path}.{kind}.source. Use bytes and try again."
        )));
    }
    match *kind {
        "image" => image(path, media).map(|()| None),
        "document" => document(path, media).map(|()| Some(text(media, "name"))),
        _ => Ok(None),
    }
}

fn image(path: &str, image: &Value) -> Checked {
    let Some(data) = image.get("source").and_then(|source| source.get("bytes")).and_then(Value::as_str)
    else {
        return Ok(());
    };
    let bytes = STANDARD.decode(data).unwrap_or_default();
    let seen = match bytes.as_slice() {
        [0x89, b'P', b'N', b'G', ..] => "png",
        [0xff, 0xd8, 0xff, ..] => "jpeg",
        [b'G', b'I', b'F', b'8', ..] => "gif",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "webp",
        _ => return Err(Refusal::validation(format!("Could not process the image at {path}."))),
    };
    if seen == text(image, "format") {
        return Ok(());
    }
    Err(Refusal::validation(format!(
        "The image at {path} was specified as {}, but it appears to be a {seen} image.",
        text(image, "format")
    )))
}

fn document(path: &str, document: &Value) -> Checked {
    let name = text(document, "name");
    let fits = |letter: char| letter.is_alphanumeric() || letter.is_whitespace() || "-()[]".contains(letter);
    let doubled = name.chars().zip(name.chars().skip(1)).any(|(a, b)| a.is_whitespace() && b.is_whitespace());
    if !name.chars().all(fits) || doubled {
        return Err(Refusal::validation(
            "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, \
             parentheses, and square brackets. The name can't contain more than one consecutive whitespace character.",
        ));
    }
    let source = document.get("source").unwrap_or(&Value::Null);
    let bytes = source.get("bytes").and_then(Value::as_str).and_then(|data| STANDARD.decode(data).ok());
    if bytes.is_some() && text(document, "format").is_empty() {
        return Err(Refusal::validation(format!("The document at {path} has bytes and no format.")));
    }
    let is_pdf = text(document, "format") == "pdf";
    if is_pdf && bytes.is_some_and(|bytes| !bytes.starts_with(b"%PDF")) {
        return Err(Refusal::validation(format!("The PDF at {path} is not valid.")));
    }
    Ok(())
}
