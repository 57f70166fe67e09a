//! `stonegate completions`: what a shell needs to complete our command line.

use clap::{Args, Command};
use clap_complete::Shell;

use crate::terminal::print;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate completions bash > ~/.local/share/bash-completion/completions/stonegate
  stonegate completions zsh > \"${fpath[1]}/_stonegate\"
  stonegate completions fish > ~/.config/fish/completions/stonegate.fish")]
pub(crate) struct Arguments {
    /// The shell.
    #[arg(value_name = "SHELL", value_parser = clap::builder::EnumValueParser::<Shell>::new())]
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments, mut command: Command) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "stonegate", &mut script);
    print(&String::from_utf8(script)?)?;
    Ok(())
}
