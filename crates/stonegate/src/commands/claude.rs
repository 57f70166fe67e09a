//! `stonegate claude`: Claude Code, with a key of its own.

use std::ffi::OsString;

use clap::Args;

use crate::child::{ChildArguments, Errand, Handed};
use crate::connection::variable;
use crate::defaults::DefaultModels;
use crate::variables::Api;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate claude
  stonegate claude -- --model sonnet -p 'What is in this directory?'

Claude Code gets a key for Messages in its environment. It lives for 30 minutes, is renewed while Claude Code runs, and is
revoked when it ends. No settings file is touched, and none leads it elsewhere. Where the gateway names default models,
they are Claude Code's, unless it is told of another.")]
pub(crate) struct Arguments {
    /// The program to run.
    #[arg(long, value_name = "PATH", default_value = "claude")]
    program: OsString,
    #[command(flatten)]
    child: ChildArguments,
    /// Claude Code's own arguments.
    #[arg(value_name = "ARGUMENTS", trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let models = arguments.child.default_models()?;
    let prepare = |url: &str, key: &str| {
        let mut variables = Api::Messages.variables(url, key);
        // Then what settings say of providers and credentials does not count.
        variables.push(("CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST", "1".to_owned()));
        if variable(DISCOVERY).is_none() {
            variables.push((DISCOVERY, "1".to_owned()));
        }
        variables.extend(own_models(&models).into_iter().filter(|(name, _)| variable(name).is_none()));
        Handed { arguments: arguments.rest.clone(), variables }
    };
    arguments.child.run(&Errand {
        program: arguments.program.clone(),
        api: Api::Messages,
        name: key_name("claude"),
        prepare: &prepare,
        missing: "; install Claude Code: npm install -g @anthropic-ai/claude-code",
    })
}

/// The variable by which Claude Code knows what its default is. `--model`, `ANTHROPIC_MODEL` and the model of its settings are
/// nearer to it.
pub(crate) const DEFAULT_MODEL: &str = "ANTHROPIC_DEFAULT_MODEL";
/// The same for work in the background.
pub(crate) const SMALL_MODEL: &str = "ANTHROPIC_DEFAULT_HAIKU_MODEL";

fn own_models(models: &DefaultModels) -> Vec<(&'static str, String)> {
    let named = [(DEFAULT_MODEL, &models.anthropic), (SMALL_MODEL, &models.small)];
    named.into_iter().filter_map(|(name, model)| Some((name, model.clone()?))).collect()
}

/// With it, the model picker lists what the gateway offers.
const DISCOVERY: &str = "CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY";

/// What a child's key is listed as: the program, and the machine that it runs on.
pub(crate) fn key_name(program: &str) -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let name = if host.is_empty() { program.to_owned() } else { format!("{program} on {host}") };
    name.chars().filter(|char| !char.is_control()).take(100).collect()
}
