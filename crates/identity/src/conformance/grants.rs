//! Promises about keys, and about what replicas are told of them.

use jiff::Timestamp;

use super::world::{
    act, at, changed, grant, is_conflict, key, new_key, new_user, ok, rule, tenant, text, user, version,
};
use crate::{
    Directory, KeyRefusal, Role, Scope, Scopes, Standing, TenantId,
    directory::{Changes, NewKey, NewUser, Rotation, TenantEdit, UserEdit},
};

/// A key is known by its digest, with all that its caller needs; other digests are not.
pub async fn a_key_is_found_by_its_digest_alone(directory: &dyn Directory) {
    let ann = user(directory, 1, "ann").await;
    let made = key(directory, 1, &ann.id).await;
    let grant = grant(directory, text(1).digest()).await;
    assert_eq!(grant.caller.tenant, TenantId::default_tenant());
    assert_eq!((&grant.caller.user, &*grant.caller.user_name), (&ann.id, "ann"));
    assert_eq!(
        (grant.caller.key.as_ref(), grant.caller.key_name.as_deref()),
        (Some(&made.id), Some("key 1"))
    );
    assert_eq!((grant.caller.role, grant.caller.scopes), (Role::User, Scopes::for_calls()));
    assert_eq!((grant.standing, grant.expires_at, grant.retires_at), (Standing::Good, None, None));
    assert_eq!(ok(directory.grant_by_digest(text(2).digest()).await), None);
    assert_eq!(ok(directory.find_key(&made.id).await), Some(made));
}

/// Tenant's, user's and key's rules all have to let a model pass.
pub async fn every_layer_of_models_counts(directory: &dyn Directory) {
    let edit = TenantEdit { models: Some(rule(&["claude-*", "gpt-*"])), ..TenantEdit::default() };
    ok(directory.update_tenant(&TenantId::default_tenant(), edit, &act(0)).await);
    let ann = NewUser { models: rule(&["*-5"]), ..new_user(1, "ann", Role::User) };
    let ann = ok(directory.create_user(ann, &act(0)).await);
    key(directory, 1, &ann.id).await;
    let tags = Some("project=apollo".to_owned());
    let second = NewKey { models: rule(&["claude-*"]), tags: tags.clone(), ..new_key(2, &ann.id) };
    assert_eq!(ok(directory.create_key(second, &act(0)).await).tags, tags);
    for (number, expected) in [(1, [true, true, false, false]), (2, [true, false, false, false])] {
        let caller = grant(directory, text(number).digest()).await.caller;
        assert_eq!(caller.tags.as_deref(), tags.as_deref().filter(|_| number == 2));
        let models = caller.models.clone();
        let allowed =
            ["claude-haiku-5", "gpt-5", "claude-haiku-4", "nova-5"].map(|model| models.allows(model));
        assert_eq!(allowed, expected, "key {number}");
    }
}

/// A key never has a scope that its user's role may not hold, also when the role changes later.
pub async fn a_demoted_users_keys_lose_scopes(directory: &dyn Directory) {
    let ann = ok(directory.create_user(new_user(1, "ann", Role::Admin), &act(0)).await);
    ok(directory.create_key(NewKey { scopes: Scopes::all(), ..new_key(1, &ann.id) }, &act(0)).await);
    let before = version(directory).await;
    let edit = UserEdit { role: Some(Role::User), ..UserEdit::default() };
    ok(directory.update_user(&ann.id, edit, &act(1)).await);
    let told = changed(directory, before).await.grants;
    let scopes: Vec<Scopes> = told.iter().map(|(_, grant)| grant.caller.scopes).collect();
    let without = [Scope::AdminRead, Scope::AdminWrite, Scope::ScimWrite];
    assert_eq!(scopes, [without.into_iter().fold(Scopes::all(), Scopes::without)]);
}

/// Only what may still hold is loaded at the start.
pub async fn what_is_over_is_not_loaded(directory: &dyn Directory) {
    let ann = user(directory, 1, "ann").await;
    key(directory, 1, &ann.id).await;
    let revoked = key(directory, 2, &ann.id).await;
    ok(directory.revoke_key(&revoked.id, &act(1)).await);
    ok(directory.create_key(NewKey { expires_at: Some(at(10)), ..new_key(3, &ann.id) }, &act(0)).await);
    let rotated = key(directory, 4, &ann.id).await;
    ok(directory.rotate_key(&rotated.id, rotation(5, 10), &act(1)).await);
    for (second, expected) in [(9, vec![1, 3, 4, 5]), (10, vec![1, 5])] {
        let loaded = ok(directory.all_grants(at(second)).await).grants;
        let numbers: Vec<u8> = (1..=5)
            .filter(|number| loaded.iter().any(|(digest, _)| *digest == text(*number).digest()))
            .collect();
        assert_eq!((numbers, loaded.len()), (expected.clone(), expected.len()), "at {second}");
    }
}

