//! `stonegate codex`: Codex, with a key of its own.

use std::ffi::OsString;

use clap::Args;
use toml_edit::{InlineTable, Value};

use crate::child::{ChildArguments, Errand, Handed};
use crate::commands::configure;
use crate::connection::KEY;
use crate::variables::Api;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate codex -- -m claude-sonnet-5-5
  stonegate codex -- exec -m gpt-5.5 'Mend the failing test'

Codex gets a key for Responses in its environment, and the gateway as its provider by flags of its own (-c). The key lives
for 30 minutes, is renewed while Codex runs, and is revoked when it ends. No settings file is touched. Where the gateway names
a default model, it is Codex's, unless Codex's arguments or settings name one.")]
pub(crate) struct Arguments {
    /// The program to run.
    #[arg(long, value_name = "PATH", default_value = "codex")]
    program: OsString,
    #[command(flatten)]
    child: ChildArguments,
    /// Codex's own arguments.
    #[arg(value_name = "ARGUMENTS", trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let models = arguments.child.default_models()?;
    let model = models.openai.filter(|_| !names_model(&arguments.rest) && !configure::codex_has_model());
    let prepare = |url: &str, key: &str| {
        let provider = provider(url);
        let flags =
            ["-c", "model_provider=\"stonegate\"", "-c", &format!("model_providers.stonegate={provider}")];
        let mut told: Vec<OsString> = flags.iter().map(Into::into).collect();
        if let Some(model) = &model {
            told.extend(["-c".into(), format!("model={}", Value::from(model.as_str())).into()]);
        }
        told.extend_from_slice(&arguments.rest);
        Handed { arguments: told, variables: vec![(KEY, key.to_owned())] }
    };
    arguments.child.run(&Errand {
        program: arguments.program.clone(),
        api: Api::Responses,
        name: super::claude::key_name("codex"),
        prepare: &prepare,
        missing: "; install Codex: npm install -g @openai/codex",
    })
}

/// Whether Codex's own arguments name a model, or a profile of its settings, which may.
fn names_model(arguments: &[OsString]) -> bool {
    let named = ["-m", "--model", "-p", "--profile"];
    let mut before = "";
    arguments.iter().filter_map(|argument| argument.to_str()).any(|argument| {
        let is_setting = ["-c", "--config"].contains(&before) || argument.starts_with("--config=");
        let setting = argument.trim_start_matches("--config=");
        let is_model = is_setting && setting.split('=').next().is_some_and(|name| name.trim() == "model");
        let is_flag = named.iter().any(|flag| {
            let rest = argument.strip_prefix(flag);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('=') || flag.len() == 2)
        });
        before = argument;
        is_model || is_flag
    })
}

/// The gateway as a provider, in Codex's words.
fn provider(url: &str) -> String {
    let about = [
        ("name", "Stonegate".to_owned()),
        ("base_url", format!("{url}/v1")),
        ("env_key", KEY.to_owned()),
        ("wire_api", "responses".to_owned()),
    ];
    let table: InlineTable = about.into_iter().map(|(name, value)| (name, Value::from(value))).collect();
    table.to_string().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_of_the_persons_own_is_seen() {
        for (line, expected) in [
            ("", false),
            ("exec hello", false),
            ("-c sandbox=x exec", false),
            ("-c model_provider=x", false),
            ("--model gpt-5.5", true),
            ("--model=gpt-5.5", true),
            ("exec -m gpt-5.5", true),
            ("-mgpt-5.5", true),
            ("--profile work", true),
            ("-c model=gpt-5.5", true),
            ("--config model=\"gpt-5.5\"", true),
            ("--config=model=gpt-5.5", true),
        ] {
            let arguments: Vec<OsString> = line.split(' ').map(Into::into).collect();
            assert_eq!(names_model(&arguments), expected, "{line}");
        }
    }
}
