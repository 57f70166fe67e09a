//! Promises about tenants, users and the first administrator.

use std::task::Poll;

use super::world::{act, at, is_conflict, is_missing, key, new_key, new_user, ok, rule, tenant, text, user};
use crate::{
    BootstrapToken, Directory, KeyDigest, KeyId, KeyKind, ModelRule, Reach, Role, Scopes, TenantId, UserId,
    directory::{
        Act, Actor, Filter, FirstAdmin, NewKey, NewPassword, NewTenant, NewUser, PageRequest, Rotation,
        TenantEdit, UserEdit,
    },
};

/// The default tenant is there; users and keys are not.
pub async fn a_fresh_directory_has_the_default_tenant_and_nobody(directory: &dyn Directory) {
    let (everything, page) = (Filter::within(Reach::Everything), PageRequest::first());
    let tenants = ok(directory.list_tenants(&everything, &page).await);
    let ids: Vec<TenantId> = tenants.items.into_iter().map(|tenant| tenant.id).collect();
    assert_eq!(ids, [TenantId::default_tenant()]);
    assert!(ok(directory.list_users(&everything, &page).await).items.is_empty());
    assert!(ok(directory.list_keys(&everything, &page).await).items.is_empty());
    assert!(ok(directory.all_grants(at(0)).await).grants.is_empty());
}

/// A name belongs to one user of a tenant, an id to one tenant.
pub async fn names_are_unique_in_their_tenant(directory: &dyn Directory) {
    let (ann, bob) = (user(directory, 1, "ann").await, user(directory, 2, "bob").await);
    let again = directory.create_user(new_user(3, "ann", Role::User), &act(0)).await;
    assert!(is_conflict(&again, "name"), "{again:?}");
    let renamed = UserEdit { name: Some("ann".to_owned()), ..UserEdit::default() };
    let renamed = directory.update_user(&bob.id, renamed, &act(0)).await;
    assert!(is_conflict(&renamed, "name"), "{renamed:?}");
    let acme = tenant(directory, "acme").await;
    let elsewhere = NewUser { tenant: acme.id.clone(), ..new_user(3, "ann", Role::User) };
    ok(directory.create_user(elsewhere, &act(0)).await);
    let found = ok(directory.find_user_by_name(&TenantId::default_tenant(), "ann").await);
    assert_eq!(found, Some(ann));
    let new = NewTenant {
        id: acme.id,
        name: "another".to_owned(),
        models: ModelRule::default(),
        time_zone: "UTC".to_owned(),
    };
    let twice = directory.create_tenant(new, &act(0)).await;
    assert!(is_conflict(&twice, "id"), "{twice:?}");
}

/// What is not there is said by kind.
pub async fn what_is_missing_is_named(directory: &dyn Directory) {
    let nobody = UserId::mint(at(0), [9; 6]);
    let no_key = KeyId::mint(at(0), [9; 6]);
    let nowhere = TenantId::parse("nowhere").expect("a sound id");
    let stray = NewUser { tenant: nowhere.clone(), ..new_user(1, "ann", Role::User) };
    assert!(is_missing(&directory.create_user(stray, &act(0)).await, "tenant"));
    assert!(is_missing(&directory.update_tenant(&nowhere, TenantEdit::default(), &act(0)).await, "tenant"));
    assert!(is_missing(&directory.create_key(new_key(1, &nobody), &act(0)).await, "user"));
    assert!(is_missing(&directory.update_user(&nobody, UserEdit::default(), &act(0)).await, "user"));
    assert!(is_missing(&directory.revoke_key(&no_key, &act(0)).await, "key"));
    let rotation = Rotation {
        digest: text(1).digest(),
        public_form: text(1).public_form(),
        old_until: at(1),
        new_until: None,
    };
    assert!(is_missing(&directory.rotate_key(&no_key, rotation, &act(0)).await, "key"));
    assert_eq!(ok(directory.find_tenant(&nowhere).await), None);
    assert_eq!(ok(directory.find_user(&nobody).await), None);
    assert_eq!(ok(directory.find_user_by_name(&nowhere, "ann").await), None);
    assert_eq!(ok(directory.find_key(&no_key).await), None);
}

/// An edit changes what it names.
pub async fn an_edit_leaves_what_it_does_not_name(directory: &dyn Directory) {
    let ann = NewUser {
        email: Some("ann@example.org".to_owned()),
        models: rule(&["claude-*"]),
        ..new_user(1, "ann", Role::TeamLead)
    };
    let ann = ok(directory.create_user(ann, &act(0)).await);
    assert_eq!(ok(directory.update_user(&ann.id, UserEdit::default(), &act(1)).await), ann);
    let edit = UserEdit { name: Some("Ann".to_owned()), ..UserEdit::default() };
    let edited = ok(directory.update_user(&ann.id, edit, &act(1)).await);
    assert_eq!(edited, crate::directory::User { name: "Ann".to_owned(), ..ann });
    assert_eq!(ok(directory.find_user(&edited.id).await), Some(edited));

    let acme = tenant(directory, "acme").await;
    let edit = TenantEdit { models: Some(rule(&["nova-*"])), ..TenantEdit::default() };
    let edited = ok(directory.update_tenant(&acme.id, edit, &act(1)).await);
    assert_eq!(edited, crate::directory::Tenant { models: rule(&["nova-*"]), ..acme });
    assert_eq!(ok(directory.find_tenant(&edited.id).await), Some(edited));
}

