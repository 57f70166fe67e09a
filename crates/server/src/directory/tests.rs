use std::sync::atomic::AtomicUsize;

use stonegate_identity::{
    KeyId, KeyKind, KeyText, ModelRule, Role, Scopes, Standing, TenantId, UserId,
    directory::{Act, Actor, NewKey, NewUser, Rotation, UserEdit},
};
use stonegate_store::{Durability, Options, Store};

use super::*;

struct Office {
    store: Store,
    user: UserId,
    made: AtomicUsize,
    _folder: tempfile::TempDir,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn act(second: i64) -> Act {
    Act { by: Actor::Operator, at: at(second), request_id: None, address: None }
}

impl Office {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("stonegate.db").display());
        let options = Options { durability: Durability::Process, ..Options::default() };
        let store = stonegate_store::open(&url, &options).await.unwrap();
        let user = UserId::mint(at(0), [0; 6]);
        let new = NewUser {
            id: user.clone(),
            tenant: TenantId::default_tenant(),
            team: None,
            name: "ann".to_owned(),
            email: None,
            role: Role::User,
            models: ModelRule::default(),
        };
        store.directory.create_user(new, &act(0)).await.unwrap();
        Self { store, user, made: AtomicUsize::new(0), _folder: folder }
    }

    async fn cache(&self) -> DirectoryCache {
        DirectoryCache::load(Arc::clone(&self.store.directory), at(0)).await.unwrap()
    }

    fn text(&self) -> KeyText {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let mut random = [0; 24];
        random[..8].copy_from_slice(&number.to_le_bytes());
        KeyText::mint(random)
    }

    async fn key(&self) -> (KeyId, KeyText) {
        let text = self.text();
        let number = u8::try_from(self.made.load(Ordering::Relaxed)).unwrap();
        let id = KeyId::mint(at(0), [number; 6]);
        let new = NewKey {
            id: id.clone(),
            user: self.user.clone(),
            name: "laptop".to_owned(),
            kind: KeyKind::LongLived,
            parent: None,
            most: None,
            digest: text.digest(),
            public_form: text.public_form(),
            scopes: Scopes::for_calls(),
            models: ModelRule::default(),
            tags: None,
            expires_at: None,
            text_until: None,
        };
        self.store.directory.create_key(new, &act(0)).await.unwrap();
        (id, text)
    }
}

async fn admits(cache: &DirectoryCache, key: &KeyText, second: i64) -> bool {
    cache.grant(&key.digest(), at(second)).await.unwrap().is_some_and(|grant| grant.admit(at(second)).is_ok())
}

#[tokio::test]
async fn keys_of_the_start_are_known_without_asking() {
    let office = Office::open().await;
    let (_, key) = office.key().await;
    let cache = office.cache().await;
    office.store.close().await;
    assert!(admits(&cache, &key, 0).await);
    cache.grant(&office.text().digest(), at(0)).await.unwrap_err();
}

#[tokio::test]
async fn a_key_of_another_process_works_at_once() {
    let office = Office::open().await;
    let cache = office.cache().await;
    let (_, key) = office.key().await;
    assert!(admits(&cache, &key, 0).await);
}

#[tokio::test]
async fn a_revocation_is_felt_with_the_next_poll() {
    let office = Office::open().await;
    let (id, key) = office.key().await;
    let (_, other) = office.key().await;
    let cache = office.cache().await;
    office.store.directory.revoke_key(&id, &act(1)).await.unwrap();
    cache.refresh(at(1)).await.unwrap();
    assert!(!admits(&cache, &key, 1).await && admits(&cache, &other, 1).await);
}

#[tokio::test]
async fn a_late_lookup_does_not_bring_a_revoked_key_back() {
    let office = Office::open().await;
    let cache = office.cache().await;
    let (id, key) = office.key().await;
    // What a slow lookup read before the revocation, put in after the feed has brought it.
    office.store.directory.revoke_key(&id, &act(1)).await.unwrap();
    cache.refresh(at(1)).await.unwrap();
    let stale = KeyGrant { standing: Standing::Good, ..cache.known(&key.digest(), at(0)).unwrap() };
    cache.take_one(key.digest(), stale, at(0));
    assert!(!admits(&cache, &key, 1).await);
}

