//! Opening a database: by many at once, a foreign one, a newer one, one that is not there.

use std::time::{Duration, Instant};

use sqlx::{Connection as _, Executor as _};
use stonegate_ledger::BudgetFilter;
use stonegate_store::{OpenError, Options, open};

use crate::schema::schema;

#[tokio::test(flavor = "multi_thread")]
async fn many_may_open_an_empty_database_at_once() {
    let schema = schema!();
    let mut openings = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let url = schema.url.clone();
        openings.spawn(async move {
            let store = open(&url, &Options::default()).await.unwrap();
            let now = jiff::Timestamp::UNIX_EPOCH;
            assert_eq!(store.ledger.list_budgets(BudgetFilter::default(), now).await.unwrap(), []);
            assert_eq!(store.directory.all_grants(now).await.unwrap().version, 1);
            store.close().await;
        });
    }
    while let Some(done) = openings.join_next().await {
        done.unwrap();
    }
}

#[tokio::test]
async fn a_newer_store_and_a_foreign_database_are_refused_and_left_alone() {
    let schema = schema!();
    let mut connection = schema.connect().await;
    connection.execute("CREATE TABLE users (id BIGINT)").await.unwrap();
    let refused = open(&schema.url, &Options::default()).await.unwrap_err();
    assert!(matches!(refused, OpenError::Foreign { .. }), "{refused}");
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()";
    let count: i64 = sqlx::query_scalar(tables).fetch_one(&mut connection).await.unwrap();
    assert_eq!(count, 1, "nothing of ours was left there");

    connection.execute("DROP TABLE users").await.unwrap();
    schema.open().await.close().await;
    connection.execute("UPDATE stonegate_form SET form = 999").await.unwrap();
    let refused = open(&schema.url, &Options::default()).await.unwrap_err();
    assert!(matches!(refused, OpenError::Newer { found: 999, .. }), "{refused}");
    connection.close().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_reached_is_told_soon_and_without_the_password() {
    let begin = Instant::now();
    for (url, expected) in [
        // A port that nobody can listen on.
        ("postgres://ann:hush@127.0.0.1:1/db", "`postgres://ann:***@127.0.0.1:1/db` cannot be reached"),
        ("postgres://ann:hush@localhost/db?host=/nonexistent", "cannot be reached"),
        ("postgres://ann:hush@localhost/db?sslmode=perhaps", "is no address of a store"),
    ] {
        let refused = open(url, &Options::default()).await.unwrap_err().to_string();
        assert!(refused.contains(expected) && !refused.contains("hush"), "{refused}");
    }
    assert!(begin.elapsed() < Duration::from_secs(5));
}
