//! `${VARIABLE}` and `${file:PATH}` inside values, so that secrets need not stand in the settings file.

use std::fs;
use std::path::Path;

use super::source::{Environment, Written};

/// A `${…}` that leads nowhere.
#[derive(Debug)]
pub(super) struct Missing {
    pub(super) wrong: String,
    pub(super) fix: String,
}

/// The value with every `${…}` replaced; `$${` stands for `${` itself.
pub(super) fn interpolate(
    written: &Written,
    environment: &Environment,
    base: &Path,
) -> Result<Written, Missing> {
    Ok(match written {
        Written::Text(text) => Written::Text(replace(text, environment, base)?),
        Written::List(items) => Written::List(
            items.iter().map(|item| interpolate(item, environment, base)).collect::<Result<_, _>>()?,
        ),
        Written::Table(entries) => Written::Table(
            entries
                .iter()
                .map(|(name, value)| Ok((name.clone(), interpolate(value, environment, base)?)))
                .collect::<Result<_, _>>()?,
        ),
        Written::Integer(_) | Written::Bool(_) | Written::Other(_) => written.clone(),
    })
}

/// Whether a value is nothing but a reference, and so gives nothing away.
pub(super) fn mentions_a_source(written: &Written) -> bool {
    matches!(written, Written::Text(text)
        if text.starts_with("${") && text.find('}') == text.len().checked_sub(1))
}

fn replace(text: &str, environment: &Environment, base: &Path) -> Result<String, Missing> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, after) = (&rest[..at], &rest[at + 2..]);
        if let Some(escaped) = before.strip_suffix('$') {
            out.push_str(escaped);
            out.push_str("${");
            rest = after;
            continue;
        }
        out.push_str(before);
        let Some((source, tail)) = after.split_once('}') else {
            return Err(Missing {
                wrong: "has a `${` without its `}`".to_owned(),
                fix: "close it, or write `$${` for the characters themselves".to_owned(),
            });
        };
        out.push_str(&look_up(source, environment, base)?);
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

fn look_up(source: &str, environment: &Environment, base: &Path) -> Result<String, Missing> {
    if let Some(path) = source.strip_prefix("file:") {
        let path = base.join(path);
        // Editors and `echo` end a file with a newline that is no part of the secret.
        return fs::read_to_string(&path).map(|text| text.trim_end().to_owned()).map_err(|error| Missing {
            wrong: format!("refers to the file {}, which cannot be read: {error}", path.display()),
            fix: "correct the path, or let the user that runs stonegate read the file".to_owned(),
        });
    }
    environment.find(source).map(str::to_owned).ok_or_else(|| Missing {
        wrong: format!("refers to the variable {source}, which is not set"),
        fix: format!("set {source}, or write the value itself"),
    })
}
