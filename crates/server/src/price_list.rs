//! The catalog as a list for people: what there is from one region, and what it costs there.

use stonegate_catalog::Rates;
use stonegate_ledger::Picodollars;

use crate::config::Config;
use crate::models_setting::{self, ModelsError};

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
    pub models: Vec<ListedModel>,
}

/// One model and its price.
#[derive(Debug, Clone)]
pub struct ListedModel {
    /// The catalog's id: `claude-sonnet-5-5`.
    pub id: String,
    /// For people: `Claude Sonnet 5.5`.
    pub name: String,
    /// Whose it is: `anthropic`.
    pub family: String,
    /// What Bedrock is called with from this region.
    pub upstream_id: String,
    /// Tokens of prompt and answer together.
    pub context_window: u64,
    /// The most tokens of an answer.
    pub max_output_tokens: u64,
    /// US dollars for a million tokens; none where the model is not billed by the token.
    pub prices: Option<ListedPrices>,
}

/// Decimal texts, US dollars for a million tokens in the standard tier.
#[derive(Debug, Clone)]
pub struct ListedPrices {
    /// Of the prompt.
    pub input: String,
    /// Of the answer.
    pub output: String,
    /// Read from the cache.
    pub cache_read: Option<String>,
    /// Written to the cache for five minutes.
    pub cache_write_5m: Option<String>,
    /// Written to the cache for an hour.
    pub cache_write_1h: Option<String>,
}

/// Lists what the settings' catalog offers from the settings' region.
///
/// # Errors
/// When the operator's catalog file or aliases are wrong.
pub fn price_list(config: &Config) -> Result<PriceList, ModelsError> {
    let catalog = models_setting::catalog(&config.models, config.budget.unpriced)?;
    let region = config.bedrock.region.as_deref().unwrap_or(USUAL_REGION);
    let place = models_setting::place(region, &config.bedrock);
    let models = catalog
        .models()
        .filter_map(|model| {
            // What is not offered from here is not for this list.
            let resolved = catalog.resolve(&model.id, &place).ok()?;
            Some(ListedModel {
                id: model.id.to_string(),
                name: model.display_name.to_string(),
                family: model.family.to_string(),
                upstream_id: resolved.upstream_id.to_string(),
                context_window: model.context_window,
                max_output_tokens: model.max_output_tokens,
                prices: resolved.price.rates(0).map(listed),
            })
        })
        .collect();
    Ok(PriceList { region: region.to_owned(), version: catalog.version().to_owned(), models })
}

fn listed(rates: &Rates) -> ListedPrices {
    ListedPrices {
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
        assert!(sonnet.prices.is_some());
        let none = Config::from_toml("[models]\ncatalog_file = '/nonexistent.toml'\n").expect("right");
        assert!(price_list(&none).expect_err("no such file").to_string().contains("models.catalog_file"));
    }
}
