//! Edits named parts of a body and leaves every other byte as it is.
//!
//! The signatures of thinking blocks are made over what the model wrote; a body that is parsed and written again can
//! invalidate them. So a body is never rebuilt: edits are collected as ranges and applied in one copy.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use memchr::memmem;

use crate::body::{Body, BodyBuilder};
use crate::inbound::Members;
use crate::json::{NotJson, Scanner};
use crate::learned::Learned;

/// Edits to one body, in any order.
#[derive(Debug, Default)]
pub(crate) struct Splice<'a> {
    edits: Vec<Edit<'a>>,
}

#[derive(Debug)]
enum Edit<'a> {
    /// Takes out a member (key to value) or an element, with the comma that goes with it.
    Remove(Range<usize>),
    /// Puts something in the place of a range; an empty range inserts.
    Replace(Range<usize>, Cow<'a, [u8]>),
}

impl Edit<'_> {
    fn range(&self) -> &Range<usize> {
        match self {
            Edit::Remove(range) | Edit::Replace(range, _) => range,
        }
    }
}

impl<'a> Splice<'a> {
    pub(crate) fn remove(&mut self, part: Range<usize>) {
        self.edits.push(Edit::Remove(part));
    }

    pub(crate) fn replace(&mut self, part: Range<usize>, with: impl Into<Cow<'a, [u8]>>) {
        self.edits.push(Edit::Replace(part, with.into()));
    }

    pub(crate) fn insert(&mut self, at: usize, what: impl Into<Cow<'a, [u8]>>) {
        self.replace(at..at, what);
    }

    /// The body with all edits done. An edit inside a part that is taken out or replaced is void.
    pub(crate) fn apply(self, body: &[u8]) -> Vec<u8> {
        let cuts = self.cuts(body);
        let grown: usize = cuts.iter().map(|(_, with)| with.len()).sum();
        let mut edited = Vec::with_capacity(body.len() + grown);
        each_part(body.len(), &cuts, |part| match part {
            Part::Kept(range) => edited.extend_from_slice(body.get(range).unwrap_or_default()),
            Part::New(with) => edited.extend_from_slice(with),
        });
        edited
    }

    /// The same in pieces: what stays is not copied where it is long.
    pub(crate) fn share(self, body: &Bytes) -> Body {
        let cuts = self.cuts(body);
        let mut builder = BodyBuilder::default();
        each_part(body.len(), &cuts, |part| match part {
            Part::Kept(range) => builder.share(body.slice(range)),
            Part::New(with) => builder.copy(with),
        });
        builder.build()
    }

    /// What is cut out, in its order, and what comes in its place.
    fn cuts(mut self, body: &[u8]) -> Vec<Cut<'a>> {
        self.edits.sort_by_key(|edit| {
            let range = edit.range();
            (range.start, !range.is_empty(), std::cmp::Reverse(range.end))
        });
        let mut cuts: Vec<Cut<'a>> = Vec::with_capacity(self.edits.len());
        let mut covered = 0;
        for edit in self.edits {
            if edit.range().start < covered {
                continue;
            }
            covered = edit.range().end;
            match edit {
                Edit::Remove(range) => {
                    let cut = with_comma(body, range, &mut cuts);
                    cuts.push((cut, Cow::Borrowed(b"")));
                }
                Edit::Replace(range, with) => cuts.push((range, with)),
            }
        }
        cuts
    }
}

/// A range of the body and what comes in its place.
type Cut<'a> = (Range<usize>, Cow<'a, [u8]>);

/// A part of the edited body.
enum Part<'c> {
    Kept(Range<usize>),
    New(&'c [u8]),
}

fn each_part(length: usize, cuts: &[Cut<'_>], mut each: impl FnMut(Part<'_>)) {
    let mut at = 0;
    for (range, with) in cuts {
        each(Part::Kept(at..range.start.max(at)));
        each(Part::New(with));
        at = at.max(range.end);
    }
    each(Part::Kept(at..length));
}

