//! The upper bound of what a call may cost, computed before it is sent.

use crate::{
    budget::{Amount, Budget, Limit, WhenShort},
    journal::Tokens,
    money::{Nanodollars, Picodollars},
};

/// What one call may cost at most: a part that is known beforehand, and a price for each token that may come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The input at its dearest: all of it written to the cache, say.
    pub input: Nanodollars,
    /// The most tokens that the input may turn out to be.
    pub input_tokens: u64,
    /// What each token of output costs.
    pub per_output_token: Picodollars,
    /// The output ceiling that was asked for.
    pub output_tokens: u64,
    /// How far the ledger may lower that ceiling rather than refuse the call.
    pub least_output_tokens: u64,
}

impl Quote {
    /// What the call may cost in money with that output ceiling.
    pub fn upper_bound(&self, output_tokens: u64) -> Nanodollars {
        self.input.saturating_add(Nanodollars::cost([(output_tokens, self.per_output_token)]))
    }

    /// What a call is charged that was sent and of which nothing is known: its upper bound. What has no bound, because it
    /// is not billed by the token, is charged nothing, as it would be with a report.
    pub fn unresolved(&self, output_tokens: u64) -> Nanodollars {
        if self.input == Nanodollars::MAX { Nanodollars::ZERO } else { self.upper_bound(output_tokens) }
    }

    /// The tokens that such a call counts for. An input without a bound counts for nothing: a number that stands for "no
    /// bound" would drown all others.
    pub fn unresolved_tokens(&self, output_tokens: u64) -> Tokens {
        let input = if self.input_tokens == u64::MAX { 0 } else { self.input_tokens };
        Tokens { input, output: output_tokens, ..Tokens::default() }
    }

    /// What the call may take, with that output ceiling, from a budget of that limit's unit.
    pub fn amount(&self, unit: Limit, output_tokens: u64) -> Amount {
        match unit {
            Limit::Usd(_) => self.upper_bound(output_tokens).get(),
            Limit::Tokens(_) => self.input_tokens.saturating_add(output_tokens),
        }
    }

    /// The highest output ceiling that `available` pays for, at most the one asked for. `None` when not even the
    /// lowest permitted one fits.
    pub fn ceiling(&self, unit: Limit, available: Amount) -> Option<u64> {
        let affordable = match unit {
            Limit::Usd(_) => {
                let rest = Nanodollars::new(available).checked_sub(self.input)?;
                rest.affords(self.per_output_token).unwrap_or(u64::MAX)
            }
            Limit::Tokens(_) => available.checked_sub(self.input_tokens)?,
        };
        let ceiling = affordable.min(self.output_tokens);
        (ceiling >= self.floor()).then_some(ceiling)
    }

    /// The highest output ceiling of a call that leaves others room: no more than `share_percent` of what is `left` beside
    /// its input, and never less than the floor.
    pub(crate) fn fair_ceiling(&self, unit: Limit, left: Amount, share_percent: u8) -> u64 {
        let input = self.amount(unit, 0);
        let output = self.amount(unit, self.output_tokens).saturating_sub(input);
        let rest = left.saturating_sub(input);
        let part = u128::from(rest).saturating_mul(u128::from(share_percent)).checked_div(100).unwrap_or(0);
        if u128::from(output) <= part {
            return self.output_tokens;
        }
        let part = u64::try_from(part).unwrap_or(u64::MAX);
        self.ceiling(unit, input.saturating_add(part)).unwrap_or_else(|| self.floor())
    }

    /// The quote as that budget takes it: one that refuses has no lower ceiling.
    pub fn on(&self, budget: &Budget) -> Self {
        match budget.when_short {
            WhenShort::Lower => *self,
            WhenShort::Refuse => Self { least_output_tokens: self.output_tokens, ..*self },
        }
    }

    /// The lowest ceiling permitted: a floor above what was asked for is no floor.
    pub fn floor(&self) -> u64 {
        self.least_output_tokens.min(self.output_tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USD: Limit = Limit::Usd(Nanodollars::ZERO);
    const TOKENS: Limit = Limit::Tokens(0);

    fn quote() -> Quote {
        Quote {
            input: Nanodollars::new(100),
            input_tokens: 50,
            per_output_token: Picodollars::new(1_500),
            output_tokens: 1_000,
            least_output_tokens: 10,
        }
    }

    #[track_caller]
    fn check(unit: Limit, available: u64, expected: Option<u64>) {
        let ceiling = quote().ceiling(unit, available);
        assert_eq!(ceiling, expected);
        if let Some(ceiling) = ceiling {
            assert!(quote().amount(unit, ceiling) <= available, "what is granted is covered");
            let more = quote().amount(unit, ceiling + 1);
            assert!(ceiling == 1_000 || more > available, "and nothing that fits is held back");
        }
    }

    #[test]
    fn the_ceiling_is_the_highest_that_is_paid_for() {
        check(USD, 1_600, Some(1_000));
        check(USD, 1_599, Some(999));
        check(USD, 115, Some(10));
        check(USD, 114, None);
        check(USD, 0, None);
        check(TOKENS, 2_000, Some(1_000));
        check(TOKENS, 60, Some(10));
        check(TOKENS, 59, None);
        check(TOKENS, 49, None);
    }

    #[test]
    fn a_fair_ceiling_is_a_share_of_what_the_input_leaves() {
        let check = |unit, left, share_percent, expected| {
            assert_eq!(
                quote().fair_ceiling(unit, left, share_percent),
                expected,
                "{share_percent} % of {left}"
            );
        };
        // The input takes 100, so 6,000 are left, of which a quarter is the whole output.
        check(USD, 6_100, 25, 1_000);
        check(USD, 6_099, 25, 999);
        check(USD, 1_300, 25, 200);
        check(USD, 1_300, 100, 800);
        check(USD, 1_600, 100, 1_000);
        check(USD, 100, 25, 10);
        check(USD, 0, 25, 10);
        check(TOKENS, 4_050, 25, 1_000);
        check(TOKENS, 450, 25, 100);
        check(TOKENS, 60, 25, 10);
        check(USD, u64::MAX, 100, 1_000);
    }

    #[test]
    fn what_has_no_bound_is_charged_nothing_when_nothing_is_known() {
        let settled = |quote: Quote| (quote.unresolved(1_000).get(), quote.unresolved_tokens(1_000).total());
        assert_eq!(settled(quote()), (1_600, 1_050));
        let endless = Quote { input: Nanodollars::MAX, input_tokens: u64::MAX, ..quote() };
        assert_eq!(settled(endless), (0, 1_000));
    }

    #[test]
    fn output_that_costs_nothing_is_never_lowered_for_money() {
        let free = Quote { per_output_token: Picodollars::new(0), ..quote() };
        assert_eq!(free.ceiling(USD, 100), Some(1_000));
        assert_eq!(free.ceiling(USD, 99), None);
    }
}
