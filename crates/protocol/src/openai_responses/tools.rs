//! Tools in their many forms as functions, and calls of them back in the client's form.
//!
//! A custom tool becomes a function with one text; the functions of a namespace get its name before theirs; a search for
//! tools that the client runs becomes a function as well. Tools that OpenAI runs itself cannot be served: `web_search`,
//! which Codex sends with every request and which only widens what the model could do, is left out and reported; the
//! others, which a caller relies on, are refused by name.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::carry::Unsupported;
use crate::conversation::{CacheLifetime, JsonText, Request, Tool, ToolChoice};

use super::wire;

/// The function that stands for a search for tools.
pub(super) const SEARCH: &str = "tool_search";

/// In which form the client knows a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A function, perhaps of a namespace.
    Function { name: String, namespace: Option<String> },
    /// A custom tool, perhaps of a namespace.
    Custom { name: String, namespace: Option<String> },
    /// A search for tools.
    Search,
}

/// The forms of all tools that are no plain functions, by the function's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Forms(BTreeMap<String, Form>);

impl Forms {
    /// The form of a function.
    pub(super) fn of(&self, function: &str) -> Form {
        let plain = || Form::Function { name: function.to_owned(), namespace: None };
        self.0.get(function).cloned().unwrap_or_else(plain)
    }
}

/// The function's name for a tool of a namespace.
pub(super) fn flat(namespace: Option<&str>, name: &str) -> String {
    match namespace {
        Some(namespace) if !namespace.is_empty() => format!("{namespace}__{name}"),
        Some(_) | None => name.to_owned(),
    }
}

/// The input of a function that stands for a custom tool.
pub(super) fn custom_input(text: &str) -> JsonText {
    JsonText::of(&BTreeMap::from([("input", text)])).unwrap_or_else(JsonText::empty_object)
}

/// The text in the input of a function that stands for a custom tool; what has not that form is given as it is.
pub(super) fn custom_text(input: &str) -> String {
    #[derive(Deserialize)]
    struct Input {
        input: String,
    }
    serde_json::from_str(input).map_or_else(|_| input.to_owned(), |Input { input }| input)
}

/// The most tools of one request: far more than any model takes, and few enough to look through for each.
const MOST_TOOLS: usize = 4_096;

/// What to make of a tool that is known already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Twice {
    /// The request is wrong.
    Refuse,
    /// A later item tells of it again.
    Keep,
}

/// Reads one tool into the request.
pub(super) fn read(
    tool: wire::Tool,
    path: &str,
    twice: Twice,
    request: &mut Request,
    forms: &mut Forms,
) -> Result<(), Unsupported> {
    match tool.r#type.as_str() {
        "function" | "custom" => declare(tool, None, path, twice, request, forms),
        "namespace" => {
            for (index, inner) in tool.tools.into_iter().enumerate() {
                let path = format!("{path}.tools.{index}");
                declare(
                    inner,
                    Some((&tool.name, tool.description.as_deref())),
                    &path,
                    twice,
                    request,
                    forms,
                )?;
            }
            Ok(())
        }
        // Where the server searches, the tools to be found are all there, and are offered as they are.
        "tool_search" if tool.execution.as_deref() != Some("client") => {
            leave_out(path, "tool_search", request);
            Ok(())
        }
        "tool_search" => {
            let parameters =
                tool.parameters.filter(JsonText::is_object).or_else(|| JsonText::parse(SEARCH_SCHEMA));
            forms.0.insert(SEARCH.to_owned(), Form::Search);
            let description = tool.description.unwrap_or_else(|| "Finds more tools to call.".to_owned());
            push(SEARCH.to_owned(), Some(description), parameters, None, path, twice, request)
        }
        kind if is_web_search(kind) => {
            leave_out(path, kind, request);
            Ok(())
        }
        "" => Err(Unsupported::member(&format!("{path}.type"), "is required")),
        kind => {
            let why = format!(
                "tools of type `{kind}` are not supported by this model; send a `function` or `custom` tool"
            );
            Err(Unsupported::member(path, &why))
        }
    }
}

const SEARCH_SCHEMA: &str =
    r#"{"type":"object","properties":{"query":{"type":"string"}},"required":["query"]}"#;
const TEXT_SCHEMA: &str = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#;
const EMPTY_SCHEMA: &str = r#"{"type":"object","properties":{}}"#;

/// Whether a tool only widens what the model could do.
pub(super) fn is_web_search(kind: &str) -> bool {
    kind == "web_search" || kind == "web_search_2025_08_26" || kind.starts_with("web_search_preview")
}

fn leave_out(path: &str, kind: &str, request: &mut Request) {
    let list = path.split('.').next().unwrap_or(path);
    request.left_out.push(format!("{list}.{kind}"));
}

