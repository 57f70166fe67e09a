//! Items of a request of Responses, read one after the other into a conversation.

use serde_json::{Map, Value, json};

use super::kept::Kept;
use crate::{
    dialect::Door,
    models::Model,
    openai::{
        invalid,
        members::{self, Kind, Member},
        parts::Allowed,
    },
    prompt::{list, text},
    refusal::Refusal,
    seal::{self, Sealed},
};

const STATUS: Kind = Kind::OneOf(&["in_progress", "completed", "incomplete"]);

const MESSAGE: &[Member] = &[
    ("type", Kind::Text),
    ("id", Kind::Text),
    ("role", Kind::Text),
    ("content", Kind::Any),
    ("status", STATUS),
    ("phase", Kind::OneOf(&["commentary", "final_answer"])),
];
const FUNCTION_CALL: &[Member] = &[
    ("type", Kind::Text),
    ("id", Kind::Text),
    ("call_id", Kind::Text),
    ("name", Kind::Text),
    ("namespace", Kind::Text),
    ("arguments", Kind::Text),
    ("caller", Kind::Object),
    ("status", STATUS),
];
const CUSTOM_CALL: &[Member] = &[
    ("type", Kind::Text),
    ("id", Kind::Text),
    ("call_id", Kind::Text),
    ("name", Kind::Text),
    ("namespace", Kind::Text),
    ("input", Kind::Text),
    ("caller", Kind::Object),
    ("status", STATUS),
];
const OUTPUT: &[Member] = &[
    ("type", Kind::Text),
    ("id", Kind::Text),
    ("call_id", Kind::Text),
    ("name", Kind::Text),
    ("namespace", Kind::Text),
    ("output", Kind::Any),
    ("caller", Kind::Object),
    ("status", STATUS),
];
const REASONING: &[Member] = &[
    ("type", Kind::Text),
    ("id", Kind::Text),
    ("summary", Kind::List),
    ("content", Kind::List),
    ("encrypted_content", Kind::Text),
    ("status", STATUS),
];
const ADDITIONAL_TOOLS: &[Member] =
    &[("type", Kind::Text), ("id", Kind::Text), ("role", Kind::OneOf(&["developer"])), ("tools", Kind::List)];
const REFERENCE: &[Member] = &[("type", Kind::Text), ("id", Kind::Text)];

const ITEMS: &[&str] = &[
    "message",
    "function_call",
    "function_call_output",
    "custom_tool_call",
    "custom_tool_call_output",
    "reasoning",
    "item_reference",
];

/// What the items say.
#[derive(Debug)]
pub(super) struct Input<'a> {
    model: &'a Model,
    kept: &'a Kept,
    door: Door,
    pub(super) system: Vec<Value>,
    pub(super) messages: Vec<Value>,
    /// Tools that came as items.
    pub(super) tools: Vec<Value>,
    /// Calls without a result yet: their id, and the kind of item that answers them.
    open: Vec<(String, &'static str)>,
    /// A reasoning item that the next item must belong to.
    thought: Option<String>,
}

