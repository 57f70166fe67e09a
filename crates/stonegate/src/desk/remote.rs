//! Administration at a gateway: the admin API, with names where it has ids.

mod names;

use http::Method;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use stonegate_api::{
    Adjustment, AdjustmentCreate, AuditEntry, Budget, BudgetCreate, BudgetEvent, Charge, ChargeCapture,
    ChargeCreate, Correction, CorrectionCreate, Key, KeyCreated, KeyRotate, Page, SealedAuditEntry, Team,
    TeamCreate, TeamUpdate, Tenant, TenantCreate, TenantUpdate, TotpReset, Unresolved, Usage, User,
    UserCreate, UserUpdate,
};
use stonegate_server::clock;
use stonegate_server::operator::{
    AuditChain, AuditFollower, AuditSelection, KeyRequest, KeySelection, UsageRequest, moment,
};

use crate::client::{Client, Content};
use crate::trouble::Trouble;

/// How much of the audit log is asked for at a time.
const AUDIT_PART: &str = "500";

/// A gateway's admin API.
pub(crate) struct Remote {
    client: Client,
    url: String,
    now: Timestamp,
}

/// Members of an address, and what they are; those without a value are left out.
type Query<'a> = [(&'a str, Option<&'a str>)];

impl Remote {
    pub(crate) fn new(url: &str, client: Client) -> Remote {
        Remote { client, url: url.to_owned(), now: clock::now() }
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, query: &Query<'_>) -> Result<T, Trouble> {
        let given: Vec<(&str, &str)> =
            query.iter().filter_map(|(name, value)| Some((*name, (*value)?))).collect();
        let query = crate::client::form(&given);
        let mark = if query.is_empty() { "" } else { "?" };
        self.client.get(&format!("/admin/v1{path}{mark}{query}")).await
    }

    /// A list from its first page to its last.
    async fn list<T: DeserializeOwned>(&self, path: &str, query: &Query<'_>) -> anyhow::Result<Vec<T>> {
        pages(async |place| self.get(path, &[query, place].concat()).await).await
    }

    /// What the gateway's settings made of it, all on one page.
    pub(crate) async fn installed<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Vec<T>> {
        Ok(self.get_new::<Page<T>>(path, &[]).await?.data)
    }

    /// The same as `get` of what gateways have not always had.
    async fn get_new<T: DeserializeOwned>(&self, path: &str, query: &Query<'_>) -> Result<T, Trouble> {
        match self.get(path, query).await {
            Err(Trouble::Refused { status: status @ (404 | 405), code, request_id, .. }) => {
                let message = format!(
                    "{} knows nothing of this: it is older than this command line, or administered by another address",
                    self.url
                );
                Err(Trouble::Refused { status, code, message, request_id })
            }
            told => told,
        }
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        Ok(self.client.post(&format!("/admin/v1{path}"), &serde_json::to_value(body)?).await?)
    }

