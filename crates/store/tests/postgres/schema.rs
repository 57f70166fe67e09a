//! A schema for each test.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{Connection as _, Executor as _, PgConnection};
use stonegate_store::{Options, Store, open};

/// A schema of its own, with nothing in it.
pub(crate) struct Schema {
    pub(crate) url: String,
}

impl Schema {
    /// `None` where there is no server to test against.
    #[expect(
        clippy::disallowed_methods,
        clippy::print_stdout,
        reason = "a test's surroundings are in its variables"
    )]
    pub(crate) async fn fresh() -> Option<Schema> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let Ok(server) = std::env::var("TEST_POSTGRES_URL") else {
            assert!(
                std::env::var_os("CI").is_none(),
                "continuous integration runs these tests under `xtask/postgres.sh run`"
            );
            println!("not tested: there is no TEST_POSTGRES_URL; use `xtask/postgres.sh run cargo test …`");
            return None;
        };
        let name = format!("test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::connect(&server).await.unwrap();
        let create = format!("CREATE SCHEMA {name}");
        connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(create))).await.unwrap();
        connection.close().await.unwrap();
        let mark = if server.contains('?') { '&' } else { '?' };
        Some(Schema { url: format!("{server}{mark}options=-csearch_path%3D{name}&application_name={name}") })
    }

    pub(crate) async fn open(&self) -> Store {
        open(&self.url, &Options::default()).await.unwrap()
    }

    pub(crate) async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }
}

/// The schema, or the end of a test that has none.
macro_rules! schema {
    () => {
        match $crate::schema::Schema::fresh().await {
            Some(schema) => schema,
            None => return,
        }
    };
}
pub(crate) use schema;