impl<'a> Input<'a> {
    pub(super) fn new(model: &'a Model, kept: &'a Kept, door: Door) -> Input<'a> {
        Input {
            model,
            kept,
            door,
            system: Vec::new(),
            messages: Vec::new(),
            tools: Vec::new(),
            open: Vec::new(),
            thought: None,
        }
    }

    pub(super) fn read(&mut self, path: &str, items: &[Value]) -> Result<(), Refusal> {
        for (index, item) in items.iter().enumerate() {
            self.item(&format!("{path}[{index}]"), item)?;
        }
        Ok(())
    }

    /// Nothing may be left open at the end.
    pub(super) fn finish(&self) -> Result<(), Refusal> {
        if let Some(id) = &self.thought {
            return Err(left_alone(id));
        }
        match self.open.first() {
            Some((id, _)) => Err(invalid("input", format!("No tool output found for function call {id}."))),
            None => Ok(()),
        }
    }

    fn item(&mut self, param: &str, item: &Value) -> Result<(), Refusal> {
        let object = members::object(param, item)?;
        let path = format!("{param}.");
        let kind = match object.get("type") {
            None if object.contains_key("role") => "message",
            _ => members::required(&path, object, "type")?,
        };
        if kind == "item_reference" {
            members::check(&path, object, REFERENCE)?;
            let id = members::required(&path, object, "id")?;
            let found = self.kept.find_item(id).ok_or_else(|| not_kept(id))?;
            return self.item(param, &found);
        }
        let follows_thought = matches!(kind, "reasoning" | "function_call" | "custom_tool_call")
            || text(item, "role") == "assistant";
        if let Some(id) = self.thought.take_if(|_| !follows_thought) {
            return Err(left_alone(&id));
        }
        self.thought = None;
        match kind {
            "message" => self.message(&path, object),
            "function_call" => {
                members::check(&path, object, FUNCTION_CALL)?;
                let arguments = members::required(&path, object, "arguments")?;
                let input = serde_json::from_str(arguments).unwrap_or_else(|_| json!({ "input": arguments }));
                self.call(&path, object, input, "function_call_output")
            }
            "custom_tool_call" => {
                members::check(&path, object, CUSTOM_CALL)?;
                let input = json!({ "input": members::required(&path, object, "input")? });
                self.call(&path, object, input, "custom_tool_call_output")
            }
            "function_call_output" => self.result(&path, object, "function_call_output"),
            "custom_tool_call_output" => self.result(&path, object, "custom_tool_call_output"),
            "reasoning" => self.reasoning(&path, object),
            "additional_tools" if self.door == Door::Runtime => {
                members::check(&path, object, ADDITIONAL_TOOLS)?;
                self.tools.extend(list(item, "tools").iter().cloned());
                Ok(())
            }
            other => members::one_of(&format!("{path}type"), &json!(other), ITEMS),
        }
    }

    fn message(&mut self, path: &str, message: &Map<String, Value>) -> Result<(), Refusal> {
        members::check(path, message, MESSAGE)?;
        let role = members::required(path, message, "role")?;
        let place = format!("{path}content");
        let content = message.get("content").filter(|content| !content.is_null());
        let content = content.ok_or_else(|| members::missing(&place))?;
        let read = |kinds| Allowed { model: self.model, kinds }.content(&place, content);
        match role {
            "system" | "developer" => self.system.extend(read(&["input_text"])?),
            "user" => {
                let blocks = read(&["input_text", "input_image", "input_file"])?;
                self.messages.push(json!({ "role": "user", "content": blocks }));
            }
            "assistant" => {
                let blocks = read(&["output_text", "refusal"])?;
                self.messages.push(json!({ "role": "assistant", "content": blocks }));
            }
            other => members::one_of(
                &format!("{path}role"),
                &json!(other),
                &["assistant", "system", "developer", "user"],
            )?,
        }
        Ok(())
    }

    fn call(
        &mut self,
        path: &str,
        call: &Map<String, Value>,
        input: Value,
        answered_by: &'static str,
    ) -> Result<(), Refusal> {
        let id = members::required(path, call, "call_id")?;
        let name = members::required(path, call, "name")?;
        let block = json!({ "type": "tool_use", "id": id, "name": name, "input": input });
        self.messages.push(json!({ "role": "assistant", "content": [block] }));
        self.open.push((id.to_owned(), answered_by));
        Ok(())
    }

    fn result(&mut self, path: &str, result: &Map<String, Value>, kind: &str) -> Result<(), Refusal> {
        members::check(path, result, OUTPUT)?;
        let id = members::required(path, result, "call_id")?;
        let place = format!("{path}output");
        let output = result.get("output").ok_or_else(|| members::missing(&place))?;
        let kinds = &["input_text", "input_image", "input_file"];
        let content = Allowed { model: self.model, kinds }.content(&place, output)?;
        let at = self.open.iter().position(|(open, by)| open == id && *by == kind).ok_or_else(|| {
            invalid("input", format!("No tool call found for function call output with call_id {id}."))
        })?;
        self.open.remove(at);
        let block = json!({ "type": "tool_result", "tool_use_id": id, "content": content });
        self.messages.push(json!({ "role": "user", "content": [block] }));
        Ok(())
    }

    /// A thought is either kept here or comes back under its seal.
    fn reasoning(&mut self, path: &str, reasoning: &Map<String, Value>) -> Result<(), Refusal> {
        members::check(path, reasoning, REASONING)?;
        let id = reasoning.get("id").and_then(Value::as_str).unwrap_or_default();
        let summary = reasoning.get("summary").ok_or_else(|| members::missing(&format!("{path}summary")))?;
        let summary = Allowed { model: self.model, kinds: &["summary_text"] }
            .content(&format!("{path}summary"), summary)?;
        match reasoning.get("encrypted_content").and_then(Value::as_str) {
            Some(sealed) if seal::is_good(Sealed::Reasoning, "", sealed) => {}
            Some(_) => {
                let mut refusal = invalid(
                    path.trim_end_matches('.'),
                    format!(
                        "The encrypted content for item {id} could not be verified. Reason: Encrypted content could \
                         not be decrypted or parsed."
                    ),
                );
                refusal.details.insert("code".to_owned(), "invalid_encrypted_content".into());
                return Err(refusal);
            }
            None if self.kept.find_item(id).is_some() => {}
            None => return Err(not_kept(id)),
        }
        let thinking: String = summary.iter().map(|part| text(part, "text")).collect();
        let block = json!({ "type": "thinking", "thinking": thinking });
        self.messages.push(json!({ "role": "assistant", "content": [block] }));
        self.thought = Some(id.to_owned());
        Ok(())
    }
}

fn left_alone(id: &str) -> Refusal {
    invalid(
        "input",
        format!("Item '{id}' of type 'reasoning' was provided without its required following item."),
    )
}

fn not_kept(id: &str) -> Refusal {
    let mut refusal = Refusal::not_found(format!(
        "Item with id '{id}' not found. Items are not persisted when `store` is set to false. Try again with `store` \
         set to true, or remove this item from your input."
    ));
    refusal.details.insert("param".to_owned(), json!("input"));
    refusal.details.insert("type".to_owned(), json!("invalid_request_error"));
    refusal
}
