//! Changing what a ticket says, on whatever form of it is the newest.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use stonegate_identity::DirectoryError;
use stonegate_identity::ticket::{Ticket, TicketKind, Tickets};

/// How often it is tried where others change the same ticket.
const ATTEMPTS: usize = 8;

/// A ticket to be changed.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) tickets: &'a dyn Tickets,
    pub(super) kind: TicketKind,
    pub(super) name: &'a str,
}

impl Place<'_> {
    /// What the ticket says; what cannot be read was not ours, and says nothing.
    pub(super) async fn read<T: Default + DeserializeOwned>(
        self,
        now: Timestamp,
    ) -> Result<T, DirectoryError> {
        let found = self.tickets.find(self.kind, self.name, now).await?;
        Ok(found.and_then(|(ticket, _)| serde_json::from_str(&ticket.body).ok()).unwrap_or_default())
    }

    /// Changes what it says as `how` does, which also tells until when it is kept from now on; what `how` leaves as it was is
    /// not written. `None` when it is changed from all sides.
    pub(super) async fn change<T, R>(
        self,
        now: Timestamp,
        mut how: impl FnMut(&mut T) -> (R, Timestamp),
    ) -> Result<Option<R>, DirectoryError>
    where
        T: Default + Clone + PartialEq + Serialize + DeserializeOwned,
    {
        for _ in 0..ATTEMPTS {
            let found = self.tickets.find(self.kind, self.name, now).await?;
            let before: T = found
                .as_ref()
                .and_then(|(ticket, _)| serde_json::from_str(&ticket.body).ok())
                .unwrap_or_default();
            let mut after = before.clone();
            let (outcome, expires_at) = how(&mut after);
            if after == before {
                return Ok(Some(outcome));
            }
            let (kind, name) = (self.kind, self.name.to_owned());
            let ticket = Ticket { kind, name, body: serde_json::json!(after).to_string(), expires_at };
            let is_kept = match found {
                Some((_, version)) => self.tickets.replace(version, ticket).await?,
                None => self.tickets.put(ticket, now).await?,
            };
            if is_kept {
                return Ok(Some(outcome));
            }
        }
        Ok(None)
    }
}
