//! Tools and the choice among them.

use serde_json::{Map, Value};

use super::{
    Purpose, Rules,
    shape::{
        Checked, Invalid, array, booleans, either, extra, field, is_name, join, object, present, should_be,
        text_field, unknown_tag,
    },
};
use crate::prompt::{list, text};

/// Tools of Anthropic's that InvokeModel takes: their type, and the beta that they need.
const BUILT_IN: &[(&str, &[&str])] = &[
    ("bash_20241022", &[]),
    ("bash_20250124", &[]),
    ("computer_20250124", &["computer-use-2025-01-24"]),
    ("computer_20251124", &["computer-use-2025-11-24"]),
    ("memory_20250818", &["context-management-2025-06-27"]),
    ("text_editor_20241022", &[]),
    ("text_editor_20250124", &[]),
    ("text_editor_20250429", &[]),
    ("text_editor_20250728", &[]),
    ("tool_search_tool_bm25", &[TOOL_SEARCH]),
    ("tool_search_tool_bm25_20251119", &[TOOL_SEARCH]),
    ("tool_search_tool_regex", &[TOOL_SEARCH]),
    ("tool_search_tool_regex_20251119", &[TOOL_SEARCH]),
];
const TOOL_SEARCH: &str = "tool-search-tool-2025-10-19";

const CUSTOM_MEMBERS: &[&str] =
    &["type", "name", "description", "input_schema", "cache_control", "strict", "eager_input_streaming"];
const SEARCH_MEMBERS: &[&str] = &["defer_loading", "input_examples", "allowed_callers"];

impl Rules<'_> {
    pub(super) fn tools(&self) -> Checked {
        if let Some(tools) = present(self.members, "tools") {
            let tools = array("tools", tools)?;
            if tools.is_empty() && self.purpose == Purpose::Count {
                return Err(Invalid(
                    "tools: List should have at least 1 item after validation, not 0".to_owned(),
                ));
            }
            for (index, tool) in tools.iter().enumerate() {
                self.tool(&format!("tools.{index}"), tool)?;
            }
            all_together(tools)?;
        }
        match present(self.members, "tool_choice") {
            Some(choice) => self.tool_choice(choice),
            None => Ok(()),
        }
    }

    fn tool(&self, path: &str, tool: &Value) -> Checked {
        let tool = object(path, tool)?;
        let kind = present(tool, "type").and_then(Value::as_str).unwrap_or("custom");
        if kind != "custom" {
            return self.built_in(path, tool, kind);
        }
        let path = join(path, "custom");
        let searches = self.has_beta(TOOL_SEARCH);
        let members: Vec<&str> =
            CUSTOM_MEMBERS.iter().chain(SEARCH_MEMBERS.iter().filter(|_| searches)).copied().collect();
        self.only(&path, tool, &members)?;
        if !is_name(text_field(tool, &path, "name")?, 128) {
            return Err(Invalid(format!(
                "{path}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
            )));
        }
        if present(tool, "description").is_some_and(|text| !text.is_string()) {
            return Err(should_be(&join(&path, "description"), "a valid string"));
        }
        booleans(tool, &path, &["strict", "defer_loading", "eager_input_streaming"])?;
        self.mark(&path, tool)?;
        input_schema(&path, tool)
    }

    fn built_in(&self, path: &str, tool: &Map<String, Value>, kind: &str) -> Checked {
        let known = BUILT_IN.iter().find(|(known, _)| *known == kind);
        let usable = |betas: &[&str]| betas.iter().all(|beta| self.has_beta(beta));
        if !known.is_some_and(|(_, betas)| usable(betas)) {
            let mut tags: Vec<&str> =
                BUILT_IN.iter().filter(|(_, betas)| usable(betas)).map(|(known, _)| *known).collect();
            tags.push("custom");
            return Err(unknown_tag(path, kind, &tags));
        }
        text_field(tool, &join(path, kind), "name")?;
        self.mark(&join(path, kind), tool)
    }

    fn tool_choice(&self, choice: &Value) -> Checked {
        let path = "tool_choice";
        let choice = object(path, choice)?;
        let kind = text_field(choice, path, "type")?;
        let place = join(path, kind);
        match kind {
            "auto" | "any" => self.only(&place, choice, &["type", "disable_parallel_tool_use"])?,
            "tool" => self.only(&place, choice, &["type", "name", "disable_parallel_tool_use"])?,
            "none" => self.only(&place, choice, &["type"])?,
            _ => return Err(unknown_tag(path, kind, &["any", "auto", "none", "tool"])),
        }
        booleans(choice, &place, &["disable_parallel_tool_use"])?;
        let tools = list(self.body, "tools");
        if tools.is_empty() {
            return Err(Invalid("tool_choice may only be specified while providing tools.".to_owned()));
        }
        if kind == "tool" {
            let name = text_field(choice, &place, "name")?;
            if !tools.iter().any(|tool| text(tool, "name") == name) {
                return Err(Invalid(format!("Tool '{name}' not found in provided tools")));
            }
        }
        let mode = self.members.get("thinking").map(|thinking| text(thinking, "type")).unwrap_or_default();
        let thinks = matches!(mode, "enabled" | "adaptive") || self.claude.thinks_always;
        if matches!(kind, "any" | "tool") && thinks {
            return Err(Invalid("Thinking may not be enabled when tool_choice forces tool use.".to_owned()));
        }
        Ok(())
    }

    /// Members that only make sense with a beta, at the top of the body.
    pub(super) fn needs_beta(&self, member: &str, beta: &str) -> Checked {
        if present(self.members, member).is_some() && !self.has_beta(beta) {
            Err(extra(member))
        } else {
            Ok(())
        }
    }
}

