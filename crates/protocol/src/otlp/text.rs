//! Exports in JSON: protobuf's form of it, with names in lowerCamelCase.
//!
//! Readers differ in what else they take for a name (`resource_metrics`, say), so names are compared without underscores and
//! case, and an export that gives one of ours twice is refused.

use bytes::Bytes;
use serde_json::json;

use super::form::{Field, Form, Holds};
use super::{Attribute, NotOtlp, Stamp, is_reserved};
use crate::json::{NotJson, Scanner};

impl From<NotJson> for NotOtlp {
    fn from(wrong: NotJson) -> Self {
        NotOtlp(wrong.why)
    }
}

/// See [`super::stamp`].
pub(super) fn stamp(form: &Form, export: &[u8], attributes: &[Attribute]) -> Result<Bytes, NotOtlp> {
    let ours: Vec<String> = attributes
        .iter()
        .map(|ours| json!({ "key": ours.name, "value": { "stringValue": ours.value } }).to_string())
        .collect();
    let mut out = Vec::with_capacity(export.len() + 256);
    let mut scanner = Scanner::new(export);
    copy(form, &mut scanner, &mut Stamp::new(&ours), &mut out)?;
    scanner.end()?;
    Ok(Bytes::from(out))
}

/// See [`super::Encoding::status`].
pub(super) fn status(code: u8, message: &str) -> Bytes {
    Bytes::from(json!({ "code": code, "message": message }).to_string())
}

/// Copies an object member by member. Depth is bounded by the form, which no export can make deeper.
fn copy(
    form: &Form,
    scanner: &mut Scanner<'_>,
    stamp: &mut Stamp<'_, String>,
    out: &mut Vec<u8>,
) -> Result<(), NotOtlp> {
    let mut seen: Vec<u64> = Vec::new();
    let mut list = List::open(b'{', out);
    scanner.members(|scanner, name, key| {
        let out = list.item();
        out.extend_from_slice(scanner.raw(&key));
        out.push(b':');
        let Some(known) = form.find(|known| is_named(known, name)) else {
            let value = scanner.value()?;
            out.extend_from_slice(scanner.raw(&value));
            return Ok(());
        };
        if seen.contains(&known.number) {
            return Err(NotOtlp("a member is given twice"));
        }
        seen.push(known.number);
        copy_known(known.holds, scanner, stamp, out)
    })?;
    for known in form.0.iter().filter(|known| !seen.contains(&known.number)) {
        if let Holds::OurAttributes | Holds::Always(_) = known.holds {
            let out = list.item();
            out.extend_from_slice(format!("\"{}\":", known.name).as_bytes());
            copy_known(known.holds, &mut Scanner::new(b"null"), stamp, out)?;
        }
    }
    list.close(b'}');
    Ok(())
}

/// Copies a value that leads to attributes; `null` is as good as none.
fn copy_known(
    holds: Holds,
    scanner: &mut Scanner<'_>,
    stamp: &mut Stamp<'_, String>,
    out: &mut Vec<u8>,
) -> Result<(), NotOtlp> {
    let is_null = scanner.peek() == Some(b'n');
    if is_null {
        scanner.value()?;
    }
    match holds {
        Holds::Attributes | Holds::One(_) | Holds::Many(_) if is_null => out.extend_from_slice(b"null"),
        Holds::Always(form) if is_null => copy(form, &mut Scanner::new(b"{}"), stamp, out)?,
        Holds::OurAttributes if is_null => copy_attributes(&mut Scanner::new(b"[]"), stamp.press()?, out)?,
        Holds::Attributes => copy_attributes(scanner, &[], out)?,
        Holds::OurAttributes => copy_attributes(scanner, stamp.press()?, out)?,
        Holds::One(form) | Holds::Always(form) => copy(form, scanner, stamp, out)?,
        Holds::Many(form) => {
            let mut list = List::open(b'[', out);
            scanner.array(|scanner, _| copy(form, scanner, stamp, list.item()))?;
            list.close(b']');
        }
    }
    Ok(())
}

/// Copies a list of attributes without those that are claimed, and adds `ours`.
fn copy_attributes(scanner: &mut Scanner<'_>, ours: &[String], out: &mut Vec<u8>) -> Result<(), NotOtlp> {
    let mut list = List::open(b'[', out);
    scanner.array(|scanner, _| {
        let mut is_claimed = false;
        let whole = scanner.members(|scanner, name, _| {
            let value = scanner.value()?;
            if name.eq_ignore_ascii_case("key") {
                let key = scanner.text(&value).ok_or(NotOtlp("an attribute's key is no valid string"))?;
                is_claimed |= is_reserved(key.as_bytes());
            }
            Ok::<(), NotOtlp>(())
        })?;
        if !is_claimed {
            list.item().extend_from_slice(scanner.raw(&whole));
        }
        Ok::<(), NotOtlp>(())
    })?;
    for attribute in ours {
        list.item().extend_from_slice(attribute.as_bytes());
    }
    list.close(b']');
    Ok(())
}