fn token(number: u8) -> KeyDigest {
    BootstrapToken::mint([number; 24]).digest()
}

/// A token makes one administrator, and then no token does.
pub async fn the_first_administrator_is_made_once(directory: &dyn Directory) {
    for number in [1, 2] {
        assert!(ok(directory.offer_bootstrap(token(number), at(100), &act(0)).await));
    }
    let admin = |number| new_user(number, "root", Role::Admin);
    let redeem = async |token, number| {
        let user = admin(number);
        let key = NewKey { scopes: Scopes::all(), ..new_key(number, &user.id) };
        directory.redeem_bootstrap(token, FirstAdmin { user, key, password: None }, &act(1)).await
    };
    // The one before is as good as unknown: a start prints the only one that works.
    for dead in [1, 9] {
        assert!(!ok(directory.is_bootstrap(token(dead), at(1)).await));
        assert!(is_missing(&redeem(token(dead), 1).await, "bootstrap token"));
    }
    assert!(ok(directory.is_bootstrap(token(2), at(1)).await));
    let made = ok(redeem(token(2), 1).await);
    assert_eq!((&*made.user_name, made.user_role), ("root", Role::Admin));
    for used in [1, 2] {
        assert!(!ok(directory.is_bootstrap(token(used), at(1)).await));
        assert!(is_missing(&redeem(token(used), 2).await, "bootstrap token"));
    }
    assert!(!ok(directory.offer_bootstrap(token(3), at(100), &act(2)).await));
    assert!(is_missing(&redeem(token(3), 2).await, "bootstrap token"));
    assert!(ok(directory.grant_by_digest(text(1).digest()).await).is_some());
    assert_eq!(ok(directory.grant_by_digest(text(2).digest()).await), None);
}

/// A key for calls, made before the token was used, takes nothing from it, not even where its user is an administrator:
/// it cannot administer. The token then gives that administrator a key that can.
pub async fn a_key_for_calls_makes_no_first_administrator(directory: &dyn Directory) {
    assert!(ok(directory.offer_bootstrap(token(1), at(100), &act(0)).await));
    let root = new_user(1, "root", Role::Admin);
    ok(directory.create_user(root.clone(), &act(0)).await);
    key(directory, 1, &root.id).await;
    assert!(ok(directory.offer_bootstrap(token(2), at(100), &act(1)).await));

    let again = new_user(2, "root", Role::Admin);
    let full = NewKey { scopes: Scopes::all(), ..new_key(2, &again.id) };
    let first = FirstAdmin { user: again, key: full, password: None };
    let made = ok(directory.redeem_bootstrap(token(2), first, &act(2)).await);
    assert_eq!((made.user, made.user_role), (root.id, Role::Admin));
    assert!(!ok(directory.offer_bootstrap(token(3), at(100), &act(3)).await));

    ok(directory.revoke_key(&made.id, &act(4)).await);
    assert!(
        !ok(directory.offer_bootstrap(token(4), at(100), &act(5)).await),
        "whoever reads the log of a later start is no administrator, though nobody can administer any more"
    );
}

/// An administrator who signs in by somebody else's word has no password and, on a Monday morning, no key in force.
pub async fn an_administrator_who_was_there_once_is_enough(directory: &dyn Directory) {
    assert!(ok(directory.offer_bootstrap(token(1), at(100), &act(0)).await));
    let root = ok(directory.create_user(new_user(1, "root", Role::Admin), &act(0)).await);
    let browser = NewKey {
        kind: KeyKind::Browser,
        scopes: Scopes::all(),
        expires_at: Some(at(10)),
        ..new_key(1, &root.id)
    };
    ok(directory.create_key(browser, &act(0)).await);
    assert!(!ok(directory.offer_bootstrap(token(2), at(100), &act(50)).await));
    assert!(!ok(directory.is_bootstrap(token(1), at(50)).await));
    let demoted = UserEdit { role: Some(Role::User), disabled: Some(true), ..UserEdit::default() };
    ok(directory.update_user(&root.id, demoted, &act(51)).await);
}

/// A token holds until its time is over.
pub async fn a_bootstrap_token_ends(directory: &dyn Directory) {
    assert!(ok(directory.offer_bootstrap(token(1), at(100), &act(0)).await));
    let user = new_user(1, "root", Role::Admin);
    let key = new_key(1, &user.id);
    assert!(!ok(directory.is_bootstrap(token(1), at(100)).await));
    let first = FirstAdmin { user, key, password: None };
    let late = directory.redeem_bootstrap(token(1), first, &act(100)).await;
    assert!(is_missing(&late, "bootstrap token"));
}

