//! The settings that concern models, put into the catalog's own terms.

use std::collections::BTreeMap;
use std::path::PathBuf;

use stonegate_catalog::{Catalog, CatalogError, Geography, Place, Preference, Use};

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
    #[error("models.{0}")]
    Alias(CatalogError),
    /// What clients are told to take is nothing that they could.
    #[error("models.default: {0}")]
    Default(String),
}

/// The catalog's ids of the models that clients are told to take, by what for.
pub(crate) type DefaultModels = BTreeMap<String, String>;

/// What there may be a model for in `models.default`.
const PURPOSES: [&str; 3] = ["anthropic", "openai", "small"];

/// The built-in catalog with the operator's file and aliases laid over it.
pub(crate) fn catalog(models: &Models, unpriced: Unpriced) -> Result<Catalog, ModelsError> {
    let mut catalog = Catalog::builtin();
    if let Some(path) = &models.catalog_file {
        let path = path.clone();
        let text = std::fs::read_to_string(&path)
            .map_err(|source| ModelsError::Unreadable { path: path.clone(), source })?;
        catalog = catalog.with_overrides(&text).map_err(|source| ModelsError::Wrong { path, source })?;
    }
    if models.aliases.is_empty() && models.rules.is_empty() && unpriced == Unpriced::Refuse {
        return Ok(catalog);
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

/// `models.default` as clients are told of it. Everyone may read them, so that neither an ARN nor a name
/// that only the operator knows is among them.
pub(crate) fn defaults(
    models: &Models,
    catalog: &Catalog,
    place: &Place,
) -> Result<DefaultModels, ModelsError> {
    let id = |(purpose, name): (&String, &String)| {
        if !PURPOSES.contains(&&**purpose) {
            return Err(format!("`{purpose}` is none of `{}`", PURPOSES.join("`, `")));
        }
        let model = catalog.resolve(name, place).map_err(|unknown| format!("`{purpose}`: {unknown}"))?.model;
        match model.purpose {
            Use::Chat => Ok((purpose.clone(), model.id.to_string())),
            _ => Err(format!("`{purpose}`: {} is no model for conversation", model.id)),
        }
    };
    models.default.iter().map(id).collect::<Result<_, _>>().map_err(ModelsError::Default)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn default_models_are_told_by_their_ids_and_have_to_be_there() {
        let told = |text: &str| {
            let config = Config::from_toml(text).expect("right");
            let catalog = catalog(&config.models, config.budget.unpriced).expect("right");
            defaults(&config.models, &catalog, &Place::new("us-east-1")).map_err(|wrong| wrong.to_string())
        };
        let text = "[models]\naliases = { fast = 'claude-haiku-5-5' }\n\
            default = { anthropic = 'us.anthropic.claude-sonnet-5-5', openai = 'gpt-6-sol', small = 'fast' }\n";
        let expected =
            [("anthropic", "claude-sonnet-5-5"), ("openai", "gpt-6-sol"), ("small", "claude-haiku-5-5")];
        let expected = expected.map(|(purpose, id)| (purpose.to_owned(), id.to_owned()));
        assert_eq!(told(text), Ok(expected.into()));
        for (default, said) in [
            ("antropic = 'claude-sonnet-5-5'", "`antropic` is none of `anthropic`, `openai`, `small`"),
            ("small = 'claude-nope'", "`small`: model: claude-nope is not known here"),
            ("small = 'cohere-embed-v4'", "`small`: cohere-embed-v4 is no model for conversation"),
        ] {
            let wrong = told(&format!("[models]\ndefault = {{ {default} }}\n")).expect_err(default);
            assert!(wrong.starts_with(&format!("models.default: {said}")), "{wrong}");
        }
    }
}