fn is_named(field: &Field, name: &str) -> bool {
    let found = name.bytes().filter(|byte| *byte != b'_').map(|byte| byte.to_ascii_lowercase());
    found.eq(field.name.bytes().map(|byte| byte.to_ascii_lowercase()))
}

/// An object or array that is being written.
struct List<'a> {
    out: &'a mut Vec<u8>,
    is_empty: bool,
}

impl<'a> List<'a> {
    fn open(bracket: u8, out: &'a mut Vec<u8>) -> Self {
        out.push(bracket);
        List { out, is_empty: true }
    }

    /// Where the next item is written.
    fn item(&mut self) -> &mut Vec<u8> {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.out.push(b',');
        }
        self.out
    }

    fn close(self, bracket: u8) {
        self.out.push(bracket);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Encoding, Signal};
    use super::*;

    const OURS: &str = r#"{"key":"user.id","value":{"stringValue":"an\"n"}}"#;

    fn stamped(export: &str) -> Result<String, NotOtlp> {
        let by = [Attribute { name: "user.id", value: "an\"n".to_owned() }];
        let stamped = super::super::stamp(Signal::Metrics, Encoding::Json, export.as_bytes(), &by)?;
        Ok(String::from_utf8(stamped.to_vec()).unwrap())
    }

    #[test]
    fn only_attributes_change() {
        let theirs = r#"{"key":"service.name","value":{"stringValue":"x"}}"#;
        let claim = r#"{"value":{"stringValue":"bob"},"key":"user\u002eid"}"#;
        for (given, expected) in [
            ("{}".to_owned(), "{}".to_owned()),
            (
                r#"{ "resourceMetrics" : [] , "later": 1e400 }"#.to_owned(),
                r#"{"resourceMetrics":[],"later":1e400}"#.to_owned(),
            ),
            (r#"{"resourceMetrics":null}"#.to_owned(), r#"{"resourceMetrics":null}"#.to_owned()),
            (
                r#"{"resourceMetrics":[{}]}"#.to_owned(),
                format!(r#"{{"resourceMetrics":[{{"resource":{{"attributes":[{OURS}]}}}}]}}"#),
            ),
            (
                r#"{"resource_metrics":[{"resource":null}]}"#.to_owned(),
                format!(r#"{{"resource_metrics":[{{"resource":{{"attributes":[{OURS}]}}}}]}}"#),
            ),
            (
                r#"{"resourceMetrics":[{"resource":{"attributes":null,"droppedAttributesCount":1}}]}"#
                    .to_owned(),
                format!(
                    r#"{{"resourceMetrics":[{{"resource":{{"attributes":[{OURS}],"droppedAttributesCount":1}}}}]}}"#
                ),
            ),
            (
                format!(
                    r#"{{"resourceMetrics":[{{"schemaUrl":"s","resource":{{"Attributes":[{claim}, {theirs}]}}}}]}}"#
                ),
                format!(
                    r#"{{"resourceMetrics":[{{"schemaUrl":"s","resource":{{"Attributes":[{theirs},{OURS}]}}}}]}}"#
                ),
            ),
            (
                format!(
                    r#"{{"resourceMetrics":[{{"resource":{{}},"scopeMetrics":[{{"metrics":[{{"sum":{{"dataPoints":[{{"asDouble":0.1,"attributes":[{claim}]}}]}}}}]}}]}}]}}"#
                ),
                format!(
                    r#"{{"resourceMetrics":[{{"resource":{{"attributes":[{OURS}]}},"scopeMetrics":[{{"metrics":[{{"sum":{{"dataPoints":[{{"asDouble":0.1,"attributes":[]}}]}}}}]}}]}}]}}"#
                ),
            ),
        ] {
            assert_eq!(stamped(&given), Ok(expected), "{given}");
        }
    }

    #[test]
    fn what_is_no_export_is_told_so() {
        for wrong in [
            "",
            "[]",
            "{",
            "{} {}",
            r#"{"resourceMetrics":{}}"#,
            r#"{"resourceMetrics":[1]}"#,
            r#"{"resourceMetrics":[],"resource_metrics":[]}"#,
            r#"{"resourceMetrics":[],"resourceMetrics":[]}"#,
            r#"{"resourceMetrics":[{"resource":[]}]}"#,
            r#"{"resourceMetrics":[{"resource":{"attributes":["user.id"]}}]}"#,
            r#"{"resourceMetrics":[{"resource":{"attributes":[{"key":1}]}}]}"#,
        ] {
            assert!(stamped(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_great_many_resources_of_nothing_are_refused() {
        let of = |count: usize| format!(r#"{{"resourceMetrics":[{}]}}"#, vec!["{}"; count].join(","));
        assert!(stamped(&of(1_000)).is_ok());
        assert!(stamped(&of(1_001)).is_err());
        // Field 1 of the export, with nothing in it.
        let stamped = |count: usize| {
            super::super::stamp(Signal::Metrics, Encoding::Binary, &[0x0a, 0x00].repeat(count), &[])
        };
        assert!(stamped(1_000).is_ok());
        assert!(stamped(1_001).is_err());
    }
}
