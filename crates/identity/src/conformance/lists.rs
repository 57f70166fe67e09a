//! Promises about lists and the audit log.

use super::world::{act, at, key, new_key, new_user, ok, tenant, user};
use crate::{
    Chain, Change, Directory, Reach, Role, TenantId, UserId,
    directory::{Act, Actor, AuditFilter, Filter, NewKey, NewUser, PageRequest, TenantEdit, UserEdit},
};

/// Every change is in the log, with who, when, in which request and what became of it; the latest first.
pub async fn every_act_is_written_down(directory: &dyn Directory) {
    let acme = tenant(directory, "acme").await;
    let ann = user(directory, 1, "ann").await;
    let made = key(directory, 1, &ann.id).await;
    let by = Act {
        by: Actor::User(ann.id.clone()),
        at: at(7),
        request_id: Some("req_x".to_owned()),
        address: "192.0.2.1".parse().ok(),
    };
    let renamed = TenantEdit { name: Some("Acme".to_owned()), ..TenantEdit::default() };
    ok(directory.update_tenant(&acme.id, renamed, &by).await);
    ok(directory.update_user(&ann.id, UserEdit::default(), &by).await);
    ok(directory.revoke_key(&made.id, &by).await);
    let every = AuditFilter::default();
    let page = |limit, after: Option<String>| PageRequest { after, limit };
    let latest = ok(directory.list_audit(&every, &page(3, None)).await);
    let (key, user) = (format!("key:{}", made.id), format!("user:{}", ann.id));
    let said = latest.items.iter().map(|entry| {
        let Change { before, after } = &entry.change;
        (&*entry.action, &*entry.subject, before.as_deref(), after.as_deref())
    });
    assert_eq!(
        said.collect::<Vec<_>>(),
        [
            ("key.revoke", &*key, None, None),
            ("user.update", &*user, Some("{}"), Some("{}")),
            ("tenant.update", "tenant:acme", Some(r#"{"name":"acme"}"#), Some(r#"{"name":"Acme"}"#)),
        ]
    );
    for entry in &latest.items {
        assert_eq!((&entry.actor, entry.at), (&user, at(7)));
        assert_eq!(
            (entry.request_id.as_deref(), entry.address.as_deref()),
            (Some("req_x"), Some("192.0.2.1"))
        );
    }
    let earlier = ok(directory.list_audit(&every, &page(3, latest.next)).await);
    let said: Vec<&str> = earlier.items.iter().map(|entry| &*entry.action).collect();
    assert_eq!((said, earlier.next), (vec!["key.create", "user.create", "tenant.create"], None));
    let made_key = earlier.items.first().and_then(|entry| entry.change.after.clone()).unwrap_or_default();
    assert!(made_key.contains(r#""scopes":"#) && !made_key.contains("digest"), "{made_key}");

    let narrow = AuditFilter { subject: Some(user.clone()), since: Some(at(7)), ..AuditFilter::default() };
    let narrowed = ok(directory.list_audit(&narrow, &PageRequest::first()).await).items;
    assert_eq!(narrowed.iter().map(|entry| &*entry.action).collect::<Vec<_>>(), ["user.update"]);
    for nothing in [
        AuditFilter { actor: Some("server".to_owned()), ..AuditFilter::default() },
        AuditFilter { action: Some("key".to_owned()), ..AuditFilter::default() },
        AuditFilter { until: Some(at(0)), ..AuditFilter::default() },
    ] {
        assert_eq!(ok(directory.list_audit(&nothing, &PageRequest::first()).await).items, []);
    }
}

/// Read from its start, the log is one chain of seals, whatever the acts were about.
pub async fn the_log_is_a_chain(directory: &dyn Directory) {
    let change = Change { before: None, after: Some("{}".to_owned()) };
    let from_afar = Act { address: "2001:db8::7".parse().ok(), ..act(2) };
    ok(directory.record_change("budget.set", "budget:b_1".to_owned(), change, &from_afar).await);
    tenant(directory, "acme").await;
    let entries = ok(directory.read_audit(0, 10).await);
    let mut chain = Chain::default();
    for entry in &entries {
        assert_eq!(chain.follow(entry), Ok(()));
    }
    assert_eq!(chain.entries, 2);
    assert_eq!(ok(directory.read_audit(0, 1).await), entries[..1]);
    assert_eq!(ok(directory.read_audit(entries[0].number, 1).await), entries[1..]);
    assert_eq!(ok(directory.read_audit(entries[1].number, 1).await), []);
}

/// A list has what is in reach and what was asked for.
pub async fn lists_are_narrowed(directory: &dyn Directory) {
    let (ann, bob) = (user(directory, 1, "ann").await, user(directory, 2, "bob").await);
    let acme = tenant(directory, "acme").await;
    let eve = NewUser { tenant: acme.id.clone(), ..new_user(3, "ann", Role::User) };
    let eve = ok(directory.create_user(eve, &act(0)).await);
    for (number, owner) in [(1, &ann), (2, &bob), (3, &eve)] {
        key(directory, number, &owner.id).await;
    }
    let short = NewKey { expires_at: Some(at(5)), ..new_key(4, &ann.id) };
    let short = ok(directory.create_key(short, &act(0)).await);
    let everything = Filter::within(Reach::Everything);
    let default = TenantId::default_tenant();
    let cases: [(Filter, &[&str], usize); 8] = [
        (everything.clone(), &["ann", "bob", "ann"], 4),
        (Filter::within(Reach::Tenant(default.clone())), &["ann", "bob"], 3),
        (Filter::within(Reach::Own(bob.id.clone())), &["bob"], 1),
        (Filter { tenant: Some(acme.id.clone()), ..everything.clone() }, &["ann"], 1),
        (Filter { user: Some(ann.id.clone()), ..everything.clone() }, &["ann"], 2),
        (Filter { tenant: Some(acme.id), ..Filter::within(Reach::Tenant(default.clone())) }, &[], 0),
        (Filter { user: Some(ann.id.clone()), ..Filter::within(Reach::Own(bob.id.clone())) }, &[], 0),
        (Filter { in_force_at: Some(at(5)), ..everything.clone() }, &["ann", "bob", "ann"], 3),
    ];
    for (filter, users, keys) in cases {
        let page = PageRequest::first();
        let named = ok(directory.list_users(&filter, &page).await).items;
        assert_eq!(named.iter().map(|user| &*user.name).collect::<Vec<_>>(), users, "{filter:?}");
        assert_eq!(ok(directory.list_keys(&filter, &page).await).items.len(), keys, "{filter:?}");
    }
    let named = Filter { name: Some(short.name.clone()), ..everything };
    let found = ok(directory.list_keys(&named, &PageRequest::first()).await).items;
    assert_eq!(found, [short]);
    let mine = Filter::within(Reach::Tenant(default));
    assert_eq!(ok(directory.list_tenants(&mine, &PageRequest::first()).await).items.len(), 1);
}

/// Pages follow each other without a gap or a repetition, in the order of making.
pub async fn lists_come_in_pages(directory: &dyn Directory) {
    let ann = user(directory, 1, "ann").await;
    let mut made = Vec::new();
    for number in 1..=7 {
        made.push(key(directory, number, &ann.id).await.id);
    }
    for limit in [1, 3, 7, 8] {
        let mut request = PageRequest { after: None, limit };
        let mut listed = Vec::new();
        loop {
            let page = ok(directory.list_keys(&Filter::within(Reach::Everything), &request).await);
            assert!(page.items.len() <= limit as usize && !page.items.is_empty());
            listed.extend(page.items.into_iter().map(|key| key.id));
            match page.next {
                Some(after) => request.after = Some(after),
                None => break,
            }
        }
        assert_eq!(listed, made, "by {limit}");
    }
    let nobody = Filter { user: Some(UserId::mint(at(0), [9; 6])), ..Filter::within(Reach::Everything) };
    let empty = ok(directory.list_keys(&nobody, &PageRequest::first()).await);
    assert_eq!((empty.items.len(), empty.next), (0, None));
}
