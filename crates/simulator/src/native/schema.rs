//! JSON Schema as far as the bodies of the makers need it, and the validator's words for what does not fit.

use serde_json::{Map, Value};

use super::malformed;
use crate::refusal::Refusal;

/// What a value must be.
#[derive(Debug)]
pub(crate) enum Schema {
    Text {
        least: usize,
        most: usize,
    },
    OneOf(&'static [&'static str]),
    Whole {
        least: u64,
        most: u64,
    },
    /// One of these numbers.
    Size(&'static [u64]),
    Number {
        least: f64,
        most: f64,
    },
    Flag,
    List {
        of: &'static Schema,
        least: usize,
        most: usize,
    },
    Object(&'static [Member]),
    /// Whatever it is.
    Any,
}

/// A member of an object.
#[derive(Debug)]
pub(crate) struct Member {
    name: &'static str,
    schema: &'static Schema,
    is_required: bool,
}

pub(crate) const fn required(name: &'static str, schema: &'static Schema) -> Member {
    Member { name, schema, is_required: true }
}

pub(crate) const fn optional(name: &'static str, schema: &'static Schema) -> Member {
    Member { name, schema, is_required: false }
}

/// Any text that is not empty.
pub(crate) static TEXT: Schema = Schema::Text { least: 1, most: usize::MAX };
/// Any text.
pub(crate) static MAYBE_EMPTY: Schema = Schema::Text { least: 0, most: usize::MAX };
pub(crate) static FRACTION: Schema = Schema::Number { least: 0.0, most: 1.0 };
pub(crate) static ANY: Schema = Schema::Any;
pub(crate) static FLAG: Schema = Schema::Flag;

/// Checks a body; one violation is told, several are counted.
pub(crate) fn check(body: &Value, members: &'static [Member]) -> Result<(), Refusal> {
    let mut violations = Vec::new();
    value("#", body, &Schema::Object(members), &mut violations);
    match violations.as_slice() {
        [] => Ok(()),
        [one] => Err(malformed(one)),
        several => Err(malformed(&format!("{} schema violations found", several.len()))),
    }
}

fn value(path: &str, found: &Value, schema: &Schema, violations: &mut Vec<String>) {
    let violation = match schema {
        Schema::Any => None,
        Schema::Flag => (!found.is_boolean()).then(|| wrong_type("Boolean", found)),
        Schema::Text { least, most } => text(found, *least, *most),
        Schema::OneOf(values) => match found.as_str() {
            Some(text) if values.contains(&text) => None,
            _ => Some(format!("{} is not a valid enum value", shown(found))),
        },
        Schema::Size(sizes) => match found.as_u64() {
            Some(size) if sizes.contains(&size) => None,
            _ => Some(format!("{found} is not a valid enum value")),
        },
        Schema::Whole { least, most } => match found.as_u64() {
            None if !found.is_i64() => Some(wrong_type("Integer", found)),
            Some(number) if number > *most => Some(format!("{number} is not less or equal to {most}")),
            Some(number) if number >= *least => None,
            _ => Some(format!("{found} is not greater or equal to {least}")),
        },
        Schema::Number { least, most } => match found.as_f64() {
            None => Some(wrong_type("Number", found)),
            Some(number) if number > *most => Some(format!("{found} is not less or equal to {most}")),
            Some(number) if number < *least => Some(format!("{found} is not greater or equal to {least}")),
            Some(_) => None,
        },
        Schema::List { of, least, most } => return list(path, found, of, (*least, *most), violations),
        Schema::Object(members) => match found.as_object() {
            Some(fields) => return object(path, fields, members, violations),
            None => Some(wrong_type("JSONObject", found)),
        },
    };
    violations.extend(violation.map(|violation| format!("{path}: {violation}")));
}

fn text(found: &Value, least: usize, most: usize) -> Option<String> {
    let Some(text) = found.as_str() else { return Some(wrong_type("String", found)) };
    let length = text.chars().count();
    if length < least {
        return Some(format!("expected minLength: {least}, actual: {length}"));
    }
    (length > most).then(|| format!("expected maxLength: {most}, actual: {length}"))
}

fn list(path: &str, found: &Value, of: &Schema, (least, most): (usize, usize), violations: &mut Vec<String>) {
    let Some(values) = found.as_array() else {
        violations.push(format!("{path}: {}", wrong_type("JSONArray", found)));
        return;
    };
    if values.len() < least {
        violations.push(format!("{path}: expected minimum item count: {least}, found: {}", values.len()));
    }
    if values.len() > most {
        violations.push(format!("{path}: expected maximum item count: {most}, found: {}", values.len()));
    }
    for (index, found) in values.iter().enumerate() {
        value(&format!("{path}/{index}"), found, of, violations);
    }
}

fn object(path: &str, fields: &Map<String, Value>, members: &[Member], violations: &mut Vec<String>) {
    for member in members.iter().filter(|member| member.is_required && !fields.contains_key(member.name)) {
        violations.push(format!("{path}: required key [{}] not found", member.name));
    }
    for (name, found) in fields {
        match members.iter().find(|member| member.name == name) {
            Some(member) => value(&format!("{path}/{name}"), found, member.schema, violations),
            None => violations.push(format!("{path}: extraneous key [{name}] is not permitted")),
        }
    }
}

fn wrong_type(wanted: &str, found: &Value) -> String {
    let found = match found {
        Value::Null => "Null",
        Value::Bool(_) => "Boolean",
        Value::Number(number) if number.is_f64() => "BigDecimal",
        Value::Number(_) => "Integer",
        Value::String(_) => "String",
        Value::Array(_) => "JSONArray",
        Value::Object(_) => "JSONObject",
    };
    format!("expected type: {wanted}, found: {found}")
}

/// A text without its quotes.
fn shown(found: &Value) -> String {
    found.as_str().map_or_else(|| found.to_string(), str::to_owned)
}
