//! The promises of [`Provisioning`].

use super::world::{at, ok};
use crate::id::{TenantId, UserId};
use crate::provisioning::{Provisioned, ProvisionedKind, Provisioning, Replaced, Wanted};

/// Makes a test of every promise; `$fresh` is an async function that gives a keeper of nothing and what keeps it alive, or
/// `None` where there is no server to test against.
#[macro_export]
macro_rules! provisioning_conformance {
    ($fresh:path) => {
        $crate::provisioning_conformance!(@each $fresh:
            a_name_is_one_ones_in_its_tenant_and_kind,
            what_is_provisioned_is_replaced_by_whoever_saw_its_newest_form,
            lists_go_on_from_an_id_and_are_narrowed,
            a_group_has_the_members_that_it_was_given,
            whoever_is_taken_away_is_in_no_group,
            whatever_concerns_somebody_unsettles_them
        );
    };
    (@each $fresh:path: $($case:ident),*) => {
        $(
            #[tokio::test]
            async fn $case() {
                let Some((keeper, _alive)) = $fresh().await else { return };
                $crate::conformance::provisioning::$case(&*keeper).await;
            }
        )*
    };
}

fn default() -> TenantId {
    TenantId::default_tenant()
}

fn one(kind: ProvisionedKind, id: &str, name: &str) -> Provisioned {
    Provisioned {
        tenant: default(),
        kind,
        id: id.to_owned(),
        name_key: name.to_owned(),
        external_id: Some(format!("ext-{id}")),
        body: "{\"a\":\"\u{fc}\"}".to_owned(),
        created_at: at(1),
        changed_at: at(2),
    }
}

fn user(id: &str, name: &str) -> Provisioned {
    one(ProvisionedKind::User, id, name)
}

fn group(id: &str, name: &str) -> Provisioned {
    one(ProvisionedKind::Group, id, name)
}

async fn listed(keeper: &dyn Provisioning, wanted: &Wanted, after: Option<&str>, most: u32) -> Vec<String> {
    ok(keeper.list(wanted, after, most).await).into_iter().map(|found| found.id).collect()
}

/// Also under another id.
pub async fn a_name_is_one_ones_in_its_tenant_and_kind(keeper: &dyn Provisioning) {
    assert!(ok(keeper.create(user("u1", "ann")).await));
    assert!(!ok(keeper.create(user("u2", "ann")).await));
    assert!(!ok(keeper.create(user("u1", "bob")).await));
    assert!(ok(keeper.create(group("g1", "ann")).await));
    let found = ok(keeper.find(&default(), ProvisionedKind::User, "u1").await).map(|(found, _)| found);
    assert_eq!(found, Some(user("u1", "ann")));
    assert_eq!(ok(keeper.find(&default(), ProvisionedKind::Group, "u1").await), None);
    let other = TenantId::parse("other").expect("an id");
    assert_eq!(ok(keeper.find(&other, ProvisionedKind::User, "u1").await), None);
}

/// And keeps when it came.
pub async fn what_is_provisioned_is_replaced_by_whoever_saw_its_newest_form(keeper: &dyn Provisioning) {
    ok(keeper.create(user("u1", "ann")).await);
    ok(keeper.create(user("u2", "bob")).await);
    let (_, seen) = ok(keeper.find(&default(), ProvisionedKind::User, "u1").await).expect("it is there");
    let renamed = Provisioned { external_id: None, changed_at: at(9), ..user("u1", "anna") };
    assert_eq!(ok(keeper.replace(seen, renamed.clone()).await), Replaced::Done);
    assert_eq!(ok(keeper.replace(seen, user("u1", "late")).await), Replaced::Stale);
    let (found, seen) = ok(keeper.find(&default(), ProvisionedKind::User, "u1").await).expect("it is there");
    assert_eq!(found, renamed);
    assert_eq!(ok(keeper.replace(seen, user("u1", "bob")).await), Replaced::NameTaken);
    assert_eq!(ok(keeper.replace(seen, user("u3", "new")).await), Replaced::Stale);
}

/// By name, or by what the provider knows them by.
pub async fn lists_go_on_from_an_id_and_are_narrowed(keeper: &dyn Provisioning) {
    for (id, name) in [("u3", "cid"), ("u1", "ann"), ("u2", "bob")] {
        ok(keeper.create(user(id, name)).await);
    }
    ok(keeper.create(group("g1", "staff")).await);
    let all = Wanted::all(default(), ProvisionedKind::User);
    assert_eq!(listed(keeper, &all, None, 2).await, ["u1", "u2"]);
    assert_eq!(listed(keeper, &all, Some("u2"), 2).await, ["u3"]);
    let named = Wanted { name_key: Some("bob".to_owned()), ..all.clone() };
    assert_eq!(listed(keeper, &named, None, 10).await, ["u2"]);
    let known = Wanted { external_id: Some("ext-u3".to_owned()), ..all.clone() };
    assert_eq!(listed(keeper, &known, None, 10).await, ["u3"]);
    let other = Wanted { tenant: TenantId::parse("other").expect("an id"), ..all };
    assert_eq!(listed(keeper, &other, None, 10).await, [""; 0]);
}

