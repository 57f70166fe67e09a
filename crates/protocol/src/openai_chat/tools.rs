//! Tools in their three forms (functions, custom tools, and the functions of old), and back.
//!
//! Only OpenAI's models have custom tools, whose input is a text: everyone else gets a function with that text as its one
//! argument, and the client gets the text back.

use std::collections::BTreeSet;

use crate::carry::Unsupported;
use crate::conversation::{JsonText, Request, Tool, ToolChoice};

use super::inbound::Inbound;
use super::settings::plain;
use super::wire::{self, AllowedTool, AllowedTools, Choice, CustomDefinition, Definition, Mark};

/// The one argument of a function that stands for a custom tool.
const INPUT: &str = "input";

/// In which form the client knows its tools.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Forms {
    /// The names of custom tools.
    pub(super) custom: BTreeSet<String>,
    /// Whether the client speaks of `functions`, and so wants a `function_call`.
    pub(super) is_old: bool,
}

/// The input of a function that stands for a custom tool.
pub(super) fn custom_input(text: &str) -> JsonText {
    JsonText::of(&std::collections::BTreeMap::from([(INPUT, text)])).unwrap_or_else(JsonText::empty_object)
}

/// The text in the input of a function that stands for a custom tool; what has not that form is given as it is.
pub(super) fn custom_text(input: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Input {
        input: String,
    }
    serde_json::from_str(input).map_or_else(|_| input.to_owned(), |Input { input }| input)
}

/// Reads `tools`, `functions`, `tool_choice` and `function_call` into the request.
pub(super) fn read(inbound: &Inbound, request: &mut Request) -> Result<Forms, Unsupported> {
    let is_old = inbound.find("functions").is_some() && inbound.find("tools").is_none();
    let mut forms = Forms { custom: BTreeSet::new(), is_old };
    for (index, range) in inbound.facts.tools.iter().enumerate() {
        let list = if is_old { "functions" } else { "tools" };
        let path = format!("{list}.{index}");
        let raw = inbound.raw(range);
        let wrong = |error| Unsupported::member(&path, &plain(&error));
        let tool = if is_old {
            function(serde_json::from_slice(raw).map_err(wrong)?, None, &path)?
        } else {
            tool(serde_json::from_slice(raw).map_err(wrong)?, &path, &mut forms)?
        };
        request.tools.push(tool);
    }
    if is_old {
        // The old form has room for one call.
        request.parallel_tools = Some(false);
    }
    for name in ["tool_choice", "function_call"] {
        if let Some(member) = inbound.find(name) {
            let raw = inbound.raw(&member.place.value);
            let choice: Option<Choice> =
                serde_json::from_slice(raw).map_err(|error| Unsupported::member(name, &plain(&error)))?;
            if let Some(choice) = choice {
                request.tool_choice = chosen(choice, name, request)?;
            }
        }
    }
    Ok(forms)
}

fn tool(tool: wire::Tool, path: &str, forms: &mut Forms) -> Result<Tool, Unsupported> {
    let mark = tool.cache_control;
    match (tool.function, tool.custom, tool.name) {
        (Some(definition), _, _) => function(definition, mark, path),
        (None, Some(definition), _) => {
            forms.custom.insert(definition.name.clone());
            Ok(custom(definition, mark))
        }
        // As the Responses API (a function) and Anthropic's (custom) write it; some clients mix them.
        (None, None, Some(name)) if is_plain(tool.r#type.as_deref(), tool.parameters.as_ref()) => {
            let definition = Definition {
                name,
                description: tool.description,
                parameters: tool.parameters,
                strict: tool.strict,
                cache_control: None,
            };
            function(definition, mark, path)
        }
        (None, None, _) => {
            let kind = tool.r#type.as_deref().unwrap_or("function");
            let why = match kind {
                "function" | "custom" => format!("`{kind}` is required"),
                _ => format!("tools of type `{kind}` are not supported; send a `function` or `custom` tool"),
            };
            Err(Unsupported::member(path, &why))
        }
    }
}

