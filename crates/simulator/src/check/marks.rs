//! Cache marks: their shape, how many there may be, and in which order their lifetimes come.

use serde_json::{Map, Value};

use super::{
    Rules,
    shape::{Checked, Invalid, extra, join, object, present, should_be, text_field},
};
use crate::{
    models::Generation,
    prompt::{list, text},
};

const MOST_MARKS: usize = 4;

impl Rules<'_> {
    /// The `cache_control` of one block.
    pub(super) fn mark(&self, path: &str, block: &Map<String, Value>) -> Checked {
        let Some(mark) = present(block, "cache_control") else { return Ok(()) };
        let path = join(path, "cache_control");
        let mark = object(&path, mark)?;
        let kind = text_field(mark, &path, "type")?;
        if kind != "ephemeral" {
            return Err(should_be(&path, "'ephemeral'"));
        }
        let path = join(&path, kind);
        self.only(&path, mark, &["type", "ttl"])?;
        match present(mark, "ttl").map(Value::as_str) {
            None | Some(Some("5m")) => Ok(()),
            Some(Some("1h")) if self.claude.generation >= Generation::FourFive => Ok(()),
            Some(Some("1h")) => Err(extra(&join(&path, "ttl"))),
            Some(_) => Err(should_be(&join(&path, "ttl"), "'5m' or '1h'")),
        }
    }

    /// All marks together.
    pub(super) fn marks(&self) -> Checked {
        let mut marks = Vec::new();
        for (index, tool) in list(self.body, "tools").iter().enumerate() {
            collect(&format!("tools.{index}"), tool, &mut marks);
        }
        for (index, block) in list(self.body, "system").iter().enumerate() {
            collect(&format!("system.{index}"), block, &mut marks);
        }
        for (index, message) in list(self.body, "messages").iter().enumerate() {
            for (inner, block) in list(message, "content").iter().enumerate() {
                collect(&format!("messages.{index}.content.{inner}"), block, &mut marks);
            }
        }
        if marks.len() > MOST_MARKS {
            return Err(Invalid(format!(
                "A maximum of {MOST_MARKS} blocks with cache_control may be provided. Found {}.",
                marks.len()
            )));
        }
        let first_short = marks.iter().position(|(_, mark)| text(mark, "ttl") != "1h").unwrap_or(marks.len());
        match marks.iter().skip(first_short).find(|(_, mark)| text(mark, "ttl") == "1h") {
            Some((path, _)) => Err(Invalid(format!(
                "{path}.cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' \
                 cache_control block. Note that blocks are processed in the following order: `tools`, `system`, \
                 `messages`."
            ))),
            None => Ok(()),
        }
    }
}

fn collect<'a>(path: &str, block: &'a Value, marks: &mut Vec<(String, &'a Value)>) {
    for (index, inner) in list(block, "content").iter().enumerate() {
        collect(&format!("{path}.content.{index}"), inner, marks);
    }
    if let Some(mark) = block.get("cache_control").filter(|mark| mark.is_object()) {
        marks.push((path.to_owned(), mark));
    }
}
