//! `stonegate codex`: Codex, with a key of its own.

use std::ffi::OsString;

use clap::Args;
use toml_edit::{InlineTable, Value};

use crate::child::{ChildArguments, Errand, Handed};
use crate::connection::KEY;
use crate::variables::Api;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate codex -- -m claude-sonnet-5-5
  stonegate codex -- exec -m gpt-5.5 'Mend the failing test'

Codex gets a key for Responses in its environment, and the gateway as its provider by flags of its own (-c). The key lives
for 30 minutes, is renewed while Codex runs, and is revoked when it ends. No settings file is touched.")]
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
    let prepare = |url: &str, key: &str| {
        let provider = provider(url);
        let flags =
            ["-c", "model_provider=\"stonegate\"", "-c", &format!("model_providers.stonegate={provider}")];
        let mut told: Vec<OsString> = flags.iter().map(Into::into).collect();
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
