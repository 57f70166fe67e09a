//! What was written to a tool's settings, kept so that it can be taken back: exactly where the file is as it was left, else
//! member by member, where the person has not changed them since.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::document::{Document, Format};
use super::tools::Member;
use crate::connection::Profiles;
use crate::trouble::Trouble;

/// What was done to one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) path: PathBuf,
    /// The whole file before, if there was one.
    before: Option<String>,
    /// The whole file as it was left.
    pub(super) after: String,
    pub(super) changes: Vec<Change>,
    pub(super) key: Option<Key>,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Change {
    member: Vec<String>,
    before: Option<Value>,
    after: Option<Value>,
    /// Whether the object that it is in was there.
    has_parent: bool,
}

/// A key that a tool was given; with an id if it was made for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) id: Option<String>,
    pub(super) text: String,
}

impl Change {
    pub(super) fn shown(&self) -> Value {
        json!({ "member": self.member.join("."), "before": self.before, "after": self.after })
    }
}

impl Record {
    /// What is to be written over `before`.
    pub(super) fn plan(
        path: PathBuf,
        format: Format,
        before: Option<String>,
        wanted: Vec<Member>,
        key: Option<Key>,
    ) -> Result<Record, Trouble> {
        let unreadable = |wrong: String| Trouble::Wrong(format!("{}: {wrong}", path.display()));
        let text = before.as_deref().unwrap_or_default();
        let mut document = Document::parse(format, text).map_err(unreadable)?;
        let mut changes = Vec::new();
        for (member, after) in wanted {
            let before = document.read(&member);
            if before == after {
                continue;
            }
            let parent = member.split_last().map(|(_, parent)| parent).unwrap_or_default();
            let has_parent = parent.is_empty() || document.read(parent).is_some();
            document.write(&member, after.as_ref()).map_err(unreadable)?;
            changes.push(Change { member, before, after, has_parent });
        }
        let after = if changes.is_empty() { text.to_owned() } else { document.text() };
        Ok(Record { path, before, after, changes, key })
    }

    /// The file as it would be if nothing had been written to it; `None` where it would not be there.
    pub(super) fn undone(&self, format: Format, now: Option<&str>) -> Result<Option<String>, Trouble> {
        let Some(now) = now else { return Ok(None) };
        if now == self.after {
            return Ok(self.before.clone());
        }
        let unreadable = |wrong: String| Trouble::Wrong(format!("{}: {wrong}", self.path.display()));
        let mut document = Document::parse(format, now).map_err(unreadable)?;
        for Change { member, before, after, has_parent } in self.changes.iter().rev() {
            if document.read(member) != *after {
                continue;
            }
            document.write(member, before.as_ref()).map_err(unreadable)?;
            if let (false, Some((_, parent))) = (has_parent, member.split_last()) {
                document.prune(parent).map_err(unreadable)?;
            }
        }
        Ok(Some(document.text()))
    }
}

/// Where the record of one tool is kept.
pub(super) struct Records {
    path: PathBuf,
}

impl Records {
    pub(super) fn of_home(tool: &str) -> Result<Records, Trouble> {
        // Beside the profiles, and as private: a settings file may hold a secret.
        Ok(Records { path: Profiles::of_home("default")?.beside("configured").join(format!("{tool}.json")) })
    }

