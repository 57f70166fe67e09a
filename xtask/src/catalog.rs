//! `cargo xtask catalog`: writes `crates/catalog/data/models.toml` from the price map that LiteLLM ships.
//!
//! Only facts and figures are taken over; the form is ours. What the map does not say, or says wrongly, is in the tables of
//! `naming.rs` with its reason, or in `data/amendments.toml`.

mod decimal;
mod facts;
mod naming;
mod prices;
mod source;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use naming::Place;
use source::Row;

/// What to read, and what to call it.
#[derive(Args)]
pub(crate) struct Options {
    /// `model_prices_and_context_window_backup.json` out of LiteLLM's wheel.
    #[arg(long)]
    source: PathBuf,
    /// The wheel's version.
    #[arg(long, default_value = "1.109.1")]
    source_version: String,
    /// The day of the look at it.
    #[arg(long, default_value = "2026-11-21")]
    date: String,
    /// Where to write.
    #[arg(long, default_value = "crates/catalog/data/models.toml")]
    out: PathBuf,
}

/// A model with the rows that speak of it, by the door that each is about.
pub(crate) struct Found {
    /// Bedrock's id.
    pub(crate) bedrock_id: String,
    /// The id on the `bedrock-mantle` endpoint.
    pub(crate) mantle_id: Option<String>,
    /// The rows.
    pub(crate) rows: BTreeMap<Place, Row>,
}

/// Writes the file.
pub(crate) fn run(options: &Options) -> Result<()> {
    let text = std::fs::read_to_string(&options.source)
        .with_context(|| format!("cannot read {}", options.source.display()))?;
    let found = collect(source::rows(&text)?)?;
    let ids = ids(&found)?;
    let mut out = write::header(&options.source_version, &options.date);
    for (id, bedrock_id) in &ids {
        let model = found.get(bedrock_id).context("an id comes from a model")?;
        out.push_str(&write::model(id, model).with_context(|| bedrock_id.clone())?);
    }
    std::fs::write(&options.out, out).with_context(|| format!("cannot write {}", options.out.display()))?;
    println!("{}: {} models", options.out.display(), ids.len());
    Ok(())
}

/// Sorts the rows by model and door.
fn collect(rows: BTreeMap<String, Row>) -> Result<BTreeMap<String, Found>> {
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    for (key, row) in rows {
        let Some(naming::Key { bedrock_id, mantle_id, place, is_copy }) = naming::key(&key) else {
            continue;
        };
        let model = found.entry(bedrock_id.clone()).or_insert_with(|| Found {
            bedrock_id,
            mantle_id: None,
            rows: BTreeMap::new(),
        });
        model.mantle_id = mantle_id.or(model.mantle_id.take());
        if !is_copy || !model.rows.contains_key(&place) {
            model.rows.insert(place, row);
        }
    }
    if found.is_empty() {
        bail!("the source has no row of Bedrock");
    }
    Ok(found)
}

/// Gives each model the shortest id that no other has.
fn ids(found: &BTreeMap<String, Found>) -> Result<BTreeMap<String, String>> {
    let mut wanted: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for bedrock_id in found.keys() {
        wanted.entry(naming::short_id(bedrock_id)).or_default().insert(bedrock_id);
    }
    let mut ids = BTreeMap::new();
    for (short, owners) in wanted {
        for bedrock_id in &owners {
            let id = if owners.len() == 1 { short.clone() } else { naming::long_id(bedrock_id) };
            if let Some(other) = ids.insert(id.clone(), (*bedrock_id).to_owned()) {
                bail!("{bedrock_id} and {other} would both be called {id}");
            }
        }
    }
    Ok(ids)
}
