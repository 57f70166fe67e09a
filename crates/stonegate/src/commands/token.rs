//! `stonegate token`: what to call with just now, for programs that ask a command for it.

use clap::Args;

use crate::connection::ConnectionArguments;
use crate::terminal::print;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate token
  curl -H \"authorization: Bearer $(stonegate token)\" https://stonegate.example.com/v1/models

Claude Code (`apiKeyHelper`), Codex (`auth.command`) and others can ask for it whenever they need one, so that no
secret lies in their settings; `stonegate configure` sets them up that way.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    connection: ConnectionArguments,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let connection = arguments.connection.find()?;
    let secret = crate::wait(connection.secret())?;
    print(&format!("{secret}\n"))?;
    Ok(())
}
