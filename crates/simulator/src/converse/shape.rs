//! Shapes of a service model, and whether a value has one. The words of a refusal are those of AWS's front end.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use crate::refusal::Refusal;

/// What a value must look like.
#[derive(Debug)]
pub(super) enum Shape {
    Structure(&'static [Member]),
    /// Exactly one member is set.
    Union(&'static [Member]),
    List {
        of: &'static Shape,
        least: usize,
        most: usize,
    },
    Map {
        key: &'static Shape,
        value: &'static Shape,
        most: usize,
    },
    Text {
        least: usize,
        most: usize,
        pattern: Pattern,
    },
    Enumeration(&'static [&'static str]),
    /// Base64.
    Blob,
    Integer {
        least: i64,
    },
    Float {
        most: f64,
    },
    Boolean,
    /// Any JSON.
    Document,
}

/// A regular expression as the service model has it, and the function that it comes to.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) text: &'static str,
    pub(super) fits: fn(&str) -> bool,
}

/// A member of a structure or a union.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) shape: &'static Shape,
    pub(super) is_required: bool,
}

pub(super) const fn required(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, shape, is_required: true }
}

pub(super) const fn optional(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, shape, is_required: false }
}

/// Checks values against shapes; members on the list are refused although the shape has them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Examiner<'a> {
    pub(super) refused: &'a [String],
}

type Checked = Result<(), Refusal>;

fn invalid(path: &str, constraint: &str) -> Refusal {
    Refusal::validation(format!(
        "1 validation error detected: Value at '{path}' failed to satisfy constraint: {constraint}"
    ))
}

fn invalid_value(path: &str, value: &str, constraint: &str) -> Refusal {
    Refusal::validation(format!(
        "1 validation error detected: Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"
    ))
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

impl Examiner<'_> {
    pub(super) fn check(self, path: &str, value: &Value, shape: &'static Shape) -> Checked {
        match shape {
            Shape::Structure(members) => self.structure(path, object(path, value)?, members),
            Shape::Union(members) => self.union(path, object(path, value)?, members),
            Shape::List { of, least, most } => self.list(path, value, of, (*least, *most)),
            Shape::Map { key, value: of, most } => self.map(path, object(path, value)?, (key, of), *most),
            Shape::Text { least, most, pattern } => text(path, value, (*least, *most), pattern),
            Shape::Enumeration(values) => enumeration(path, value, values),
            Shape::Blob => blob(path, value),
            Shape::Integer { least } => integer(path, value, *least),
            Shape::Float { most } => float(path, value, *most),
            Shape::Boolean if value.is_boolean() => Ok(()),
            Shape::Boolean => Err(invalid(path, "Member must be a boolean")),
            Shape::Document => Ok(()),
        }
    }

    fn structure(self, path: &str, object: &Map<String, Value>, members: &'static [Member]) -> Checked {
        self.only(path, object, members)?;
        for member in members {
            match object.get(member.name).filter(|value| !value.is_null()) {
                Some(value) => self.check(&join(path, member.name), value, member.shape)?,
                None if member.is_required => {
                    return Err(invalid(&join(path, member.name), "Member must not be null"));
                }
                None => {}
            }
        }
        Ok(())
    }

    fn union(self, path: &str, object: &Map<String, Value>, members: &'static [Member]) -> Checked {
        self.only(path, object, members)?;
        let mut set = members.iter().filter_map(|member| {
            object.get(member.name).filter(|value| !value.is_null()).map(|value| (member, value))
        });
        let (Some((member, value)), None) = (set.next(), set.next()) else {
            return Err(invalid(path, "Exactly one member of the union must be set"));
        };
        self.check(&join(path, member.name), value, member.shape)
    }

    fn only(self, path: &str, object: &Map<String, Value>, members: &'static [Member]) -> Checked {
        for name in object.keys() {
            let place = join(path, name);
            if !members.iter().any(|member| member.name == name) || self.is_refused(&place) {
                return Err(invalid(&place, "Member is not known to this operation"));
            }
        }
        Ok(())
    }

    fn is_refused(self, place: &str) -> bool {
        let is_name = |part: &&str| *part != "member" && part.parse::<usize>().is_err();
        !self.refused.is_empty() && {
            let plain: Vec<&str> = place.split('.').filter(is_name).collect();
            self.refused.contains(&plain.join("."))
        }
    }

    fn list(self, path: &str, value: &Value, of: &'static Shape, (least, most): (usize, usize)) -> Checked {
        let values = value.as_array().ok_or_else(|| invalid(path, "Member must be a list"))?;
        length(path, values.len(), (least, most))?;
        values
            .iter()
            .enumerate()
            .try_for_each(|(index, value)| self.check(&format!("{path}.{}.member", index + 1), value, of))
    }

    fn map(
        self,
        path: &str,
        object: &Map<String, Value>,
        (key, of): (&'static Shape, &'static Shape),
        most: usize,
    ) -> Checked {
        length(path, object.len(), (1, most))?;
        for (name, value) in object {
            self.check(path, &Value::from(name.as_str()), key)?;
            self.check(&format!("{path}.{name}.member"), value, of)?;
        }
        Ok(())
    }
}

fn object<'a>(path: &str, value: &'a Value) -> Result<&'a Map<String, Value>, Refusal> {
    value.as_object().ok_or_else(|| invalid(path, "Member must be an object"))
}

fn length(path: &str, length: usize, (least, most): (usize, usize)) -> Checked {
    if length < least {
        return Err(invalid(path, &format!("Member must have length greater than or equal to {least}")));
    }
    if length > most {
        return Err(invalid(path, &format!("Member must have length less than or equal to {most}")));
    }
    Ok(())
}

fn text(path: &str, value: &Value, bounds: (usize, usize), pattern: &Pattern) -> Checked {
    let text = value.as_str().ok_or_else(|| invalid(path, "Member must be a string"))?;
    length(path, text.chars().count(), bounds)?;
    if (pattern.fits)(text) {
        return Ok(());
    }
    let constraint = format!("Member must satisfy regular expression pattern: {}", pattern.text);
    Err(invalid_value(path, text, &constraint))
}

fn enumeration(path: &str, value: &Value, values: &[&str]) -> Checked {
    let text = value.as_str().ok_or_else(|| invalid(path, "Member must be a string"))?;
    if values.contains(&text) {
        return Ok(());
    }
    let constraint = format!("Member must satisfy enum value set: [{}]", values.join(", "));
    Err(invalid_value(path, text, &constraint))
}

fn blob(path: &str, value: &Value) -> Checked {
    let text = value.as_str().ok_or_else(|| invalid(path, "Member must be base64"))?;
    match STANDARD.decode(text) {
        Ok(bytes) => length(path, bytes.len(), (1, usize::MAX)),
        Err(_not_base64) => Err(invalid(path, "Member must be base64")),
    }
}

fn integer(path: &str, value: &Value, least: i64) -> Checked {
    let number = value.as_i64().ok_or_else(|| invalid(path, "Member must be an integer"))?;
    if number >= least {
        return Ok(());
    }
    let constraint = format!("Member must have value greater than or equal to {least}");
    Err(invalid_value(path, &number.to_string(), &constraint))
}

fn float(path: &str, value: &Value, most: f64) -> Checked {
    let number = value.as_f64().ok_or_else(|| invalid(path, "Member must be a number"))?;
    if (0.0..=most).contains(&number) {
        return Ok(());
    }
    let bound = if number < 0.0 { "greater than or equal to 0" } else { "less than or equal to 1" };
    Err(invalid_value(path, &number.to_string(), &format!("Member must have value {bound}")))
}
