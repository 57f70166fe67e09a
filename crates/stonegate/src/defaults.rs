//! The models that a gateway tells clients to take, where its operator names some (`models.default`).

use serde::Deserialize;
use serde_json::Value;

use crate::commands::setup::DISCOVERY;
use crate::connection::Connection;
use crate::trouble::Trouble;

/// Names of models, by what for.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct DefaultModels {
    /// For conversation by Messages.
    #[serde(default)]
    pub(crate) anthropic: Option<String>,
    /// For conversation by OpenAI's APIs.
    #[serde(default)]
    pub(crate) openai: Option<String>,
    /// For work in the background.
    #[serde(default)]
    pub(crate) small: Option<String>,
}

impl DefaultModels {
    /// What the gateway says. One that is too old to be asked names none.
    pub(crate) async fn of(connection: &Connection) -> anyhow::Result<DefaultModels> {
        let told: Value = match connection.stranger()?.get(DISCOVERY).await {
            Ok(told) => told,
            Err(Trouble::Refused { .. } | Trouble::Unread { .. }) => return Ok(DefaultModels::default()),
            Err(trouble) => return Err(trouble.into()),
        };
        Ok(Self::read(&told))
    }

    fn read(discovery: &Value) -> DefaultModels {
        // `null` where the operator leaves it to the clients; a form that only a newer gateway knows says nothing to us.
        serde_json::from_value(discovery["models"]["default"].clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_gateway_says_is_read_whatever_its_age() {
        for (told, expected) in [
            (json!({}), (None, None)),
            (json!({ "models": { "default": null } }), (None, None)),
            (json!({ "models": { "default": { "small": "s", "newer": 1 } } }), (None, Some("s"))),
            (json!({ "models": { "default": { "anthropic": "a" } } }), (Some("a"), None)),
            (json!({ "models": ["newer"] }), (None, None)),
        ] {
            let models = DefaultModels::read(&told);
            assert_eq!((models.anthropic.as_deref(), models.small.as_deref()), expected, "{told}");
        }
    }
}
