//! From a catalog file's entries to models.

use std::collections::BTreeMap;
use std::sync::Arc;

use stonegate_ledger::Picodollars;
use stonegate_protocol::{Dialect, Traits};

use crate::document::{ModelEntry, PriceEntry, StepEntry};
use crate::error::CatalogError;
use crate::model::{Model, Offer, Use};
use crate::place::{Geography, Via};
use crate::price::{Price, Rates, Tier};
use crate::rules;

/// Makes one model of its entry, complete or refused.
pub(crate) fn model(id: &str, entry: &ModelEntry) -> Result<Model, CatalogError> {
    let place = format!("models.{id}");
    let missing = |member: &str, example: &str| {
        let message = format!("a model needs `{member}`, such as `{member} = {example}`");
        CatalogError::new(place.clone(), message)
    };
    if id.is_empty() || id.contains(['*', '[', '/', ' ']) {
        return Err(CatalogError::new(place, "a model's id has letters, digits, `.`, `-`, `_` and `:` only"));
    }
    let bedrock_id =
        entry.bedrock_id.as_deref().ok_or_else(|| missing("bedrock_id", "\"vendor.model-v1:0\""))?;
    let family = entry.family.as_deref().or_else(|| bedrock_id.split_once('.').map(|(vendor, _)| vendor));
    let family = family.ok_or_else(|| missing("family", "\"anthropic\""))?;
    let is_chat = entry.purpose == Use::Chat;
    let context_window = match entry.context_window {
        None if is_chat => return Err(missing("context_window", "200_000")),
        window => window.unwrap_or(0),
    };
    let max_output_tokens = match entry.max_output_tokens {
        None if is_chat => return Err(missing("max_output_tokens", "64_000")),
        most => most.unwrap_or(0),
    };
    let dialects = entry.dialects.clone().unwrap_or_else(|| match family {
        "anthropic" => [Dialect::Anthropic, Dialect::Converse].into(),
        _ => [Dialect::Converse].into(),
    });
    let is_anthropic = dialects.contains(&Dialect::Anthropic);
    Ok(Model {
        id: Arc::from(id),
        bedrock_id: Arc::from(bedrock_id),
        display_name: Arc::from(entry.display_name.as_deref().unwrap_or(id)),
        family: Arc::from(family),
        purpose: entry.purpose,
        dialects,
        context_window,
        long_context: entry.long_context.clone(),
        max_output_tokens,
        traits: Arc::new(Traits {
            family: family.to_owned(),
            bedrock_id: bedrock_id.to_owned(),
            features: entry.features.clone(),
            thinking: entry.thinking.clone(),
            effort: entry.effort,
            max_output_tokens,
            minimum_cacheable_tokens: entry.minimum_cacheable_tokens,
        }),
        dimensions: entry.dimensions,
        capabilities: rules::capabilities(id, entry, is_anthropic)?,
        counts_tokens: entry.counts_tokens,
        created: entry.created.as_deref().map(|date| created(&place, date)).transpose()?,
        retires: entry.retires.as_deref().map(Arc::from),
        mantle: entry.mantle.clone(),
        runtime_openai_path: runtime_openai_path(family, entry),
        offers: offers(&place, bedrock_id, entry)?,
    })
}

/// AWS documents the OpenAI-shaped APIs of `bedrock-runtime` for the models of OpenAI and xAI; an entry may say otherwise,
/// with an empty path for a model that they do not serve.
fn runtime_openai_path(family: &str, entry: &ModelEntry) -> Option<Arc<str>> {
    let usual = matches!(family, "openai" | "xai").then_some("/openai/v1");
    entry.runtime_openai_path.as_deref().or(usual).filter(|path| !path.is_empty()).map(Arc::from)
}

fn created(place: &str, date: &str) -> Result<jiff::Timestamp, CatalogError> {
    let midnight = date
        .parse::<jiff::civil::Date>()
        .and_then(|date| jiff::tz::TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)));
    midnight.map_err(|_not_a_date| {
        CatalogError::new(format!("{place}.created"), format!("`{date}` is no date such as `2026-02-17`"))
    })
}

