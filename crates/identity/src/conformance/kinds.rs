//! Promises about the kinds of key.

use jiff::Timestamp;

use super::world::{act, at, changed, grant, is_conflict, key, new_key, ok, text, user, version};
use crate::{
    Directory, KeyId, KeyKind, KeyRefusal, Reach, Standing, UserId,
    directory::{Filter, NewKey, PageRequest, Rotation},
};

fn ephemeral(number: u8, user: &UserId, parent: &KeyId, expires_at: Timestamp) -> NewKey {
    let (kind, parent, expires_at) = (KeyKind::Ephemeral, Some(parent.clone()), Some(expires_at));
    NewKey { kind, parent, expires_at, ..new_key(number, user) }
}

/// Its calls are charged to its parent; of itself it has id, name and end.
pub async fn an_ephemeral_key_is_paid_by_its_parent(directory: &dyn Directory) {
    let ann = user(directory, 1, "ann").await;
    let parent = key(directory, 1, &ann.id).await;
    let child = ok(directory.create_key(ephemeral(2, &ann.id, &parent.id, at(60)), &act(0)).await);
    assert_eq!((child.kind, &child.parent), (KeyKind::Ephemeral, &Some(parent.id.clone())));
    let grant = grant(directory, text(2).digest()).await;
    assert_eq!((&grant.caller.key, grant.expires_at), (&Some(child.id), Some(at(60))));
    assert_eq!((grant.caller.key_name.as_deref(), grant.caller.key_kind), (Some("key 2"), Some(child.kind)));
    let payer = grant.caller.payer.clone().expect("somebody pays");
    assert_eq!((payer.id, &*payer.name), (parent.id, "key 1"));
}

/// A parent's revocation is told for the child, too, and holds wherever one looks.
pub async fn an_ephemeral_key_ends_with_its_parent(directory: &dyn Directory) {
    let ann = user(directory, 1, "ann").await;
    let parent = key(directory, 1, &ann.id).await;
    let child = ok(directory.create_key(ephemeral(2, &ann.id, &parent.id, at(60)), &act(0)).await);
    let before = version(directory).await;
    ok(directory.revoke_key(&parent.id, &act(1)).await);
    let told = changed(directory, before).await.grants;
    assert_eq!(told.iter().filter(|(_, grant)| grant.standing == Standing::Revoked).count(), 2, "{told:?}");
    assert_eq!(grant(directory, text(2).digest()).await.admit(at(2)).err(), Some(KeyRefusal::Revoked));
    assert_eq!(ok(directory.all_grants(at(2)).await).grants.len(), 0);
    let found = ok(directory.find_key(&child.id).await).expect("it is known");
    assert_eq!(found.revoked_at, Some(at(1)));
    let in_force = Filter { in_force_at: Some(at(2)), ..Filter::within(Reach::Everything) };
    assert_eq!(ok(directory.list_keys(&in_force, &PageRequest::first()).await).items, []);
    assert!(is_conflict(&directory.renew_key(&child.id, at(90), &act(2)).await, "id"));
}

/// A renewal is told at once; what is over, or of another kind, is not renewed.
pub async fn an_ephemeral_key_is_renewed_while_it_lives(directory: &dyn Directory) {
    let ann = user(directory, 1, "ann").await;
    let parent = key(directory, 1, &ann.id).await;
    let child = ok(directory.create_key(ephemeral(2, &ann.id, &parent.id, at(60)), &act(0)).await);
    let before = version(directory).await;
    let renewed = ok(directory.renew_key(&child.id, at(90), &act(59)).await);
    assert_eq!(renewed.expires_at, Some(at(90)));
    let ends: Vec<_> =
        changed(directory, before).await.grants.iter().map(|(_, grant)| grant.expires_at).collect();
    assert_eq!(ends, [Some(at(90))]);
    for (id, second) in [(&child.id, 90), (&parent.id, 1)] {
        let answer = directory.renew_key(id, at(200), &act(second)).await;
        assert!(is_conflict(&answer, "id"), "{answer:?}");
    }
    ok(directory.revoke_key(&child.id, &act(60)).await);
    assert!(is_conflict(&directory.renew_key(&child.id, at(200), &act(61)).await, "id"));
    // The parent lives on.
    assert_eq!(grant(directory, text(1).digest()).await.standing, Standing::Good);
}

