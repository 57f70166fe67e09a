//! The demo's people: a tenant with a team, an administrator, a user with a budget, a key for each. Made over the admin API, as an
//! administrator would.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;

use anyhow::Context as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use stonegate_api::{Budget, KeyCreated, Page, Team, Usage, User};

use super::place::Place;
use crate::client::Client;
use crate::terminal::Style;

pub(super) const USER: &str = "ada";
pub(super) const ADMIN: &str = "grace, administrator";
pub(super) const BUDGET: &str = "$5.00";
/// Keys are shown once; a demo whose data is kept keeps them here, readable by its owner alone.
const KEPT_KEYS: &str = "demo-keys.json";

/// The sample's keys.
#[derive(Serialize, Deserialize)]
pub(super) struct Sample {
    pub(super) key: String,
    pub(super) admin_key: String,
}

/// Makes the sample on an empty store; on one that is not, takes up the keys from the last time.
pub(super) async fn prepare(place: &Place, url: &str, token: Option<&str>) -> anyhow::Result<Sample> {
    let kept = place.path().join(KEPT_KEYS);
    let Some(token) = token else {
        let text = fs::read_to_string(&kept).with_context(|| {
            format!("{} has data but no {KEPT_KEYS}: name another directory", place.path().display())
        })?;
        return serde_json::from_str(&text).with_context(|| format!("{} is damaged", kept.display()));
    };
    let sample = make(url, token).await.context("the sample could not be made")?;
    if place.is_kept() {
        let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&kept)?;
        serde_json::to_writer(file, &sample)?;
    }
    Ok(sample)
}

async fn make(url: &str, token: &str) -> anyhow::Result<Sample> {
    let nobody = Client::new(url, None)?;
    let admin: KeyCreated = post(&nobody, "bootstrap", json!({ "token": token, "name": "grace" })).await?;
    let client = Client::new(url, Some(&admin.key))?;
    let _tenant: serde_json::Value =
        post(&client, "tenants", json!({ "id": "acme", "name": "Acme" })).await?;
    let team: Team = post(&client, "teams", json!({ "name": "platform", "tenant": "acme" })).await?;
    let user = json!({ "name": USER, "tenant": "acme", "team": team.id });
    let user: User = post(&client, "users", user).await?;
    let budget = json!({
        "account": format!("user:{}", user.id), "window": "daily",
        "limit_usd": BUDGET.trim_start_matches('$'),
    });
    let _budget: Budget = post(&client, "budgets", budget).await?;
    let key: KeyCreated = post(&client, "keys", json!({ "name": "laptop", "user": user.id })).await?;
    Ok(Sample { key: key.key, admin_key: admin.key })
}

async fn post<T: DeserializeOwned>(
    client: &Client,
    what: &str,
    body: serde_json::Value,
) -> anyhow::Result<T> {
    client.post(&format!("/admin/v1/{what}"), &body).await.with_context(|| what.to_owned())
}

impl Sample {
    fn administrator(&self, url: &str) -> anyhow::Result<Client> {
        Client::new(url, Some(&self.admin_key))
    }

    /// All usage so far.
    pub(super) async fn usage(&self, url: &str) -> anyhow::Result<Usage> {
        Ok(self.administrator(url)?.get("/admin/v1/usage?by=user").await?)
    }

    /// What the calls so far came to, and what is left of the budget, in two lines.
    pub(super) async fn account(&self, url: &str, style: Style) -> anyhow::Result<String> {
        let usage = self.usage(url).await?.total;
        let budgets: Page<Budget> = self.administrator(url)?.get("/admin/v1/budgets").await?;
        let spent = budgets.data.first().and_then(|budget| budget.spent_usd.clone()).unwrap_or_default();
        Ok(format!(
            "  {}  {} input and {} output tokens, ${}\n  {}  ${spent} of {BUDGET} spent today",
            style.dim("Usage    "),
            usage.tokens.input,
            usage.tokens.output,
            style.bold(&usage.cost_usd),
            style.dim("Budget   "),
        ))
    }
}