/// What to cut so that the commas still fit: with the comma after, or, for the last one, with the comma before the run of
/// removed ones that it ends.
fn with_comma(body: &[u8], part: Range<usize>, cuts: &mut Vec<Cut<'_>>) -> Range<usize> {
    let after = (part.end..body.len()).find(|at| !is_space(body, *at)).unwrap_or(body.len());
    if body.get(after) == Some(&b',') {
        return part.start..after + 1;
    }
    let mut start = part.start;
    loop {
        while start > 0 && is_space(body, start - 1) {
            start -= 1;
        }
        match cuts.last() {
            Some((cut, with)) if cut.end == start && with.is_empty() && !cut.is_empty() => {
                start = cut.start;
                cuts.pop();
            }
            _ => break,
        }
    }
    if start > 0 && body.get(start - 1) == Some(&b',') { start - 1..part.end } else { start..part.end }
}

fn is_space(body: &[u8], at: usize) -> bool {
    matches!(body.get(at), Some(b' ' | b'\n' | b'\r' | b'\t'))
}

/// Where members stand that a dotted path names, in a body whose top-level members are known: `messages.*.output_config`,
/// and only in one kind of tool `tools.*:custom.strict`. A tool without a `type` is `custom`.
pub(crate) fn find_path(members: &Members, path: &str) -> Vec<Range<usize>> {
    let mut segments = path.split('.');
    let (name, kind) = segments.next().map(named).unwrap_or_default();
    let Some(member) = members.find(name) else {
        return Vec::new();
    };
    let inside = member.place.value.clone();
    if kind.is_some_and(|kind| !is_of_kind(&Scanner::starting_at(members.body(), inside.start), kind)) {
        return Vec::new();
    }
    let rest: Vec<&str> = segments.collect();
    find_members(members.body(), inside, &rest)
}

/// A segment of a path: its name, and the kind that it is bound to.
fn named(segment: &str) -> (&str, Option<&str>) {
    segment.split_once(':').map_or((segment, None), |(name, kind)| (name, Some(kind)))
}

/// Whether the object that comes next is of that kind.
fn is_of_kind(scanner: &Scanner<'_>, kind: &str) -> bool {
    let mut ahead = scanner.clone();
    if ahead.peek() != Some(b'{') {
        return false;
    }
    let mut found = None;
    let walked: Result<_, NotJson> = ahead.keys(|scanner, key| {
        let value = scanner.value()?;
        if scanner.text(&key).as_deref() == Some("type") && scanner.raw(&value) != b"null" {
            found = Some(scanner.text(&value).as_deref() == Some(kind));
        }
        Ok(())
    });
    walked.is_ok() && found.unwrap_or(kind == "custom")
}

/// Where members stand that a dotted path names (`messages.*.output_config`), in a text known to be JSON. `inside` is
/// where to look, and `path` starts there.
pub(crate) fn find_members(body: &[u8], inside: Range<usize>, path: &[&str]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let Some(last) = path.last() else {
        return found;
    };
    let name = format!("\"{last}\"");
    let text = body.get(inside.clone()).unwrap_or_default();
    // A name may also be written with escapes, which hardly any body has besides those for control characters.
    if memmem::find(text, name.as_bytes()).is_none() && memmem::find(text, b"\\u00").is_none() {
        return found;
    }
    let mut scanner = Scanner::starting_at(body, inside.start);
    // The text was walked over before, so there is no error; were there one, nothing would be edited.
    match walk(&mut scanner, path, &mut found) {
        Ok(()) => found,
        Err(_) => Vec::new(),
    }
}

/// Takes out what an upstream was seen to refuse inside members of a body, and tells what it was.
pub(crate) fn remove_learned(members: &Members, learned: &Learned, splice: &mut Splice<'_>) -> Vec<String> {
    let mut removed = Vec::new();
    for path in learned.left_out(&[]).filter(|path| path.contains('.')) {
        let places = find_path(members, path);
        if !places.is_empty() {
            removed.push(path.to_owned());
        }
        places.into_iter().for_each(|place| splice.remove(place));
    }
    removed
}

fn walk(scanner: &mut Scanner<'_>, path: &[&str], found: &mut Vec<Range<usize>>) -> Result<(), NotJson> {
    let Some((first, rest)) = path.split_first() else {
        scanner.value()?;
        return Ok(());
    };
    let (name, kind) = named(first);
    match (scanner.peek(), name) {
        (Some(b'['), "*") => {
            scanner.array(|scanner, _| descend(scanner, kind, rest, found))?;
        }
        (Some(b'{'), name) if name != "*" => {
            scanner.keys(|scanner, key| {
                if scanner.text(&key).as_deref() != Some(name) {
                    scanner.value()?;
                } else if rest.is_empty() {
                    let value = scanner.value()?;
                    found.push(key.start..value.end);
                } else {
                    descend(scanner, kind, rest, found)?;
                }
                Ok::<(), NotJson>(())
            })?;
        }
        _ => {
            scanner.value()?;
        }
    }
    Ok(())
}

