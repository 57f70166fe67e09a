//! How a budget stands that is nearly used up, told with the answer: before it comes to a refusal.

use axum::response::Response;
use http::header::{HeaderName, HeaderValue};
use stonegate_ledger::{Limit, Nanodollars, Standing, Window};
use stonegate_protocol::{Dialect, anthropic::limit};

/// A standing, and the account by the name that the caller knows.
pub(crate) struct Near {
    standing: Standing,
    account: String,
}

impl Near {
    pub(crate) fn new(standing: Standing, account: String) -> Self {
        Self { standing, account }
    }

    /// What is spent, in per cent: exactly of the caller's own budget, and of a shared one no more than which of Claude
    /// Code's warnings it has passed, since how it stands is others' business too.
    fn percent(&self) -> u64 {
        let percent = self.standing.percent();
        match percent {
            _ if !self.standing.budget.account.kind.is_shared() => percent,
            95.. => 95,
            _ => 75,
        }
    }

    /// Adds the headers.
    pub(crate) fn tell(&self, response: &mut Response, dialect: Dialect) {
        let Standing { budget, renews_at, .. } = &self.standing;
        let renews_at = renews_at.map(|at| at.as_second());
        let mut told = vec![
            ("x-stonegate-budget-account", self.account.clone()),
            ("x-stonegate-budget-window", budget.window.to_string()),
            ("x-stonegate-budget-percent", self.percent().to_string()),
        ];
        if !budget.account.kind.is_shared() {
            told.push(("x-stonegate-budget-limit", amount(budget.limit.with_amount(self.standing.limit))));
            let remaining = budget.limit.with_amount(self.standing.remaining());
            told.push(("x-stonegate-budget-remaining", amount(remaining)));
        }
        told.extend(renews_at.map(|at| ("x-stonegate-budget-reset", at.to_string())));
        if dialect == Dialect::Anthropic {
            let period = match budget.window {
                Window::Total => None,
                Window::Daily | Window::Weekly | Window::Monthly => Some(budget.window.as_str()),
            };
            told.extend(limit::near(&limit::NearBudget { percent: self.percent(), period, renews_at }));
        }
        for (name, value) in told {
            // A name of a key that is no header is left out.
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
    }
}

/// `usd 12.50` or `tokens 1000`.
fn amount(limit: Limit) -> String {
    match limit {
        Limit::Usd(money) => format!("usd {}", dollars(money)),
        Limit::Tokens(tokens) => format!("tokens {tokens}"),
    }
}

fn dollars(money: Nanodollars) -> String {
    money.to_string().trim_start_matches('$').to_owned()
}
