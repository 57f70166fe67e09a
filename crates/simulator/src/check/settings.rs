//! Settings of the answer: sampling, thinking, effort, format, context management, metadata.

use serde_json::{Map, Value};

use super::{
    Rules,
    shape::{
        Checked, Invalid, array, booleans, either, extra, field, join, object, present, should_be,
        text_field, unknown_tag,
    },
};
use crate::{models::Generation, prompt::text};

const LEAST_BUDGET: u64 = 1024;

impl Rules<'_> {
    pub(super) fn settings(&self) -> Checked {
        self.stop_sequences()?;
        self.metadata()?;
        self.thinking()?;
        self.sampling()?;
        self.output_config()?;
        self.needs_beta("safeguards", "dangerous-tool-use-2026-09-03")?;
        self.needs_beta("context_management", "context-management-2025-06-27")?;
        self.context_management()
    }

    fn stop_sequences(&self) -> Checked {
        let Some(sequences) = present(self.members, "stop_sequences") else { return Ok(()) };
        for (index, sequence) in array("stop_sequences", sequences)?.iter().enumerate() {
            let path = format!("stop_sequences.{index}");
            let text = sequence.as_str().ok_or_else(|| should_be(&path, "a valid string"))?;
            if text.trim().is_empty() {
                return Err(Invalid(
                    "stop_sequences: each stop sequence must contain non-whitespace".to_owned(),
                ));
            }
        }
        Ok(())
    }

    fn metadata(&self) -> Checked {
        let Some(metadata) = present(self.members, "metadata") else { return Ok(()) };
        let metadata = object("metadata", metadata)?;
        self.only("metadata", metadata, &["user_id"])?;
        match present(metadata, "user_id").map(|id| id.as_str().map(|id| id.chars().count())) {
            None | Some(Some(..=256)) => Ok(()),
            Some(Some(_)) => {
                Err(Invalid("metadata.user_id: String should have at most 256 characters".to_owned()))
            }
            Some(None) => Err(should_be("metadata.user_id", "a valid string")),
        }
    }

    fn thinking_mode(&self) -> &str {
        self.members.get("thinking").map(|thinking| text(thinking, "type")).unwrap_or_default()
    }

    fn thinking(&self) -> Checked {
        let Some(thinking) = present(self.members, "thinking") else { return Ok(()) };
        let thinking = object("thinking", thinking)?;
        let kind = text_field(thinking, "thinking", "type")?;
        let path = join("thinking", kind);
        let generation = self.claude.generation;
        let binding = self.has_beta("thinking-binding-controls-2026-08-01");
        let members: &[&str] = match kind {
            "enabled" if binding => &["type", "budget_tokens", "display", "block_binding"],
            "enabled" => &["type", "budget_tokens", "display"],
            "adaptive" if binding => &["type", "display", "block_binding"],
            "adaptive" | "between_tools" => &["type", "display"],
            "disabled" => &["type"],
            _ => {
                return Err(unknown_tag(
                    "thinking",
                    kind,
                    &["adaptive", "between_tools", "disabled", "enabled"],
                ));
            }
        };
        self.only(&path, thinking, members)?;
        self.display(&path, thinking)?;
        match kind {
            "enabled" if generation >= Generation::FourSeven => Err(Invalid(
                "\"thinking.type.enabled\" is not supported for this model. Use \"thinking.type.adaptive\" and \
                 \"output_config.effort\" to control thinking behavior."
                    .to_owned(),
            )),
            "enabled" => self.budget(&path, thinking),
            "adaptive" if generation < Generation::FourSix => {
                Err(Invalid("adaptive thinking is not supported on this model".to_owned()))
            }
            "between_tools" if generation < Generation::FourSeven => {
                Err(unknown_tag("thinking", kind, &["adaptive", "disabled", "enabled"]))
            }
            _ => Ok(()),
        }
    }

    fn display(&self, path: &str, thinking: &Map<String, Value>) -> Checked {
        match present(thinking, "display").map(Value::as_str) {
            None | Some(Some("summarized" | "omitted")) => Ok(()),
            Some(Some("updates")) if self.has_beta("thinking-display-updates-2026-08-18") => Ok(()),
            Some(_) => Err(should_be(&join(path, "display"), &either(&["summarized", "omitted"]))),
        }
    }

    fn budget(&self, path: &str, thinking: &Map<String, Value>) -> Checked {
        let budget = field(thinking, path, "budget_tokens")?;
        let place = join(path, "budget_tokens");
        let budget = budget.as_u64().ok_or_else(|| should_be(&place, "a valid integer"))?;
        if budget < LEAST_BUDGET {
            return Err(should_be(&place, &format!("greater than or equal to {LEAST_BUDGET}")));
        }
        let max_tokens = self.members.get("max_tokens").and_then(Value::as_u64).unwrap_or(0);
        let interleaves = self.has_beta("interleaved-thinking-2025-05-14");
        if budget >= max_tokens && !interleaves {
            return Err(Invalid(
                "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation at \
                 https://docs.claude.com/en/docs/build-with-claude/extended-thinking#max-tokens-and-context-window-size"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    fn sampling(&self) -> Checked {
        let thinks = matches!(self.thinking_mode(), "enabled" | "adaptive");
        for (name, most) in [("temperature", Some(1.0)), ("top_p", Some(1.0)), ("top_k", None)] {
            let Some(value) = present(self.members, name) else { continue };
            if self.claude.generation >= Generation::FourSeven {
                return Err(Invalid(format!("`{name}` is deprecated for this model.")));
            }
            let number = value.as_f64().ok_or_else(|| should_be(name, "a valid number"))?;
            if number < 0.0 {
                return Err(should_be(name, "greater than or equal to 0"));
            }
            if most.is_some_and(|most| number > most) {
                return Err(should_be(name, "less than or equal to 1"));
            }
            match name {
                "temperature" if thinks && number < 1.0 => {
                    return Err(Invalid(
                        "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode."
                            .to_owned(),
                    ));
                }
                "top_p" if thinks && number < 0.95 => {
                    return Err(Invalid(
                        "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled."
                            .to_owned(),
                    ));
                }
                "top_k" if thinks => {
                    return Err(Invalid("`top_k` must be unset when thinking is enabled.".to_owned()));
                }
                _ => {}
            }
        }
        let both = ["temperature", "top_p"].iter().all(|name| present(self.members, name).is_some());
        if both && self.claude.generation >= Generation::FourFive {
            return Err(Invalid(
                "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
                    .to_owned(),
            ));
        }
        Ok(())
    }

    fn output_config(&self) -> Checked {
        let Some(config) = present(self.members, "output_config") else { return Ok(()) };
        let path = "output_config";
        let config = object(path, config)?;
        self.only(path, config, &["effort", "format"])?;
        if let Some(effort) = present(config, "effort") {
            self.effort(effort)?;
        }
        let Some(format) = present(config, "format") else { return Ok(()) };
        let path = "output_config.format";
        if self.claude.generation < Generation::FourFive {
            return Err(extra(path));
        }
        let format = object(path, format)?;
        self.only(path, format, &["type", "schema"])?;
        if text_field(format, path, "type")? != "json_schema" {
            return Err(should_be(&join(path, "type"), "'json_schema'"));
        }
        let schema = field(format, path, "schema")?;
        object("output_config.format.schema", schema)?;
        closed(schema)
    }

    fn effort(&self, effort: &Value) -> Checked {
        let efforts = self.claude.efforts;
        if efforts.is_empty() {
            return Err(Invalid("This model does not support the effort parameter.".to_owned()));
        }
        if effort.as_str().is_some_and(|effort| efforts.contains(&effort)) {
            return Ok(());
        }
        Err(should_be("output_config.effort", &either(efforts)))
    }

    fn context_management(&self) -> Checked {
        let Some(management) = present(self.members, "context_management") else { return Ok(()) };
        let path = "context_management";
        let management = object(path, management)?;
        self.only(path, management, &["edits"])?;
        let Some(edits) = present(management, "edits") else { return Ok(()) };
        for (index, edit) in array("context_management.edits", edits)?.iter().enumerate() {
            self.edit(&format!("context_management.edits.{index}"), edit)?;
        }
        Ok(())
    }

    fn edit(&self, path: &str, edit: &Value) -> Checked {
        let edit = object(path, edit)?;
        let kind = text_field(edit, path, "type")?;
        let compacts = self.has_beta("compact-2026-01-12");
        let place = join(path, kind);
        match kind {
            "clear_tool_uses_20250919" => {
                let members =
                    &["type", "trigger", "keep", "clear_at_least", "exclude_tools", "clear_tool_inputs"];
                self.only(&place, edit, members)
            }
            "clear_thinking_20251015" => {
                if !matches!(self.thinking_mode(), "enabled" | "adaptive") {
                    return Err(Invalid(format!(
                        "{path}: `clear_thinking_20251015` strategy requires `thinking` to be enabled or adaptive"
                    )));
                }
                self.only(&place, edit, &["type", "keep"])
            }
            "compact_20260112" if compacts => {
                booleans(edit, &place, &["pause_after_compaction"])?;
                self.only(&place, edit, &["type", "trigger", "pause_after_compaction", "instructions"])
            }
            _ => Err(unknown_tag(path, kind, &["clear_thinking_20251015", "clear_tool_uses_20250919"])),
        }
    }
}

/// Every object of an output schema must say that it has no further members.
fn closed(schema: &Value) -> Checked {
    match schema {
        Value::Object(members) => {
            let is_object = members.get("type").is_some_and(|kind| kind == "object");
            if is_object && members.get("additionalProperties") != Some(&Value::Bool(false)) {
                return Err(Invalid(
                    "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to \
                     false"
                        .to_owned(),
                ));
            }
            members.values().try_for_each(closed)
        }
        Value::Array(values) => values.iter().try_for_each(closed),
        _ => Ok(()),
    }
}
