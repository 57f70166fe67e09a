//! Patches (RFC 7644, section 3.5.2), as providers really send them: `Replace` in capitals, several attributes without a path,
//! dotted names as members.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::filter::Filter;
use super::path::{Name, member, written};

/// How many operations one patch may have.
const MOST: usize = 1_000;

/// The body of a patch.
#[derive(Debug, Deserialize)]
pub(super) struct Patch {
    #[serde(rename = "Operations", alias = "operations")]
    operations: Vec<Operation>,
}

#[derive(Debug, Clone, Deserialize)]
struct Operation {
    op: String,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    value: Option<Value>,
}

/// Why a patch cannot be applied: SCIM's word for it, and ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(super) struct NotApplied {
    pub(super) scim_type: &'static str,
    pub(super) message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Add,
    Replace,
    Remove,
}

/// Where something is done: an attribute, of several values those that a filter fits, and a part of each.
struct Place {
    attribute: String,
    filter: Option<Filter>,
    part: Option<String>,
}

fn wrong(scim_type: &'static str, message: impl Into<String>) -> NotApplied {
    NotApplied { scim_type, message: message.into() }
}

impl Patch {
    /// A patch as its request has it.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn of(body: &Value) -> Result<Self, NotApplied> {
        Self::deserialize(body).map_err(|error| wrong("invalidSyntax", error.to_string()))
    }

    /// Applies all operations, one after the other, to a resource.
    ///
    /// # Errors
    /// When one of them cannot be.
    pub(super) fn apply(&self, to: &mut Map<String, Value>) -> Result<(), NotApplied> {
        if self.operations.len() > MOST {
            return Err(wrong("tooMany", format!("a patch has at most {MOST} operations")));
        }
        for operation in self.operations.iter().cloned() {
            let act = match &*operation.op.to_lowercase() {
                "add" => Act::Add,
                "replace" => Act::Replace,
                "remove" => Act::Remove,
                other => {
                    return Err(wrong(
                        "invalidSyntax",
                        format!("`{other}` is none of add, replace and remove"),
                    ));
                }
            };
            match (operation.path.as_deref().filter(|path| !path.is_empty()), operation.value) {
                (Some(path), value) => apply(to, act, &Place::parse(path)?, value)?,
                (None, Some(Value::Object(members))) if act != Act::Remove => {
                    for (name, value) in members {
                        if name.eq_ignore_ascii_case("schemas") {
                            continue;
                        }
                        apply(to, act, &Place::parse(&name)?, Some(value))?;
                    }
                }
                (None, _) if act == Act::Remove => return Err(wrong("noTarget", "a removal needs a path")),
                (None, _) => {
                    return Err(wrong("invalidValue", "without a path the value has to be an object"));
                }
            }
        }
        Ok(())
    }
}

impl Place {
    fn parse(path: &str) -> Result<Self, NotApplied> {
        let bad = || wrong("invalidPath", format!("`{path}` is no path"));
        let (name, filter, part) = match path.split_once('[') {
            Some((name, rest)) => {
                let (filter, part) = rest.rsplit_once(']').ok_or_else(bad)?;
                let part = match part.strip_prefix('.') {
                    Some(part) => Some(Name::parse(part).ok_or_else(bad)?.attribute),
                    None if part.is_empty() => None,
                    None => return Err(bad()),
                };
                (name, Some(Filter::parse(filter).map_err(|no| wrong("invalidPath", no.to_string()))?), part)
            }
            None => (path, None, None),
        };
        let name = Name::parse(name).ok_or_else(bad)?;
        Ok(Self { attribute: name.attribute, filter, part: part.or(name.part) })
    }
}

fn apply(
    to: &mut Map<String, Value>,
    act: Act,
    place: &Place,
    value: Option<Value>,
) -> Result<(), NotApplied> {
    if matches!(&*place.attribute, "id" | "meta" | "groups" | "schemas") {
        // A provider that sends back what it got, such as Okta a group's id, changes nothing by it.
        return Ok(());
    }
    let name = written(to, &place.attribute);
    let Some(filter) = &place.filter else {
        return whole(to, &name, act, place, value);
    };
    let Value::Array(items) = to.entry(name.clone()).or_insert_with(|| Value::Array(Vec::new())) else {
        return Err(wrong("invalidPath", format!("`{name}` has one value")));
    };
    let fits = |item: &Value| item.as_object().is_some_and(|item| filter.fits(item));
    match (act, &place.part) {
        (Act::Remove, None) => match filter.only("value") {
            // A group may have many thousand members, and a patch many of these.
            Some(gone) if filter.is_comparison() => {
                items.retain(|item| item.get("value").and_then(Value::as_str) != Some(gone));
            }
            _ => items.retain(|item| !fits(item)),
        },
        (Act::Add | Act::Replace, _) if !items.iter().any(fits) => {
            // Entra ID replaces what is not there yet: then it is made, with what the filter says of it.
            let mut item =
                named_by(filter).ok_or_else(|| wrong("noTarget", format!("no `{name}` is like this")))?;
            set(&mut item, place.part.as_deref(), value)?;
            items.push(Value::Object(item));
        }
        (_, part) => {
            for item in items.iter_mut().filter(|item| fits(item)).filter_map(Value::as_object_mut) {
                match (act, part) {
                    (Act::Remove, Some(part)) => drop(item.remove(&written(item, part))),
                    (_, part) => set(item, part.as_deref(), value.clone())?,
                }
            }
        }
    }
    Ok(())
}