/// Where the administrator cannot be made, the token still holds.
pub async fn a_failed_bootstrap_uses_nothing_up(directory: &dyn Directory) {
    let ann = user(directory, 1, "ann").await;
    key(directory, 1, &ann.id).await;
    assert!(ok(directory.offer_bootstrap(token(1), at(100), &act(0)).await));
    let password = |login: &str| NewPassword { login: login.to_owned(), hash: "x".to_owned() };
    ok(directory.set_password(&ann.id, password("ann@example.org"), &act(0)).await);
    for (name, login, expected) in [
        ("ann", "root@example.org", false),
        ("root", "ann@example.org", false),
        ("root", "root@example.org", true),
    ] {
        let user = new_user(2, name, Role::Admin);
        let key = new_key(2, &user.id);
        let first = FirstAdmin { user, key, password: Some(password(login)) };
        let answer = directory.redeem_bootstrap(token(1), first, &act(1)).await;
        assert_eq!(answer.is_ok(), expected, "{answer:?}");
    }
    let (root, _) = ok(directory.find_password("root@example.org").await).expect("it is set with the rest");
    assert_eq!(root.name, "root");
}

/// A policy is kept as it is, stays when other things change, and can be taken away.
pub async fn managed_settings_are_kept_until_they_are_taken_away(directory: &dyn Directory) {
    let acme = tenant(directory, "acme").await;
    assert_eq!(acme.managed_settings, None);
    let edit = |managed_settings| TenantEdit { managed_settings, ..TenantEdit::default() };
    for (managed_settings, expected) in [
        (Some(Some("{\"ü\":1}".to_owned())), Some("{\"ü\":1}")),
        (None, Some("{\"ü\":1}")),
        (Some(None), None),
    ] {
        let updated = ok(directory.update_tenant(&acme.id, edit(managed_settings), &act(1)).await);
        assert_eq!(updated.managed_settings.as_deref(), expected);
        assert_eq!(ok(directory.find_tenant(&acme.id).await), Some(updated));
    }
}

/// Two administrators who remove each other at the same instant are not both gone, nor is the last one by any other way.
pub async fn somebody_always_administers(directory: &dyn Directory) {
    let acme = tenant(directory, "acme").await;
    let mut admins = Vec::new();
    for (number, tenant) in [(1, TenantId::default_tenant()), (2, acme.id.clone())] {
        let new = NewUser { tenant, ..new_user(number, "root", Role::Admin) };
        admins.push(ok(directory.create_user(new, &act(0)).await).id);
    }
    let by = |id: &UserId| Act { by: Actor::User(id.clone()), ..act(1) };
    let demoted = || UserEdit { role: Some(Role::User), ..UserEdit::default() };
    let acts = [by(&admins[0]), by(&admins[1])];
    let (one, other) = both(
        directory.update_user(&admins[1], demoted(), &acts[0]),
        directory.update_user(&admins[0], demoted(), &acts[1]),
    )
    .await;
    assert!(one.is_ok() != other.is_ok(), "one of them: {one:?} {other:?}");
    assert!(is_conflict(if one.is_ok() { &other } else { &one }, "role"), "{one:?} {other:?}");
    let last = if one.is_ok() { &admins[0] } else { &admins[1] };
    let last = ok(directory.find_user(last).await).expect("still there");
    assert_eq!(last.role, Role::Admin);

    let locked = UserEdit { disabled: Some(true), ..UserEdit::default() };
    let refused = directory.update_user(&last.id, locked.clone(), &by(&last.id)).await;
    assert!(is_conflict(&refused, "disabled"), "{refused:?}");
    let closed = TenantEdit { disabled: Some(true), ..TenantEdit::default() };
    let refused = directory.update_tenant(&last.tenant, closed, &by(&last.id)).await;
    assert!(is_conflict(&refused, "disabled"), "{refused:?}");
    assert_eq!(ok(directory.find_user(&last.id).await), Some(last.clone()), "nothing was done by halves");
    // What else is changed of them is.
    let renamed = UserEdit { name: Some("grace".to_owned()), ..UserEdit::default() };
    ok(directory.update_user(&last.id, renamed, &by(&last.id)).await);
    // Whoever has the store in hand can make another one.
    assert!(ok(directory.update_user(&last.id, locked, &act(2)).await).disabled_at.is_some());
}

/// Both, at the same time.
async fn both<A, B>(one: impl Future<Output = A>, other: impl Future<Output = B>) -> (A, B) {
    let (mut one, mut other) = (std::pin::pin!(one), std::pin::pin!(other));
    let (mut of_one, mut of_other) = (None, None);
    std::future::poll_fn(move |context| {
        if of_one.is_none()
            && let Poll::Ready(answer) = one.as_mut().poll(context)
        {
            of_one = Some(answer);
        }
        if of_other.is_none()
            && let Poll::Ready(answer) = other.as_mut().poll(context)
        {
            of_other = Some(answer);
        }
        match (of_one.take(), of_other.take()) {
            (Some(one), Some(other)) => Poll::Ready((one, other)),
            waiting => {
                (of_one, of_other) = waiting;
                Poll::Pending
            }
        }
    })
    .await
}
