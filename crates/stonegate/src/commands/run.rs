//! `stonegate run`: any program, with a key of its own.

use std::ffi::OsString;
use std::path::Path;

use clap::Args;

use crate::child::{ChildArguments, Errand, Handed};
use crate::variables::Api;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate run -- python agent.py                  finds the gateway by ANTHROPIC_BASE_URL
  stonegate run --api chat -- aider --model openai/claude-sonnet-5-5
  stonegate run --api bedrock --keep AWS_PROFILE -- python job.py

The program gets a key for that one API in its environment. It lives for 30 minutes, is renewed while the program runs, and
is revoked when it ends. No other credential goes along: variables of AWS, Anthropic, OpenAI and Stonegate are left out.
The exit code is the program's; 127 where there is no such program, 126 where it cannot be run.")]
pub(crate) struct Arguments {
    /// The API that the key is for, and whose variables are set.
    #[arg(long, value_name = "API", value_enum, default_value = "messages")]
    api: Api,
    #[command(flatten)]
    child: ChildArguments,
    /// The program and its arguments.
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let Some((program, rest)) = arguments.command.split_first() else { return Ok(()) };
    let prepare = |url: &str, key: &str| Handed {
        arguments: rest.to_vec(),
        variables: arguments.api.variables(url, key),
    };
    let base = Path::new(program).file_name().unwrap_or(program).to_string_lossy().into_owned();
    arguments.child.run(&Errand {
        program: program.clone(),
        api: arguments.api,
        name: super::claude::key_name(&base),
        prepare: &prepare,
        missing: "; is it installed and in PATH?",
    })
}
