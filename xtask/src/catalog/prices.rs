//! The prices of one row: tiers, rates, steps and units.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};

use super::source::Row;

/// Prices of one door, as the data file writes them, by tier.
pub(crate) type Tiers = BTreeMap<&'static str, String>;

const TIERS: [(&str, &str); 5] = [
    ("standard", ""),
    ("priority", "_priority"),
    ("flex", "_flex"),
    ("batch", "_batches"),
    ("ultrafast", "_ultrafast"),
];

const RATES: [(&str, &str); 5] = [
    ("input", "input_cost_per_token"),
    ("output", "output_cost_per_token"),
    ("cache_read", "cache_read_input_token_cost"),
    ("cache_write_5m", "cache_creation_input_token_cost"),
    ("cache_write_1h", "cache_creation_input_token_cost_above_1hr"),
];

const UNITS: [(&str, &str); 8] = [
    ("input_image", "input_cost_per_image"),
    ("input_image_token", "input_cost_per_image_token"),
    ("output_image", "output_cost_per_image"),
    ("input_audio_token", "input_cost_per_audio_token"),
    ("output_audio_token", "output_cost_per_audio_token"),
    ("input_audio_second", "input_cost_per_audio_per_second"),
    ("input_video_second", "input_cost_per_video_per_second"),
    ("query", "input_cost_per_query"),
];

/// The prices of a row; empty where it has none.
pub(crate) fn tiers(row: &Row) -> Result<Tiers> {
    let mut tiers = Tiers::new();
    for (tier, suffix) in TIERS {
        if let Some(text) = tier_text(row, suffix).with_context(|| tier.to_owned())? {
            tiers.insert(tier, text);
        }
    }
    Ok(tiers)
}

fn tier_text(row: &Row, suffix: &str) -> Result<Option<String>> {
    let rates = rates(row, "", suffix)?;
    let mut units = if suffix.is_empty() { units(row)? } else { Vec::new() };
    let input = rate(&rates, "input");
    let output = rate(&rates, "output");
    // What is billed by the query or the second says 0 per token, or nothing.
    let by_token = input.is_some() && output.is_some() && (input, output) != (Some(0), Some(0));
    let mut members = Vec::new();
    if by_token {
        members.extend(rates.iter().map(|(name, price)| member(name, *price)));
        let steps = steps(row, suffix)?;
        if !steps.is_empty() {
            members.push(format!("steps = [{}]", steps.join(", ")));
        }
    } else if let Some(output) = output.filter(|output| *output > 0) {
        units.push(("output_token", output));
    }
    if !units.is_empty() {
        let units: Vec<String> = units.iter().map(|(name, price)| member(name, *price)).collect();
        members.push(format!("units = {{ {} }}", units.join(", ")));
    }
    Ok((!members.is_empty()).then(|| format!("{{ {} }}", members.join(", "))))
}

fn rates(row: &Row, step: &str, suffix: &str) -> Result<Vec<(&'static str, u64)>> {
    let mut rates = Vec::new();
    for (name, member) in RATES {
        if let Some(price) = row.price(&format!("{member}{step}{suffix}"))? {
            rates.push((name, price));
        }
    }
    Ok(rates)
}

fn rate(rates: &[(&str, u64)], name: &str) -> Option<u64> {
    rates.iter().find(|(known, _)| *known == name).map(|(_, price)| *price)
}

fn steps(row: &Row, suffix: &str) -> Result<Vec<String>> {
    let prefix = "input_cost_per_token_above_";
    let thousands: BTreeSet<u64> = row
        .names()
        .filter_map(|name| {
            name.strip_prefix(prefix)?.strip_suffix(suffix)?.strip_suffix("k_tokens")?.parse().ok()
        })
        .collect();
    let mut steps = Vec::new();
    for thousand in thousands {
        let rates = rates(row, &format!("_above_{thousand}k_tokens"), suffix)?;
        let members: Vec<String> = rates.iter().map(|(name, price)| member(name, *price)).collect();
        steps.push(format!("{{ {}, {} }}", member("above", thousand * 1_000), members.join(", ")));
    }
    Ok(steps)
}

fn units(row: &Row) -> Result<Vec<(&'static str, u64)>> {
    let mut units = Vec::new();
    for (name, member) in UNITS {
        if let Some(price) = row.price(member)?.filter(|price| *price > 0) {
            units.push((name, price));
        }
    }
    Ok(units)
}

fn member(name: &str, number: u64) -> String {
    format!("{name} = {}", grouped(number))
}

/// A number in groups of three: `4_400_000`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('_');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(json: &str) -> Row {
        let text = format!("{{\"x\": {json}}}");
        super::super::source::rows(&text).unwrap().remove("x").unwrap()
    }

    #[test]
    fn tiers_steps_and_hour_long_writes_are_kept_apart() {
        let row = row(
            r#"{"litellm_provider": "bedrock", "input_cost_per_token": 1e-07, "output_cost_per_token": 5e-07,
            "cache_creation_input_token_cost": 1.25e-07, "cache_creation_input_token_cost_above_1hr": 2e-07,
            "input_cost_per_token_above_100k_tokens": 5e-07, "output_cost_per_token_above_100k_tokens": 2.5e-06,
            "cache_creation_input_token_cost_above_1hr_above_100k_tokens": 1e-06,
            "input_cost_per_token_flex": 5e-08, "output_cost_per_token_flex": 2.5e-07}"#,
        );
        let tiers = tiers(&row).unwrap();
        assert_eq!(
            tiers["standard"],
            "{ input = 100_000, output = 500_000, cache_write_5m = 125_000, cache_write_1h = 200_000, \
             steps = [{ above = 100_000, input = 500_000, output = 2_500_000, cache_write_1h = 1_000_000 }] }"
        );
        assert_eq!(tiers["flex"], "{ input = 50_000, output = 250_000 }");
        assert_eq!(tiers.len(), 2);
    }

    #[test]
    fn what_is_not_billed_by_the_token_has_no_price_per_token() {
        let row = row(
            r#"{"litellm_provider": "bedrock", "input_cost_per_query": 0.002, "input_cost_per_token": 0.0,
            "output_cost_per_token": 0.0}"#,
        );
        assert_eq!(tiers(&row).unwrap()["standard"], "{ units = { query = 2_000_000_000 } }");
    }
}