fn offers(place: &str, bedrock_id: &str, entry: &ModelEntry) -> Result<Vec<Offer>, CatalogError> {
    let mut offers = Vec::with_capacity(entry.prices.len());
    for (door, tiers) in &entry.prices {
        let place = format!("{place}.prices.{door}");
        offers.push(offer(&place, door, bedrock_id, entry, price(&place, tiers)?)?);
    }
    for door in &entry.unpriced {
        if entry.prices.contains_key(door) {
            let message = format!("`{door}` has a price as well; leave one of the two out");
            return Err(CatalogError::new(format!("{place}.unpriced"), message));
        }
        offers.push(offer(&format!("{place}.unpriced"), door, bedrock_id, entry, None)?);
    }
    if offers.is_empty() {
        let message = "a model needs a price, such as `prices.global.standard = { input = 3_000_000, output = 15_000_000 }` \
                       (pico-dollars per token: dollars per million tokens times a million), or `unpriced = [\"global\"]`";
        return Err(CatalogError::new(place, message));
    }
    Ok(offers)
}

fn offer(
    place: &str,
    door: &str,
    bedrock_id: &str,
    entry: &ModelEntry,
    price: Option<Arc<Price>>,
) -> Result<Offer, CatalogError> {
    let (name, region) = match door.split_once('@') {
        Some((name, region)) => (name, Some(region)),
        None => (door, None),
    };
    let (via, upstream_id) = match (name, Geography::parse(name)) {
        (_, Some(geography)) => (Via::Profile(geography), format!("{geography}.{bedrock_id}")),
        ("in-region", None) => (Via::InRegion, bedrock_id.to_owned()),
        ("mantle", None) => {
            let mantle = entry.mantle.as_ref().ok_or_else(|| {
                CatalogError::new(
                    place,
                    "the model needs `mantle = { id = \"…\", path = \"/v1\" }` to be offered there",
                )
            })?;
            (Via::Mantle, mantle.id.clone())
        }
        (_, None) => {
            let doors: Vec<&str> = Geography::ALL.iter().map(|geography| geography.as_str()).collect();
            let message = format!(
                "`{name}` is no way to a model; use `in-region`, `mantle`, or a profile's prefix ({}), with `@region` after \
                 it where the price is that of one region",
                doors.join(", ")
            );
            return Err(CatalogError::new(place, message));
        }
    };
    Ok(Offer { via, region: region.map(Arc::from), upstream_id: Arc::from(upstream_id), price })
}

/// The price of a door with all its tiers. None where tokens are not what is billed.
fn price(place: &str, tiers: &BTreeMap<Tier, PriceEntry>) -> Result<Option<Arc<Price>>, CatalogError> {
    let mut standard = None;
    let mut others = Vec::new();
    for (tier, entry) in tiers {
        let price = tier_price(*tier, entry).map_err(|message| CatalogError::new(place, message))?;
        match tier {
            Tier::Standard => standard = Some(price),
            Tier::Priority | Tier::Flex | Tier::Batch | Tier::Ultrafast | Tier::OptimizedLatency => {
                others.push(price);
            }
        }
    }
    let standard = standard
        .ok_or_else(|| CatalogError::new(place, "there is no price for the `standard` tier; give one"))?;
    Ok(Some(Arc::new(standard.with_others(others))))
}

fn tier_price(tier: Tier, entry: &PriceEntry) -> Result<Price, &'static str> {
    let units = entry.units.iter().map(|(unit, price)| (*unit, Picodollars::new(*price))).collect();
    let rates = match (entry.input, entry.output) {
        (Some(input), Some(output)) => {
            Some(rates(input, output, [entry.cache_read, entry.cache_write_5m, entry.cache_write_1h]))
        }
        (None, None) if !entry.units.is_empty() => None,
        (Some(_), None) => return Err("`input` has a price and `output` has none; give both"),
        (None, Some(_)) => return Err("`output` has a price and `input` has none; give both"),
        (None, None) => {
            return Err("there is neither `input` nor `output`; give both, in pico-dollars per token");
        }
    };
    let steps = entry.steps.iter().map(step).collect();
    Ok(Price::new(tier, rates, steps, units))
}

fn step(entry: &StepEntry) -> (u64, Rates) {
    let caches = [entry.cache_read, entry.cache_write_5m, entry.cache_write_1h];
    (entry.above, rates(entry.input, entry.output, caches))
}

fn rates(input: u64, output: u64, caches: [Option<u64>; 3]) -> Rates {
    let [cache_read, cache_write_5m, cache_write_1h] = caches.map(|price| price.map(Picodollars::new));
    Rates {
        input: Picodollars::new(input),
        output: Picodollars::new(output),
        cache_read,
        cache_write_5m,
        cache_write_1h,
    }
}
