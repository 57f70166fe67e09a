//! [`Archive`] on either database.

use jiff::Timestamp;
use stonegate_identity::archive::{Answer, Archive, ArchiveError, Document, DocumentOwner};

use super::{Pools, SWEEP_DOCUMENTS};

/// Documents in one database.
pub(crate) struct SqlArchive {
    pools: Pools,
}

impl SqlArchive {
    pub(crate) fn new(pools: Pools) -> Self {
        Self { pools }
    }
}

impl Archive for SqlArchive {
    fn put<'a>(&'a self, document: Document) -> Answer<'a, ()> {
        Box::pin(async move {
            let Document { owner, id, body, created_at, expires_at } = document;
            let mut transaction = self.pools.write().await.map_err(unavailable)?;
            sqlx::query(
                r#"INSERT INTO documents (tenant, "user", id, body, created_at, expires_at)
                   VALUES ($1, $2, $3, $4, $5, $6)
                   ON CONFLICT (tenant, "user", id) DO UPDATE
                   SET body = excluded.body, created_at = excluded.created_at, expires_at = excluded.expires_at"#,
            )
            .bind(owner.tenant.as_str())
            .bind(owner.user.as_str())
            .bind(id)
            .bind(body)
            .bind(created_at.as_microsecond())
            .bind(expires_at.as_microsecond())
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
            transaction.commit().await.map_err(unavailable)
        })
    }

    fn find<'a>(
        &'a self,
        owner: &'a DocumentOwner,
        id: &'a str,
        now: Timestamp,
    ) -> Answer<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            sqlx::query_scalar(
                r#"SELECT body FROM documents WHERE tenant = $1 AND "user" = $2 AND id = $3 AND expires_at > $4"#,
            )
            .bind(owner.tenant.as_str())
            .bind(owner.user.as_str())
            .bind(id)
            .bind(now.as_microsecond())
            .fetch_optional(self.pools.readers())
            .await
            .map_err(unavailable)
        })
    }

    fn remove<'a>(&'a self, owner: &'a DocumentOwner, id: &'a str, now: Timestamp) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut transaction = self.pools.write().await.map_err(unavailable)?;
            let removed = sqlx::query(
                r#"DELETE FROM documents WHERE tenant = $1 AND "user" = $2 AND id = $3 AND expires_at > $4"#,
            )
            .bind(owner.tenant.as_str())
            .bind(owner.user.as_str())
            .bind(id)
            .bind(now.as_microsecond())
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
            transaction.commit().await.map_err(unavailable)?;
            Ok(removed.rows_affected() > 0)
        })
    }

    fn sweep(&self, now: Timestamp, most: u32) -> Answer<'_, u64> {
        Box::pin(async move {
            let mut transaction = self.pools.write().await.map_err(unavailable)?;
            let swept = sqlx::query(SWEEP_DOCUMENTS)
                .bind(now.as_microsecond())
                .bind(i64::from(most))
                .execute(&mut *transaction)
                .await
                .map_err(unavailable)?;
            transaction.commit().await.map_err(unavailable)?;
            Ok(swept.rows_affected())
        })
    }
}

fn unavailable(error: sqlx::Error) -> ArchiveError {
    ArchiveError(Box::new(error))
}
