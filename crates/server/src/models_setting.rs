//! The settings that concern models, put into the catalog's own terms.

use std::path::PathBuf;

use stonegate_catalog::{Catalog, CatalogError, Geography, Place, Preference};

use crate::config::{Bedrock, ModelRule, Models, Unpriced};

/// The catalog cannot be put together; names the setting and the place in it.
#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
    /// The file of overrides cannot be read.
    #[error("models.catalog_file {}: {source}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file of overrides says what cannot be.
    #[error("models.catalog_file {}: {source}", .path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What is wrong in it, and where.
        source: CatalogError,
    },
    /// An alias or rule means a model that is not there.
    #[error("models.aliases or models.rules: {0}")]
    Alias(CatalogError),
}

/// The built-in catalog with the operator's file and aliases laid over it.
pub(crate) fn catalog(models: &Models, unpriced: Unpriced) -> Result<Catalog, ModelsError> {
    let mut catalog = Catalog::builtin();
    if let Some(path) = &models.catalog_file {
        let path = path.clone();
        let text = std::fs::read_to_string(&path)
            .map_err(|source| ModelsError::Unreadable { path: path.clone(), source })?;
        catalog = catalog.with_overrides(&text).map_err(|source| ModelsError::Wrong { path, source })?;
    }
    let mut table = toml::Table::from_iter([
        ("aliases".to_owned(), toml::Value::Table(aliases(models))),
        ("rules".to_owned(), toml::Value::Array(rules(models))),
    ]);
    if unpriced == Unpriced::Dearest {
        table.insert("unpriced".to_owned(), toml::Value::String("dearest".to_owned()));
    }
    catalog.with_overrides(&table.to_string()).map_err(ModelsError::Alias)
}

fn aliases(models: &Models) -> toml::Table {
    models.aliases.iter().map(|(name, model)| (name.clone(), toml::Value::String(model.clone()))).collect()
}

/// In the operator's order: the first match wins.
fn rules(models: &Models) -> toml::value::Array {
    let entry = |(name, text): (&str, &String)| (name.to_owned(), toml::Value::String(text.clone()));
    let rule = |rule: &ModelRule| {
        toml::Value::Table(
            [("match", &rule.pattern), ("model", &rule.model)].into_iter().map(entry).collect(),
        )
    };
    models.rules.iter().map(rule).collect()
}

/// Where calls are made from: the endpoint's region, and which of a model's doors come first.
pub(crate) fn place(region: &str, bedrock: &Bedrock) -> Place {
    let mut place = Place::new(region);
    let Some(first) = bedrock.geography.first() else { return place };
    match Geography::parse(first) {
        Some(Geography::Global) => place.preference = Preference::Global,
        Some(geography) => place.geography = Some(geography),
        None => place.preference = Preference::InRegion,
    }
    if place.geography.is_none() {
        place.geography = bedrock.geography.iter().skip(1).find_map(|word| Geography::parse(word));
    }
    place
}
