//! JSON schemas in the forms that Claude takes. Members keep their order and their bytes: a model writes the members of its
//! answer in the order of the schema.

use std::borrow::Cow;
use std::ops::Range;

use crate::conversation::JsonText;
use crate::json::{NotJson, Scanner, quoted};
use crate::passthrough::Splice;

/// How deep a schema may be nested before it is no longer looked at.
const DEEPEST: u32 = 48;

/// Rules that Claude cannot be held to; they are told in the description instead.
const UNENFORCED: [&str; 11] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];

/// The schema of a tool's input: an object's.
pub(crate) fn tool_input(schema: &JsonText) -> Cow<'_, JsonText> {
    let text = schema.as_str();
    let mut splice = Splice::default();
    let (mut is_edited, mut has_type, mut is_empty) = (false, false, true);
    let walked = Scanner::new(text.as_bytes()).keys(|scanner, key| {
        is_empty = false;
        match scanner.raw(&key) {
            b"\"type\"" => {
                has_type = true;
                let value = scanner.value()?;
                if scanner.raw(&value) != b"\"object\"" {
                    splice.replace(value, &b"\"object\""[..]);
                    is_edited = true;
                }
            }
            b"\"properties\"" if scanner.peek() == Some(b'{') => {
                scanner.keys(|scanner, _| {
                    let value = scanner.value()?;
                    if scanner.raw(&value) == b"null" {
                        splice.replace(value, &b"{}"[..]);
                        is_edited = true;
                    }
                    Ok::<(), NotJson>(())
                })?;
            }
            b"\"properties\"" | b"\"required\"" if scanner.peek() == Some(b'n') => {
                let value = scanner.value()?;
                splice.remove(key.start..value.end);
                is_edited = true;
            }
            _ => {
                scanner.value()?;
            }
        }
        Ok::<(), NotJson>(())
    });
    if walked.is_err() || is_empty {
        return Cow::Owned(JsonText::parse(r#"{"type":"object"}"#).unwrap_or_else(JsonText::empty_object));
    }
    if !has_type {
        // After the brace, whatever stands before it.
        let brace = text.find('{').map_or(0, |at| at + 1);
        splice.insert(brace, &br#""type":"object","#[..]);
        is_edited = true;
    }
    if is_edited {
        edited(text, splice).map_or(Cow::Borrowed(schema), Cow::Owned)
    } else {
        Cow::Borrowed(schema)
    }
}

/// A schema that Claude can be held to: every object is closed. What fits the closed one fits the open one as well. None
/// for a schema that cannot be closed, such as one of objects with members of any name.
pub(super) fn closed(schema: &JsonText) -> Option<JsonText> {
    let text = schema.as_str();
    let mut scanner = Scanner::new(text.as_bytes());
    let mut closing = Closing { splice: Splice::default(), can: true };
    if scanner.peek() != Some(b'{') || closing.schema(&mut scanner, 0).is_err() || !closing.can {
        return None;
    }
    edited(text, closing.splice)
}

fn edited(text: &str, splice: Splice<'_>) -> Option<JsonText> {
    JsonText::parse(&String::from_utf8(splice.apply(text.as_bytes())).ok()?)
}

struct Closing<'a> {
    splice: Splice<'a>,
    can: bool,
}

/// What one schema says, as far as it matters here.
#[derive(Default)]
struct Said<'s> {
    is_object: bool,
    has_properties: bool,
    additional: Option<(Range<usize>, &'s [u8])>,
    /// The rules that cannot be enforced: members, key to value.
    rules: Vec<Range<usize>>,
    description: Option<Range<usize>>,
}

impl Closing<'_> {
    fn schema(&mut self, scanner: &mut Scanner<'_>, depth: u32) -> Result<(), NotJson> {
        if scanner.peek() != Some(b'{') || depth > DEEPEST {
            self.can &= depth <= DEEPEST;
            scanner.value()?;
            return Ok(());
        }
        let mut said = Said::default();
        let range = scanner.keys(|scanner, key| self.member(scanner, key, &mut said, depth))?;
        self.close(range.start, &said);
        self.describe(scanner, &said);
        Ok(())
    }

    fn member<'s>(
        &mut self,
        scanner: &mut Scanner<'s>,
        key: Range<usize>,
        said: &mut Said<'s>,
        depth: u32,
    ) -> Result<(), NotJson> {
        let name = scanner.text(&key).unwrap_or_default();
        match (name.as_ref(), scanner.peek()) {
            ("properties" | "$defs" | "definitions", Some(b'{')) => {
                said.has_properties |= name == "properties";
                scanner.keys(|scanner, _| self.schema(scanner, depth + 1))?;
            }
            ("items" | "not" | "if" | "then" | "else", Some(b'{')) => self.schema(scanner, depth + 1)?,
            ("anyOf" | "oneOf" | "allOf" | "prefixItems" | "items", Some(b'[')) => {
                if name == "oneOf" {
                    self.splice.replace(key, &b"\"anyOf\""[..]);
                }
                scanner.array(|scanner, _| self.schema(scanner, depth + 1))?;
            }
            ("type", _) => {
                let value = scanner.value()?;
                said.is_object = memchr::memmem::find(scanner.raw(&value), b"\"object\"").is_some();
            }
            ("additionalProperties", _) => {
                let value = scanner.value()?;
                said.additional = Some((value.clone(), scanner.raw(&value)));
            }
            ("patternProperties" | "unevaluatedProperties" | "propertyNames", _) => {
                self.can = false;
                scanner.value()?;
            }
            ("description", Some(b'"')) => said.description = Some(scanner.value()?),
            ("minItems", _) => {
                let value = scanner.value()?;
                if !matches!(scanner.raw(&value), b"0" | b"1") {
                    said.rules.push(key.start..value.end);
                }
            }
            (rule, _) if UNENFORCED.contains(&rule) => {
                let value = scanner.value()?;
                said.rules.push(key.start..value.end);
            }
            _ => {
                scanner.value()?;
            }
        }
        Ok(())
    }

    fn close(&mut self, start: usize, said: &Said<'_>) {
        if !said.is_object && !said.has_properties {
            return;
        }
        match &said.additional {
            Some((_, b"false")) => {}
            Some((value, b"true")) if said.has_properties => {
                self.splice.replace(value.clone(), &b"false"[..]);
            }
            None if said.has_properties => {
                self.splice.insert(start + 1, &br#""additionalProperties":false,"#[..]);
            }
            // An object of any members, or of members by a rule, cannot be closed.
            Some(_) | None => self.can = false,
        }
    }

    /// Tells the rules in the description: `{"minimum":1}`.
    fn describe(&mut self, scanner: &Scanner<'_>, said: &Said<'_>) {
        let Some((first, others)) = said.rules.split_first() else {
            return;
        };
        let rules: Vec<_> =
            said.rules.iter().map(|rule| String::from_utf8_lossy(scanner.raw(rule))).collect();
        let rules = format!("{{{}}}", rules.join(", "));
        match &said.description {
            Some(place) => {
                let words = scanner.text(place).unwrap_or_default();
                self.splice.replace(place.clone(), quoted(&format!("{words}\n\n{rules}")).into_bytes());
                self.splice.remove(first.clone());
            }
            None => {
                self.splice
                    .replace(first.clone(), format!("\"description\":{}", quoted(&rules)).into_bytes());
            }
        }
        others.iter().for_each(|rule| self.splice.remove(rule.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_input_of_a_tool_is_an_object() {
        for (schema, expected) in [
            (r#"{"type":"object","properties":{"a":{}}}"#, r#"{"type":"object","properties":{"a":{}}}"#),
            ("{}", r#"{"type":"object"}"#),
            ("null", r#"{"type":"object"}"#),
            (
                r#"{"properties":{"b":null,"a":{"type":"string"}}}"#,
                r#"{"type":"object","properties":{"b":{},"a":{"type":"string"}}}"#,
            ),
            (r#"{"type":"object","properties":null,"required":null}"#, r#"{"type":"object"}"#),
            (r#"{"type":"OBJECT"}"#, r#"{"type":"object"}"#),
        ] {
            assert_eq!(tool_input(&JsonText::parse(schema).unwrap()).as_str(), expected, "{schema}");
        }
    }

    #[test]
    fn an_open_schema_is_closed_where_that_says_the_same() {
        for (schema, expected) in [
            (
                r#"{"type":"object","properties":{"z":{"type":"integer","minimum":1,"maximum":5},"a":{"type":["object","null"],"properties":{"b":{"type":"string","description":"B","maxLength":3}}}}}"#,
                r#"{"additionalProperties":false,"type":"object","properties":{"z":{"type":"integer","description":"{\"minimum\":1, \"maximum\":5}"},"a":{"additionalProperties":false,"type":["object","null"],"properties":{"b":{"type":"string","description":"B\n\n{\"maxLength\":3}"}}}}}"#,
            ),
            (
                r#"{"oneOf":[{"type":"string"}],"minItems":1}"#,
                r#"{"anyOf":[{"type":"string"}],"minItems":1}"#,
            ),
            (
                r#"{"type":"object","properties":{},"additionalProperties":true}"#,
                r#"{"type":"object","properties":{},"additionalProperties":false}"#,
            ),
            (r#"{"enum":[{"type":"object"}]}"#, r#"{"enum":[{"type":"object"}]}"#),
        ] {
            let closed = closed(&JsonText::parse(schema).unwrap());
            assert_eq!(closed.as_ref().map(JsonText::as_str), Some(expected), "{schema}");
        }
    }

    #[test]
    fn a_schema_of_objects_with_any_members_cannot_be_closed() {
        let deep = format!("{}{{}}{}", r#"{"items":"#.repeat(1_000), "}".repeat(1_000));
        for schema in [
            r#"{"type":"object"}"#,
            r#"{"type":"object","additionalProperties":{"type":"string"}}"#,
            r#"{"type":"object","properties":{"a":{"type":"object"}}}"#,
            "true",
            &deep,
        ] {
            assert_eq!(closed(&JsonText::parse(schema).unwrap()), None);
        }
    }
}
