//! What whoever has the store in hand does to it, without a server and without a key: the command line's own acts.
//!
//! It works on the same store while a server runs; the server takes notice within a second. Answers are the admin API's
//! own types, so that `--json` looks alike wherever it comes from.

use jiff::Timestamp;
use stonegate_identity::{Directory, Reach};
use stonegate_identity::{
    KeyId, KeyText, TenantId, UserId,
    directory::{Act, Actor, Filter, Key, Page, PageRequest, User},
};
use stonegate_store::{OpenError, Options, Store};

use crate::{admin::Problem, clock};

mod audit;
mod budgets;
mod keys;
pub mod moment;
mod store;
mod teams;
mod tenants;
mod usage;
mod users;

pub use audit::{AuditError, AuditFollower, AuditSelection};
pub use keys::{KeyRequest, KeySelection};
pub use stonegate_identity::Chain as AuditChain;
pub use stonegate_store::{Status as StoreStatus, TransferError, file as store_file};
pub use usage::{UsageRequest, usage_csv};

/// An open store in the hands of its operator.
pub struct Operator {
    store: Store,
    now: Timestamp,
}

impl Operator {
    /// Opens the store at that address, and makes it where there is none yet.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        // One act, then the process ends: one reader is enough, and every write is to last.
        let options = Options { readers: 1, ..Options::default() };
        Ok(Self { store: stonegate_store::open(url, &options).await?, now: clock::now() })
    }

    /// Leaves the store tidy.
    pub async fn close(self) {
        self.store.close().await;
    }

    fn directory(&self) -> &dyn Directory {
        &*self.store.directory
    }

    fn act(&self) -> Act {
        Act { by: Actor::Operator, at: self.now, request_id: None, address: None }
    }

    /// A tenant by its id; the default one when nobody names one.
    async fn tenant(&self, id: Option<&str>) -> Result<TenantId, Problem> {
        let Some(text) = id else { return Ok(TenantId::default_tenant()) };
        let missing = || Problem::not_found("tenant", text);
        let id = TenantId::parse(text).map_err(|_no_id| missing())?;
        Ok(self.directory().find_tenant(&id).await?.ok_or_else(missing)?.id)
    }

    /// A user by id, or by name in a tenant.
    async fn user(&self, tenant: Option<&str>, text: &str) -> Result<Option<User>, Problem> {
        if tenant.is_none()
            && let Ok(id) = UserId::parse(text)
            && let Some(user) = self.directory().find_user(&id).await?
        {
            return Ok(Some(user));
        }
        let tenant = self.tenant(tenant).await?;
        Ok(self.directory().find_user_by_name(&tenant, text).await?)
    }

    /// A key by its id, by its whole text, or by its name where only one in force has it.
    async fn key(&self, text: &str) -> Result<Key, Problem> {
        let missing = || Problem::not_found("key", KeyText::parse(text).map_or(text, |_| "sk-stone-…"));
        if let Ok(secret) = KeyText::parse(text) {
            let grant = self.directory().grant_by_digest(secret.digest()).await?.ok_or_else(missing)?;
            let id = grant.caller.key.clone().ok_or_else(missing)?;
            return self.directory().find_key(&id).await?.ok_or_else(missing);
        }
        if let Ok(id) = KeyId::parse(text)
            && let Some(key) = self.directory().find_key(&id).await?
        {
            return Ok(key);
        }
        let named = Filter {
            name: Some(text.to_owned()),
            in_force_at: Some(self.now),
            ..Filter::within(Reach::Everything)
        };
        let mut found = self.directory().list_keys(&named, &PageRequest::first()).await?.items;
        match (found.pop(), found.is_empty()) {
            (None, _) => Err(missing()),
            (Some(key), true) => Ok(key),
            (Some(last), false) => {
                found.push(last);
                let ids: Vec<String> =
                    found.iter().map(|key| format!("{} ({})", key.id, key.user_name)).collect();
                let message =
                    format!("{} keys are named `{text}`; give an id: {}", found.len(), ids.join(", "));
                Err(Problem::invalid("key", message))
            }
        }
    }
}

/// Goes on from page to page until the list ends.
async fn whole<T, F>(mut page: impl FnMut(PageRequest) -> F) -> Result<Vec<T>, Problem>
where
    F: Future<Output = Result<Page<T>, Problem>>,
{
    let mut all = Vec::new();
    let mut request = PageRequest::first();
    loop {
        let Page { items, next } = page(request.clone()).await?;
        all.extend(items);
        match next {
            Some(after) => request.after = Some(after),
            None => return Ok(all),
        }
    }
}

#[cfg(test)]
mod tests;