fn all_together(tools: &[Value]) -> Checked {
    for (index, tool) in tools.iter().enumerate() {
        if tools.iter().take(index).any(|earlier| text(earlier, "name") == text(tool, "name")) {
            return Err(Invalid("tools: Tool names must be unique.".to_owned()));
        }
    }
    let is_deferred = |tool: &Value| tool.get("defer_loading") == Some(&Value::Bool(true));
    if !tools.is_empty() && tools.iter().all(is_deferred) {
        return Err(Invalid("At least one tool must have defer_loading=false".to_owned()));
    }
    Ok(())
}

fn input_schema(path: &str, tool: &Map<String, Value>) -> Checked {
    let schema = field(tool, path, "input_schema")?;
    let path = join(path, "input_schema");
    let schema = object(&path, schema)?;
    if text_field(schema, &path, "type")? != "object" {
        return Err(should_be(&join(&path, "type"), &either(&["object"])));
    }
    if ["oneOf", "allOf", "anyOf"].iter().any(|name| schema.contains_key(*name)) {
        return Err(Invalid(format!(
            "{path}: input_schema does not support oneOf, allOf, or anyOf at the top level"
        )));
    }
    let Some(properties) = schema.get("properties") else { return Ok(()) };
    let invalid = || {
        Invalid(format!(
            "{path}: JSON schema is invalid. It must match JSON Schema draft 2020-12 \
             (https://json-schema.org/draft/2020-12). Learn more about tool use at https://docs.claude.com/en/docs/tool-use."
        ))
    };
    let properties = properties.as_object().ok_or_else(invalid)?;
    if properties.values().any(|property| !property.is_object() && !property.is_boolean()) {
        return Err(invalid());
    }
    let fits = |name: &String| name.len() <= 64 && is_name(&name.replace('.', "_"), 64);
    if !properties.keys().all(fits) {
        return Err(Invalid(format!(
            "{path}.properties: Property keys should match pattern '^[a-zA-Z0-9_.-]{{1,64}}$'"
        )));
    }
    Ok(())
}