#[tokio::test]
async fn a_disabled_users_keys_stop_and_come_back() {
    let office = Office::open().await;
    let (_, key) = office.key().await;
    let cache = office.cache().await;
    for (disabled, expected) in [(true, false), (false, true)] {
        let edit = UserEdit { disabled: Some(disabled), ..UserEdit::default() };
        office.store.directory.update_user(&office.user, edit, &act(1)).await.unwrap();
        cache.refresh(at(1)).await.unwrap();
        assert_eq!(admits(&cache, &key, 1).await, expected);
    }
}

#[tokio::test]
async fn a_rotated_key_works_with_both_texts_for_the_overlap() {
    let office = Office::open().await;
    let (id, old) = office.key().await;
    let cache = office.cache().await;
    let new = office.text();
    let rotation = Rotation {
        digest: new.digest(),
        public_form: new.public_form(),
        old_until: at(100),
        new_until: None,
    };
    office.store.directory.rotate_key(&id, rotation, &act(1)).await.unwrap();
    cache.refresh(at(1)).await.unwrap();
    assert!(admits(&cache, &old, 99).await && admits(&cache, &new, 99).await);
    assert!(!admits(&cache, &old, 100).await && admits(&cache, &new, 100).await);
}

#[tokio::test]
async fn a_made_up_key_is_looked_up_once() {
    let office = Office::open().await;
    let cache = office.cache().await;
    let made_up = office.text().digest();
    assert_eq!(cache.grant(&made_up, at(0)).await.unwrap(), None);
    office.store.close().await;
    // Still an answer, so the store was not asked again.
    assert_eq!(cache.grant(&made_up, at(0)).await.unwrap(), None);
}

#[tokio::test]
async fn the_memory_of_made_up_keys_is_bounded() {
    let office = Office::open().await;
    let cache = office.cache().await;
    for _ in 0..UNKNOWN_MOST + 10 {
        cache.remember_unknown(office.text().digest(), cache.version.load(Ordering::Acquire));
    }
    assert_eq!(cache.unknown.lock().unwrap().len(), 10);
}

#[tokio::test]
async fn grants_that_ended_long_ago_are_forgotten_and_found_again() {
    let office = Office::open().await;
    let (id, first) = office.key().await;
    let (_, other) = office.key().await;
    let second = office.text();
    let rotation = Rotation {
        digest: second.digest(),
        public_form: second.public_form(),
        old_until: at(10),
        new_until: None,
    };
    office.store.directory.rotate_key(&id, rotation, &act(0)).await.unwrap();
    let cache = office.cache().await;
    let known = |key: &KeyText| cache.known(&key.digest(), at(0)).is_some();
    cache.forget_ended(at(3_609));
    assert!(known(&first), "it ended less than an hour ago");
    cache.forget_ended(at(3_610));
    assert_eq!([&first, &second, &other].map(known), [false, true, true]);
    assert!(!admits(&cache, &first, 3_610).await && known(&first));
}

#[tokio::test]
async fn uses_are_told_of_now_and_then() {
    let office = Office::open().await;
    let (id, key) = office.key().await;
    let cache = office.cache().await;
    let last_used = async || {
        cache.tell_uses().await;
        office.store.directory.find_key(&id).await.unwrap().unwrap().last_used_at
    };
    assert_eq!(last_used().await, None);
    for (second, expected) in [(10, 10), (20, 10), (309, 10), (310, 310)] {
        assert!(admits(&cache, &key, second).await);
        assert_eq!(last_used().await, Some(at(expected)), "{second}");
    }
    // What changes of a key is no use of it, and a key that does not hold is not used.
    office.store.directory.revoke_key(&id, &act(320)).await.unwrap();
    cache.refresh(at(320)).await.unwrap();
    assert!(!admits(&cache, &key, 900).await);
    assert_eq!(last_used().await, Some(at(310)));
}
