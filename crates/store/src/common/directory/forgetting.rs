//! What is let go of, and what is noted on the way: keys that came by themselves and are over, and when keys were used.

use jiff::Timestamp;
use stonegate_identity::{DirectoryError, KeyId};

use super::{Connection, Pools, write};
use crate::directory::{error::unavailable, row::stored_time};

/// Notes uses in the order of the keys' ids: two servers that note the same keys do not wait for each other in a circle.
pub(super) async fn note_uses(pools: &Pools, uses: &[(KeyId, Timestamp)]) -> Result<(), DirectoryError> {
    let mut uses: Vec<_> = uses.iter().collect();
    uses.sort();
    let mut transaction = pools.write().await.map_err(unavailable)?;
    for (key, at) in uses {
        sqlx::query(
            "UPDATE keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)",
        )
        .bind(key.as_str())
        .bind(stored_time(*at))
        .execute(&mut *transaction)
        .await
        .map_err(unavailable)?;
    }
    transaction.commit().await.map_err(unavailable)
}

pub(super) async fn forget(pools: &Pools, before: Timestamp, most: u32) -> Result<u64, DirectoryError> {
    let mut transaction = write(pools).await?;
    sqlx::query("DELETE FROM bootstrap_tokens WHERE expires_at < $1")
        .bind(stored_time(before))
        .execute(&mut *transaction)
        .await
        .map_err(unavailable)?;
    // Children first: a key that has some stays.
    let over: Vec<String> = sqlx::query_scalar(
        "SELECT id FROM keys WHERE kind <> 'long_lived' AND NOT is_forgotten AND expires_at < $1
         ORDER BY expires_at, parent_id IS NULL LIMIT $2",
    )
    .bind(stored_time(before))
    .bind(i64::from(most))
    .fetch_all(&mut *transaction)
    .await
    .map_err(unavailable)?;
    for id in &over {
        forget_one(&mut transaction, id).await?;
    }
    transaction.commit().await.map_err(unavailable)?;
    Ok(u64::try_from(over.len()).unwrap_or(u64::MAX))
}

/// Takes a key away; one that reports or budgets name keeps its own name.
async fn forget_one(connection: &mut Connection, id: &str) -> Result<(), DirectoryError> {
    for statement in [
        "DELETE FROM key_texts WHERE key_id = $1",
        "DELETE FROM keys
         WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM keys AS children WHERE children.parent_id = $1)
           AND NOT EXISTS (SELECT 1 FROM usage_series WHERE usage_series.key = $1)
           AND NOT EXISTS (SELECT 1 FROM budgets WHERE budgets.account = 'key:' || $1)",
        "UPDATE keys SET is_forgotten = TRUE WHERE id = $1",
    ] {
        sqlx::query(statement).bind(id).execute(&mut *connection).await.map_err(unavailable)?;
    }
    Ok(())
}