fn is_plain(kind: Option<&str>, parameters: Option<&JsonText>) -> bool {
    matches!(kind, None | Some("function")) || kind == Some("custom") && parameters.is_some()
}

fn function(definition: Definition, mark: Option<Mark>, path: &str) -> Result<Tool, Unsupported> {
    let parameters = match definition.parameters {
        Some(parameters) if parameters.is_object() => parameters,
        Some(_) => {
            return Err(Unsupported::member(&format!("{path}.parameters"), "a JSON schema was expected"));
        }
        None => no_parameters(),
    };
    Ok(Tool {
        name: definition.name,
        description: definition.description.filter(|text| !text.is_empty()),
        parameters,
        strict: definition.strict,
        cache: mark.or(definition.cache_control).as_ref().map(Mark::lifetime).unwrap_or_default(),
    })
}

fn custom(definition: CustomDefinition, mark: Option<Mark>) -> Tool {
    let grammar = definition.format.and_then(|format| format.grammar).map(|grammar| {
        format!("The input has to fit this {} grammar:\n{}", grammar.syntax, grammar.definition)
    });
    let words: Vec<String> =
        definition.description.into_iter().chain(grammar).filter(|text| !text.is_empty()).collect();
    Tool {
        name: definition.name,
        description: (!words.is_empty()).then(|| words.join("\n\n")),
        parameters: JsonText::parse(
            r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#,
        )
        .unwrap_or_else(JsonText::empty_object),
        strict: None,
        cache: mark.as_ref().map(Mark::lifetime).unwrap_or_default(),
    }
}

fn no_parameters() -> JsonText {
    JsonText::parse(r#"{"type":"object","properties":{}}"#).unwrap_or_else(JsonText::empty_object)
}

fn chosen(choice: Choice, path: &str, request: &mut Request) -> Result<ToolChoice, Unsupported> {
    match choice {
        Choice::Word(word) => match word.as_str() {
            "auto" => Ok(ToolChoice::Auto),
            "none" => Ok(ToolChoice::None),
            // `any` is Mistral's and Anthropic's word for it.
            "required" | "any" => Ok(ToolChoice::Any),
            _ => Err(Unsupported::member(
                path,
                "`none`, `auto`, `required` or a tool by its name was expected",
            )),
        },
        Choice::Named { allowed_tools: Some(allowed), .. } => allow(allowed, path, request),
        Choice::Named { function, custom, name, r#type, .. } => {
            let named = function.or(custom).map(|named| named.name).or(name);
            let Some(named) = named else {
                let kind = r#type.unwrap_or_default();
                return Err(Unsupported::member(path, &format!("a choice of type `{kind}` names no tool")));
            };
            if !request.tools.iter().any(|tool| tool.name == named) {
                return Err(Unsupported::member(path, &format!("there is no tool of the name `{named}`")));
            }
            Ok(ToolChoice::Tool(named))
        }
    }
}

/// No upstream but OpenAI's knows of tools that are there and not allowed: the others are left out.
fn allow(allowed: AllowedTools, path: &str, request: &mut Request) -> Result<ToolChoice, Unsupported> {
    let names: BTreeSet<String> = allowed.tools.into_iter().filter_map(name_of).collect();
    request.tools.retain(|tool| names.contains(&tool.name));
    if request.tools.is_empty() {
        return Err(Unsupported::member(path, "none of the allowed tools is among `tools`"));
    }
    match allowed.mode.as_deref() {
        None | Some("auto") => Ok(ToolChoice::Auto),
        Some("required") => Ok(ToolChoice::Any),
        Some(_) => Err(Unsupported::member(
            &format!("{path}.allowed_tools.mode"),
            "`auto` or `required` was expected",
        )),
    }
}

fn name_of(tool: AllowedTool) -> Option<String> {
    tool.function.or(tool.custom).map(|named| named.name).or(tool.name)
}
