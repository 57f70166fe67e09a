//! What stands at an offset, by name: for the one who has to find it in their request.

use std::ops::Range;

use super::{NotJson, Scanner};

/// The dotted path of the member whose key stands at an offset (`messages.0.content`).
pub(super) fn path_to(bytes: &[u8], at: usize) -> Option<String> {
    let mut path = Vec::new();
    let mut inside = 0;
    loop {
        let (step, value) = step(bytes, inside, at)?;
        path.push(step);
        match value {
            Some(value) => inside = value.start,
            None => return Some(path.join(".")),
        }
    }
}

/// The member or element of one object or array that has the offset in it: its name, and its value unless it is the key
/// that stands there.
fn step(bytes: &[u8], inside: usize, at: usize) -> Option<(String, Option<Range<usize>>)> {
    let mut scanner = Scanner::starting_at(bytes, inside);
    let mut found = None;
    // What follows the offset may be no JSON, and does not matter.
    let _walked: Result<_, NotJson> = if scanner.peek() == Some(b'[') {
        scanner.array(|scanner, index| {
            let value = scanner.value()?;
            if value.contains(&at) {
                found = Some((index.to_string(), Some(value)));
            }
            Ok(())
        })
    } else {
        scanner.keys(|scanner, key| {
            let name = scanner.text(&key).unwrap_or_default().into_owned();
            if key.start == at {
                found = Some((name, None));
                return Err(NotJson { at, why: "found", twice: None });
            }
            let value = scanner.value()?;
            if value.contains(&at) {
                found = Some((name, Some(value)));
            }
            Ok(())
        })
    };
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_told_by_its_path() {
        for (body, path) in [
            (r#"{"a":1,"@":2}"#, Some("@")),
            (r#"{"a":[{"b":1},{"c":[],"@":{}}]}"#, Some("a.1.@")),
            (r#"{"a":{"b":{"c":1,"@":1}},"x":2}"#, Some("a.b.@")),
            (r#"{"a":{"c":1,"@":1"#, None),
            (r#"{"c":1,"@":1"#, Some("@")),
        ] {
            assert_eq!(path_to(body.as_bytes(), body.find("\"@\"").unwrap()).as_deref(), path, "{body}");
        }
    }
}
