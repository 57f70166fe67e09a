//! Groups that are changed by several processes at the same time.

use jiff::Timestamp;
use sqlx::{Connection as _, Executor as _, PgConnection};
use stonegate_identity::TenantId;
use stonegate_identity::provisioning::{Provisioned, ProvisionedKind};

use crate::schema::schema;

fn new(kind: ProvisionedKind, id: &str) -> Provisioned {
    let at = Timestamp::from_second(1_790_000_000).unwrap();
    Provisioned {
        tenant: TenantId::default_tenant(),
        kind,
        id: id.to_owned(),
        name_key: id.to_owned(),
        external_id: None,
        body: "{}".to_owned(),
        created_at: at,
        changed_at: at,
    }
}

/// Comes back once somebody waits for a lock in this schema.
async fn somebody_waits(connection: &mut PgConnection) {
    let waiting = "SELECT EXISTS (SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid)
                   WHERE NOT granted AND application_name = current_setting('application_name'))";
    while !sqlx::query_scalar::<_, bool>(waiting).fetch_one(&mut *connection).await.unwrap() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn whoever_joins_a_group_while_it_is_renamed_waits_for_its_new_name() {
    let schema = schema!();
    let store = schema.open().await;
    for new in [new(ProvisionedKind::User, "usr_1"), new(ProvisionedKind::Group, "g1")] {
        assert!(store.provisioning.create(new).await.unwrap());
    }
    let (mut renaming, mut watching) = (schema.connect().await, schema.connect().await);
    let mut rename = renaming.begin().await.unwrap();
    rename
        .execute("UPDATE provisioned SET body = '{\"displayName\":\"new\"}' WHERE id = 'g1'")
        .await
        .unwrap();

    let joining = ["usr_1".to_owned()];
    let mut join = store.provisioning.change_members("g1", &joining, &[]);
    tokio::select! {
        done = &mut join => panic!("it did not wait: {done:?}"),
        () = somebody_waits(&mut watching) => {}
    }
    rename.commit().await.unwrap();
    join.await.unwrap();
    assert_eq!(store.provisioning.members("g1").await.unwrap(), joining);
    renaming.close().await.unwrap();
    watching.close().await.unwrap();
    store.close().await;
}
