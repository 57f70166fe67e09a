//! What each tool has to be told, and where.

use std::env;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::{Value, json};

use super::document::Format;
use crate::commands::claude;
use crate::connection::variable;
use crate::defaults::DefaultModels;
use crate::trouble::Trouble;
use crate::variables::Api;

/// A tool whose settings can lead it to the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Tool {
    /// Claude Code: ~/.claude/settings.json
    Claude,
    /// Codex: ~/.codex/config.toml
    Codex,
    /// aider: ~/.aider.conf.yml
    Aider,
    /// Cursor: says what to enter, since its settings are in no file
    Cursor,
}

/// A settings file.
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) format: Format,
}

/// What a tool is to find.
pub(super) struct Gateway<'a> {
    pub(super) url: &'a str,
    /// The profile to name, where it is not the usual one.
    pub(super) profile: Option<&'a str>,
    /// A key for a tool that cannot ask a command for one.
    pub(super) key: Option<&'a str>,
    pub(super) model: Option<&'a str>,
}

/// A member that names a model as long as a person names none.
pub(super) struct Suggestion {
    pub(super) member: Vec<String>,
    /// Members that would name one, too.
    pub(super) rivals: Vec<Vec<String>>,
    pub(super) model: String,
}

/// A member of a settings file and what it is to be; nothing where it must not be there.
pub(super) type Member = (Vec<String>, Option<Value>);

impl Tool {
    pub(super) fn name(self) -> &'static str {
        match self {
            Tool::Claude => "claude",
            Tool::Codex => "codex",
            Tool::Aider => "aider",
            Tool::Cursor => "cursor",
        }
    }

    /// Where it reads its settings; `None` where no file can be written.
    pub(super) fn place(self) -> Option<Place> {
        let home = env::home_dir().unwrap_or_default();
        let folder = |name: &str, usual: &str| variable(name).map_or_else(|| home.join(usual), PathBuf::from);
        match self {
            Tool::Claude => {
                let path = folder("CLAUDE_CONFIG_DIR", ".claude").join("settings.json");
                Some(Place { path, format: Format::Json })
            }
            Tool::Codex => {
                let path = folder("CODEX_HOME", ".codex").join("config.toml");
                Some(Place { path, format: Format::Toml })
            }
            Tool::Aider => Some(Place { path: home.join(".aider.conf.yml"), format: Format::Yaml }),
            Tool::Cursor => None,
        }
    }

    /// Whether it has to be given a key's text.
    pub(super) fn needs_key(self) -> bool {
        self == Tool::Aider
    }

    /// Every member to write or to take out.
    pub(super) fn members(self, gateway: &Gateway<'_>) -> Result<Vec<Member>, Trouble> {
        let path = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let mut members = match self {
            Tool::Claude => {
                let rivals =
                    ["ANTHROPIC_AUTH_TOKEN"].into_iter().chain(Api::Messages.rivals().iter().copied());
                let mut members: Vec<Member> = rivals.map(|name| (path(&["env", name]), None)).collect();
                members.push((path(&["env", "ANTHROPIC_BASE_URL"]), Some(json!(gateway.url))));
                let helper = command_line(&program()?, gateway.profile);
                members.push((path(&["apiKeyHelper"]), Some(json!(helper))));
                members
            }
            Tool::Codex => {
                let mut arguments = vec!["token"];
                arguments.extend(gateway.profile.into_iter().flat_map(|profile| ["--profile", profile]));
                let provider = json!({
                    "name": "Stonegate", "base_url": format!("{}/v1", gateway.url), "wire_api": "responses",
                    "auth": { "command": program()?, "args": arguments },
                });
                vec![
                    (path(&["model_provider"]), Some(json!("stonegate"))),
                    (path(&["model_providers", "stonegate"]), Some(provider)),
                ]
            }
            Tool::Aider => vec![
                (path(&["openai-api-base"]), Some(json!(format!("{}/v1", gateway.url)))),
                (path(&["openai-api-key"]), gateway.key.map(|key| json!(key))),
            ],
            Tool::Cursor => Vec::new(),
        };
        if let Some(model) = gateway.model {
            // aider takes a model's provider for a part of its name.
            let model = if self == Tool::Aider { format!("openai/{model}") } else { model.to_owned() };
            members.push((path(&["model"]), Some(json!(model))));
        }
        Ok(members)
    }

    /// The members by which it takes the gateway's default models, where a person has named none: each goes only where nothing
    /// is there, and with it whatever else would say the same.
    pub(super) fn suggestions(self, models: &DefaultModels) -> Vec<Suggestion> {
        let one = |member: &[&str], rivals: &[&[&str]], model: &Option<String>| {
            let path = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            let model = model.as_ref()?;
            let model = if self == Tool::Aider { format!("openai/{model}") } else { model.clone() };
            let rivals = rivals.iter().map(|rival| path(rival)).collect();
            Some(Suggestion { member: path(member), rivals, model })
        };
        let model: &[&str] = &["model"];
        let both = match self {
            Tool::Claude => [
                one(
                    &["env", claude::DEFAULT_MODEL],
                    &[model, &["env", "ANTHROPIC_MODEL"]],
                    &models.anthropic,
                ),
                one(&["env", claude::SMALL_MODEL], &[], &models.small),
            ],
            Tool::Codex => [one(model, &[], &models.openai), None],
            Tool::Aider => [one(model, &[], &models.openai), one(&["weak-model"], &[], &models.small)],
            Tool::Cursor => [None, None],
        };
        both.into_iter().flatten().collect()
    }

    /// What a person has to do where no file can be written.
    pub(super) fn steps(self, url: &str, models: &DefaultModels) -> Vec<String> {
        let usual = models.openai.as_ref().map(|model| format!("; the gateway suggests {model}"));
        match self {
            Tool::Cursor => vec![
                "Make a key for it: stonegate keys create --name cursor".to_owned(),
                "In Cursor, open Settings › Models › API Keys, and enter the key as the OpenAI API key."
                    .to_owned(),
                format!("Switch on `Override OpenAI Base URL`, and enter {url}/v1"),
                format!(
                    "Add the models that `stonegate models` lists, and choose one{}.",
                    usual.unwrap_or_default()
                ),
                "Cursor calls from its own servers: the gateway has to be reachable from the internet."
                    .to_owned(),
            ],
            Tool::Claude | Tool::Codex | Tool::Aider => Vec::new(),
        }
    }
}

