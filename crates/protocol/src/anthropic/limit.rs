//! The headers by which Claude Code knows how a spending limit stands. Anthropic's own gateway sends them at an
//! organisation's spending cap.

use crate::problem::SpentBudget;

/// The budget that is nearest to its limit, however near that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearBudget {
    /// What is spent, in per cent.
    pub percent: u64,
    /// `daily`, `weekly`, `monthly`; none for a budget that does not renew.
    pub period: Option<&'static str>,
    /// When it renews, in seconds since the Unix epoch.
    pub renews_at: Option<i64>,
}

/// The shares of a limit at which Claude Code warns.
const WARNINGS: [(u64, &str); 2] = [(95, "0.95"), (75, "0.75")];

/// What goes with an answer before the limit is reached: Claude Code warns of it. Nothing below its first warning.
pub fn near(budget: &NearBudget) -> impl Iterator<Item = (&'static str, String)> {
    let surpassed = WARNINGS.iter().find(|(percent, _)| budget.percent >= *percent);
    surpassed.map(|(_, share)| warning(budget, share)).into_iter().flatten()
}

fn warning(budget: &NearBudget, surpassed: &str) -> impl Iterator<Item = (&'static str, String)> + use<> {
    let renews_at = budget.renews_at.map(|at| at.to_string());
    let (whole, rest) = (budget.percent / 100, budget.percent % 100);
    let headers = [
        ("anthropic-ratelimit-unified-status", Some("allowed_warning".to_owned())),
        ("anthropic-ratelimit-unified-representative-claim", Some("overage".to_owned())),
        ("anthropic-ratelimit-unified-overage-status", Some("allowed_warning".to_owned())),
        ("anthropic-ratelimit-unified-overage-utilization", Some(format!("{whole}.{rest:02}"))),
        ("anthropic-ratelimit-unified-overage-surpassed-threshold", Some(surpassed.to_owned())),
        ("anthropic-ratelimit-unified-overage-period", budget.period.map(str::to_owned)),
        ("anthropic-ratelimit-unified-overage-reset", renews_at.clone()),
        ("anthropic-ratelimit-unified-reset", renews_at),
    ];
    headers.into_iter().filter_map(|(name, value)| Some((name, value?)))
}

/// What goes with a refusal: by this Claude Code tells a spent budget from a rate limit, and shows when it renews.
pub(super) fn reached(budget: &SpentBudget) -> impl Iterator<Item = (&'static str, String)> {
    let renews_at = budget.renews_at.map(|at| at.to_string());
    [
        ("anthropic-ratelimit-unified-status", Some("rejected".to_owned())),
        ("anthropic-ratelimit-unified-reset", renews_at.clone()),
        ("anthropic-ratelimit-unified-overage-reset", renews_at),
        ("anthropic-ratelimit-unified-overage-period", budget.period.clone()),
        ("anthropic-ratelimit-unified-overage-utilization", Some("1".to_owned())),
        ("anthropic-ratelimit-unified-overage-surpassed-threshold", Some("1".to_owned())),
        ("anthropic-ratelimit-unified-overage-disabled-reason", Some("org_spend_cap_reached".to_owned())),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claude_code_is_told_at_its_two_warnings_and_not_before() {
        for (percent, expected) in [
            (74, None),
            (75, Some(("0.75", "0.75"))),
            (94, Some(("0.94", "0.75"))),
            (95, Some(("0.95", "0.95"))),
            (120, Some(("1.20", "0.95"))),
        ] {
            let budget = NearBudget { percent, period: Some("daily"), renews_at: Some(1_800_000_000) };
            let headers: Vec<_> = near(&budget).collect();
            let value = |name: &str| {
                let name = format!("anthropic-ratelimit-unified-overage-{name}");
                headers.iter().find(|(header, _)| *header == name).map(|(_, value)| value.as_str())
            };
            assert_eq!(value("utilization").zip(value("surpassed-threshold")), expected, "{percent}");
        }
    }
}
