//! Usage.

use stonegate_api::{Charge, Correction, CorrectionCreate, Unresolved, Usage, UsageBy, UsagePer};
use stonegate_ledger::{ChargeQuery, JournalQuery, Truth, UsageFilter};

use super::{Operator, moment};
use crate::admin::{
    Problem,
    wire::{self, unresolved::Wanted},
};

/// Which calls, and what they are summed by.
#[derive(Debug, Clone, Default)]
pub struct UsageRequest {
    /// What usage is summed by; with neither this nor `per`, by user.
    pub by: Option<UsageBy>,
    /// The time that each sum is of; the whole when absent.
    pub per: Option<UsagePer>,
    /// Calls from then on: a time, a day, or a while back.
    pub from: Option<String>,
    /// Calls before then.
    pub to: Option<String>,
    /// Calls of this tenant.
    pub tenant: Option<String>,
    /// Calls of this team, by id or name.
    pub team: Option<String>,
    /// Calls of this user, by id or name.
    pub user: Option<String>,
    /// Calls with this key, by id or name.
    pub key: Option<String>,
    /// Calls that this model answered.
    pub model: Option<String>,
    /// Calls that went to this upstream.
    pub endpoint: Option<String>,
    /// Calls of this program.
    pub client: Option<String>,
    /// Calls in this protocol.
    pub dialect: Option<String>,
    /// Calls with this tag, `NAME` or `NAME=VALUE`.
    pub tag: Option<String>,
}

/// The sums as comma-separated values, with a line of headings.
#[must_use]
pub fn usage_csv(usage: &Usage) -> String {
    wire::usage::csv(usage)
}

impl Operator {
    /// What is charged though nobody saw what it took.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn list_unresolved(&self, limit: u32) -> Result<Unresolved, Problem> {
        let query = JournalQuery { filter: UsageFilter::default(), before: None, limit };
        let page = self.store.ledger.unresolved(query).await?;
        Ok(wire::unresolved::shown(&page, &self.store.ledger.write_offs().await?))
    }

    /// All charges from outside that hold credit, those that are free again soonest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn list_charges(&self) -> Result<Vec<Charge>, Problem> {
        let mut all = Vec::new();
        let mut query = ChargeQuery { limit: 1_000, ..ChargeQuery::default() };
        loop {
            let page = self.store.ledger.open_charges(query.clone()).await?;
            all.extend(page.charges.iter().map(wire::charges::shown));
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// A charge from outside, and how it stands.
    ///
    /// # Errors
    /// When there is none of that id, or the store does not answer.
    pub async fn find_charge(&self, id: &str) -> Result<Charge, Problem> {
        let missing = || Problem::not_found("charge", id);
        let found = self.store.ledger.find_charge(id.parse().map_err(|_unknown| missing())?).await?;
        found.as_ref().map(wire::charges::shown).ok_or_else(missing)
    }

    /// Frees what a charge from outside holds.
    ///
    /// # Errors
    /// When there is none of that id, it was captured, or the store does not answer.
    pub async fn void_charge(&self, id: &str) -> Result<Charge, Problem> {
        let id = id.parse().map_err(|_unknown| Problem::not_found("charge", id))?;
        self.budgeting().void(id).await
    }

    /// Says what a call or a written-off lease really took.
    ///
    /// # Errors
    /// When the request is wrong, there is nothing of that name to correct, or the store does not answer.
    pub async fn correct(&self, create: &CorrectionCreate) -> Result<Correction, Problem> {
        let ledger = &*self.store.ledger;
        let truth = match wire::unresolved::wanted(create)? {
            Wanted::Call(call, cost, tokens) => Truth::Call { call, cost, tokens },
            Wanted::WriteOff(replica, counter, spent) => {
                let found = wire::unresolved::find_write_off(ledger, &replica, &counter).await?;
                Truth::WriteOff { spent: wire::unresolved::spent(&spent, found.amount)?, replica, counter }
            }
        };
        let correction = wire::unresolved::correction(create, truth, "operator", self.now)?;
        self.budgeting().correct(correction).await
    }

    /// What was corrected, the newest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn list_corrections(&self, limit: u32) -> Result<Vec<Correction>, Problem> {
        let kept = self.store.ledger.corrections(limit).await?;
        Ok(kept.iter().map(wire::unresolved::shown_correction).collect())
    }

    /// What was used, and what it cost.
    ///
    /// # Errors
    /// When the request is wrong, names someone who is not there, or the store does not answer.
    pub async fn usage(&self, wanted: &UsageRequest) -> Result<Usage, Problem> {
        let time = |field, text: &Option<String>| {
            text.as_deref().map(|text| moment::gone_by(field, text, self.now)).transpose()
        };
        let label = |text: &Option<String>| text.as_deref().map(Into::into);
        let mut filter = UsageFilter {
            from: time("from", &wanted.from)?,
            until: time("to", &wanted.to)?,
            model: label(&wanted.model),
            endpoint: label(&wanted.endpoint),
            client: label(&wanted.client),
            dialect: label(&wanted.dialect),
            tag: label(&wanted.tag),
            ..UsageFilter::default()
        };
        let tenant = wanted.tenant.as_deref();
        if tenant.is_some() {
            filter.tenant = Some(self.tenant(tenant).await?.to_arc());
        }
        if let Some(name) = wanted.team.as_deref() {
            filter.team = Some(self.team(tenant, name).await?.id.to_arc());
        }
        if let Some(name) = wanted.user.as_deref() {
            let user = self.user(tenant, name).await?.ok_or_else(|| Problem::not_found("user", name))?;
            filter.user = Some(user.id.to_arc());
        }
        if let Some(name) = wanted.key.as_deref() {
            filter.key = Some(self.key(name).await?.id.to_arc());
        }
        let wanted = wire::usage::Wanted { by: wanted.by, per: wanted.per, filter, limit: None, after: None };
        wire::usage::report(&*self.store.ledger, self.directory(), wanted, self.now).await
    }
}