fn rotation(number: u8, old_until: i64) -> Rotation {
    Rotation {
        digest: text(number).digest(),
        public_form: text(number).public_form(),
        old_until: at(old_until),
        new_until: None,
    }
}

/// What is new or different is told, and what was told is not told again.
pub async fn changes_tell_of_everything_once(directory: &dyn Directory) {
    let ann = user(directory, 1, "ann").await;
    let first = key(directory, 1, &ann.id).await;
    let seen = version(directory).await;
    assert_eq!(ok(directory.changes_since(seen).await), Changes::None);
    key(directory, 2, &ann.id).await;
    ok(directory.revoke_key(&first.id, &act(1)).await);
    let told = changed(directory, seen).await;
    let mut standings: Vec<_> =
        told.grants.iter().map(|(digest, grant)| (*digest == text(1).digest(), grant.standing)).collect();
    standings.sort_by_key(|(is_first, _)| !is_first);
    assert_eq!(standings, [(true, Standing::Revoked), (false, Standing::Good)]);
    assert_eq!(ok(directory.changes_since(told.version).await), Changes::None);
    // A rotation is told for both texts.
    let third = key(directory, 3, &ann.id).await;
    let seen = version(directory).await;
    ok(directory.rotate_key(&third.id, rotation(4, 10), &act(1)).await);
    assert_eq!(changed(directory, seen).await.grants.len(), 2);
}

/// Whoever has seen a later version than the directory's own is told to start over.
pub async fn a_directory_that_went_back_says_so(directory: &dyn Directory) {
    let seen = version(directory).await + 1;
    assert_eq!(ok(directory.changes_since(seen).await), Changes::StartOver);
}

/// Locking out a user or a tenant is told for every key concerned, and so is its end.
pub async fn disabling_and_enabling_is_told(directory: &dyn Directory) {
    let (ann, bob) = (user(directory, 1, "ann").await, user(directory, 2, "bob").await);
    key(directory, 1, &ann.id).await;
    key(directory, 2, &bob.id).await;
    let acme = tenant(directory, "acme").await;
    let eve = NewUser { tenant: acme.id, ..new_user(3, "eve", Role::User) };
    let eve = ok(directory.create_user(eve, &act(0)).await);
    key(directory, 3, &eve.id).await;
    let default = TenantId::default_tenant();
    let lock_user = async |disabled, second| {
        let edit = UserEdit { disabled: Some(disabled), ..UserEdit::default() };
        let edited = ok(directory.update_user(&ann.id, edit, &act(second)).await);
        assert_eq!(edited.disabled_at, disabled.then(|| at(second)));
    };
    let lock_tenant = async |disabled| {
        let edit = TenantEdit { disabled: Some(disabled), ..TenantEdit::default() };
        ok(directory.update_tenant(&default, edit, &act(1)).await);
    };
    let seen = version(directory).await;
    lock_user(true, 1).await;
    let seen = check_told(directory, seen, &[(1, Standing::UserDisabled)]).await;
    lock_tenant(true).await;
    let both = [(1, Standing::TenantDisabled), (2, Standing::TenantDisabled)];
    let seen = check_told(directory, seen, &both).await;
    lock_tenant(false).await;
    let seen = check_told(directory, seen, &[(1, Standing::UserDisabled), (2, Standing::Good)]).await;
    lock_user(false, 2).await;
    check_told(directory, seen, &[(1, Standing::Good)]).await;
}

/// Checks that exactly these keys are told of since a version, and gives the version after it.
async fn check_told(directory: &dyn Directory, seen: u64, expected: &[(u8, Standing)]) -> u64 {
    let told = changed(directory, seen).await;
    let standing = |number: u8| {
        let digest = text(number).digest();
        told.grants.iter().find(|(told, _)| *told == digest).map(|(_, grant)| (number, grant.standing))
    };
    let found: Vec<_> = (0..10).filter_map(standing).collect();
    assert_eq!((found.as_slice(), told.grants.len()), (expected, expected.len()));
    told.version
}