fn declare(
    tool: wire::Tool,
    space: Option<(&str, Option<&str>)>,
    path: &str,
    twice: Twice,
    request: &mut Request,
    forms: &mut Forms,
) -> Result<(), Unsupported> {
    if tool.name.is_empty() {
        return Err(Unsupported::member(&format!("{path}.name"), "is required"));
    }
    let namespace = space.map(|(name, _)| name.to_owned());
    let name = flat(namespace.as_deref(), &tool.name);
    let about = space.and_then(|(_, about)| about).filter(|text| !text.is_empty());
    let (parameters, strict, extra) = match tool.r#type.as_str() {
        "custom" => {
            let form = Form::Custom { name: tool.name, namespace };
            forms.0.insert(name.clone(), form);
            (JsonText::parse(TEXT_SCHEMA), None, tool.format.and_then(grammar))
        }
        "function" | "" => {
            if namespace.is_some() {
                forms.0.insert(name.clone(), Form::Function { name: tool.name, namespace });
            }
            let parameters = match tool.parameters {
                Some(parameters) if parameters.is_object() => Some(parameters),
                Some(other) if other.as_str() != "null" => {
                    return Err(Unsupported::member(
                        &format!("{path}.parameters"),
                        "a JSON schema was expected",
                    ));
                }
                Some(_) | None => JsonText::parse(EMPTY_SCHEMA),
            };
            (parameters, tool.strict, None)
        }
        kind => {
            let why = format!("tools of type `{kind}` are not supported in a namespace");
            return Err(Unsupported::member(path, &why));
        }
    };
    let words: Vec<String> = about
        .map(str::to_owned)
        .into_iter()
        .chain(tool.description)
        .chain(extra)
        .filter(|text| !text.is_empty())
        .collect();
    let description = (!words.is_empty()).then(|| words.join("\n\n"));
    push(name, description, parameters, strict, path, twice, request)
}

fn grammar(format: wire::Format) -> Option<String> {
    let definition = format.definition?;
    let syntax = format.syntax.unwrap_or_default();
    Some(format!("The input has to fit this {syntax} grammar:\n{definition}"))
}

fn push(
    name: String,
    description: Option<String>,
    parameters: Option<JsonText>,
    strict: Option<bool>,
    path: &str,
    twice: Twice,
    request: &mut Request,
) -> Result<(), Unsupported> {
    if request.tools.iter().any(|known| known.name == name) {
        return match twice {
            Twice::Keep => Ok(()),
            Twice::Refuse => {
                let why = format!("there are two tools of the name `{name}`");
                Err(Unsupported::member(&format!("{path}.name"), &why))
            }
        };
    }
    if request.tools.len() >= MOST_TOOLS {
        return Err(Unsupported::member(path, &format!("more than {MOST_TOOLS} tools")));
    }
    let parameters = parameters.unwrap_or_else(JsonText::empty_object);
    request.tools.push(Tool { name, description, parameters, strict, cache: CacheLifetime::None });
    Ok(())
}

/// Reads `tool_choice`, once all tools are known.
pub(super) fn choose(raw: &[u8], request: &mut Request) -> Result<(), Unsupported> {
    const PATH: &str = "tool_choice";
    let wrong = |error| Unsupported::member(PATH, &super::settings::plain(&error));
    if raw.starts_with(b"\"") {
        let word: String = serde_json::from_slice(raw).map_err(wrong)?;
        request.tool_choice = match word.as_str() {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            "required" | "any" => ToolChoice::Any,
            _ => return Err(Unsupported::member(PATH, "`none`, `auto`, `required` or a tool was expected")),
        };
        return Ok(());
    }
    let choice: wire::Choice = serde_json::from_slice(raw).map_err(wrong)?;
    request.tool_choice = match choice.r#type.as_str() {
        "function" | "custom" | "tool_search" => {
            let name = name_of(&choice);
            if !request.tools.iter().any(|tool| tool.name == name) {
                return Err(Unsupported::member(PATH, &format!("there is no tool of the name `{name}`")));
            }
            ToolChoice::Tool(name)
        }
        "allowed_tools" => allow(&choice, request)?,
        kind => {
            let why = format!("a tool of type `{kind}` cannot be chosen: it is not supported by this model");
            return Err(Unsupported::member(PATH, &why));
        }
    };
    Ok(())
}

fn name_of(choice: &wire::Choice) -> String {
    if choice.r#type == SEARCH {
        return SEARCH.to_owned();
    }
    flat(choice.namespace.as_deref(), choice.name.as_deref().unwrap_or_default())
}

/// No upstream but OpenAI's knows of tools that are there and not allowed: the others are left out.
fn allow(choice: &wire::Choice, request: &mut Request) -> Result<ToolChoice, Unsupported> {
    let names: BTreeSet<String> = choice.tools.iter().map(name_of).collect();
    request.tools.retain(|tool| names.contains(&tool.name));
    if request.tools.is_empty() {
        return Err(Unsupported::member("tool_choice.tools", "none of the allowed tools can be offered"));
    }
    match choice.mode.as_deref() {
        None | Some("auto") => Ok(ToolChoice::Auto),
        Some("required") => Ok(ToolChoice::Any),
        Some(_) => Err(Unsupported::member("tool_choice.mode", "`auto` or `required` was expected")),
    }
}
