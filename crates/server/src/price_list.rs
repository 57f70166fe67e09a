//! The catalog as a list for people: what there is from one region, and what it costs there.

use std::sync::Arc;

use stonegate_api::{CatalogModel, TokenPrices};
use stonegate_catalog::{Catalog, Model, Place, Rates};
use stonegate_ledger::Picodollars;

use crate::config::Config;
use crate::models_setting::{self, DefaultModels, ModelsError};

/// Prices are those of this region where the settings name none.
const USUAL_REGION: &str = "us-east-1";

/// The models that can be called from a region.
#[derive(Debug, Clone)]
pub struct PriceList {
    /// The region.
    pub region: String,
    /// Version of the catalog's data.
    pub version: String,
    /// One for each model, by id.
    pub models: Vec<CatalogModel>,
}

/// Lists what the settings' catalog offers from the settings' region.
///
/// # Errors
/// When the operator's catalog file, aliases or defaults are wrong.
pub fn price_list(config: &Config) -> Result<PriceList, ModelsError> {
    let catalog = models_setting::catalog(&config.models, config.budget.unpriced)?;
    let region = config.bedrock.region.as_deref().unwrap_or(USUAL_REGION);
    let place = models_setting::place(region, &config.bedrock);
    let defaults = models_setting::defaults(&config.models, &catalog, &place)?;
    let models = offered(config, &catalog, &place, &defaults);
    Ok(PriceList { region: region.to_owned(), version: catalog.version().to_owned(), models })
}

/// What a catalog offers from a place, with the operator's names for it.
pub(crate) fn offered(
    config: &Config,
    catalog: &Catalog,
    place: &Place,
    defaults: &DefaultModels,
) -> Vec<CatalogModel> {
    let named = config.models.aliases.iter();
    let named = named.chain(config.models.rules.iter().map(|rule| (&rule.pattern, &rule.model)));
    let named: Vec<(&String, Arc<Model>)> =
        named.filter_map(|(name, meant)| Some((name, catalog.find(meant).ok()?))).collect();
    let listed = |model: &Arc<Model>| {
        // What is not offered from here is not for this list.
        let resolved = catalog.resolve(&model.id, place).ok()?;
        let aliases = named.iter().filter(|(_, meant)| meant.id == model.id);
        let default_for = defaults.iter().filter(|(_, id)| **id == *model.id);
        Some(CatalogModel {
            id: model.id.to_string(),
            name: model.display_name.to_string(),
            family: model.family.to_string(),
            upstream_id: resolved.upstream_id.to_string(),
            context_window: model.context_window,
            max_output_tokens: model.max_output_tokens,
            usd_per_million_tokens: resolved.price.rates(0).map(prices),
            aliases: aliases.map(|(name, _)| (*name).clone()).collect(),
            default_for: default_for.map(|(purpose, _)| purpose.clone()).collect(),
            // Only calls tell.
            tokens_per_byte: None,
        })
    };
    catalog.models().filter_map(listed).collect()
}

fn prices(rates: &Rates) -> TokenPrices {
    TokenPrices {
        input: per_million(rates.input),
        output: per_million(rates.output),
        cache_read: rates.cache_read.map(per_million),
        cache_write_5m: rates.cache_write_5m.map(per_million),
        cache_write_1h: rates.cache_write_1h.map(per_million),
    }
}

/// A pico-dollar a token is a millionth of a dollar for a million of them.
fn per_million(price: Picodollars) -> String {
    let (dollars, millionths) = (price.get() / 1_000_000, price.get() % 1_000_000);
    let digits = format!("{millionths:06}");
    let shown = digits.trim_end_matches('0');
    // Two places at least: these are dollars.
    format!("{dollars}.{shown:0<2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_written_as_dollars() {
        for (picodollars, text) in
            [(3_000_000, "3.00"), (300_000, "0.30"), (37_500, "0.0375"), (0, "0.00"), (1, "0.000001")]
        {
            assert_eq!(per_million(Picodollars::new(picodollars)), text);
        }
    }

    #[test]
    fn the_list_follows_the_region_and_the_operators_file() {
        let config = Config::from_toml("[bedrock]\nregion = 'eu-west-1'\n").expect("right");
        let list = price_list(&config).expect("the built-in catalog is right");
        let sonnet = list.models.iter().find(|model| model.id == "claude-sonnet-5-5").expect("listed");
        assert_eq!(sonnet.upstream_id, "eu.anthropic.claude-sonnet-5-5");
        assert!(sonnet.usd_per_million_tokens.is_some());
        let none = Config::from_toml("[models]\ncatalog_file = '/nonexistent.toml'\n").expect("right");
        assert!(price_list(&none).expect_err("no such file").to_string().contains("models.catalog_file"));
    }
}