/// A revocation keeps its time.
pub async fn revoking_twice_keeps_the_first_time(directory: &dyn Directory) {
    let ann = user(directory, 1, "ann").await;
    let made = key(directory, 1, &ann.id).await;
    assert_eq!(ok(directory.revoke_key(&made.id, &act(5)).await).revoked_at, Some(at(5)));
    assert_eq!(ok(directory.revoke_key(&made.id, &act(9)).await).revoked_at, Some(at(5)));
    let revoked = grant(directory, text(1).digest()).await;
    // Whatever the clock says.
    assert_eq!(revoked.admit(at(0)).map(drop), Err(KeyRefusal::Revoked));
}

/// After a rotation both texts are the same key, until the old one retires.
pub async fn a_rotated_key_keeps_its_old_text_for_the_overlap(directory: &dyn Directory) {
    let ann = user(directory, 1, "ann").await;
    let made = key(directory, 1, &ann.id).await;
    let rotated = ok(directory.rotate_key(&made.id, rotation(2, 10), &act(5)).await);
    assert_eq!((&rotated.id, rotated.rotated_at), (&made.id, Some(at(5))));
    assert_eq!(rotated.public_form, text(2).public_form());
    let (old, new) = (grant(directory, text(1).digest()).await, grant(directory, text(2).digest()).await);
    assert_eq!(old.caller, new.caller);
    assert_eq!((old.retires_at, new.retires_at), (Some(at(10)), None));
    // Revoking ends both.
    ok(directory.revoke_key(&made.id, &act(6)).await);
    for number in [1, 2] {
        assert_eq!(grant(directory, text(number).digest()).await.standing, Standing::Revoked);
    }
}

/// An end that was set is never moved to later.
pub async fn a_second_rotation_does_not_lengthen_the_first(directory: &dyn Directory) {
    let ann = user(directory, 1, "ann").await;
    let made = key(directory, 1, &ann.id).await;
    ok(directory.rotate_key(&made.id, rotation(2, 10), &act(1)).await);
    ok(directory.rotate_key(&made.id, rotation(3, 100), &act(2)).await);
    let mut ends = Vec::new();
    for number in [1, 2, 3] {
        ends.push(grant(directory, text(number).digest()).await.retires_at);
    }
    assert_eq!(ends, [Some(at(10)), Some(at(100)), None]);
}

/// A rotation revives nothing.
pub async fn what_is_over_cannot_be_rotated(directory: &dyn Directory) {
    let ann = user(directory, 1, "ann").await;
    let revoked = key(directory, 1, &ann.id).await;
    ok(directory.revoke_key(&revoked.id, &act(1)).await);
    let expired = NewKey { expires_at: Some(at(3)), ..new_key(2, &ann.id) };
    let expired = ok(directory.create_key(expired, &act(0)).await);
    for key in [revoked, expired] {
        let answer = directory.rotate_key(&key.id, rotation(9, 100), &act(3)).await;
        assert!(is_conflict(&answer, "id"), "{answer:?}");
        assert_eq!(ok(directory.grant_by_digest(text(9).digest()).await), None);
    }
}

/// Two keys cannot share a text, and the failure leaves nothing behind.
pub async fn a_digest_is_taken_once(directory: &dyn Directory) {
    let ann = user(directory, 1, "ann").await;
    key(directory, 1, &ann.id).await;
    let again = NewKey { digest: text(1).digest(), ..new_key(2, &ann.id) };
    let id = again.id.clone();
    assert!(directory.create_key(again, &act(0)).await.is_err());
    assert_eq!(ok(directory.find_key(&id).await), None);
}

/// Times are kept to the microsecond, and one at the end of all time harms nobody.
pub async fn ends_of_time_are_kept(directory: &dyn Directory) {
    let ann = user(directory, 1, "ann").await;
    let soon = at(1) + jiff::SignedDuration::from_micros(1);
    let key = NewKey { expires_at: Some(soon), ..new_key(1, &ann.id) };
    assert_eq!(ok(directory.create_key(key, &act(0)).await).expires_at, Some(soon));
    assert_eq!(grant(directory, text(1).digest()).await.expires_at, Some(soon));
    let key = NewKey { expires_at: Some(Timestamp::MAX), ..new_key(2, &ann.id) };
    let kept = ok(directory.create_key(key, &act(0)).await).expires_at;
    assert!(kept.is_some_and(|end| end.as_second() == Timestamp::MAX.as_second()), "{kept:?}");
    assert_eq!(ok(directory.all_grants(at(0)).await).grants.len(), 2);
}
