//! The structure that reviews should not have to watch: which crate may know which, and how long a file may be.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use cargo_metadata::{DependencyKind, MetadataCommand};

/// Each crate with those of ours that it may depend on; ARCHITECTURE.md says why.
const ALLOWED: &[(&str, &[&str])] = &[
    ("stonegate-protocol", &[]),
    ("stonegate-ledger", &[]),
    ("stonegate-identity", &[]),
    ("stonegate-api", &[]),
    ("stonegate-simulator", &[]),
    ("stonegate-routing", &["stonegate-protocol"]),
    ("stonegate-catalog", &["stonegate-protocol", "stonegate-ledger"]),
    ("stonegate-bedrock", &["stonegate-protocol"]),
    ("stonegate-store", &["stonegate-ledger", "stonegate-identity", "stonegate-catalog"]),
    (
        "stonegate-server",
        &[
            "stonegate-protocol",
            "stonegate-ledger",
            "stonegate-identity",
            "stonegate-api",
            "stonegate-routing",
            "stonegate-catalog",
            "stonegate-bedrock",
            "stonegate-store",
        ],
    ),
    ("stonegate", &["stonegate-server", "stonegate-simulator", "stonegate-api", "stonegate-bedrock"]),
    ("stonegate-bench", &[]),
    ("xtask", &["stonegate-server", "stonegate-api"]),
];

/// Crates that do no I/O: none of these may appear among their dependencies.
const PURE: &[&str] = &[
    "stonegate-protocol",
    "stonegate-ledger",
    "stonegate-identity",
    "stonegate-catalog",
    "stonegate-routing",
];
const IMPURE: &[&str] = &["tokio", "hyper", "axum", "sqlx", "reqwest", "rand", "hyper-util"];

/// A source file of more lines than this is hiding something.
const MOST_LINES: usize = 800;

/// Checks everything and reports all that is wrong at once.
pub(crate) fn run() -> Result<()> {
    let metadata = MetadataCommand::new().no_deps().exec().context("cargo metadata")?;
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    let mut wrong = Vec::new();
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        let Some(may) = allowed.get(name) else {
            wrong.push(format!("{name}: not in the table of allowed edges (xtask/src/tidy.rs)"));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development) {
            let other = dependency.name.as_str();
            if allowed.contains_key(other) && !may.contains(&other) {
                wrong.push(format!("{name} → {other}: this edge is not allowed"));
            }
            if PURE.contains(&name) && IMPURE.contains(&other) {
                wrong.push(format!("{name} is pure and must not use {other}"));
            }
        }
        let folder = package.manifest_path.parent().context("a manifest has a folder")?;
        long_files(folder.as_std_path(), &mut wrong)?;
    }
    if !wrong.is_empty() {
        bail!("{} things to mend:\n  {}", wrong.len(), wrong.join("\n  "));
    }
    Ok(())
}

fn long_files(folder: &Path, wrong: &mut Vec<String>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            if !path.ends_with("target") && !path.ends_with("node_modules") {
                long_files(&path, wrong)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let lines = std::fs::read_to_string(&path)?.lines().count();
            if lines > MOST_LINES {
                wrong.push(format!(
                    "{}: {lines} lines; more than {MOST_LINES} hide something",
                    path.display()
                ));
            }
        }
    }
    Ok(())
}
