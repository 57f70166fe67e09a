//! The plain rules of shape: required, of a type, and nothing extra.

use serde_json::{Map, Value};

use super::Rules;

/// Why a body is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Invalid(pub(crate) String);

pub(crate) type Checked<T = ()> = Result<T, Invalid>;

pub(super) fn join(path: &str, member: &str) -> String {
    if path.is_empty() { member.to_owned() } else { format!("{path}.{member}") }
}

pub(super) fn extra(path: &str) -> Invalid {
    Invalid(format!("{path}: Extra inputs are not permitted"))
}

pub(super) fn should_be(path: &str, what: &str) -> Invalid {
    Invalid(format!("{path}: Input should be {what}"))
}

pub(super) fn object<'a>(path: &str, value: &'a Value) -> Checked<&'a Map<String, Value>> {
    value.as_object().ok_or_else(|| should_be(path, "a valid dictionary or object to extract fields from"))
}

pub(super) fn array<'a>(path: &str, value: &'a Value) -> Checked<&'a [Value]> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| should_be(path, "a valid list"))
}

/// A member that must be there.
pub(super) fn field<'a>(object: &'a Map<String, Value>, path: &str, name: &str) -> Checked<&'a Value> {
    object.get(name).ok_or_else(|| Invalid(format!("{}: Field required", join(path, name))))
}

/// A text that must be there.
pub(super) fn text_field<'a>(object: &'a Map<String, Value>, path: &str, name: &str) -> Checked<&'a str> {
    field(object, path, name)?.as_str().ok_or_else(|| should_be(&join(path, name), "a valid string"))
}

/// A member that may be absent or null.
pub(super) fn present<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

/// Members that must be booleans where they are given.
pub(super) fn booleans(object: &Map<String, Value>, path: &str, names: &[&str]) -> Checked {
    let wrong = names.iter().find(|name| present(object, name).is_some_and(|value| !value.is_boolean()));
    wrong.map_or(Ok(()), |name| Err(should_be(&join(path, name), "a valid boolean")))
}

/// Letters, digits, `_` and `-`, at least one and at most `most`.
pub(super) fn is_name(text: &str, most: usize) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !text.is_empty() && text.len() <= most && text.bytes().all(fits)
}

/// `'a', 'b' or 'c'`.
pub(super) fn either(values: &[&str]) -> String {
    let quoted: Vec<String> = values.iter().map(|value| format!("'{value}'")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// The union's discriminator is none that is known.
pub(super) fn unknown_tag(path: &str, tag: &str, known: &[&str]) -> Invalid {
    let known: Vec<String> = known.iter().map(|tag| format!("'{tag}'")).collect();
    Invalid(format!(
        "{path}: Input tag '{tag}' found using 'type' does not match any of the expected tags: {}",
        known.join(", ")
    ))
}

impl Rules<'_> {
    /// Refuses members that are not on the list, and those that the simulator was told to refuse.
    pub(super) fn only(&self, path: &str, object: &Map<String, Value>, allowed: &[&str]) -> Checked {
        for name in object.keys() {
            let place = join(path, name);
            if !allowed.contains(&name.as_str()) || self.is_refused(&place) {
                return Err(extra(&place));
            }
        }
        Ok(())
    }

    fn is_refused(&self, place: &str) -> bool {
        if self.options.refused_members.is_empty() {
            return false;
        }
        let plain: Vec<&str> = place.split('.').filter(|part| part.parse::<usize>().is_err()).collect();
        let plain = plain.join(".");
        self.options.refused_members.contains(&plain)
    }
}
