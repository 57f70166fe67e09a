//! `stonegate config`: are the settings right, and where does each come from?

use clap::{Args, Subcommand};
use serde_json::json;
use stonegate_server::config::{Origin, Problems, Shown, reference};

use crate::settings::{self, SettingsArguments};
use crate::terminal::{Style, print};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say everything that is wrong with the settings; exit code 2 when something is.
    Check(CheckArguments),
    /// List every setting with its value and its origin; secrets are hidden.
    Show(ShowArguments),
    /// Print the reference of all settings, as Markdown.
    #[command(after_help = "\
Example:
  stonegate config reference > configuration.md")]
    Reference,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate config check --config stonegate.toml
  stonegate config check --config stonegate.toml --json")]
pub(crate) struct CheckArguments {
    /// Print JSON: whether they are right, and every problem with setting, place and fix.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingsArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate config show
  stonegate config show --config stonegate.toml --set bedrock.region=eu-west-1")]
pub(crate) struct ShowArguments {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingsArguments,
}

pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Check(arguments) => check(arguments)?,
        Command::Show(arguments) => {
            let shown = arguments.settings.load(Vec::new())?.shown;
            let text = if arguments.json { as_json(&shown) } else { as_text(&shown, Style::of_stdout()) };
            print(&text)?;
        }
        Command::Reference => print(&reference())?,
    }
    Ok(())
}

/// All that `serve` would refuse.
fn check(arguments: &CheckArguments) -> anyhow::Result<()> {
    let found = match arguments.settings.load(Vec::new()) {
        Ok(loaded) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(settings::check(&loaded.config, &loaded.shown)).map(|()| loaded.shown)
        }
        Err(error) => Err(error.downcast::<Problems>()?),
    };
    if arguments.json {
        let problems = found.as_ref().err().map_or(&[][..], |problems| &problems.0);
        let listed: Vec<_> = problems
            .iter()
            .map(|problem| {
                json!({ "setting": problem.setting, "place": problem.origin.to_string(), "wrong": problem.wrong,
                    "fix": problem.fix })
            })
            .collect();
        print(&format!("{:#}\n", json!({ "ok": problems.is_empty(), "problems": listed })))?;
    }
    let count = found?.iter().filter(|shown| is_set(shown)).count();
    if !arguments.json {
        print(&format!("the settings are right; {count} differ from the defaults\n"))?;
    }
    Ok(())
}

fn is_set(shown: &Shown) -> bool {
    shown.origin != Origin::Default
}

fn as_text(shown: &[Shown], style: Style) -> String {
    let width = |text: fn(&Shown) -> usize| shown.iter().map(text).max().unwrap_or_default();
    let name_width = width(|shown| shown.name.len());
    // One long value must not push all origins off the screen.
    let value_width = width(|shown| value(shown).chars().count()).min(48);
    let mut text = String::new();
    for setting in shown {
        let name = format!("{:name_width$}", setting.name);
        let value = format!("{:value_width$}", value(setting));
        let origin = match &setting.written {
            Some(written) => format!("{}, as {written}", setting.origin),
            None => setting.origin.to_string(),
        };
        text.push_str(&if is_set(setting) {
            format!("{name}  {}  {origin}\n", style.bold(&value))
        } else {
            style.dim(&format!("{name}  {value}  {origin}")) + "\n"
        });
    }
    text
}

fn value(shown: &Shown) -> &str {
    match shown.value.as_deref() {
        Some("") => "(empty)",
        Some(value) => value,
        None => "(unset)",
    }
}

fn as_json(shown: &[Shown]) -> String {
    let settings: Vec<_> = shown
        .iter()
        .map(|setting| {
            let (kind, place) = match &setting.origin {
                Origin::Default => ("default", None),
                Origin::File { path, line, column } => {
                    ("file", Some(format!("{}:{line}:{column}", path.display())))
                }
                Origin::Variable(name) => ("env", Some(name.clone())),
                Origin::Flag(flag) => ("flag", Some(flag.clone())),
            };
            let mut told =
                json!({ "name": setting.name, "value": setting.value, "origin": kind, "place": place });
            if let Some(written) = &setting.written {
                told["written"] = json!(written);
            }
            told
        })
        .collect();
    format!("{:#}\n", json!({ "settings": settings }))
}
