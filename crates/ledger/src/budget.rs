//! Budgets: a limit on an account for a window.

use std::{fmt, sync::Arc};

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    account::AccountId,
    money::Nanodollars,
    window::{Period, Window},
};

/// The largest amount that a budget may have, in its unit: what every store can count in a signed column.
const LARGEST: u64 = i64::MAX.unsigned_abs();

/// The name of a budget.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BudgetId(Arc<str>);

impl BudgetId {
    /// A budget of that name. Names are never given twice, since past usage refers to them.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BudgetId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

/// How much may be spent in one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// So much money.
    Usd(Nanodollars),
    /// So many tokens of every kind: input, output, read from and written to the cache.
    Tokens(u64),
}

/// A bare number in the unit of its budget: nano-dollars or tokens.
pub type Amount = u64;

impl Limit {
    /// The number, in the limit's own unit.
    pub const fn amount(self) -> Amount {
        match self {
            Self::Usd(money) => money.get(),
            Self::Tokens(tokens) => tokens,
        }
    }

    /// The same unit with another number.
    pub const fn with_amount(self, amount: Amount) -> Self {
        match self {
            Self::Usd(_) => Self::Usd(Nanodollars::new(amount)),
            Self::Tokens(_) => Self::Tokens(amount),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usd(money) => write!(out, "{money}"),
            Self::Tokens(tokens) => write!(out, "{tokens} tokens"),
        }
    }
}

/// What happens at the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Calls are refused. The only mode that holds anyone back today; the others are counted.
    Block,
    /// The account is slowed down to so many requests a minute.
    Throttle {
        /// The rate past the limit.
        requests_per_minute: u32,
    },
    /// Someone is told.
    Notify,
}

/// A limit on an account for a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Its name.
    pub id: BudgetId,
    /// Whose spending is limited.
    pub account: AccountId,
    /// How often it renews.
    pub window: Window,
    /// How much may be spent in one window.
    pub limit: Limit,
    /// What happens at the limit.
    pub mode: Mode,
    /// Counts only calls of these models: a name of the catalog, in which `*` stands for any run of characters.
    pub model_filter: Option<String>,
    /// Per cents of the limit that someone wants to hear of.
    pub thresholds: Vec<u8>,
}

/// Why a budget cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBudget {
    /// More than can be counted.
    #[error("a limit of {0} is more than can be counted; the largest is $9223372036.85 or as many tokens")]
    TooLarge(Limit),
    /// No name, or one that would not survive in a list of names.
    #[error("the budget id {0:?} must be 1 to 64 letters, digits, '-' or '_'")]
    Name(String),
    /// A share beyond the whole.
    #[error("a threshold of {0} % is not between 1 and 100")]
    Threshold(u8),
}

impl Budget {
    /// A plain hard budget: all models, no thresholds.
    pub fn block(id: impl Into<Arc<str>>, account: AccountId, window: Window, limit: Limit) -> Self {
        let (model_filter, thresholds) = (None, Vec::new());
        Self { id: BudgetId::new(id), account, window, limit, mode: Mode::Block, model_filter, thresholds }
    }

    /// Whether it can be counted, and named in a list.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn validate(&self) -> Result<(), InvalidBudget> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let name = self.id.as_str();
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
            return Err(InvalidBudget::Name(name.to_owned()));
        }
        if self.limit.amount() > LARGEST {
            return Err(InvalidBudget::TooLarge(self.limit));
        }
        match self.thresholds.iter().find(|percent| !(1..=100).contains(*percent)) {
            Some(percent) => Err(InvalidBudget::Threshold(*percent)),
            None => Ok(()),
        }
    }

    /// Whether the two count the same things in the same unit, so that what was spent under one is spent under the
    /// other.
    pub fn counts_as(&self, other: &Self) -> bool {
        let same_unit = std::mem::discriminant(&self.limit) == std::mem::discriminant(&other.limit);
        self.account == other.account && self.window == other.window && same_unit
    }

    /// Whether a call of that model counts against it.
    pub fn counts(&self, model: &str) -> bool {
        self.model_filter.as_deref().is_none_or(|pattern| matches(pattern, model))
    }

    /// The amount that may not be exceeded, or `None` when this budget only counts.
    pub fn hard_limit(&self) -> Option<Amount> {
        match self.mode {
            Mode::Block => Some(self.limit.amount()),
            Mode::Throttle { .. } | Mode::Notify => None,
        }
    }

    /// The window around `at`. Calendars are UTC for now; the tenant's own zone comes in here.
    pub fn period_at(&self, at: Timestamp) -> Period {
        self.window.period_at(at, &TimeZone::UTC)
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any run of characters.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(head) else {
        return false;
    };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        match text.split_once(part) {
            Some((_, after)) => text = after,
            None => return false,
        }
    }
    text.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::AccountKind;

    #[track_caller]
    fn check_match(pattern: &str, fits: &[&str], differs: &[&str]) {
        for text in fits {
            assert!(matches(pattern, text), "{pattern} should fit {text}");
        }
        for text in differs {
            assert!(!matches(pattern, text), "{pattern} should not fit {text}");
        }
    }

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        check_match("claude-opus-4-8", &["claude-opus-4-8"], &["claude-opus-4", "claude-opus-4-80"]);
        check_match("claude-*", &["claude-", "claude-opus"], &["xclaude-opus", "claude"]);
        check_match("*opus*", &["claude-opus-4", "opus"], &["claude-sonnet"]);
        check_match("a*b*c", &["abc", "axxbyyc", "abbc"], &["ab", "acb", "abcd"]);
        check_match("a*a", &["aa", "aba"], &["a"]);
        check_match("*", &["", "anything"], &[]);
        check_match("**", &["", "anything"], &[]);
        check_match("", &[""], &["x"]);
    }

    #[test]
    fn a_budget_that_cannot_be_counted_is_refused() {
        let account = AccountId::new(AccountKind::Tenant, "acme");
        let budget =
            |id: &str, tokens| Budget::block(id, account.clone(), Window::Daily, Limit::Tokens(tokens));
        assert_eq!(budget("b_1-x", LARGEST).validate(), Ok(()));
        assert_eq!(
            budget("b", LARGEST + 1).validate(),
            Err(InvalidBudget::TooLarge(Limit::Tokens(LARGEST + 1)))
        );
        for name in ["", "a b", "a@b", &"x".repeat(65)] {
            assert_eq!(budget(name, 1).validate(), Err(InvalidBudget::Name(name.to_owned())));
        }
        let loud = Budget { thresholds: vec![50, 101], ..budget("b", 1) };
        assert_eq!(loud.validate(), Err(InvalidBudget::Threshold(101)));
    }
}
