//! Settings files of other programs, edited so that comments, order and spaces of what else is in them stay.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstObject, CstRootNode};
use serde_json::Value;
use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike};

/// In whose words a settings file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// JSON, with comments where the tool allows them.
    Json,
    Toml,
    /// YAML, of which only top-level members that are one line are read and written.
    Yaml,
}

/// A settings file's text, taken apart.
pub(super) enum Document {
    Json(CstRootNode),
    Toml(DocumentMut),
    Yaml(Vec<String>),
}

impl Document {
    /// # Errors
    /// What is wrong with the text.
    pub(super) fn parse(format: Format, text: &str) -> Result<Document, String> {
        Ok(match format {
            Format::Json => {
                let strict = ParseOptions {
                    allow_comments: true,
                    allow_loose_object_property_names: false,
                    allow_trailing_commas: true,
                    allow_missing_commas: false,
                    allow_single_quoted_strings: false,
                    allow_hexadecimal_numbers: false,
                    allow_unary_plus_numbers: false,
                    allow_bare_decimal_point_numbers: false,
                    allow_non_finite_numbers: false,
                    allow_extended_string_escapes: false,
                };
                let root = CstRootNode::parse(text, &strict).map_err(|error| error.to_string())?;
                if root.object_value_or_create().is_none() {
                    return Err("it is no object".to_owned());
                }
                Document::Json(root)
            }
            Format::Toml => {
                Document::Toml(text.parse().map_err(|error: toml_edit::TomlError| error.to_string())?)
            }
            Format::Yaml => Document::Yaml(text.split_inclusive('\n').map(str::to_owned).collect()),
        })
    }

    pub(super) fn text(&self) -> String {
        let text = match self {
            Document::Json(root) => root.to_string(),
            Document::Toml(document) => document.to_string(),
            Document::Yaml(lines) => lines.concat(),
        };
        if text.is_empty() || text.ends_with('\n') { text } else { text + "\n" }
    }

    /// What a member is, if it is there.
    pub(super) fn read(&self, member: &[String]) -> Option<Value> {
        let (name, parents) = member.split_last()?;
        match self {
            Document::Json(root) => {
                let parent =
                    parents.iter().try_fold(root.object_value()?, |at, name| at.object_value(name))?;
                parent.get(name)?.value()?.to_serde_value()
            }
            Document::Toml(document) => {
                let root: &dyn TableLike = document.as_table();
                let parent = parents.iter().try_fold(root, |at, name| at.get(name)?.as_table_like())?;
                value_of(parent.get(name)?)
            }
            Document::Yaml(lines) => {
                let (_, line) = find(lines, name)?;
                Some(scalar(line.split_once(':')?.1))
            }
        }
    }

    /// Gives a member a value, or takes it out. Objects on the way are made where they are missing.
    ///
    /// # Errors
    /// When something else than an object is on the way.
    pub(super) fn write(&mut self, member: &[String], value: Option<&Value>) -> Result<(), String> {
        let Some((name, parents)) = member.split_last() else { return Ok(()) };
        if value.is_none() && self.read(member).is_none() {
            return Ok(());
        }
        let in_the_way = || format!("{} is no object", parents.join("."));
        match self {
            Document::Json(root) => {
                let mut at = root.object_value_or_create().ok_or_else(in_the_way)?;
                for name in parents {
                    at = at.object_value_or_create(name).ok_or_else(in_the_way)?;
                }
                write_json(&at, name, value);
            }
            Document::Toml(document) => {
                let mut at: &mut dyn TableLike = document.as_table_mut();
                for name in parents {
                    at =
                        at.entry(name).or_insert_with(implicit).as_table_like_mut().ok_or_else(in_the_way)?;
                }
                match value {
                    Some(value) => drop(at.insert(name, item(value))),
                    None => drop(at.remove(name)),
                }
            }
            Document::Yaml(lines) => write_yaml(lines, name, value)?,
        }
        Ok(())
    }

    /// Takes out an object that nothing is left in.
    pub(super) fn prune(&mut self, member: &[String]) -> Result<(), String> {
        let is_empty =
            self.read(member).is_some_and(|value| value.as_object().is_some_and(serde_json::Map::is_empty));
        if is_empty { self.write(member, None) } else { Ok(()) }
    }
}

