//! What is known of a setting beside its value's type.

use std::path::PathBuf;

use super::source::Environment;

/// One setting, as the reference describes it.
#[derive(Debug)]
pub struct Setting {
    /// Dotted name, as in the file: `server.listen`.
    pub name: &'static str,
    /// What it means, in Markdown.
    pub doc: &'static str,
    /// What its value looks like, in Markdown.
    pub shape: &'static str,
    /// Default, flag, AWS variables, secrecy.
    pub meta: Meta,
}

impl Setting {
    /// The variable that sets it: `STONEGATE_SERVER_LISTEN`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.replace('.', "_").to_uppercase())
    }

    /// Whether a variable sets it: its own, or the shorter one that it may have.
    pub(super) fn is_set_by(&self, variable: &str) -> bool {
        self.meta.variable == Some(variable) || self.variable() == variable
    }

    /// The section it stands in: `server`.
    #[must_use]
    pub fn section(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(section, _)| section)
    }
}

/// All variables of ours begin with it.
pub(super) const PREFIX: &str = "STONEGATE_";

/// What a default that has to be computed may depend on.
#[derive(Debug)]
pub struct Ground<'a> {
    /// The process's variables.
    pub environment: &'a Environment,
    /// `server.data_dir`, once it is known.
    pub data_dir: Option<PathBuf>,
}

/// Where a value comes from when nobody set it.
#[derive(Debug, Clone, Copy)]
pub enum Default {
    /// Nowhere: the setting is optional.
    Unset,
    /// This text.
    Given(&'static str),
    /// Computed; the text says for the reference what comes out.
    Derived(&'static str, fn(&Ground<'_>) -> Option<String>),
}

/// A setting's default, flag, other variables and secrecy.
#[derive(Debug, Clone, Copy)]
pub struct Meta {
    /// The default.
    pub default: Default,
    /// AWS's own variables that are honoured below all of ours, first one set wins.
    pub aws: &'static [&'static str],
    /// A shorter variable beside its own.
    pub variable: Option<&'static str>,
    /// A flag of its own, beside `--set NAME=VALUE`.
    pub flag: Option<&'static str>,
    /// Whether the value is never shown.
    pub secret: bool,
}

const fn plain(default: Default) -> Meta {
    Meta { default, aws: &[], variable: None, flag: None, secret: false }
}

/// A setting with a default, written as it would be in a variable.
pub(super) const fn given(text: &'static str) -> Meta {
    plain(Default::Given(text))
}

/// An optional setting.
pub(super) const fn unset() -> Meta {
    plain(Default::Unset)
}

/// A setting whose default has to be computed.
pub(super) const fn derived(text: &'static str, compute: fn(&Ground<'_>) -> Option<String>) -> Meta {
    plain(Default::Derived(text, compute))
}

impl Meta {
    pub(super) const fn aws(self, aws: &'static [&'static str]) -> Meta {
        Meta { aws, ..self }
    }

    pub(super) const fn variable(self, variable: &'static str) -> Meta {
        Meta { variable: Some(variable), ..self }
    }

    pub(super) const fn flag(self, flag: &'static str) -> Meta {
        Meta { flag: Some(flag), ..self }
    }

    pub(super) const fn secret(self) -> Meta {
        Meta { secret: true, ..self }
    }
}
