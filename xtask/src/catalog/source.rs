//! The price map, row by row, with numbers as the text that they are.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::value::RawValue;

use super::decimal::picodollars;

/// One row: a model as seen through one door.
pub(crate) struct Row(BTreeMap<String, Box<RawValue>>);

/// The rows of Bedrock.
pub(crate) fn rows(text: &str) -> Result<BTreeMap<String, Row>> {
    let all: BTreeMap<String, BTreeMap<String, Box<RawValue>>> =
        serde_json::from_str(text).context("the source is no map of maps")?;
    let rows = all.into_iter().map(|(key, members)| (key, Row(members)));
    Ok(rows
        .filter(|(_, row)| row.text("litellm_provider").is_some_and(|of| of.starts_with("bedrock")))
        .collect())
}

impl Row {
    fn raw(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.get()).filter(|value| *value != "null")
    }

    /// A string.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.raw(name)?).ok()
    }

    /// A list of strings.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        self.raw(name).and_then(|value| serde_json::from_str(value).ok()).unwrap_or_default()
    }

    /// A flag; none where the map says nothing.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        serde_json::from_str(self.raw(name)?).ok()
    }

    /// A count.
    pub(crate) fn count(&self, name: &str) -> Result<Option<u64>> {
        let Some(value) = self.raw(name) else {
            return Ok(None);
        };
        serde_json::from_str(value).map(Some).with_context(|| format!("{name}: {value} is no count"))
    }

    /// A price.
    pub(crate) fn price(&self, name: &str) -> Result<Option<u64>> {
        self.raw(name).map(|value| picodollars(value).with_context(|| name.to_owned())).transpose()
    }

    /// The names of all members.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