/// Without a filter: an attribute, or a part of a complex one.
fn whole(
    to: &mut Map<String, Value>,
    name: &str,
    act: Act,
    place: &Place,
    value: Option<Value>,
) -> Result<(), NotApplied> {
    if let Some(part) = &place.part {
        let inner = match to.entry(name.to_owned()).or_insert_with(|| Value::Object(Map::new())) {
            Value::Object(inner) => inner,
            Value::Null => return Err(wrong("noTarget", format!("`{name}` has no parts"))),
            _ => return Err(wrong("invalidPath", format!("`{name}` has no parts of its own"))),
        };
        let part = written(inner, part);
        match act {
            Act::Remove => drop(inner.remove(&part)),
            Act::Add | Act::Replace => drop(inner.insert(part, needed(value)?)),
        }
        return Ok(());
    }
    match (act, to.get_mut(name), value) {
        // Entra ID names those to remove in the value.
        (Act::Remove, Some(Value::Array(items)), Some(gone)) if !gone.is_null() => {
            let gone = if let Value::Array(gone) = gone { gone } else { vec![gone] };
            let gone: HashSet<String> = gone.iter().map(identity).collect();
            items.retain(|item| !gone.contains(&identity(item)));
        }
        (Act::Remove, ..) => drop(to.remove(name)),
        (Act::Add, Some(Value::Array(items)), Some(value)) => {
            let more = if let Value::Array(more) = value { more } else { vec![value] };
            let mut known: HashSet<String> = items.iter().map(identity).collect();
            items.extend(more.into_iter().filter(|new| known.insert(identity(new))));
        }
        (Act::Add | Act::Replace, Some(Value::Object(inner)), Some(Value::Object(parts))) => {
            for (part, value) in parts {
                inner.insert(written(inner, &part), value);
            }
        }
        (Act::Add | Act::Replace, _, value) => drop(to.insert(name.to_owned(), needed(value)?)),
    }
    Ok(())
}

fn needed(value: Option<Value>) -> Result<Value, NotApplied> {
    value.ok_or_else(|| wrong("invalidValue", "an operation that adds or replaces needs a value"))
}

/// Sets a part of one of several values, or merges into it.
fn set(item: &mut Map<String, Value>, part: Option<&str>, value: Option<Value>) -> Result<(), NotApplied> {
    match (part, needed(value)?) {
        (Some(part), value) => drop(item.insert(written(item, part), value)),
        (None, Value::Object(members)) => members.into_iter().for_each(|(name, value)| {
            item.insert(written(item, &name), value);
        }),
        (None, _) => return Err(wrong("invalidValue", "the value has to be an object")),
    }
    Ok(())
}

/// What a filter such as `type eq "work"` says of the value that it looks for.
fn named_by(filter: &Filter) -> Option<Map<String, Value>> {
    match filter {
        Filter::Compare(Name { attribute, part: None }, super::filter::Operator::Equal, value) => {
            Some(Map::from_iter([(attribute.clone(), value.clone())]))
        }
        Filter::And(one, other) => {
            let mut both = named_by(one)?;
            both.extend(named_by(other)?);
            Some(both)
        }
        _ => None,
    }
}

