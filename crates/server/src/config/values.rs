//! The layers, one over the other: default, AWS's variables, file, our variables, flags.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::interpolate::{interpolate, mentions_a_source};
use super::kind::Kind;
use super::meta::{Default, Ground, PREFIX, Setting};
use super::problem::{Problem, nearest};
use super::settings::SETTINGS;
use super::source::{Entry, Environment, FileText, Flag, Origin, Written, parse_file};

/// Variables with our prefix that are not settings: which file to read, which binary the test scripts run, and which
/// gateway the command line is a client of.
const OTHER_VARIABLES: [&str; 5] =
    ["STONEGATE_CONFIG", "STONEGATE_BIN", "STONEGATE_URL", "STONEGATE_KEY", "STONEGATE_PROFILE"];
/// The simulator's own variables begin with it.
const SIMULATOR_PREFIX: &str = "STONEGATE_SIM_";

/// A setting's value in words, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The setting's name.
    pub name: &'static str,
    /// The value that holds; `None` when there is none, "(hidden)" for secrets.
    pub value: Option<String>,
    /// As it was written, where that refers to a variable or a file.
    pub written: Option<String>,
    /// Where it was written.
    pub origin: Origin,
}

/// Values found so far, and what was wrong with them.
pub(super) struct Values<'a> {
    entries: BTreeMap<&'static str, Entry>,
    ground: Ground<'a>,
    base: PathBuf,
    pub(super) problems: Vec<Problem>,
    pub(super) shown: Vec<Shown>,
}

impl<'a> Values<'a> {
    pub(super) fn new(environment: &'a Environment) -> Self {
        Values {
            entries: BTreeMap::new(),
            ground: Ground { environment, data_dir: None },
            base: PathBuf::new(),
            problems: Vec::new(),
            shown: Vec::new(),
        }
    }

    pub(super) fn add_file(&mut self, file: &FileText) {
        self.base = file.path.parent().map(Path::to_owned).unwrap_or_default();
        for (name, entry) in parse_file(file, &mut self.problems) {
            self.add(&name, entry);
        }
    }

    pub(super) fn add_variables(&mut self) {
        let environment = self.ground.environment;
        for (variable, value) in environment.iter().filter(|(name, _)| name.starts_with(PREFIX)) {
            let origin = Origin::Variable(variable.to_owned());
            if let Some(setting) = SETTINGS.iter().find(|setting| setting.is_set_by(variable)) {
                self.entries.insert(setting.name, Entry { written: Written::Text(value.to_owned()), origin });
            } else if !is_other(variable, value) {
                let known: Vec<String> = SETTINGS.iter().map(Setting::variable).collect();
                let fix = match nearest(variable, known.iter().map(String::as_str)) {
                    Some(name) => format!("did you mean {name}?"),
                    None => {
                        format!("unset {variable}, or take a name that `stonegate config show` lists")
                    }
                };
                let wrong = format!("{variable} is not the variable of a setting");
                self.problems.push(Problem { setting: None, origin, wrong, fix });
            }
        }
    }

    pub(super) fn add_flag(&mut self, flag: &Flag) {
        let entry =
            Entry { written: Written::Text(flag.value.clone()), origin: Origin::Flag(flag.flag.clone()) };
        self.add(&flag.setting, entry);
    }