/// The latest one is known, whoever tells of it first; replicas are told nothing.
pub async fn the_last_use_is_known(directory: &dyn Directory) {
    let ann = user(directory, 1, "ann").await;
    let (used, unused) = (key(directory, 1, &ann.id).await, key(directory, 2, &ann.id).await);
    let before = version(directory).await;
    for (second, expected) in [(10, 10), (7, 10), (20, 20)] {
        ok(directory.note_uses(&[(used.id.clone(), at(second))]).await);
        let found = ok(directory.find_key(&used.id).await).expect("it is known");
        assert_eq!(found.last_used_at, Some(at(expected)));
    }
    ok(directory.note_uses(&[]).await);
    let listed = ok(directory.list_keys(&Filter::within(Reach::Everything), &PageRequest::first()).await);
    let last: Vec<_> = listed.items.iter().map(|key| (&key.id, key.last_used_at)).collect();
    assert_eq!(last, [(&used.id, Some(at(20))), (&unused.id, None)]);
    assert_eq!(version(directory).await, before);
}

/// And with their parents; what is kept for good, or ended of late, stays.
pub async fn what_ended_by_itself_is_forgotten(directory: &dyn Directory) {
    let ann = user(directory, 1, "ann").await;
    let kept = NewKey { expires_at: Some(at(10)), ..new_key(1, &ann.id) };
    let kept = ok(directory.create_key(kept, &act(0)).await);
    let session = NewKey { kind: KeyKind::Session, expires_at: Some(at(50)), ..new_key(2, &ann.id) };
    let session = ok(directory.create_key(session, &act(0)).await);
    let child = ok(directory.create_key(ephemeral(3, &ann.id, &session.id, at(50)), &act(0)).await);
    let later = ok(directory.create_key(ephemeral(4, &ann.id, &kept.id, at(60)), &act(0)).await);
    assert_eq!(ok(directory.forget(at(50), 10).await), 0);
    assert_eq!(ok(directory.forget(at(51), 1).await), 1);
    assert_eq!(ok(directory.forget(at(51), 10).await), 1);
    assert_eq!(ok(directory.forget(at(51), 10).await), 0);
    for (key, number, is_there) in
        [(&kept, 1, true), (&session, 2, false), (&child, 3, false), (&later, 4, true)]
    {
        assert_eq!(ok(directory.find_key(&key.id).await).is_some(), is_there, "{number}");
        assert_eq!(
            ok(directory.grant_by_digest(text(number).digest()).await).is_some(),
            is_there,
            "{number}"
        );
    }
}

/// The bound counts what is in force, of that kind and user only.
pub async fn a_user_has_only_so_many_keys_of_a_kind(directory: &dyn Directory) {
    let (ann, bob) = (user(directory, 1, "ann").await, user(directory, 2, "bob").await);
    let most = |new: NewKey| NewKey { most: Some(2), ..new };
    let first = ok(directory.create_key(most(new_key(1, &ann.id)), &act(0)).await);
    let short = NewKey { expires_at: Some(at(10)), ..new_key(2, &ann.id) };
    ok(directory.create_key(most(short), &act(0)).await);
    assert!(is_conflict(&directory.create_key(most(new_key(3, &ann.id)), &act(9)).await, "user"));
    ok(directory.create_key(most(new_key(4, &bob.id)), &act(9)).await);
    ok(directory.create_key(most(ephemeral(5, &ann.id, &first.id, at(60))), &act(9)).await);
    ok(directory.create_key(most(new_key(6, &ann.id)), &act(10)).await);
    assert!(is_conflict(&directory.create_key(most(new_key(7, &ann.id)), &act(11)).await, "user"));
    ok(directory.revoke_key(&first.id, &act(11)).await);
    ok(directory.create_key(most(new_key(8, &ann.id)), &act(11)).await);
    ok(directory.create_key(new_key(9, &ann.id), &act(11)).await);
}

/// And lists have the kind that was asked for.
pub async fn only_long_lived_keys_are_rotated(directory: &dyn Directory) {
    let ann = user(directory, 1, "ann").await;
    let parent = key(directory, 1, &ann.id).await;
    let child = ok(directory.create_key(ephemeral(2, &ann.id, &parent.id, at(60)), &act(0)).await);
    let rotation = Rotation {
        digest: text(3).digest(),
        public_form: text(3).public_form(),
        old_until: at(5),
        new_until: None,
    };
    assert!(is_conflict(&directory.rotate_key(&child.id, rotation, &act(1)).await, "id"));
    for (kind, expected) in
        [(Some(KeyKind::LongLived), vec![&parent.id]), (Some(KeyKind::Ephemeral), vec![&child.id])]
    {
        let filter = Filter { kind, ..Filter::within(Reach::Everything) };
        let listed = ok(directory.list_keys(&filter, &PageRequest::first()).await).items;
        assert_eq!(listed.iter().map(|key| &key.id).collect::<Vec<_>>(), expected);
    }
}
