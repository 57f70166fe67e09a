//! How the nearest budget of a call stands, told with its answer: long before it comes to a refusal.

use std::fmt::Write as _;

use axum::response::Response;
use http::header::{HeaderName, HeaderValue};
use stonegate_ledger::{Limit, Standing, Window};
use stonegate_protocol::{Dialect, anthropic::limit};

const ACCOUNT: HeaderName = HeaderName::from_static("x-stonegate-budget-account");
const WINDOW: HeaderName = HeaderName::from_static("x-stonegate-budget-window");
const PERCENT: HeaderName = HeaderName::from_static("x-stonegate-budget-percent");
const LIMIT: HeaderName = HeaderName::from_static("x-stonegate-budget-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-stonegate-budget-remaining");
const RESET: HeaderName = HeaderName::from_static("x-stonegate-budget-reset");
/// Of `tokens` and the greatest number.
const LONGEST_AMOUNT: usize = 27;

/// A standing, and the account by the name that the caller knows.
pub(crate) struct Near {
    standing: Standing,
    account: String,
}

impl Near {
    pub(crate) fn new(standing: Standing, account: String) -> Self {
        Self { standing, account }
    }

    /// Adds the headers. How much is left of a shared budget is others' business too, and is not told.
    pub(crate) fn tell(self, response: &mut Response, dialect: Dialect) {
        let percent = self.standing.told_percent();
        let remaining = self.standing.remaining();
        let Standing { budget, limit, renews_at, .. } = self.standing;
        let renews_at = renews_at.map(|at| at.as_second());
        let headers = response.headers_mut();
        let mut tell = |name: HeaderName, value: String| {
            // A name of a key that is no header is left out.
            let value = value.is_ascii().then(|| HeaderValue::try_from(value));
            if let Some(Ok(value)) = value {
                headers.insert(name, value);
            }
        };
        tell(ACCOUNT, self.account);
        if !budget.account.kind.is_shared() {
            tell(LIMIT, amount(budget.limit.with_amount(limit)));
            tell(REMAINING, amount(budget.limit.with_amount(remaining)));
        }
        headers.insert(WINDOW, HeaderValue::from_static(budget.window.as_str()));
        if let Some(renews_at) = renews_at {
            headers.insert(RESET, HeaderValue::from(renews_at));
        }
        let Some(percent) = percent else { return };
        headers.insert(PERCENT, HeaderValue::from(percent));
        if dialect == Dialect::Anthropic {
            let period = match budget.window {
                Window::Total => None,
                Window::Daily | Window::Weekly | Window::Monthly => Some(budget.window.as_str()),
            };
            for (name, value) in limit::near(&limit::NearBudget { percent, period, renews_at }) {
                if let Ok(value) = HeaderValue::try_from(value) {
                    headers.insert(HeaderName::from_static(name), value);
                }
            }
        }
    }
}

/// `usd 12.50` or `tokens 1000`.
fn amount(limit: Limit) -> String {
    let mut text = String::with_capacity(LONGEST_AMOUNT);
    // A string takes whatever is written to it.
    match limit {
        Limit::Usd(money) => write!(text, "usd {}", money.number()),
        Limit::Tokens(tokens) => write!(text, "tokens {tokens}"),
    }
    .ok();
    text
}
