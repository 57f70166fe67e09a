//! [`Tickets`] on either database.

use jiff::Timestamp;
use stonegate_identity::{
    directory::Answer,
    ticket::{Ticket, TicketKind, Tickets, Version},
};

use super::{Pools, SWEEP_TICKETS};
use crate::directory::{
    error::{unavailable, unreadable},
    row::{Columns, stored_time},
};

/// Tickets in one database.
pub(crate) struct SqlTickets {
    pools: Pools,
}

impl SqlTickets {
    pub(crate) fn new(pools: Pools) -> Self {
        Self { pools }
    }
}

impl Tickets for SqlTickets {
    fn put(&self, ticket: Ticket, now: Timestamp) -> Answer<'_, bool> {
        Box::pin(async move {
            let mut transaction = self.pools.write().await.map_err(unavailable)?;
            let put = sqlx::query(
                "INSERT INTO tickets (kind, name, body, version, expires_at) VALUES ($1, $2, $3, 1, $4)
                 ON CONFLICT (kind, name) DO UPDATE
                 SET body = excluded.body, version = tickets.version + 1, expires_at = excluded.expires_at
                 WHERE tickets.expires_at <= $5",
            )
            .bind(ticket.kind.as_str())
            .bind(&ticket.name)
            .bind(&ticket.body)
            .bind(stored_time(ticket.expires_at))
            .bind(stored_time(now))
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
            transaction.commit().await.map_err(unavailable)?;
            Ok(put.rows_affected() > 0)
        })
    }

    fn find<'a>(
        &'a self,
        kind: TicketKind,
        name: &'a str,
        now: Timestamp,
    ) -> Answer<'a, Option<(Ticket, Version)>> {
        Box::pin(async move {
            let found = sqlx::query(
                "SELECT body, version, expires_at FROM tickets WHERE kind = $1 AND name = $2 AND expires_at > $3",
            )
            .bind(kind.as_str())
            .bind(name)
            .bind(stored_time(now))
            .fetch_optional(self.pools.readers())
            .await
            .map_err(unavailable)?;
            let Some(row) = found else { return Ok(None) };
            let row = Columns(&row);
            let version: i64 = row.value("version")?;
            let version = u64::try_from(version).map_err(|error| unreadable("version", error))?;
            let (body, expires_at) = (row.value("body")?, row.time("expires_at")?);
            Ok(Some((Ticket { kind, name: name.to_owned(), body, expires_at }, Version(version))))
        })
    }

    fn replace(&self, found: Version, ticket: Ticket) -> Answer<'_, bool> {
        Box::pin(async move {
            let mut transaction = self.pools.write().await.map_err(unavailable)?;
            let replaced = sqlx::query(
                "UPDATE tickets SET body = $3, version = version + 1, expires_at = $4
                 WHERE kind = $1 AND name = $2 AND version = $5",
            )
            .bind(ticket.kind.as_str())
            .bind(&ticket.name)
            .bind(&ticket.body)
            .bind(stored_time(ticket.expires_at))
            .bind(i64::try_from(found.0).map_err(|error| unreadable("version", error))?)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
            transaction.commit().await.map_err(unavailable)?;
            Ok(replaced.rows_affected() > 0)
        })
    }

    fn take<'a>(&'a self, kind: TicketKind, name: &'a str, now: Timestamp) -> Answer<'a, Option<Ticket>> {
        Box::pin(async move {
            let mut transaction = self.pools.write().await.map_err(unavailable)?;
            let taken = sqlx::query(
                "DELETE FROM tickets WHERE kind = $1 AND name = $2 AND expires_at > $3
                 RETURNING body, expires_at",
            )
            .bind(kind.as_str())
            .bind(name)
            .bind(stored_time(now))
            .fetch_optional(&mut *transaction)
            .await
            .map_err(unavailable)?;
            transaction.commit().await.map_err(unavailable)?;
            let Some(row) = taken else { return Ok(None) };
            let row = Columns(&row);
            let (body, expires_at) = (row.value("body")?, row.time("expires_at")?);
            Ok(Some(Ticket { kind, name: name.to_owned(), body, expires_at }))
        })
    }

    fn sweep(&self, now: Timestamp, most: u32) -> Answer<'_, u64> {
        Box::pin(async move {
            let mut transaction = self.pools.write().await.map_err(unavailable)?;
            let swept = sqlx::query(SWEEP_TICKETS)
                .bind(stored_time(now))
                .bind(i64::from(most))
                .execute(&mut *transaction)
                .await
                .map_err(unavailable)?;
            transaction.commit().await.map_err(unavailable)?;
            Ok(swept.rows_affected())
        })
    }
}
