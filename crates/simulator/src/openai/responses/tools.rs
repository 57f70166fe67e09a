//! Tools of a request of Responses: which kinds each door takes, and what a call of one looks like.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::{
    dialect::Door,
    openai::{
        invalid,
        members::{self, Kind, Member},
    },
    prompt::{list, text},
    refusal::Refusal,
};

const FUNCTION: &[Member] = &[
    ("type", Kind::Text),
    ("name", Kind::Text),
    ("description", Kind::Text),
    ("parameters", Kind::Object),
    ("output_schema", Kind::Object),
    ("strict", Kind::Flag),
    ("defer_loading", Kind::Flag),
    ("allowed_callers", Kind::List),
];
const CUSTOM: &[Member] = &[
    ("type", Kind::Text),
    ("name", Kind::Text),
    ("description", Kind::Text),
    ("format", Kind::Object),
    ("defer_loading", Kind::Flag),
    ("allowed_callers", Kind::List),
];
const NAMESPACE: &[Member] =
    &[("type", Kind::Text), ("name", Kind::Text), ("description", Kind::Text), ("tools", Kind::List)];
const TOOL_SEARCH: &[Member] = &[
    ("type", Kind::Text),
    ("description", Kind::Text),
    ("execution", Kind::OneOf(&["server", "client"])),
    ("parameters", Kind::Object),
];

const ON_RUNTIME: &[&str] =
    &["function", "mcp", "custom", "apply_patch", "namespace", "tool_search", "computer"];
const ON_MANTLE: &[&str] = &["function", "mcp", "custom"];
/// Kinds of OpenAI's that the runtime knows and does not take.
const NOT_ON_RUNTIME: &[&str] = &[
    "web_search",
    "web_search_2025_08_26",
    "web_search_preview",
    "web_search_preview_2025_03_11",
    "file_search",
    "code_interpreter",
    "image_generation",
    "computer_use_preview",
    "local_shell",
    "shell",
    "programmatic_tool_calling",
];

/// What a call of a tool looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Called {
    /// A call with a text in place of JSON.
    pub(crate) is_custom: bool,
    pub(crate) namespace: Option<String>,
}

/// Tools that were read.
#[derive(Debug, Default)]
pub(super) struct Tools {
    /// As the conversation has them.
    pub(super) offered: Vec<Value>,
    /// Those that the model itself calls, by their names.
    pub(super) calls: HashMap<String, Called>,
}

impl Tools {
    /// Reads and adds the tools at `path`.
    pub(super) fn read(&mut self, path: &str, tools: &[Value], door: Door) -> Result<(), Refusal> {
        for (index, tool) in tools.iter().enumerate() {
            let param = format!("{path}[{index}]");
            let object = members::object(&param, tool)?;
            let kind = members::required(&format!("{param}."), object, "type")?;
            if door == Door::Runtime && NOT_ON_RUNTIME.contains(&kind) {
                let kind = kind.split("_20").next().unwrap_or(kind).replace('_', " ");
                return Err(invalid(&param, format!("{kind} is not supported for this request")));
            }
            let taken = match door {
                Door::Runtime => ON_RUNTIME,
                Door::Mantle => ON_MANTLE,
            };
            members::one_of(&format!("{param}.type"), &json!(kind), taken)?;
            self.tool(&param, tool, kind, None)?;
        }
        Ok(())
    }

    fn tool(
        &mut self,
        param: &str,
        tool: &Value,
        kind: &str,
        namespace: Option<&str>,
    ) -> Result<(), Refusal> {
        let path = format!("{param}.");
        let object = members::object(param, tool)?;
        let schema = match kind {
            "function" => {
                members::check(&path, object, FUNCTION)?;
                parameters(&path, tool)?
            }
            "custom" => {
                members::check(&path, object, CUSTOM)?;
                custom_format(&path, tool)?;
                json!({ "type": "object", "properties": { "input": { "type": "string" } }, "required": ["input"] })
            }
            "namespace" => return self.namespace(param, tool),
            _ => {
                if kind == "tool_search" {
                    members::check(&path, object, TOOL_SEARCH)?;
                }
                self.offered.push(tool.clone());
                return Ok(());
            }
        };
        let name = named(&path, tool)?;
        self.offered
            .push(json!({ "name": name, "description": tool.get("description"), "input_schema": schema }));
        let called = Called { is_custom: kind == "custom", namespace: namespace.map(str::to_owned) };
        self.calls.insert(name.to_owned(), called);
        Ok(())
    }

