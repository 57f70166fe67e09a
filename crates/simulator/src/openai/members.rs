//! Members of a body: known or not, and of the right type.

use serde_json::{Map, Value};

use super::invalid;
use crate::refusal::Refusal;

/// What a member must be, when it is there and not null.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Text,
    Flag,
    Whole { least: u64, most: u64 },
    Number { least: f64, most: f64 },
    OneOf(&'static [&'static str]),
    Object,
    List,
    Any,
}

pub(super) type Member = (&'static str, Kind);

/// Refuses members that are not on the list or of the wrong type. `path` leads the names, such as `messages[0].`.
pub(super) fn check(path: &str, object: &Map<String, Value>, members: &[Member]) -> Result<(), Refusal> {
    for (name, value) in object {
        let param = format!("{path}{name}");
        let Some((_, kind)) = members.iter().find(|(known, _)| known == name) else {
            return Err(invalid(&param, format!("Unknown parameter: '{param}'.")));
        };
        if !value.is_null() {
            of_kind(&param, value, *kind)?;
        }
    }
    Ok(())
}

/// An object that must be one.
pub(super) fn object<'a>(param: &str, value: &'a Value) -> Result<&'a Map<String, Value>, Refusal> {
    value.as_object().ok_or_else(|| wrong_type(param, value, "an object"))
}

/// A text that must be there.
pub(super) fn required<'a>(
    path: &str,
    object: &'a Map<String, Value>,
    name: &str,
) -> Result<&'a str, Refusal> {
    let param = format!("{path}{name}");
    match object.get(name) {
        Some(Value::String(text)) => Ok(text),
        Some(value) if !value.is_null() => Err(wrong_type(&param, value, "a string")),
        _ => Err(missing(&param)),
    }
}

pub(super) fn missing(param: &str) -> Refusal {
    invalid(param, format!("Missing required parameter: '{param}'."))
}

pub(super) fn wrong_type(param: &str, value: &Value, wanted: &str) -> Refusal {
    let got = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    invalid(param, format!("Invalid type for '{param}': expected {wanted}, but got {got} instead."))
}

fn of_kind(param: &str, value: &Value, kind: Kind) -> Result<(), Refusal> {
    match kind {
        Kind::Text if value.is_string() => Ok(()),
        Kind::Text => Err(wrong_type(param, value, "a string")),
        Kind::Flag if value.is_boolean() => Ok(()),
        Kind::Flag => Err(wrong_type(param, value, "a boolean")),
        Kind::Whole { least, most } => match value.as_u64() {
            Some(number) if (least..=most).contains(&number) => Ok(()),
            None if !value.is_i64() => Err(wrong_type(param, value, "an integer")),
            Some(number) if number > most => Err(bound(param, "above maximum", "<=", most as f64)),
            _ => Err(bound(param, "below minimum", ">=", least as f64)),
        },
        Kind::Number { least, most } => match value.as_f64() {
            Some(number) if number > most => Err(bound(param, "above maximum", "<=", most)),
            Some(number) if number < least => Err(bound(param, "below minimum", ">=", least)),
            Some(_) => Ok(()),
            None => Err(wrong_type(param, value, "a number")),
        },
        Kind::OneOf(values) => one_of(param, value, values),
        Kind::Object if value.is_object() => Ok(()),
        Kind::Object => Err(wrong_type(param, value, "an object")),
        Kind::List if value.is_array() => Ok(()),
        Kind::List => Err(wrong_type(param, value, "an array")),
        Kind::Any => Ok(()),
    }
}

fn bound(param: &str, what: &str, relation: &str, bound: f64) -> Refusal {
    invalid(param, format!("Invalid '{param}': {what} value. Expected a value {relation} {bound}."))
}

pub(super) fn one_of(param: &str, value: &Value, values: &[&str]) -> Result<(), Refusal> {
    let text = value.as_str().ok_or_else(|| wrong_type(param, value, "a string"))?;
    if values.contains(&text) {
        return Ok(());
    }
    let supported: Vec<String> = values.iter().map(|value| format!("'{value}'")).collect();
    Err(invalid(param, format!("Invalid value: '{text}'. Supported values are: {}.", supported.join(", "))))
}
