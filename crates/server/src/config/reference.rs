//! The reference of all settings, as Markdown; `docs/configuration.md` carries it between two markers.

use std::fmt::Write as _;

use super::meta::{Default, Setting};
use super::settings::SETTINGS;

/// One table for each section, in the order of the code.
#[must_use]
pub fn reference() -> String {
    let mut page = String::new();
    let mut section = "";
    for setting in SETTINGS {
        if setting.section() != section {
            section = setting.section();
            // Writing to a String cannot fail.
            write!(
                page,
                "\n### `[{section}]`\n\n| setting | value | default | meaning |\n|---|---|---|---|\n"
            )
            .ok();
        }
        let name = setting.name.strip_prefix(section).unwrap_or(setting.name).trim_start_matches('.');
        writeln!(
            page,
            "| `{name}` | {shape} | {default} | {doc}{beside} |",
            shape = cell(setting.shape),
            default = default_of(setting),
            doc = cell(setting.doc.trim()),
            beside = beside(setting),
        )
        .ok();
    }
    page
}

fn default_of(setting: &Setting) -> String {
    match setting.meta.default {
        Default::Unset => "unset".to_owned(),
        Default::Given("") => "empty".to_owned(),
        Default::Given(text) | Default::Derived(text, _) => format!("`{text}`"),
    }
}

/// The other ways to set it, where there are any.
fn beside(setting: &Setting) -> String {
    let mut beside = String::new();
    if let Some(flag) = setting.meta.flag {
        write!(beside, " Flag `{flag}`.").ok();
    }
    if let Some(variable) = setting.meta.variable {
        write!(beside, " Variable `{variable}`.").ok();
    }
    if !setting.meta.aws.is_empty() {
        let names: Vec<String> = setting.meta.aws.iter().map(|name| format!("`{name}`")).collect();
        write!(beside, " Else {}.", names.join(", then ")).ok();
    }
    if setting.meta.secret {
        beside.push_str(" Secret.");
    }
    beside
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
