//! `stonegate configure`: writes a tool's own settings so that it finds the gateway for good, and undoes it.

mod document;
mod file;
mod record;
mod tools;

use std::fs;

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};
use stonegate_api::{Key, KeyCreated};

use crate::connection::{Connection, ConnectionArguments, Credential, Found};
use crate::defaults::DefaultModels;
use crate::output::json;
use crate::terminal::{Style, note, print};
use crate::trouble::Trouble;
use document::{Document, Format};
use record::{Record, Records};
use tools::{Gateway, Tool};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate configure claude --dry-run              show what would be written
  stonegate configure claude
  stonegate configure codex --model gpt-5.5
  stonegate configure claude --undo                 as it was before

Claude Code and Codex ask `stonegate token` for what to call with, so that no secret lies in their settings and a sign-in
renews itself. aider cannot: a key is made for it, and revoked by --undo. What else is in a file stays as it is. Where the gateway
names default models, the tool gets them, unless --model or its own settings name one.")]
pub(crate) struct Arguments {
    /// The tool.
    #[arg(value_name = "TOOL", value_enum)]
    tool: Tool,
    /// The model that the tool shall begin with.
    #[arg(long, value_name = "MODEL", conflicts_with = "undo")]
    model: Option<String>,
    /// Take back what was written, and only that.
    #[arg(long)]
    undo: bool,
    /// Show what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    connection: ConnectionArguments,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let Some(place) = arguments.tool.place() else { return arguments.tell() };
    let records = Records::of_home(arguments.tool.name())?;
    if arguments.undo { arguments.take_back(&records) } else { arguments.write(&records, place) }
}

impl Arguments {
    fn write(&self, records: &Records, place: tools::Place) -> anyhow::Result<()> {
        let connection = self.connection.find()?;
        if connection.url_found != Found::Profile || connection.credential_found != Found::Profile {
            let told = "a tool's settings outlive variables and flags; run `stonegate setup` and `stonegate login` first";
            return Err(Trouble::Wrong(told.to_owned()).into());
        }
        let told = connection.secret_is_there()?;
        let path = fs::canonicalize(&place.path).unwrap_or(place.path);
        let now = file::read(&path)?;
        let old = records.load()?;
        let key = match (&old, self.tool.needs_key(), self.dry_run) {
            (_, false, _) => None,
            (Some(Record { key: Some(key), .. }), true, _) => Some(key.clone()),
            (_, true, true) => Some(record::Key { id: None, text: "sk-stone-… (made for it)".to_owned() }),
            (_, true, false) => Some(crate::wait(make_key(&connection, self.tool))?),
        };
        let gateway = Gateway {
            url: connection.url.as_str(),
            profile: told,
            key: key.as_ref().map(|key| key.text.as_str()),
            model: self.model.as_deref(),
        };
        let mut wanted = self.tool.members(&gateway)?;
        // What an earlier run wrote is taken back first, so that undoing leads to what the person had.
        let before = match &old {
            Some(old) if old.path == path => old.undone(place.format, now.as_deref())?,
            Some(_) | None => now.clone(),
        };
        wanted.extend(self.default_models(&connection, place.format, before.as_deref())?);
        let record = Record::plan(path, place.format, before, wanted, key)?;
        let text = Some(record.after.clone());
        self.show(&record, now.as_deref(), text.as_deref())?;
        if !self.dry_run {
            // The record first: what was written can then always be taken back.
            records.save(&record)?;
            file::write(&record.path, text.as_deref())?;
            if self.tool.needs_key() && file::is_open_to_others(&record.path) {
                note(&format!("It holds a key and others can read it: chmod 600 {}", record.path.display()));
            }
        }
        Ok(())
    }

    /// The gateway's default models, where neither a flag nor the file names one.
    fn default_models(
        &self,
        connection: &Connection,
        format: Format,
        before: Option<&str>,
    ) -> anyhow::Result<Vec<tools::Member>> {
        let mut models = asked(connection);
        if self.model.is_some() {
            (models.anthropic, models.openai) = (None, None);
        }
        let Ok(document) = Document::parse(format, before.unwrap_or_default()) else {
            // What is wrong with it is said by whoever writes it.
            return Ok(Vec::new());
        };
        let is_free = |suggestion: &tools::Suggestion| {
            let is_named = |member: &Vec<String>| document.read(member).is_some();
            !is_named(&suggestion.member) && !suggestion.rivals.iter().any(is_named)
        };
        let free = self.tool.suggestions(&models).into_iter().filter(is_free);
        Ok(free.map(|suggestion| (suggestion.member, Some(json!(suggestion.model)))).collect())
    }

