//! Budgets: a limit on an account for a window.

use std::{fmt, sync::Arc};

use jiff::Timestamp;

use crate::{
    account::AccountId,
    lease::Counter,
    money::Nanodollars,
    terms::Allowance,
    text::spelled,
    window::{Period, Window},
    zone::Zone,
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
    /// Calls are refused.
    Block,
    /// The account is slowed down: past the limit a call begins only when what was spent beyond it is worked off.
    Throttle {
        /// The rate past the limit, in the budget's unit.
        per_minute: Amount,
    },
    /// Someone is told.
    Notify,
}

/// What happens to a call that asks for more output than is left, where a lower ceiling would fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenShort {
    /// Its ceiling is lowered.
    #[default]
    Lower,
    /// It is refused.
    Refuse,
}

spelled!(WhenShort { Lower = "lower", Refuse = "refuse" });

/// A limit on an account for a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Its name.
    pub id: BudgetId,
    /// Whose spending is limited.
    pub account: AccountId,
    /// How often it renews.
    pub window: Window,
    /// By whose calendar: its tenant's.
    pub time_zone: Zone,
    /// How much may be spent in one window.
    pub limit: Limit,
    /// What happens at the limit.
    pub mode: Mode,
    /// Counts only calls of these models: a name of the catalog, in which `*` stands for any run of characters.
    pub model_filter: Option<String>,
    /// What happens to a call that would fit with less output.
    pub when_short: WhenShort,
    /// Per cents of the limit that someone wants to hear of.
    pub thresholds: Vec<u8>,
    /// What people allowed beside the limit. Changed by adjustments only: a definition leaves it as it is.
    pub allowance: Allowance,
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
    /// A rate at which nothing would ever be worked off.
    #[error("a budget that slows down needs a rate per minute of more than nothing")]
    Rate,
    /// A pattern that fits no model.
    #[error("`{0}` is no pattern over model ids: 1 to 200 visible ASCII characters, `*` for any run of them")]
    ModelFilter(String),
    /// A time that ends before it begins.
    #[error("what holds for a time must end after it begins")]
    Span,
}

/// The longest pattern of models, as in keys' lists.
const LONGEST_PATTERN: usize = 200;

impl Budget {
    /// A plain hard budget: all models, no thresholds.
    pub fn block(id: impl Into<Arc<str>>, account: AccountId, window: Window, limit: Limit) -> Self {
        Self {
            id: BudgetId::new(id),
            account,
            window,
            time_zone: Zone::UTC,
            limit,
            mode: Mode::Block,
            model_filter: None,
            when_short: WhenShort::Lower,
            thresholds: Vec::new(),
            allowance: Allowance::default(),
        }
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
        if let Mode::Throttle { per_minute } = self.mode
            && !(1..=LARGEST).contains(&per_minute)
        {
            return Err(InvalidBudget::Rate);
        }
        let is_pattern = |pattern: &&String| {
            (1..=LONGEST_PATTERN).contains(&pattern.len())
                && pattern.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if let Some(pattern) = self.model_filter.as_ref().filter(|pattern| !is_pattern(pattern)) {
            return Err(InvalidBudget::ModelFilter(pattern.clone()));
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

    /// Whether it holds calls back when it is used up.
    pub fn is_hard(&self) -> bool {
        match self.mode {
            Mode::Block => true,
            Mode::Throttle { .. } | Mode::Notify => false,
        }
    }

    /// The counter of the window around `at`.
    pub fn counter_at(&self, at: Timestamp) -> Counter {
        Counter { budget: self.id.clone(), window: self.period_at(at).key }
    }

    /// The window around `at`.
    pub fn period_at(&self, at: Timestamp) -> Period {
        self.window.period_at(at, self.time_zone.time_zone())
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any run of characters. Letters match in either case, as in the
/// lists of models that keys have.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|head| without_head(text.as_bytes(), head.as_bytes())) else {
        return false;
    };
    let Some(tail) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let found = (0..=rest.len()).find_map(|at| without_head(rest.get(at..)?, part.as_bytes()));
        match found {
            Some(after) => rest = after,
            None => return false,
        }
    }
    let end = rest.len().checked_sub(tail.len()).and_then(|at| rest.get(at..));
    end.is_some_and(|end| end.eq_ignore_ascii_case(tail.as_bytes()))
}

fn without_head<'a>(text: &'a [u8], head: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(head.len())?;
    start.eq_ignore_ascii_case(head).then_some(rest)
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
        check_match("Claude-*-5", &["claude-opus-4-5", "CLAUDE-x-5"], &["claude-5", "claude-opus-4"]);
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
        let slow = Budget { mode: Mode::Throttle { per_minute: 0 }, ..budget("b", 1) };
        assert_eq!(slow.validate(), Err(InvalidBudget::Rate));
        for pattern in ["", "a b", "é"] {
            let odd = Budget { model_filter: Some(pattern.to_owned()), ..budget("b", 1) };
            assert_eq!(odd.validate(), Err(InvalidBudget::ModelFilter(pattern.to_owned())));
        }
    }
}