    fn namespace(&mut self, param: &str, tool: &Value) -> Result<(), Refusal> {
        let path = format!("{param}.");
        members::check(&path, members::object(param, tool)?, NAMESPACE)?;
        let namespace = named(&path, tool)?;
        for (index, inner) in list(tool, "tools").iter().enumerate() {
            let param = format!("{path}tools[{index}]");
            let kind = text(inner, "type");
            members::one_of(&format!("{param}.type"), &json!(kind), &["function", "custom"])?;
            self.tool(&param, inner, kind, Some(namespace))?;
        }
        Ok(())
    }

    /// The choice as the conversation has it.
    pub(super) fn choice(&self, choice: &Value) -> Result<Value, Refusal> {
        let kind = match choice {
            Value::String(kind) => {
                members::one_of("tool_choice", choice, &["none", "auto", "required"])?;
                kind
            }
            choice => match text(choice, "type") {
                "function" | "custom" => {
                    let name = text(choice, "name");
                    if !self.calls.contains_key(name) {
                        return Err(invalid(
                            "tool_choice",
                            format!("Tool choice '{name}' not found in 'tools' parameter."),
                        ));
                    }
                    return Ok(json!({ "type": "tool", "name": name }));
                }
                "allowed_tools" => text(choice, "mode"),
                _ => "auto",
            },
        };
        if kind == "required" && self.offered.is_empty() {
            return Err(invalid(
                "tool_choice",
                "Tool choice 'required' must be specified with 'tools' parameter.",
            ));
        }
        Ok(json!({ "type": if kind == "required" { "any" } else { kind } }))
    }
}

fn named<'a>(path: &str, tool: &'a Value) -> Result<&'a str, Refusal> {
    let param = path.trim_end_matches('.');
    let name = members::required(path, members::object(param, tool)?, "name")?;
    let is_good = !name.is_empty()
        && name.chars().all(|character| character.is_ascii_alphanumeric() || "_-".contains(character));
    if is_good && name.len() <= 128 {
        return Ok(name);
    }
    Err(invalid(
        &format!("{path}name"),
        format!(
            "Invalid '{path}name': string does not match pattern. Expected a string that matches the pattern \
             '^[a-zA-Z0-9_-]+$'."
        ),
    ))
}

/// The schema of a function; without one it takes nothing.
fn parameters(path: &str, tool: &Value) -> Result<Value, Refusal> {
    let Some(schema) = tool.get("parameters").filter(|schema| !schema.is_null()) else {
        return Ok(json!({ "type": "object", "properties": {} }));
    };
    if schema.get("type") == Some(&json!("object")) {
        return Ok(schema.clone());
    }
    let mut refusal = invalid(
        &format!("{path}parameters"),
        format!(
            "Invalid schema for function '{}': schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{}\"'.",
            text(tool, "name"),
            schema.get("type").and_then(Value::as_str).unwrap_or("None"),
        ),
    );
    refusal.details.insert("code".to_owned(), "invalid_function_parameters".into());
    Err(refusal)
}

fn custom_format(path: &str, tool: &Value) -> Result<(), Refusal> {
    let Some(format) = tool.get("format").filter(|format| !format.is_null()) else { return Ok(()) };
    let path = format!("{path}format.");
    members::one_of(&format!("{path}type"), &json!(text(format, "type")), &["text", "grammar"])?;
    if text(format, "type") == "grammar" {
        let syntax = json!(text(format, "syntax"));
        members::one_of(&format!("{path}syntax"), &syntax, &["lark", "regex"])?;
        members::required(&path, members::object(path.trim_end_matches('.'), format)?, "definition")?;
    }
    Ok(())
}
