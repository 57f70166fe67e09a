//! Whether a body is one that Bedrock would take for a Claude model, and the words in which it would refuse it.

mod content;
mod marks;
mod media;
mod settings;
mod shape;
mod tools;
mod turns;

use serde_json::{Map, Value};

use crate::{
    models::{Claude, Generation, Model},
    options::Options,
    prompt::list,
    refusal::Refusal,
    tokens,
};
use shape::{Checked, Invalid, field};

/// What a body is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Answer,
    Count,
}

const BEDROCK_VERSION: &str = "bedrock-2023-05-31";
const NEW_VERSION: &str = "2026-10-21";

/// Members that InvokeModel takes.
const MEMBERS: &[&str] = &[
    "anthropic_version",
    "anthropic_beta",
    "max_tokens",
    "messages",
    "system",
    "stop_sequences",
    "temperature",
    "top_p",
    "top_k",
    "tools",
    "tool_choice",
    "thinking",
    "metadata",
    "output_config",
    "safeguards",
    "context_management",
];

/// Betas that InvokeModel takes.
const BETAS: &[&str] = &[
    "claude-code-20250219",
    "compact-2026-01-12",
    "computer-use-2025-01-24",
    "computer-use-2025-11-24",
    LONG_CONTEXT,
    "context-management-2025-06-27",
    "dangerous-tool-use-2026-09-03",
    "effort-2025-11-24",
    "fine-grained-tool-streaming-2025-05-14",
    "interleaved-thinking-2025-05-14",
    "mid-conversation-output-config-2026-07-01",
    "mid-conversation-tool-changes-2026-07-01",
    "thinking-binding-controls-2026-08-01",
    "thinking-display-updates-2026-08-18",
    "thinking-token-count-2026-05-13",
    "tool-search-tool-2025-10-19",
];
const LONG_CONTEXT: &str = "context-1m-2025-08-07";

/// Checks a body that is a JSON object.
pub(crate) fn body(body: &Value, model: &Model, options: &Options, purpose: Purpose) -> Result<(), Refusal> {
    let Some(claude) = model.claude() else {
        return Err(Refusal::validation("The model does not take this body."));
    };
    let Some(members) = body.as_object() else {
        return Err(Refusal::validation("The body must be an object."));
    };
    let rules = Rules {
        body,
        members,
        model,
        claude,
        options,
        purpose,
        betas: list(body, "anthropic_beta").iter().filter_map(Value::as_str).collect(),
    };
    rules.check().map_err(|Invalid(message)| Refusal::validation(message))
}

/// What all rules look at.
pub(crate) struct Rules<'a> {
    body: &'a Value,
    members: &'a Map<String, Value>,
    model: &'a Model,
    claude: &'a Claude,
    options: &'a Options,
    purpose: Purpose,
    betas: Vec<&'a str>,
}

impl Rules<'_> {
    fn check(&self) -> Checked {
        self.only("", self.members, MEMBERS)?;
        self.version()?;
        self.betas()?;
        self.max_tokens()?;
        self.settings()?;
        if let Some(system) = self.members.get("system") {
            self.system(system)?;
        }
        self.tools()?;
        self.messages()?;
        self.marks()?;
        self.room()
    }

    fn has_beta(&self, beta: &str) -> bool {
        self.betas.contains(&beta)
    }

    fn version(&self) -> Checked {
        let version = field(self.members, "", "anthropic_version")?;
        let knows_new = self.claude.generation >= Generation::FourSeven;
        match version.as_str() {
            Some(BEDROCK_VERSION) => Ok(()),
            Some(NEW_VERSION) if knows_new => Ok(()),
            _ if knows_new => Err(Invalid(format!(
                "anthropic_version: Input should be '{BEDROCK_VERSION}' or '{NEW_VERSION}'"
            ))),
            _ => Err(Invalid(format!("anthropic_version: Input should be '{BEDROCK_VERSION}'"))),
        }
    }

    fn is_new_version(&self) -> bool {
        self.members.get("anthropic_version").is_some_and(|version| version == NEW_VERSION)
    }

    fn betas(&self) -> Checked {
        let Some(given) = self.members.get("anthropic_beta") else { return Ok(()) };
        let all_text = given.as_array().is_some_and(|betas| betas.iter().all(Value::is_string));
        if !all_text {
            return Err(Invalid("anthropic_beta: Input should be a valid list of strings".to_owned()));
        }
        let is_refused = |beta: &&str| {
            !BETAS.contains(beta)
                || self.options.refused_betas.iter().any(|refused| refused == beta)
                || (*beta == LONG_CONTEXT && !self.claude.takes_long_context_beta)
        };
        match self.betas.iter().find(|beta| is_refused(beta)) {
            Some(_) => Err(Invalid("invalid beta flag".to_owned())),
            None => Ok(()),
        }
    }

    fn max_tokens(&self) -> Checked {
        let given = field(self.members, "", "max_tokens")?;
        let wrong = |what: &str| Err(Invalid(format!("max_tokens: Input should be {what}")));
        let Some(count) = given.as_u64() else {
            return wrong(if given.is_i64() { "greater than or equal to 1" } else { "a valid integer" });
        };
        if count == 0 {
            return wrong("greater than or equal to 1");
        }
        let most = self.model.max_output_tokens;
        if count > most {
            return Err(Invalid(format!(
                "max_tokens: {count} > {most}, which is the maximum allowed number of output tokens for {}",
                self.model.name
            )));
        }
        Ok(())
    }

    fn system(&self, system: &Value) -> Checked {
        match system {
            Value::String(_) => Ok(()),
            Value::Array(blocks) => blocks.iter().enumerate().try_for_each(|(index, block)| {
                self.block(&format!("system.{index}"), block, content::Place::System)
            }),
            _ => Err(Invalid("system: Input should be a valid list".to_owned())),
        }
    }

    /// Whether prompt and answer fit the context window.
    fn room(&self) -> Checked {
        if self.purpose == Purpose::Count {
            return Ok(());
        }
        let window = if self.has_beta(LONG_CONTEXT) { 1_000_000 } else { self.model.context_window };
        let prompt = tokens::of_prompt(self.body);
        let max_tokens = self.members.get("max_tokens").and_then(Value::as_u64).unwrap_or(0);
        if prompt > window {
            return Err(Invalid("Input is too long for requested model.".to_owned()));
        }
        if prompt + max_tokens > window {
            return Err(Invalid(format!(
                "input length and `max_tokens` exceed context limit: {prompt} + {max_tokens} > {window}, decrease \
                 input length or `max_tokens` and try again"
            )));
        }
        Ok(())
    }
}