/// Once each; those who are not there are left out.
pub async fn a_group_has_the_members_that_it_was_given(keeper: &dyn Provisioning) {
    for (id, name) in [("u1", "ann"), ("u2", "bob")] {
        ok(keeper.create(user(id, name)).await);
    }
    ok(keeper.create(group("g1", "staff")).await);
    ok(keeper.create(group("g2", "leads")).await);
    let ids = |ids: &[&str]| ids.iter().map(|&id| id.to_owned()).collect::<Vec<_>>();
    let (both, nobody) = (ids(&["u1", "u2", "u2", "u9", "g2"]), ids(&[]));
    ok(keeper.change_members("g1", &both, &nobody).await);
    ok(keeper.change_members("g1", &both, &ids(&["u9"])).await);
    ok(keeper.change_members("g2", &ids(&["u2"]), &nobody).await);
    assert_eq!(ok(keeper.members("g1").await), ["u1", "u2"]);
    let groups: Vec<_> = ok(keeper.groups_of("u2").await).into_iter().map(|group| group.id).collect();
    assert_eq!(groups, ["g1", "g2"]);
    ok(keeper.change_members("g1", &nobody, &ids(&["u2"])).await);
    assert_eq!(ok(keeper.members("g1").await), ["u1"]);
}

/// Nor has a group that is taken away anybody in it.
pub async fn whoever_is_taken_away_is_in_no_group(keeper: &dyn Provisioning) {
    ok(keeper.create(user("u1", "ann")).await);
    ok(keeper.create(group("g1", "staff")).await);
    ok(keeper.change_members("g1", &["u1".to_owned()], &[]).await);
    assert!(!ok(keeper.remove(&default(), ProvisionedKind::Group, "u1").await));
    assert!(ok(keeper.remove(&default(), ProvisionedKind::User, "u1").await));
    assert!(!ok(keeper.remove(&default(), ProvisionedKind::User, "u1").await));
    assert_eq!(ok(keeper.members("g1").await), [""; 0]);
    ok(keeper.create(user("u1", "ann")).await);
    ok(keeper.change_members("g1", &["u1".to_owned()], &[]).await);
    assert!(ok(keeper.remove(&default(), ProvisionedKind::Group, "g1").await));
    assert_eq!(ok(keeper.groups_of("u1").await), []);
}

async fn unsettled(keeper: &dyn Provisioning) -> Vec<String> {
    ok(keeper.unsettled(&default(), 10).await).into_iter().map(|id| id.to_string()).collect()
}

async fn settle(keeper: &dyn Provisioning, id: &str) {
    let (_, seen) = ok(keeper.find(&default(), ProvisionedKind::User, id).await).expect("it is there");
    assert!(ok(keeper.settled(&UserId::parse(id).expect("an id"), seen).await));
}

/// And nobody else.
pub async fn whatever_concerns_somebody_unsettles_them(keeper: &dyn Provisioning) {
    for (id, name) in [("u1", "ann"), ("u2", "bob"), ("u3", "cid")] {
        ok(keeper.create(user(id, name)).await);
    }
    ok(keeper.create(group("g1", "staff")).await);
    assert_eq!(unsettled(keeper).await, ["u1", "u2", "u3"]);
    assert_eq!(ok(keeper.unsettled(&TenantId::parse("other").expect("an id"), 10).await), []);
    assert_eq!(ok(keeper.unsettled_tenants().await), [default()], "once, though three are");
    let (_, first) = ok(keeper.find(&default(), ProvisionedKind::User, "u1").await).expect("it is there");
    for id in ["u1", "u2", "u3"] {
        settle(keeper, id).await;
    }
    assert_eq!(unsettled(keeper).await, [""; 0]);
    assert_eq!(ok(keeper.unsettled_tenants().await), []);

    let (joining, nobody) = (["u1".to_owned(), "u2".to_owned()], []);
    ok(keeper.change_members("g1", &joining, &nobody).await);
    assert_eq!(unsettled(keeper).await, ["u1", "u2"]);
    let ann = UserId::parse("u1").expect("an id");
    assert!(!ok(keeper.settled(&ann, first).await), "that was before she joined");
    settle(keeper, "u1").await;
    settle(keeper, "u2").await;
    ok(keeper.change_members("g1", &joining, &["u3".to_owned()]).await);
    assert_eq!(unsettled(keeper).await, [""; 0], "nothing has changed");

    let (_, seen) = ok(keeper.find(&default(), ProvisionedKind::Group, "g1").await).expect("it is there");
    let same = Provisioned { external_id: None, ..group("g1", "staff") };
    assert_eq!(ok(keeper.replace(seen, same).await), Replaced::Done);
    assert_eq!(unsettled(keeper).await, [""; 0]);
    let (_, seen) = ok(keeper.find(&default(), ProvisionedKind::Group, "g1").await).expect("it is there");
    let renamed = Provisioned { body: "{}".to_owned(), ..group("g1", "crew") };
    assert_eq!(ok(keeper.replace(seen, renamed.clone()).await), Replaced::Done);
    assert_eq!(ok(keeper.replace(seen, renamed).await), Replaced::Stale);
    assert_eq!(unsettled(keeper).await, ["u1", "u2"]);
    settle(keeper, "u1").await;
    settle(keeper, "u2").await;

    ok(keeper.change_members("g1", &nobody, &["u2".to_owned()]).await);
    assert_eq!(unsettled(keeper).await, ["u2"]);
    ok(keeper.remove(&default(), ProvisionedKind::Group, "g1").await);
    assert_eq!(unsettled(keeper).await, ["u1", "u2"]);
    settle(keeper, "u1").await;
    settle(keeper, "u2").await;
    let (_, seen) = ok(keeper.find(&default(), ProvisionedKind::User, "u3").await).expect("it is there");
    assert_eq!(ok(keeper.replace(seen, user("u3", "cid")).await), Replaced::Done);
    assert_eq!(unsettled(keeper).await, ["u3"]);
}
