//! What is only ever appended to, against somebody with the database's own tools.

use sqlx::{Connection as _, Executor as _};

use crate::schema::schema;

#[tokio::test]
async fn what_is_append_only_is_not_emptied_either() {
    let schema = schema!();
    schema.open().await.close().await;
    let mut connection = schema.connect().await;
    for (table, refusal) in [
        ("audit", "the audit log is append-only"),
        ("budget_adjustments", "append-only"),
        ("corrections", "append-only"),
    ] {
        for act in [format!("TRUNCATE {table}"), format!("TRUNCATE {table} CASCADE")] {
            let refused = connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(act))).await.unwrap_err();
            assert!(refused.to_string().contains(refusal), "{table}: {refused}");
        }
    }
    connection.close().await.unwrap();
}

#[tokio::test]
async fn an_entry_put_in_before_the_first_is_read_too() {
    let schema = schema!();
    let store = schema.open().await;
    let mut connection = schema.connect().await;
    let forged = "INSERT INTO audit (number, at, actor, action, subject) OVERRIDING SYSTEM VALUE
                  VALUES (0, 0, 'operator', 'tenant.create', 'tenant:forged')";
    connection.execute(forged).await.unwrap();
    let read = store.directory.read_audit(0, 1).await.unwrap();
    assert_eq!(&*read.first().expect("it is there").subject, "tenant:forged");
    connection.close().await.unwrap();
    store.close().await;
}