/// What tells one of several values from the others: its `value`, or all of it where it has none.
fn identity(of: &Value) -> String {
    of.as_object().and_then(|of| member(of, "value")).unwrap_or(of).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(before: Value, operations: Value, after: Value) {
        let patch: Patch = serde_json::from_value(json!({ "Operations": operations })).unwrap();
        let mut resource = before.as_object().unwrap().clone();
        patch.apply(&mut resource).unwrap_or_else(|refused| panic!("{operations}: {refused}"));
        assert_eq!(Value::Object(resource), after, "{operations}");
    }

    #[test]
    fn oktas_patches_do_what_they_mean() {
        check(
            json!({ "active": true }),
            json!([{ "op": "replace", "value": { "active": false } }]),
            json!({ "active": false }),
        );
        let group = || json!({ "displayName": "a", "members": [{ "value": "1" }, { "value": "2" }] });
        check(
            group(),
            json!([
                { "op": "remove", "path": "members[value eq \"1\"]" },
                { "op": "add", "path": "members", "value": [{ "value": "3", "display": "x" }, { "value": "2" }] },
            ]),
            json!({ "displayName": "a", "members": [{ "value": "2" }, { "value": "3", "display": "x" }] }),
        );
        check(
            group(),
            json!([{ "op": "replace", "value": { "id": "grp_1", "displayName": "b" } }]),
            json!({ "displayName": "b", "members": [{ "value": "1" }, { "value": "2" }] }),
        );
        check(
            group(),
            json!([{ "op": "replace", "path": "members", "value": [{ "value": "9" }] }]),
            json!({ "displayName": "a", "members": [{ "value": "9" }] }),
        );
    }

    #[test]
    fn entra_ids_patches_do_what_they_mean() {
        check(
            json!({ "emails": [{ "type": "work", "value": "a" }], "name": { "familyName": "A", "givenName": "B" } }),
            json!([
                { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "b" },
                { "op": "Replace", "path": "name.familyName", "value": "C" },
                { "op": "Add", "path": "emails[type eq \"home\"].value", "value": "h" },
                { "op": "Replace", "path": "active", "value": "False" },
            ]),
            json!({
                "emails": [{ "type": "work", "value": "b" }, { "type": "home", "value": "h" }],
                "name": { "familyName": "C", "givenName": "B" }, "active": "False",
            }),
        );
        check(
            json!({ "userName": "a" }),
            json!([{ "op": "Add", "value": { "name.givenName": "Ann", "displayName": "Ann A",
                     "urn:ietf:params:scim:schemas:core:2.0:User:externalId": "1" } }]),
            json!({ "userName": "a", "name": { "givenName": "Ann" }, "displayName": "Ann A", "externalId": "1" }),
        );
        check(
            json!({ "members": [{ "value": "1" }, { "value": "2" }] }),
            json!([{ "op": "Remove", "path": "members", "value": [{ "$ref": null, "value": "2" }] }]),
            json!({ "members": [{ "value": "1" }] }),
        );
        check(
            json!({ "members": [{ "value": "1" }, { "value": "2" }] }),
            json!([{ "op": "Remove", "path": "members", "value": { "value": "2" } }]),
            json!({ "members": [{ "value": "1" }] }),
        );
        check(
            json!({ "members": [{ "value": "1" }] }),
            json!([{ "op": "Remove", "path": "members", "value": [] }]),
            json!({ "members": [{ "value": "1" }] }),
        );
        check(json!({ "displayName": "x" }), json!([{ "op": "remove", "path": "displayName" }]), json!({}));
    }

    #[test]
    fn a_patch_that_means_nothing_is_refused() {
        for (operation, expected) in [
            (json!({ "op": "move", "path": "active" }), "invalidSyntax"),
            (json!({ "op": "remove" }), "noTarget"),
            (json!({ "op": "replace", "path": "name[", "value": 1 }), "invalidPath"),
            (json!({ "op": "replace", "path": "emails[type is 1].value", "value": 1 }), "invalidPath"),
            (json!({ "op": "replace", "path": "emails[type sw \"w\"].value", "value": 1 }), "noTarget"),
            (json!({ "op": "replace", "path": "displayName" }), "invalidValue"),
            (json!({ "op": "add", "value": 3 }), "invalidValue"),
        ] {
            let patch: Patch = serde_json::from_value(json!({ "Operations": [operation] })).unwrap();
            let refused = patch.apply(&mut Map::new()).unwrap_err();
            assert_eq!(refused.scim_type, expected, "{operation}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_path_is_too_odd_to_be_refused(
            path in "[a-zA-Z.:$\\[\\] \"]{0,40}|(emails|name|members)(\\[(type|value) (eq|pr|co) \"?w?\"?\\])?[.]?[a-z]{0,5}",
            op in "add|replace|remove",
            value in proptest::option::of("null|[0-9]|\"x\"|\\[\\]|\\{\\}|\\[\\{\"value\":1\\}\\]"),
        ) {
            let value: Option<Value> = value.map(|text| serde_json::from_str(&text).unwrap());
            let operation = json!({ "op": op, "path": path, "value": value });
            let patch = Patch::of(&json!({ "Operations": [operation.clone(), operation] })).unwrap();
            let before = json!({ "emails": [{ "type": "w" }, 1], "name": { "a": 1 }, "members": [{ "value": "w" }] });
            let _refused = patch.apply(&mut before.as_object().unwrap().clone());
        }
    }
}