/// Goes on into the next value, where it is of that kind.
fn descend(
    scanner: &mut Scanner<'_>,
    kind: Option<&str>,
    rest: &[&str],
    found: &mut Vec<Range<usize>>,
) -> Result<(), NotJson> {
    if kind.is_some_and(|kind| !is_of_kind(scanner, kind)) {
        scanner.value()?;
        return Ok(());
    }
    walk(scanner, rest, found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn without(body: &str, names: &[&str]) -> String {
        let mut splice = Splice::default();
        for name in names {
            let path: Vec<&str> = name.split('.').collect();
            for place in find_members(body.as_bytes(), 0..body.len(), &path) {
                splice.remove(place);
            }
        }
        String::from_utf8(splice.apply(body.as_bytes())).unwrap()
    }

    #[test]
    fn the_comma_goes_with_the_member() {
        for (body, names, expected) in [
            (r#"{"a":1,"b":2,"c":3}"#, &["a"][..], r#"{"b":2,"c":3}"#),
            (r#"{"a":1,"b":2,"c":3}"#, &["b"], r#"{"a":1,"c":3}"#),
            (r#"{"a":1,"b":2,"c":3}"#, &["c"], r#"{"a":1,"b":2}"#),
            (r#"{"a":1,"b":2,"c":3}"#, &["c", "b"], r#"{"a":1}"#),
            (r#"{"a":1,"b":2,"c":3}"#, &["a", "c"], r#"{"b":2}"#),
            (r#"{"a":1,"b":2,"c":3}"#, &["a", "b", "c"], "{}"),
            (r#"{ "a" : 1 , "b" : 2 }"#, &["b"], r#"{ "a" : 1  }"#),
            (r#"{"m":[{"x":1,"r":2},{"r":3}]}"#, &["m.*.r"], r#"{"m":[{"x":1},{}]}"#),
            (r#"{"m":[{"x":1,"r":2}]}"#, &["m.*.r", "m"], "{}"),
            (r#"{"a":{"b":"\"b\""}}"#, &["b", "a.c"], r#"{"a":{"b":"\"b\""}}"#),
        ] {
            assert_eq!(without(body, names), expected, "{body} {names:?}");
        }
    }

    #[test]
    fn a_long_body_is_edited_without_a_copy() {
        let long = format!("{{\"a\":1,\"b\":\"{}\",\"c\":3}}", "x".repeat(100_000));
        let body = Bytes::from(long);
        let mut splice = Splice::default();
        splice.remove(1..6);
        splice.insert(1, &b"\"v\":0,"[..]);
        let mut same = Splice::default();
        same.remove(1..6);
        same.insert(1, &b"\"v\":0,"[..]);

        let shared = splice.share(&body);

        assert_eq!(shared.to_bytes(), same.apply(&body));
        assert_eq!(shared.pieces().len(), 2, "what is new, and what stays");
    }

    #[test]
    fn an_insertion_before_a_removed_member_stays() {
        let mut splice = Splice::default();
        splice.remove(1..6);
        splice.insert(1, &b"\"v\":0,"[..]);
        assert_eq!(splice.apply(br#"{"a":1,"b":2}"#), br#"{"v":0,"b":2}"#);
    }

    proptest! {
        #[test]
        fn taking_members_out_leaves_json_that_lacks_just_them(
            names in prop::collection::btree_map("[a-f]", "[ \n]{0,2}", 1..6),
            taken in prop::collection::btree_set("[a-f]", 0..6),
        ) {
            let members: Vec<String> =
                names.iter().map(|(name, space)| format!("{space}\"{name}\"{space}:{space}[1]{space}")).collect();
            let body = format!("{{{}}}", members.join(","));
            let taken: Vec<&str> = taken.iter().map(String::as_str).collect();
            let mut expected: Value = serde_json::from_str(&body).unwrap();
            for name in &taken {
                expected.as_object_mut().unwrap().remove(*name);
            }
            let edited: Value = serde_json::from_str(&without(&body, &taken)).unwrap();
            prop_assert_eq!(edited, expected);
        }
    }
}
