//! What is kept of a resource: those attributes that our schemas know, under the names that they have there.

use serde_json::{Map, Value, json};
use stonegate_identity::provisioning::Provisioned;

use super::path::member;
use super::reply::Refused;

/// The longest text of an attribute.
const TEXT_MOST: usize = 1_000;
/// How many values an attribute may have.
const VALUES_MOST: usize = 100;

/// A document under its attributes' names.
pub(super) type Document = Map<String, Value>;

/// The document of what is kept.
pub(super) fn of(kept: &Provisioned) -> Document {
    match serde_json::from_str(&kept.body) {
        Ok(Value::Object(document)) => document,
        _ => Document::new(),
    }
}

/// A text that is there and not empty.
pub(super) fn text(of: &Document, name: &str) -> Result<Option<String>, Refused> {
    match member(of, name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.len() > TEXT_MOST => {
            Err(Refused::invalid(format!("`{name}` is too long")))
        }
        Some(Value::String(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(Refused::invalid(format!("`{name}` has to be a text"))),
    }
}

/// The same of what somebody is looked up by: no database has to take every letter.
pub(super) fn word(of: &Document, name: &str) -> Result<Option<String>, Refused> {
    let text = text(of, name)?;
    match &text {
        Some(word) if word.contains(char::is_control) => {
            Err(Refused::invalid(format!("`{name}` has no control characters")))
        }
        Some(_) | None => Ok(text),
    }
}

/// A truth; Entra ID writes it as a text.
pub(super) fn truth(of: &Document, name: &str) -> Result<Option<bool>, Refused> {
    match member(of, name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(truth)) => Ok(Some(*truth)),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
        Some(_) => Err(Refused::invalid(format!("`{name}` has to be true or false"))),
    }
}

/// The parts of a complex attribute, those that are known.
pub(super) fn parts(of: &Document, name: &str, known: &[&str]) -> Result<Option<Value>, Refused> {
    match member(of, name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(inner)) => {
            Ok(Some(Value::Object(only(inner, known)?)).filter(|kept| *kept != json!({})))
        }
        Some(_) => Err(Refused::invalid(format!("`{name}` has to be an object"))),
    }
}

/// The values of an attribute that may have several, each with the parts that are known.
pub(super) fn values(of: &Document, name: &str, known: &[&str]) -> Result<Vec<Value>, Refused> {
    let items = match member(of, name) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(items)) if items.len() <= VALUES_MOST => items,
        Some(_) => {
            return Err(Refused::invalid(format!("`{name}` has to be a list of at most {VALUES_MOST}")));
        }
    };
    let value = |item: &Value| match item {
        Value::Object(inner) => only(inner, known).map(Value::Object),
        Value::String(_) => Ok(json!({ "value": item })),
        _ => Err(Refused::invalid(format!("`{name}` has to be a list of objects"))),
    };
    items.iter().map(value).collect()
}

fn only(of: &Document, known: &[&str]) -> Result<Document, Refused> {
    let mut kept = Document::new();
    for name in known {
        let value = match (*name, member(of, name)) {
            (_, None | Some(Value::Null)) => continue,
            ("primary", Some(_)) => truth(of, name)?.map(Value::Bool),
            (_, Some(_)) => text(of, name)?.map(Value::String),
        };
        kept.extend(value.map(|value| ((*name).to_owned(), value)));
    }
    Ok(kept)
}

/// Puts an attribute in, where there is something to it.
pub(super) fn put(to: &mut Document, name: &str, value: Option<Value>) {
    to.extend(value.map(|value| (name.to_owned(), value)));
}

/// What every resource says of itself.
pub(super) fn meta(kept: &Provisioned, kind: &str, location: String) -> Value {
    json!({
        "resourceType": kind, "created": kept.created_at.to_string(), "lastModified": kept.changed_at.to_string(),
        "location": location,
    })
}