fn write_json(at: &CstObject, name: &str, value: Option<&Value>) {
    match (at.get(name), value) {
        (Some(there), Some(value)) => there.set_value(input(value)),
        (Some(there), None) => there.remove(),
        (None, Some(value)) => drop(at.append(name, input(value))),
        (None, None) => {}
    }
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(bool) => CstInputValue::Bool(*bool),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(items) => CstInputValue::Array(items.iter().map(input).collect()),
        Value::Object(members) => {
            CstInputValue::Object(members.iter().map(|(name, value)| (name.clone(), input(value))).collect())
        }
    }
}

/// A table that is not written as long as only other tables are in it.
fn implicit() -> Item {
    let mut table = Table::new();
    table.set_implicit(true);
    Item::Table(table)
}

/// An object is a table of its own; what is in it stands in lines.
fn item(value: &Value) -> Item {
    match value {
        Value::Object(members) => {
            let mut table = Table::new();
            for (name, value) in members {
                table.insert(name, Item::Value(toml_value(value)));
            }
            Item::Table(table)
        }
        other => Item::Value(toml_value(other)),
    }
}

fn toml_value(value: &Value) -> toml_edit::Value {
    match value {
        Value::Null => toml_edit::Value::from(""),
        Value::Bool(bool) => (*bool).into(),
        Value::Number(number) => match number.as_i64() {
            Some(number) => number.into(),
            None => number.as_f64().unwrap_or_default().into(),
        },
        Value::String(text) => text.into(),
        Value::Array(items) => items.iter().map(toml_value).collect::<toml_edit::Array>().into(),
        Value::Object(members) => {
            let table: InlineTable = members.iter().map(|(name, value)| (name, toml_value(value))).collect();
            table.into()
        }
    }
}

fn value_of(item: &Item) -> Option<Value> {
    if let Some(table) = item.as_table_like() {
        return Some(
            table.iter().filter_map(|(name, item)| Some((name.to_owned(), value_of(item)?))).collect(),
        );
    }
    match item.as_value()? {
        toml_edit::Value::String(text) => Some(text.value().as_str().into()),
        toml_edit::Value::Integer(number) => Some((*number.value()).into()),
        toml_edit::Value::Float(number) => Some((*number.value()).into()),
        toml_edit::Value::Boolean(bool) => Some((*bool.value()).into()),
        toml_edit::Value::Datetime(time) => Some(time.value().to_string().into()),
        toml_edit::Value::Array(items) => items
            .iter()
            .map(|value| value_of(&Item::Value(value.clone())))
            .collect::<Option<Vec<_>>>()
            .map(Value::from),
        // Every table has been dealt with.
        toml_edit::Value::InlineTable(_) => None,
    }
}

/// The line of a top-level member.
fn find<'a>(lines: &'a [String], name: &str) -> Option<(usize, &'a str)> {
    let is_its = |line: &str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(':'));
    lines.iter().position(|line| is_its(line)).and_then(|at| Some((at, lines.get(at)?.as_str())))
}

/// A value that is one line: quoted, or as it stands up to a comment.
fn scalar(text: &str) -> Value {
    let text = text.trim();
    if let Ok(quoted @ Value::String(_)) = serde_json::from_str(text) {
        return quoted;
    }
    if let Some(inner) = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return inner.replace("''", "'").into();
    }
    text.split(" #").next().unwrap_or_default().trim_end().into()
}

fn write_yaml(lines: &mut Vec<String>, name: &str, value: Option<&Value>) -> Result<(), String> {
    let there = find(lines, name).map(|(at, _)| at);
    if let Some(at) = there
        && lines.get(at + 1).is_some_and(|next| next.starts_with([' ', '\t', '-']) && !next.trim().is_empty())
    {
        return Err(format!("{name} goes on over several lines, which is not ours to change"));
    }
    // What JSON writes, YAML reads.
    let line = value.map(|value| format!("{name}: {value}\n"));
    match (there, line) {
        (Some(at), Some(line)) => lines.splice(at..=at, [line]).for_each(drop),
        (Some(at), None) => drop(lines.remove(at)),
        (None, Some(line)) => {
            if let Some(last) = lines.last_mut().filter(|last| !last.ends_with('\n')) {
                last.push('\n');
            }
            lines.push(line);
        }
        (None, None) => {}
    }
    Ok(())
}