    fn add(&mut self, name: &str, entry: Entry) {
        if let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) {
            self.entries.insert(setting.name, entry);
            return;
        }
        let is_section = SETTINGS.iter().any(|setting| setting.section() == name);
        let fix = match nearest(name, SETTINGS.iter().map(|setting| setting.name)) {
            _ if is_section => format!("write the settings of `{name}` under a line `[{name}]`"),
            Some(near) => format!("did you mean `{near}`?"),
            None => "take it out, or take a name that `stonegate config show` lists".to_owned(),
        };
        let wrong = if is_section { "is a section, not a setting" } else { "is not a setting" };
        self.problems.push(Problem {
            setting: Some(name.to_owned()),
            origin: entry.origin,
            wrong: wrong.to_owned(),
            fix,
        });
    }

    /// The value of the setting `name`, or a problem in the list.
    pub(super) fn take<K: Kind>(&mut self, name: &'static str) -> Option<K::Value> {
        let setting = SETTINGS
            .iter()
            .find(|setting| setting.name == name)
            .expect("the table and the reading of it come from one list");
        let entry = self.entries.remove(name).or_else(|| self.fallback(setting));
        let Some(entry) = entry else {
            self.shown.push(Shown { name, value: None, written: None, origin: Origin::Default });
            return K::missing().or_else(|| {
                self.problem(setting, Origin::Default, "has no value".to_owned(), K::SHAPE);
                None
            });
        };
        let base = match entry.origin {
            Origin::File { .. } => self.base.clone(),
            Origin::Default | Origin::Variable(_) | Origin::Flag(_) => PathBuf::new(),
        };
        let value = match interpolate(&entry.written, self.ground.environment, &base) {
            Ok(value) => value,
            Err(missing) => {
                self.shown.push(show(setting, &entry, None));
                self.problems.push(Problem {
                    setting: Some(name.to_owned()),
                    origin: entry.origin,
                    wrong: missing.wrong,
                    fix: missing.fix,
                });
                return None;
            }
        };
        self.shown.push(show(setting, &entry, Some(&value)));
        let parsed = K::parse(&value, &base);
        if parsed.is_none() {
            let wrong = match (setting.meta.secret, &entry.written) {
                (true, _) => "has a value that cannot be read".to_owned(),
                (false, Written::Text(text)) => format!("cannot be {:?}", without_password(text)),
                (false, written) => format!("cannot be {written}"),
            };
            self.problem(setting, entry.origin, wrong, K::SHAPE);
        } else if let ("server.data_dir", Written::Text(path)) = (name, &value) {
            self.ground.data_dir = Some(base.join(path));
        }
        parsed
    }

    /// What holds where nobody set it: AWS's variables, then the default.
    fn fallback(&self, setting: &Setting) -> Option<Entry> {
        let environment = self.ground.environment;
        let aws = setting.meta.aws.iter().find_map(|name| Some((*name, environment.find(name)?)));
        // AWS's variables and the defaults know no `${}`.
        let literal = |text: &str| Written::Text(text.replace("${", "$${"));
        if let Some((name, value)) = aws {
            return Some(Entry { written: literal(value), origin: Origin::Variable(name.to_owned()) });
        }
        let text = match setting.meta.default {
            Default::Unset => return None,
            Default::Given(text) => text.to_owned(),
            Default::Derived(_, compute) => compute(&self.ground)?,
        };
        Some(Entry { written: literal(&text), origin: Origin::Default })
    }

    fn problem(&mut self, setting: &Setting, origin: Origin, wrong: String, shape: &str) {
        let fix = format!("give it {shape}");
        self.problems.push(Problem { setting: Some(setting.name.to_owned()), origin, wrong, fix });
    }
}

/// `value` is what the written one leads to, where it leads anywhere.
fn show(setting: &Setting, entry: &Entry, value: Option<&Written>) -> Shown {
    let text = |written: &Written| match written {
        Written::Text(text) => without_password(text),
        other => other.to_string(),
    };
    let refers = value.is_none_or(|value| *value != without_escapes(&entry.written));
    let is_told = !setting.meta.secret || mentions_a_source(&entry.written);
    Shown {
        name: setting.name,
        value: Some(if setting.meta.secret {
            "(hidden)".to_owned()
        } else {
            value.map_or_else(String::new, text)
        }),
        written: (refers && is_told).then(|| text(&entry.written)),
        origin: entry.origin.clone(),
    }
}

fn without_escapes(written: &Written) -> Written {
    match written {
        Written::Text(text) => Written::Text(text.replace("$${", "${")),
        other => other.clone(),
    }
}

/// `postgres://user:secret@host` → `postgres://user:***@host`.
fn without_password(text: &str) -> String {
    if !text.contains("${") {
        return stonegate_store::shown(text);
    }
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let authority_end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_end);
    match authority.rsplit_once('@').and_then(|(who, host)| Some((who.split_once(':')?, host))) {
        Some(((user, password), host)) if !password.starts_with("${") => {
            format!("{scheme}://{user}:***@{host}{path}")
        }
        Some(_) | None => text.to_owned(),
    }
}

fn is_other(variable: &str, value: &str) -> bool {
    OTHER_VARIABLES.contains(&variable)
        || variable.starts_with(SIMULATOR_PREFIX)
        || is_service_link(variable, value)
}

/// Kubernetes puts such variables into every container beside a service named `stonegate`.
fn is_service_link(variable: &str, value: &str) -> bool {
    variable.ends_with("_SERVICE_HOST")
        || variable.contains("_SERVICE_PORT")
        || variable.contains("_PORT_")
        || (variable.ends_with("_PORT") && value.contains("://"))
}
