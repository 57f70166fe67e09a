//! Guardrails: which one a request names, and what one says when a script or a directive lets it intervene.

use serde_json::{Value, json};

use crate::{options::Options, prompt::text, refusal::Refusal, script::Intervention};

/// What is said in place of what was blocked.
const BLOCKED: &str = "Sorry, the model cannot answer this question.";

/// The guardrail that a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Guarded {
    identifier: String,
    version: String,
    trace: Trace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trace {
    Disabled,
    Enabled,
}

/// What a guardrail found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) side: Option<Intervention>,
    /// What tells of it, where the request wants that: the `guardrail` of a trace.
    pub(crate) trace: Option<Value>,
}

impl Guarded {
    /// Reads Converse's `guardrailConfig`, which has the right shape.
    pub(crate) fn of_config(config: Option<&Value>) -> Result<Option<Guarded>, Refusal> {
        let Some(config) = config.filter(|config| config.is_object()) else { return Ok(None) };
        Guarded::of_parts(
            text(config, "guardrailIdentifier"),
            text(config, "guardrailVersion"),
            matches!(text(config, "trace"), "enabled" | "enabled_full"),
        )
    }

    /// An identifier and a version, which come together or not at all.
    pub(crate) fn of_parts(
        identifier: &str,
        version: &str,
        wants_trace: bool,
    ) -> Result<Option<Guarded>, Refusal> {
        if identifier.is_empty() && version.is_empty() {
            return Ok(None);
        }
        if identifier.is_empty() || version.is_empty() {
            return Err(Refusal::validation(
                "The guardrail identifier and the guardrail version must both be provided.",
            ));
        }
        let trace = if wants_trace { Trace::Enabled } else { Trace::Disabled };
        Ok(Some(Guarded { identifier: identifier.to_owned(), version: version.to_owned(), trace }))
    }

    /// What it finds, given what the script or directive wants it to find.
    pub(crate) fn find(&self, side: Option<Intervention>, said: &str, options: &Options) -> Finding {
        let trace = (self.trace == Trace::Enabled).then(|| self.trace_of(side, said, options));
        Finding { side, trace }
    }

    fn trace_of(&self, side: Option<Intervention>, said: &str, options: &Options) -> Value {
        let id = self.identifier.rsplit('/').next().unwrap_or_default();
        let input = self.assessment(side == Some(Intervention::Input), options);
        let mut trace = json!({ "inputAssessment": { id: input } });
        if side != Some(Intervention::Input) {
            let output = self.assessment(side == Some(Intervention::Output), options);
            trace["modelOutput"] = json!([said]);
            trace["outputAssessments"] = json!({ id: [output] });
        }
        trace["actionReason"] = json!(if side.is_some() { "Guardrail blocked." } else { "No action." });
        trace
    }

    fn assessment(&self, blocks: bool, options: &Options) -> Value {
        let id = self.identifier.rsplit('/').next().unwrap_or_default();
        let mut assessment = json!({
            "invocationMetrics": {
                "guardrailProcessingLatency": 12,
                "usage": {
                    "topicPolicyUnits": 1, "contentPolicyUnits": 1, "wordPolicyUnits": 0,
                    "sensitiveInformationPolicyUnits": 0, "sensitiveInformationPolicyFreeUnits": 0,
                    "contextualGroundingPolicyUnits": 0, "contentPolicyImageUnits": 0,
                },
                "guardrailCoverage": { "textCharacters": { "guarded": 42, "total": 42 } },
            },
            "appliedGuardrailDetails": {
                "guardrailId": id, "guardrailVersion": self.version,
                "guardrailArn":
                    format!("arn:aws:bedrock:{}:{}:guardrail/{id}", options.region, options.account),
                "guardrailOrigin": ["REQUEST"], "guardrailOwnership": "SELF",
            },
        });
        if blocks {
            assessment["topicPolicy"] = json!({
                "topics": [{ "name": "Scripted", "type": "DENY", "action": "BLOCKED", "detected": true }],
            });
        }
        assessment
    }
}

/// What is said in place of what was blocked.
pub(crate) fn blocked_text() -> String {
    BLOCKED.to_owned()
}
