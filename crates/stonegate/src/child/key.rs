//! The key that a child calls with: for one API, for half an hour, renewed while the child lives, and revoked with it.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use stonegate_api::{Key, KeyCreated};
use stonegate_server::clock;

use crate::client::Client;
use crate::connection::Connection;
use crate::terminal::note;
use crate::trouble::Trouble;
use crate::variables::Api;

const MINUTES: i64 = 30;
/// A gateway that knows no key for a while gives one for a day's work; it cannot be renewed.
const OLDER_GATEWAY: SignedDuration = SignedDuration::from_hours(12);
/// How often the clock is looked at. By the clock on the wall: timers stand still while a laptop sleeps.
const LOOK: Duration = Duration::from_secs(20);
/// How long the end of a child may take because of its key.
const REVOKE: Duration = Duration::from_secs(5);

/// A key in the hands of a child.
pub(super) struct ChildKey<'a> {
    connection: &'a Connection,
    text: String,
    kind: Kind,
    ends: Cell<Option<Timestamp>>,
    trouble: RefCell<Option<Trouble>>,
}

/// Where the key came from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// Made for the child.
    Ephemeral { id: String },
    /// Made for the child by a gateway that has no other keys.
    LongLived { id: String },
}

impl<'a> ChildKey<'a> {
    pub(super) async fn mint(
        connection: &'a Connection,
        api: Api,
        name: &str,
    ) -> anyhow::Result<ChildKey<'a>> {
        let client = connection.client().await?;
        let (text, kind, ends) = match ephemeral(&client, api, name).await {
            Ok(KeyCreated { key, about }) => (key, Kind::Ephemeral { id: about.id }, about.expires_at),
            Err(Trouble::Refused { status: 404 | 405, .. }) => {
                let KeyCreated { key, about } = long_lived(&client, api, name).await?;
                (key, Kind::LongLived { id: about.id }, about.expires_at)
            }
            Err(trouble) => return Err(trouble.into()),
        };
        let ends = Cell::new(ends.and_then(|ends| ends.parse().ok()));
        Ok(ChildKey { connection, text, kind, ends, trouble: RefCell::new(None) })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Renews the key for as long as it is polled. It says nothing: the terminal is the child's.
    pub(super) async fn renew(&self) -> Infallible {
        let Kind::Ephemeral { id } = &self.kind else { return std::future::pending().await };
        let mut looks = tokio::time::interval(LOOK);
        loop {
            looks.tick().await;
            let half_left = SignedDuration::from_mins(MINUTES / 2);
            if self.ends.get().is_none_or(|ends| ends.duration_since(clock::now()) > half_left) {
                continue;
            }
            match self.renew_once(id).await {
                Ok(ends) => {
                    self.ends.set(ends);
                    self.trouble.take();
                }
                Err(trouble) => {
                    self.trouble.replace(Some(trouble));
                }
            }
        }
    }

    async fn renew_once(&self, id: &str) -> Result<Option<Timestamp>, Trouble> {
        let client = self.connection.client().await?;
        let path = format!("/admin/v1/keys/{id}/renew");
        let key: Key = client.post(&path, &json!({ "minutes": MINUTES })).await?;
        Ok(key.expires_at.and_then(|ends| ends.parse().ok()))
    }

    /// Ends the key, and says where that, or keeping it alive, did not work.
    pub(super) async fn revoke(self) {
        if let Some(trouble) = self.trouble.borrow().as_ref() {
            note(&format!("stonegate: the key could not be renewed: {trouble}"));
        }
        let (Kind::Ephemeral { id } | Kind::LongLived { id }) = &self.kind;
        let why = match tokio::time::timeout(REVOKE, self.revoke_by_id(id)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_elapsed) => "no answer".to_owned(),
        };
        let end = self.ends.get().map(|ends| format!(" at {ends}")).unwrap_or_default();
        note(&format!("stonegate: the child's key could not be revoked ({why}); it ends by itself{end}"));
    }

    async fn revoke_by_id(&self, id: &str) -> anyhow::Result<()> {
        let path = format!("/admin/v1/keys/{id}/revoke");
        let _revoked: Key = self.connection.client().await?.post(&path, &json!({})).await?;
        Ok(())
    }
}

async fn ephemeral(client: &Client, api: Api, name: &str) -> Result<KeyCreated, Trouble> {
    let wanted = json!({ "name": name, "scopes": [api.scope()], "minutes": MINUTES });
    client.post("/admin/v1/keys/ephemeral", &wanted).await
}

async fn long_lived(client: &Client, api: Api, name: &str) -> Result<KeyCreated, Trouble> {
    let ends =
        clock::now().saturating_add(OLDER_GATEWAY).map_err(|error| Trouble::Wrong(error.to_string()))?;
    let wanted = json!({ "name": name, "scopes": [api.scope()], "expires_at": ends });
    client.post("/admin/v1/keys", &wanted).await
}