    pub(super) fn load(&self) -> Result<Option<Record>, Trouble> {
        let wrong = |error: &dyn std::fmt::Display| {
            Trouble::Wrong(format!("{} cannot be read: {error}", self.path.display()))
        };
        match fs::read(&self.path) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| wrong(&error)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(wrong(&error)),
        }
    }

    pub(super) fn save(&self, record: &Record) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(record)?;
        super::file::write(&self.path, Some(&text)).context("what is to be undone later cannot be kept")
    }

    pub(super) fn remove(&self) -> anyhow::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(path: &str, value: Option<Value>) -> Member {
        (path.split('.').map(str::to_owned).collect(), value)
    }

    /// Writes `wanted` over `before`, and then takes it back from the file as it is by then.
    fn check(format: Format, before: Option<&str>, wanted: Vec<Member>, after: &str, later: &[(&str, &str)]) {
        let record = Record::plan("settings".into(), format, before.map(str::to_owned), wanted, None)
            .expect("planned");
        assert_eq!(record.after, after);
        assert_eq!(
            record.undone(format, Some(after)).expect("undone").as_deref(),
            before,
            "exactly as it was"
        );
        for (now, undone) in later {
            assert_eq!(record.undone(format, Some(now)).expect("undone").as_deref(), Some(*undone), "{now}");
        }
        let again = record.undone(format, Some(after)).expect("undone");
        assert_eq!(again.as_deref(), before);
    }

    #[test]
    fn json_keeps_its_comments_and_order_and_gets_back_what_it_had() {
        let before = "{\n  // mine\n  \"model\": \"opus\",\n  \"env\": {\n    \"ANTHROPIC_API_KEY\": \"old\",\n    \"A\": \"1\"\n  }\n}\n";
        let after = "{\n  // mine\n  \"model\": \"opus\",\n  \"env\": {\n    \"A\": \"1\",\n    \"ANTHROPIC_BASE_URL\": \"https://g\"\n  },\n  \"apiKeyHelper\": \"stonegate token\"\n}\n";
        let wanted = vec![
            member("env.ANTHROPIC_API_KEY", None),
            member("env.CLAUDE_CODE_USE_VERTEX", None),
            member("env.ANTHROPIC_BASE_URL", Some(json!("https://g"))),
            member("apiKeyHelper", Some(json!("stonegate token"))),
        ];
        // The person has since taken the helper for something else, and added a member.
        let now = after.replace("stonegate token", "mine").replace("\"A\": \"1\"", "\"A\": \"2\"");
        let undone = "{\n  // mine\n  \"model\": \"opus\",\n  \"env\": {\n    \"A\": \"2\",\n    \"ANTHROPIC_API_KEY\": \"old\"\n  },\n  \"apiKeyHelper\": \"mine\"\n}\n";
        check(Format::Json, Some(before), wanted, after, &[(&now, undone)]);
    }

    #[test]
    fn a_file_that_was_not_there_is_made_and_deleted() {
        let wanted = || vec![member("env.URL", Some(json!("https://g")))];
        let after = "{\n  \"env\": {\n    \"URL\": \"https://g\"\n  }\n}\n";
        let now = "{\n  \"env\": {\n    \"URL\": \"https://g\"\n  },\n  \"theme\": \"dark\"\n}\n";
        check(Format::Json, None, wanted(), after, &[(now, "{\n  \"theme\": \"dark\"\n}\n")]);
        let toml = "[env]\nURL = \"https://g\"\n";
        check(Format::Toml, None, wanted(), toml, &[("a = 1\n[env]\nURL = \"https://g\"\n", "a = 1\n")]);
    }

    #[test]
    fn toml_gets_a_provider_of_its_own_and_keeps_the_others() {
        let before = "# mine\nmodel = \"gpt\"   # the best\n\n[model_providers.other]\nname = \"Other\"\n";
        let provider = json!({ "name": "Stonegate", "auth": { "args": ["token"], "command": "stonegate" } });
        let wanted = vec![
            member("model_provider", Some(json!("stonegate"))),
            member("model_providers.stonegate", Some(provider)),
        ];
        let after = "# mine\nmodel = \"gpt\"   # the best\nmodel_provider = \"stonegate\"\n\n[model_providers.other]\nname = \"Other\"\n\n[model_providers.stonegate]\nauth = { args = [\"token\"], command = \"stonegate\" }\nname = \"Stonegate\"\n";
        let now = after.replace("\"gpt\"", "\"gpt-2\"");
        let undone = before.replace("\"gpt\"", "\"gpt-2\"");
        check(Format::Toml, Some(before), wanted, after, &[(&now, &undone)]);
    }

    #[test]
    fn yaml_changes_lines_at_the_top_and_no_others() {
        let before = "# mine\nopenai-api-base: https://old   # once\ndark-mode: true\nread:\n  - a.md\n";
        let wanted = vec![
            member("openai-api-base", Some(json!("https://g/v1"))),
            member("openai-api-key", Some(json!("sk-stone-1"))),
        ];
        let after = "# mine\nopenai-api-base: \"https://g/v1\"\ndark-mode: true\nread:\n  - a.md\nopenai-api-key: \"sk-stone-1\"\n";
        let now = after.replace("true", "false");
        let undone = "# mine\nopenai-api-base: \"https://old\"\ndark-mode: false\nread:\n  - a.md\n";
        check(Format::Yaml, Some(before), wanted, after, &[(&now, undone)]);
    }

    #[test]
    fn what_cannot_be_understood_is_left_alone() {
        for (format, text, path) in [
            (Format::Json, "{\"env\": ", "env.URL"),
            (Format::Json, "[1]", "env.URL"),
            (Format::Json, "{\"env\": 1}", "env.URL"),
            (Format::Toml, "model = ", "env.URL"),
            (Format::Toml, "env = 1", "env.URL"),
            (Format::Yaml, "url:\n  - a\n", "url"),
        ] {
            let wanted = vec![member(path, Some(json!("https://g")))];
            let planned = Record::plan("settings".into(), format, Some(text.to_owned()), wanted, None);
            assert!(matches!(planned, Err(Trouble::Wrong(_))), "{text}: {planned:?}");
        }
    }
}