/// How a tool calls this program: by its name where that finds it, so that an upgrade changes nothing.
fn program() -> Result<String, Trouble> {
    let own = env::current_exe().and_then(std::fs::canonicalize);
    let own =
        own.map_err(|error| Trouble::Wrong(format!("this program's own path is not known: {error}")))?;
    let is_own =
        |folder: PathBuf| std::fs::canonicalize(folder.join("stonegate")).is_ok_and(|found| found == own);
    let path = env::var_os("PATH").unwrap_or_default();
    if env::split_paths(&path).any(is_own) {
        return Ok("stonegate".to_owned());
    }
    own.to_str().map(str::to_owned).ok_or_else(|| {
        Trouble::Wrong(format!("{} is a path that no settings file can hold", Path::new(&own).display()))
    })
}

/// For tools that give a text to a shell.
fn command_line(program: &str, profile: Option<&str>) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "/-_.".contains(char);
    let program = match program.chars().all(is_plain) {
        true => program.to_owned(),
        false => format!("'{}'", program.replace('\'', "'\\''")),
    };
    let profile = profile.map(|name| format!(" --profile {name}")).unwrap_or_default();
    format!("{program} token{profile}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_spaces_reaches_the_shell_whole() {
        for (program, profile, line) in [
            ("stonegate", None, "stonegate token"),
            ("/opt/a b/stonegate", Some("work"), "'/opt/a b/stonegate' token --profile work"),
            ("/it's", None, "'/it'\\''s' token"),
        ] {
            assert_eq!(command_line(program, profile), line);
        }
    }
}
