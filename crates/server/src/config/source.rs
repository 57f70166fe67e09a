//! Where settings are written: a file, variables, flags. Each value keeps its place.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Problem;

/// The process's variables, as a value; only the binary reads the real ones.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// A variable's value; an empty one counts as not set.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(_, value)| !value.is_empty())
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Environment(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// A setting given on the command line.
#[derive(Debug, Clone)]
pub struct Flag {
    /// As the person wrote it: `--listen`, or `--set` for the general one.
    pub flag: String,
    /// The setting's name.
    pub setting: String,
    /// Its value, as text.
    pub value: String,
}

impl Flag {
    /// `--listen VALUE` and its like, for the setting `name`.
    #[must_use]
    pub fn own(flag: &str, name: &str, value: impl Into<String>) -> Self {
        Flag { flag: flag.to_owned(), setting: name.to_owned(), value: value.into() }
    }

    /// `--set NAME=VALUE`.
    ///
    /// # Errors
    /// The text has no `=`.
    pub fn set(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) => Ok(Flag::own("--set", name.trim(), value)),
            None => Err(format!("`{text}` is not NAME=VALUE, such as stream.ping_seconds=10")),
        }
    }
}

/// The text of a settings file and the path that it is named by.
#[derive(Debug, Clone)]
pub struct FileText {
    /// As the person named it.
    pub path: PathBuf,
    /// TOML.
    pub text: String,
}

/// Everything that settings are taken from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The settings file.
    pub file: Option<FileText>,
    /// The variables; they come before the file.
    pub environment: Environment,
    /// The flags; they come before the variables. The last of two wins.
    pub flags: Vec<Flag>,
}

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: it is the default.
    Default,
    /// In the settings file.
    File {
        /// As the person named it.
        path: Arc<Path>,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
    },
    /// In a variable, one of ours or of AWS's.
    Variable(String),
    /// In a flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Origin::Variable(name) => write!(f, "variable {name}"),
            Origin::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// A value as it was written, before its setting gave it a type.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Written {
    /// A string; the only form that variables and flags have.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// `true` or `false`.
    Bool(bool),
    /// A list.
    List(Vec<Written>),
    /// A table.
    Table(Vec<(String, Written)>),
    /// A number with a fraction, or a date: no setting takes one.
    Other(String),
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Written::Text(text) => write!(f, "{text:?}"),
            Written::Integer(number) => write!(f, "{number}"),
            Written::Bool(truth) => write!(f, "{truth}"),
            Written::Other(text) => f.write_str(text),
            Written::List(items) => {
                let items: Vec<String> = items.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", items.join(", "))
            }
            Written::Table(entries) => {
                let entries: Vec<String> =
                    entries.iter().map(|(name, value)| format!("{name} = {value}")).collect();
                write!(f, "{{ {} }}", entries.join(", "))
            }
        }
    }
}

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) written: Written,
    pub(super) origin: Origin,
}

/// What a file says: `section.name` → value, in the order of the text.
pub(super) fn parse_file(file: &FileText, problems: &mut Vec<Problem>) -> Vec<(String, Entry)> {
    let places = Places { path: file.path.as_path().into(), text: &file.text };
    let (table, errors) = DeTable::parse_recoverable(&file.text);
    for error in errors {
        let origin = places.origin(error.span().map_or(0, |span| span.start));
        problems.push(Problem {
            setting: None,
            origin,
            wrong: format!("the file is not TOML: {}", error.message()),
            fix: "mend the syntax, such as quotes around text; https://toml.io shows it".to_owned(),
        });
    }
    let mut entries = Vec::new();
    if problems.is_empty() {
        for (section, value) in table.get_ref() {
            flatten(section.get_ref(), section.span().start, value, &places, &mut entries);
        }
        entries.sort_by_key(|(start, _, _)| *start);
    }
    entries.into_iter().map(|(_, name, entry)| (name, entry)).collect()
}

/// A section is a table of settings; a setting whose own value is a table stays whole.
fn flatten(
    section: &str,
    start: usize,
    value: &Spanned<DeValue<'_>>,
    places: &Places<'_>,
    entries: &mut Vec<(usize, String, Entry)>,
) {
    let DeValue::Table(table) = value.get_ref() else {
        let entry = Entry { written: written(value.get_ref()), origin: places.origin(start) };
        entries.push((start, section.to_owned(), entry));
        return;
    };
    for (name, value) in table {
        let start = name.span().start;
        let entry = Entry { written: written(value.get_ref()), origin: places.origin(start) };
        entries.push((start, format!("{section}.{}", name.get_ref()), entry));
    }
}

fn written(value: &DeValue<'_>) -> Written {
    match value {
        DeValue::String(text) => Written::Text(text.clone().into_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Written::Other(number.to_string()), Written::Integer),
        DeValue::Boolean(truth) => Written::Bool(*truth),
        DeValue::Float(number) => Written::Other(number.to_string()),
        DeValue::Datetime(moment) => Written::Other(moment.to_string()),
        DeValue::Array(items) => Written::List(items.iter().map(|item| written(item.get_ref())).collect()),
        DeValue::Table(table) => Written::Table(
            table
                .iter()
                .map(|(name, value)| (name.get_ref().clone().into_owned(), written(value.get_ref())))
                .collect(),
        ),
    }
}

/// Turns offsets in a text into lines and columns.
struct Places<'a> {
    path: Arc<Path>,
    text: &'a str,
}

impl Places<'_> {
    fn origin(&self, offset: usize) -> Origin {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Origin::File {
            path: Arc::clone(&self.path),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}