    fn take_back(&self, records: &Records) -> anyhow::Result<()> {
        let Some(record) = records.load()? else {
            let told = format!("nothing was written for {} that could be taken back", self.tool.name());
            return Err(Trouble::Wrong(told).into());
        };
        let Some(place) = self.tool.place() else { return Ok(()) };
        let now = file::read(&record.path)?;
        let before = record.undone(place.format, now.as_deref())?;
        self.show(&record, now.as_deref(), before.as_deref())?;
        if self.dry_run {
            return Ok(());
        }
        file::write(&record.path, before.as_deref())?;
        if let Some(id) = record.key.as_ref().and_then(|key| key.id.as_deref())
            && let Err(error) = crate::wait(revoke_key(&self.connection, id))
        {
            note(&format!("The key that was made for it could not be revoked: {error}; its id is {id}"));
        }
        records.remove()
    }

    fn show(&self, record: &Record, before: Option<&str>, after: Option<&str>) -> anyhow::Result<()> {
        if self.json {
            let members: Vec<Value> = record.changes.iter().map(record::Change::shown).collect();
            let told = json!({
                "tool": self.tool.name(), "path": record.path, "undo": self.undo, "dry_run": self.dry_run,
                "members": members,
            });
            print(&json(&told)?)?;
            return Ok(());
        }
        let style = Style::of_stdout();
        let verb = match (self.dry_run, self.undo) {
            (true, _) => "Would change",
            (false, true) => "Took back what was written to",
            (false, false) => "Changed",
        };
        let heading = format!("{verb} {}\n", style.bold(&record.path.display().to_string()));
        print(&(heading + &file::difference(before.unwrap_or_default(), after.unwrap_or_default(), style)))?;
        Ok(())
    }

    /// For a tool whose settings are not in a file that can be written.
    fn tell(&self) -> anyhow::Result<()> {
        let connection = self.connection.find()?;
        let steps = self.tool.steps(connection.url.as_str(), &asked(&connection));
        if self.json {
            print(&json(&json!({ "tool": self.tool.name(), "path": null, "steps": steps }))?)?;
            return Ok(());
        }
        let lines: String =
            steps.iter().enumerate().map(|(at, step)| format!("  {}. {step}\n", at + 1)).collect();
        print(&format!("{} keeps its settings where only it can write them:\n\n{lines}", self.tool.name()))?;
        Ok(())
    }
}

/// The models that the gateway says to take; none where it does not answer, which keeps nobody from writing settings.
fn asked(connection: &Connection) -> DefaultModels {
    crate::wait(DefaultModels::of(connection)).unwrap_or_else(|error| {
        note(&format!("The gateway's default models are not known: {error}"));
        DefaultModels::default()
    })
}

/// Whether Codex's own settings name a model. What cannot be read may.
pub(crate) fn codex_has_model() -> bool {
    let Some(place) = Tool::Codex.place() else { return false };
    let Ok(text) = file::read(&place.path) else { return true };
    let document = Document::parse(place.format, &text.unwrap_or_default());
    document.map_or(true, |document| document.read(&["model".to_owned()]).is_some())
}

impl Connection {
    /// The profile's name where another than the usual one has to be named, if somebody is signed in by it.
    fn secret_is_there(&self) -> Result<Option<&str>, Trouble> {
        match self.credential {
            Some(_) => Ok(Some(self.profiles.name()).filter(|name| *name != "default")),
            None => {
                Err(Trouble::SignedOut(format!("nobody is signed in to {}; run `stonegate login`", self.url)))
            }
        }
    }
}

/// A key for a tool that has to have its text. Where a key may make no others, it is that key itself.
async fn make_key(connection: &Connection, tool: Tool) -> anyhow::Result<record::Key> {
    let wanted = json!({ "name": super::claude::key_name(tool.name()), "scopes": ["chat:send"] });
    match connection.client().await?.post::<KeyCreated>("/admin/v1/keys", &wanted).await {
        Ok(KeyCreated { key, about }) => Ok(record::Key { id: Some(about.id), text: key }),
        Err(Trouble::Refused { status: 403, message, .. }) => match &connection.credential {
            Some(Credential::Key(key)) => Ok(record::Key { id: None, text: key.clone() }),
            Some(Credential::Session(_)) | None => Err(anyhow::anyhow!(message)),
        },
        Err(trouble) => Err(trouble).context("no key could be made for it"),
    }
}

async fn revoke_key(connection: &ConnectionArguments, id: &str) -> anyhow::Result<()> {
    let client = connection.find()?.client().await?;
    let _revoked: Key = client.post(&format!("/admin/v1/keys/{id}/revoke"), &json!({})).await?;
    Ok(())
}