    async fn patch<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        let body = Content::json(&serde_json::to_value(body)?);
        Ok(self.client.call(Method::PATCH, &format!("/admin/v1{path}"), Some(body)).await?)
    }

    pub(super) async fn create_key(&self, wanted: &KeyRequest) -> anyhow::Result<KeyCreated> {
        let user = match wanted.user.as_deref() {
            Some(name) => Some(self.user(wanted.tenant.as_deref(), name).await?),
            None => None,
        };
        self.post("/keys", &wanted.as_create(user, self.now)?).await
    }

    pub(super) async fn list_keys(&self, selection: &KeySelection) -> anyhow::Result<Vec<Key>> {
        let tenant = selection.tenant.as_deref();
        let user = match selection.user.as_deref() {
            Some(name) => Some(self.user(tenant, name).await?),
            None => None,
        };
        let team = self.maybe_team(tenant, selection.team.as_deref()).await?;
        let active = (!selection.is_all).then_some("true");
        let kind = selection.is_all.then_some("all");
        let query = [
            ("user", user.as_deref()),
            ("tenant", tenant),
            ("team", team.as_deref()),
            ("active", active),
            ("kind", kind),
        ];
        self.list("/keys", &query).await
    }

    pub(super) async fn revoke_key(&self, key: &str) -> anyhow::Result<Key> {
        let id = self.key(key).await?;
        self.post(&format!("/keys/{id}/revoke"), &json!({})).await
    }

    pub(super) async fn rotate_key(
        &self,
        key: &str,
        overlap_seconds: Option<u64>,
    ) -> anyhow::Result<KeyCreated> {
        let id = self.key(key).await?;
        self.post(&format!("/keys/{id}/rotate"), &KeyRotate { overlap_seconds }).await
    }

    pub(super) async fn create_user(&self, wanted: &UserCreate) -> anyhow::Result<User> {
        let team = self.maybe_team(wanted.tenant.as_deref(), wanted.team.as_deref()).await?;
        self.post("/users", &UserCreate { team, ..wanted.clone() }).await
    }

    pub(super) async fn list_users(
        &self,
        tenant: Option<&str>,
        team: Option<&str>,
    ) -> anyhow::Result<Vec<User>> {
        let team = self.maybe_team(tenant, team).await?;
        self.list("/users", &[("tenant", tenant), ("team", team.as_deref())]).await
    }

    pub(super) async fn update_user(
        &self,
        tenant: Option<&str>,
        user: &str,
        wanted: &UserUpdate,
    ) -> anyhow::Result<User> {
        let id = self.user(tenant, user).await?;
        let team = match &wanted.team {
            Some(Some(text)) => Some(Some(self.team(tenant, text).await?)),
            Some(None) => Some(None),
            None => None,
        };
        self.patch(&format!("/users/{id}"), &UserUpdate { team, ..wanted.clone() }).await
    }

    pub(super) async fn reset_totp(
        &self,
        tenant: Option<&str>,
        user: &str,
        wanted: &TotpReset,
    ) -> anyhow::Result<User> {
        let id = self.user(tenant, user).await?;
        self.post(&format!("/users/{id}/totp-reset"), wanted).await
    }

    pub(super) async fn create_team(&self, wanted: &TeamCreate) -> anyhow::Result<Team> {
        self.post("/teams", wanted).await
    }

    pub(super) async fn list_teams(&self, tenant: Option<&str>, is_all: bool) -> anyhow::Result<Vec<Team>> {
        let active = (!is_all).then_some("true");
        self.list("/teams", &[("tenant", tenant), ("active", active)]).await
    }

    pub(super) async fn update_team(
        &self,
        tenant: Option<&str>,
        team: &str,
        wanted: &TeamUpdate,
    ) -> anyhow::Result<Team> {
        let id = self.team(tenant, team).await?;
        self.patch(&format!("/teams/{id}"), wanted).await
    }

    pub(super) async fn create_tenant(&self, wanted: &TenantCreate) -> anyhow::Result<Tenant> {
        self.post("/tenants", wanted).await
    }

    pub(super) async fn list_tenants(&self) -> anyhow::Result<Vec<Tenant>> {
        self.list("/tenants", &[]).await
    }

    pub(super) async fn update_tenant(&self, id: &str, wanted: &TenantUpdate) -> anyhow::Result<Tenant> {
        self.patch(&format!("/tenants/{}", names::segment(id)), wanted).await
    }

    pub(super) async fn set_budget(&self, wanted: &BudgetCreate) -> anyhow::Result<Budget> {
        let account = self.account(&wanted.account).await?;
        self.post("/budgets", &BudgetCreate { account, ..wanted.clone() }).await
    }

    pub(super) async fn list_budgets(&self, account: Option<&str>) -> anyhow::Result<Vec<Budget>> {
        let account = self.maybe_account(account).await?;
        let account = ("account", account.as_deref());
        let told: Result<Page<Budget>, Trouble> =
            self.get("/budgets", &[account, ("forecast", Some("true"))]).await;
        let told = match told {
            // An older gateway makes no forecasts, and refuses to be asked what it does not know.
            Err(Trouble::Refused { status: 400, .. }) => self.get("/budgets", &[account]).await,
            told => told,
        };
        Ok(told?.data)
    }

    pub(super) async fn remove_budget(&self, id: &str) -> anyhow::Result<()> {
        let path = format!("/admin/v1/budgets/{}", names::segment(id));
        self.client.send(Method::DELETE, &path, None).await?;
        Ok(())
    }

    pub(super) async fn adjust_budget(&self, id: &str, wanted: &AdjustmentCreate) -> anyhow::Result<Budget> {
        let time = |field, text: &Option<String>| -> anyhow::Result<Option<String>> {
            let Some(text) = text else { return Ok(None) };
            Ok(Some(moment::to_come(field, text, self.now)?.to_string()))
        };
        let (from, until) = (time("from", &wanted.from)?, time("until", &wanted.until)?);
        let wanted = AdjustmentCreate { from, until, ..wanted.clone() };
        let _kept: Adjustment =
            self.post(&format!("/budgets/{}/adjustments", names::segment(id)), &wanted).await?;
        let budgets = self.list_budgets(None).await?;
        budgets.into_iter().find(|budget| budget.id == id).ok_or_else(|| names::missing("budget", id))
    }

    /// Of all budgets, where none is named: the API lists those of one.
    pub(super) async fn list_adjustments(
        &self,
        budget: Option<&str>,
        limit: u32,
    ) -> anyhow::Result<Vec<Adjustment>> {
        let budgets = match budget {
            Some(id) => vec![id.to_owned()],
            None => self.list_budgets(None).await?.into_iter().map(|budget| budget.id).collect(),
        };
        let mut all = Vec::new();
        for id in budgets {
            let path = format!("/budgets/{}/adjustments", names::segment(&id));
            all.extend(self.get::<Page<Adjustment>>(&path, &[]).await?.data);
        }
        all.sort_by(|one: &Adjustment, other| other.at.cmp(&one.at));
        all.truncate(usize::try_from(limit)?);
        Ok(all)
    }

    pub(super) async fn list_events(
        &self,
        budget: Option<&str>,
        account: Option<&str>,
        after: u64,
        limit: u32,
    ) -> anyhow::Result<Vec<BudgetEvent>> {
        let account = self.maybe_account(account).await?;
        let after = after.to_string();
        let query = [("budget", budget), ("account", account.as_deref()), ("after", Some(&*after))];
        let mut events = self.get::<Page<BudgetEvent>>("/budget-events", &query).await?.data;
        events.truncate(usize::try_from(limit)?);
        Ok(events)
    }

    pub(super) async fn list_audit(&self, wanted: &AuditSelection) -> anyhow::Result<Vec<AuditEntry>> {
        let time = |field, text: &Option<String>| -> anyhow::Result<Option<String>> {
            let Some(text) = text else { return Ok(None) };
            Ok(Some(moment::gone_by(field, text, self.now)?.to_string()))
        };
        let (from, to) = (time("since", &wanted.since)?, time("until", &wanted.until)?);
        let limit = wanted.limit.to_string();
        let query = [
            ("actor", wanted.actor.as_deref()),
            ("action", wanted.action.as_deref()),
            ("subject", wanted.subject.as_deref()),
            ("from", from.as_deref()),
            ("to", to.as_deref()),
            ("limit", Some(&*limit)),
        ];
        Ok(self.get::<Page<AuditEntry>>("/audit", &query).await?.data)
    }

    /// The whole log, from its first entry to its last; what its seals do not vouch for is not handed on.
    pub(super) async fn follow_audit(
        &self,
        take: &mut dyn FnMut(AuditEntry) -> std::io::Result<()>,
    ) -> anyhow::Result<AuditChain> {
        let mut follower = AuditFollower::default();
        let mut after: Option<String> = None;
        loop {
            let query = [("limit", Some(AUDIT_PART)), ("after", after.as_deref())];
            let part: Page<SealedAuditEntry> = self.get_new("/audit/chain", &query).await?;
            for sealed in part.data {
                take(follower.follow(sealed)?)?;
            }
            if part.next.is_none() || part.next == after {
                return Ok(follower.into_chain());
            }
            after = part.next;
        }
    }

    pub(super) async fn usage(&self, wanted: &UsageRequest) -> anyhow::Result<Usage> {
        let tenant = wanted.tenant.as_deref();
        let time = |field, text: &Option<String>| -> anyhow::Result<Option<String>> {
            let Some(text) = text else { return Ok(None) };
            Ok(Some(moment::gone_by(field, text, self.now)?.to_string()))
        };
        let (from, to) = (time("from", &wanted.from)?, time("to", &wanted.to)?);
        let user = match wanted.user.as_deref() {
            Some(name) => Some(self.user(tenant, name).await?),
            None => None,
        };
        let key = match wanted.key.as_deref() {
            Some(name) => Some(self.key(name).await?),
            None => None,
        };
        let team = self.maybe_team(tenant, wanted.team.as_deref()).await?;
        let (by, per) = (serde_json::to_value(wanted.by)?, serde_json::to_value(wanted.per)?);
        let query = [
            ("by", by.as_str()),
            ("per", per.as_str()),
            ("from", from.as_deref()),
            ("to", to.as_deref()),
            ("tenant", tenant),
            ("team", team.as_deref()),
            ("user", user.as_deref()),
            ("key", key.as_deref()),
            ("model", wanted.model.as_deref()),
            ("endpoint", wanted.endpoint.as_deref()),
            ("client", wanted.client.as_deref()),
            ("dialect", wanted.dialect.as_deref()),
            ("tag", wanted.tag.as_deref()),
            ("limit", Some("10000")),
        ];
        let mut usage: Usage = self.get("/usage", &query).await?;
        while let Some(next) = usage.next.take() {
            let part: Usage = self.get("/usage", &[&query[..], &[("after", Some(&*next))]].concat()).await?;
            usage.data.extend(part.data);
            usage.next = part.next;
        }
        Ok(usage)
    }

    /// As many as the gateway tells at once.
    pub(super) async fn list_unresolved(&self, _limit: u32) -> anyhow::Result<Unresolved> {
        Ok(self.get("/usage/unresolved", &[]).await?)
    }

    pub(super) async fn correct(&self, wanted: &CorrectionCreate) -> anyhow::Result<Correction> {
        self.post("/usage/corrections", wanted).await
    }

    pub(super) async fn list_corrections(&self, limit: u32) -> anyhow::Result<Vec<Correction>> {
        let mut all = self.get::<Page<Correction>>("/usage/corrections", &[]).await?.data;
        all.truncate(usize::try_from(limit)?);
        Ok(all)
    }

    pub(super) async fn list_charges(&self) -> anyhow::Result<Vec<Charge>> {
        pages(async |place| self.get_new("/charges", place).await).await
    }

    /// A charge of one's own.
    pub(super) async fn find_charge(&self, id: &str) -> anyhow::Result<Charge> {
        Ok(self.get(&format!("/charges/{}", names::segment(id)), &[]).await?)
    }

    /// Holds credit in one's own name; under the same name it is the same charge.
    pub(crate) async fn authorize_charge(
        &self,
        wanted: &ChargeCreate,
        name: Option<String>,
    ) -> anyhow::Result<Charge> {
        let content = Content::json(&serde_json::to_value(wanted)?).once(name);
        Ok(self.client.call(Method::POST, "/admin/v1/charges", Some(content)).await?)
    }

    /// Takes what was spent of a charge of one's own.
    pub(crate) async fn capture_charge(&self, id: &str, wanted: &ChargeCapture) -> anyhow::Result<Charge> {
        self.post(&format!("/charges/{}/capture", names::segment(id)), wanted).await
    }

    pub(super) async fn void_charge(&self, id: &str) -> anyhow::Result<Charge> {
        self.post(&format!("/charges/{}/void", names::segment(id)), &serde_json::Map::new()).await
    }
}

/// All that one gives from page to page.
async fn pages<T>(page: impl AsyncFn(&Query<'_>) -> Result<Page<T>, Trouble>) -> anyhow::Result<Vec<T>> {
    let mut all = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let Page { data, next } = page(&[("limit", Some("1000")), ("after", after.as_deref())]).await?;
        all.extend(data);
        match next {
            Some(next) => after = Some(next),
            None => return Ok(all),
        }
    }
}
