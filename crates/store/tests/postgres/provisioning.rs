//! Groups that are changed by several processes at the same time.

use jiff::Timestamp;
use sqlx::{Connection as _, Executor as _, PgConnection};
use stonegate_identity::provisioning::{Provisioned, ProvisionedKind, Replaced};
use stonegate_identity::{DirectoryError, TenantId};

use crate::schema::{Schema, schema};

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

/// The statements with which another process works on people, each of whom it takes in the order of their ids, while `act` is
/// under way: it begins with the first of them, and goes on when `act` waits for that one. Neither may have to give way.
async fn check(
    schema: &Schema,
    statements: &[&'static str],
    act: impl Future<Output = Result<(), DirectoryError>>,
) {
    let (mut other, mut watching) = (schema.connect().await, schema.connect().await);
    let mut work = other.begin().await.unwrap();
    let (first, rest) = statements.split_first().unwrap();
    work.execute(*first).await.unwrap();
    let mut act = std::pin::pin!(act);
    tokio::select! {
        done = &mut act => panic!("it did not wait: {done:?}"),
        () = somebody_waits(&mut watching) => {}
    }
    for statement in rest {
        work.execute(*statement).await.unwrap();
    }
    work.commit().await.unwrap();
    act.await.unwrap();
    other.close().await.unwrap();
    watching.close().await.unwrap();
}

#[tokio::test]
async fn whoever_changes_the_same_people_at_the_same_time_waits_and_is_not_refused() {
    let schema = schema!();
    let store = schema.open().await;
    let people: Vec<String> = (1..=3).map(|number| format!("usr_{number}")).collect();
    // As they lie there, the last comes first.
    for id in people.iter().rev() {
        assert!(store.provisioning.create(new(ProvisionedKind::User, id)).await.unwrap());
    }
    let group = new(ProvisionedKind::Group, "g1");
    assert!(store.provisioning.create(group.clone()).await.unwrap());
    store.provisioning.change_members("g1", &people, &[]).await.unwrap();
    let one_after_the_other = [
        "UPDATE provisioned SET version = version WHERE id = 'usr_1'",
        "UPDATE provisioned SET version = version WHERE id = 'usr_2'",
        "UPDATE provisioned SET version = version WHERE id = 'usr_3'",
    ];

    let found = store.provisioning.find(&group.tenant, ProvisionedKind::Group, "g1").await.unwrap();
    let (found, seen) = found.unwrap();
    let renamed = Provisioned { name_key: "crew".to_owned(), body: "{\"a\":1}".to_owned(), ..found };
    check(&schema, &one_after_the_other, async {
        store.provisioning.replace(seen, renamed).await.map(|done| assert_eq!(done, Replaced::Done))
    })
    .await;
    let taken_away = [one_after_the_other[0], "DELETE FROM provisioned_members WHERE user_id = 'usr_1'"];
    check(&schema, &taken_away, store.provisioning.change_members("g1", &[], &people[..1])).await;
    check(&schema, &one_after_the_other[1..], async {
        store.provisioning.remove(&group.tenant, ProvisionedKind::Group, "g1").await.map(|gone| assert!(gone))
    })
    .await;
    store.close().await;
}

#[tokio::test]
async fn of_two_who_take_one_name_at_the_same_time_the_second_is_told_so() {
    let schema = schema!();
    let store = schema.open().await;
    let (ann, bob) = (new(ProvisionedKind::User, "usr_1"), new(ProvisionedKind::User, "usr_2"));
    for new in [&ann, &bob] {
        assert!(store.provisioning.create(new.clone()).await.unwrap());
    }
    let (_, seen) = store.provisioning.find(&ann.tenant, ann.kind, &ann.id).await.unwrap().unwrap();
    let first = ["UPDATE provisioned SET name_key = 'cleo' WHERE id = 'usr_2'"];
    check(&schema, &first, async {
        let renamed = Provisioned { name_key: "cleo".to_owned(), ..ann };
        store.provisioning.replace(seen, renamed).await.map(|done| assert_eq!(done, Replaced::NameTaken))
    })
    .await;
    store.close().await;
}
