//! Money as whole numbers: nano-dollars for amounts, pico-dollars for prices, one rounding per call.

use std::fmt;

/// Pico-dollars in a nano-dollar.
const PICO_PER_NANO: u128 = 1_000;
/// Nano-dollars in a dollar.
const NANO_PER_DOLLAR: u64 = 1_000_000_000;

/// An amount of money: billionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanodollars(u64);

/// A price: trillionths of a US dollar per token, or per whatever else is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Picodollars(u64);

impl Nanodollars {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// More than there is; what an overflow becomes, so that it is refused and never wraps around to cheap.
    pub const MAX: Self = Self(u64::MAX);

    /// This many billionths of a dollar.
    pub const fn new(nanodollars: u64) -> Self {
        Self(nanodollars)
    }

    /// Whole dollars.
    pub const fn from_dollars(dollars: u64) -> Self {
        Self(dollars.saturating_mul(NANO_PER_DOLLAR))
    }

    /// What `count × price`, summed over all parts of one call, costs: rounded up once, at the end.
    ///
    /// ```
    /// use stonegate_ledger::{Nanodollars, Picodollars};
    ///
    /// let input = (1_001, Picodollars::new(3_000_000)); // $3 per million tokens
    /// let odd = (1, Picodollars::new(1)); // the last thousandth of a nano-dollar rounds up
    /// assert_eq!(Nanodollars::cost([input, odd]), Nanodollars::new(3_003_001));
    /// ```
    pub fn cost(parts: impl IntoIterator<Item = (u64, Picodollars)>) -> Self {
        let total = parts.into_iter().fold(0_u128, |sum, (count, price)| {
            sum.saturating_add(u128::from(count).saturating_mul(u128::from(price.0)))
        });
        u64::try_from(total.div_ceil(PICO_PER_NANO)).map_or(Self::MAX, Self)
    }

    /// The number of billionths of a dollar.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The sum, or `None` when it does not fit.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The difference, or `None` when `other` is more.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(rest) => Some(Self(rest)),
            None => None,
        }
    }

    /// The sum, or [`Nanodollars::MAX`], which no budget covers.
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Reads a decimal number of dollars, such as `12.50`, with up to nine places and without a sign.
    /// `None` for anything else.
    pub fn parse_dollars(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || fraction.len() > 9 || !digits(whole) || !digits(fraction) {
            return None;
        }
        if text.ends_with('.') {
            return None;
        }
        let nanodollars: u64 = format!("{fraction:0<9}").parse().ok()?;
        let dollars = whole.parse::<u64>().ok()?.checked_mul(NANO_PER_DOLLAR)?;
        dollars.checked_add(nanodollars).map(Self)
    }

    /// The number of dollars without their sign, as settings and headers have it: `1.50`.
    pub fn number(self) -> impl fmt::Display {
        fmt::from_fn(move |out| {
            let (mut fraction, mut places) = (self.0 % NANO_PER_DOLLAR, 9_usize);
            while places > 2 && fraction % 10 == 0 {
                fraction /= 10;
                places = places.saturating_sub(1);
            }
            write!(out, "{}.{fraction:0places$}", self.0 / NANO_PER_DOLLAR)
        })
    }

    /// How many times `price` fits into this amount. `None` when the price is nothing.
    pub(crate) fn affords(self, price: Picodollars) -> Option<u64> {
        let total = u128::from(self.0).saturating_mul(PICO_PER_NANO);
        let count = total.checked_div(u128::from(price.0))?;
        Some(u64::try_from(count).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Nanodollars {
    /// Dollars with as many places as the amount has, two at least: `$1.50`, `$0.001234`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if out.width().is_some() {
            return out.pad(&format!("${}", self.number()));
        }
        write!(out, "${}", self.number())
    }
}

impl Picodollars {
    /// This many trillionths of a dollar.
    pub const fn new(picodollars: u64) -> Self {
        Self(picodollars)
    }

    /// The number of trillionths of a dollar.
    pub const fn get(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_text(nanodollars: u64, expected: &str) {
        let amount = Nanodollars::new(nanodollars);
        assert_eq!(amount.to_string(), expected);
        assert_eq!(amount.number().to_string(), expected[1..]);
        assert_eq!(format!("{amount:>24}"), format!("{expected:>24}"), "in a column");
        assert_eq!(Nanodollars::parse_dollars(&expected[1..]), Some(amount));
    }

    #[test]
    fn an_amount_reads_as_dollars_and_back() {
        check_text(0, "$0.00");
        check_text(1, "$0.000000001");
        check_text(1_234_000, "$0.001234");
        check_text(1_500_000_000, "$1.50");
        check_text(u64::MAX, "$18446744073.709551615");
    }

    #[test]
    fn what_is_not_a_plain_number_of_dollars_is_refused() {
        for text in ["", ".5", "5.", "-1", "+1", "1e3", "1.0000000001", "$1", " 1", "18446744074", "1.2.3"] {
            assert_eq!(Nanodollars::parse_dollars(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_call_is_rounded_up_once_and_not_once_per_part() {
        let third = Picodollars::new(333);
        assert_eq!(Nanodollars::cost([(1, third), (1, third), (1, third)]), Nanodollars::new(1));
        assert_eq!(Nanodollars::cost([(1, third), (3, third)]), Nanodollars::new(2));
        assert_eq!(Nanodollars::cost([]), Nanodollars::ZERO);
    }

    #[test]
    fn what_is_too_dear_to_count_stays_too_dear() {
        let dear = (u64::MAX, Picodollars::new(u64::MAX));
        assert_eq!(Nanodollars::cost([dear, dear, dear]), Nanodollars::MAX);
    }
}
