//! The directory's promises, kept by SQLite; and what only a file on a disk can get wrong.
#![expect(clippy::unwrap_used, reason = "a test's helpers may unwrap as the test itself does")]

use std::{os::unix::fs::PermissionsExt as _, path::Path, sync::Arc};

use jiff::Timestamp;
use sqlx::{Connection as _, Executor as _};
use stonegate_identity::{
    Chain, Directory, KeyId, KeyKind, KeyText, ModelRule, Role, Scopes, TenantId, UserId,
    directory::{Act, Actor, Changes, NewKey, NewUser},
};
use stonegate_store::{Durability, OpenError, Options, Store, open};
use tempfile::TempDir;

stonegate_identity::directory_conformance!(fresh);

async fn fresh() -> Option<(Arc<dyn Directory>, (TempDir, Store))> {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&address(folder.path()), &quick()).await.unwrap();
    Some((Arc::clone(&store.directory), (folder, store)))
}

fn address(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("data/stonegate.db").display())
}

fn quick() -> Options {
    Options { durability: Durability::Process, ..Options::default() }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn act() -> Act {
    Act { by: Actor::Operator, at: at(0), request_id: None, address: None }
}

async fn ann(store: &Store) -> UserId {
    let id = UserId::mint(at(0), [1; 6]);
    let new = NewUser {
        id: id.clone(),
        tenant: TenantId::default_tenant(),
        team: None,
        name: "ann".to_owned(),
        email: None,
        role: Role::User,
        models: ModelRule::default(),
    };
    store.directory.create_user(new, &act()).await.unwrap();
    id
}

fn key(number: u64, user: &UserId) -> NewKey {
    let mut random = [0; 24];
    random[..8].copy_from_slice(&number.to_le_bytes());
    let text = KeyText::mint(random);
    NewKey {
        id: KeyId::mint(at(i64::try_from(number).unwrap()), [0; 6]),
        user: user.clone(),
        name: format!("key {number}"),
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
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_may_open_an_empty_folder_at_once_and_write() {
    let folder = tempfile::tempdir().unwrap();
    let url = address(folder.path());
    let mut openings = tokio::task::JoinSet::new();
    for number in 0..12 {
        let url = url.clone();
        openings.spawn(async move {
            let store = open(&url, &quick()).await.unwrap();
            let new = NewUser {
                id: UserId::mint(at(0), [number; 6]),
                tenant: TenantId::default_tenant(),
                team: None,
                name: format!("user {number}"),
                email: None,
                role: Role::User,
                models: ModelRule::default(),
            };
            let user = store.directory.create_user(new, &act()).await.unwrap();
            store.directory.create_key(key(u64::from(number), &user.id), &act()).await.unwrap();
        });
    }
    while let Some(done) = openings.join_next().await {
        done.unwrap();
    }
    let store = open(&url, &quick()).await.unwrap();
    assert_eq!(store.directory.all_grants(at(0)).await.unwrap().grants.len(), 12);
    let mut chain = Chain::default();
    for entry in store.directory.read_audit(0, 100).await.unwrap() {
        chain.follow(&entry).unwrap();
    }
    assert_eq!(chain.entries, 24, "side by side, and yet one chain");
}

#[tokio::test]
async fn two_open_stores_see_each_others_acts() {
    let folder = tempfile::tempdir().unwrap();
    let one = open(&address(folder.path()), &quick()).await.unwrap();
    let other = open(&address(folder.path()), &quick()).await.unwrap();
    let user = ann(&one).await;
    let new = key(1, &user);
    let digest = new.digest;
    one.directory.create_key(new, &act()).await.unwrap();
    assert!(other.directory.grant_by_digest(digest).await.unwrap().is_some());
}

#[tokio::test]
async fn what_was_kept_is_there_after_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&address(folder.path()), &Options::default()).await.unwrap();
    let new = key(1, &ann(&store).await);
    let digest = new.digest;
    store.directory.create_key(new, &act()).await.unwrap();
    store.close().await;
    let store = open(&address(folder.path()), &Options::default()).await.unwrap();
    assert!(store.directory.grant_by_digest(digest).await.unwrap().is_some());
}

#[tokio::test]
async fn nobody_else_may_read_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&address(folder.path()), &quick()).await.unwrap();
    ann(&store).await;
    let data = folder.path().join("data");
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    let files: Vec<_> = data.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 3, "the database, its log and its index: {files:?}");
    assert!(files.iter().all(|file| mode(file) == 0o600), "{files:?}");
}

#[tokio::test]
async fn a_newer_store_and_a_foreign_file_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/stonegate.db");
    open(&address(folder.path()), &quick()).await.unwrap().close().await;
    // The header's user version and application id, big-endian, at these places of SQLite's file format.
    let patched = |at: usize, value: u32| {
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
        bytes
    };
    let newer = patched(60, 999);
    let foreign = patched(68, 7);
    for (bytes, expected) in
        [(newer, "has form 999, and this version"), (foreign, "another program's database")]
    {
        std::fs::write(&path, &bytes).unwrap();
        let refused = open(&address(folder.path()), &quick()).await.unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
    std::fs::write(&path, b"no database at all, but long enough to look like one".repeat(100)).unwrap();
    let refused = open(&address(folder.path()), &quick()).await.unwrap_err();
    assert!(matches!(refused, OpenError::Database { .. }), "{refused}");
}

#[tokio::test]
async fn an_address_of_another_kind_is_refused_without_its_password() {
    for (url, expected) in [
        ("mysql://user:secret@host/db", "`mysql://user:***@host/db` is no address"),
        ("postgres://user:secret@host:port/db", "`postgres://user:***@host:port/db` is no address"),
        ("sqlite:", "`sqlite:` is no address"),
        ("sqlite::memory:", "is no address"),
        ("/var/lib/x.db", "is no address"),
    ] {
        let refused = open(url, &quick()).await.unwrap_err().to_string();
        assert!(refused.contains(expected) && !refused.contains("secret"), "{refused}");
    }
}

#[tokio::test]
async fn a_place_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data"), "a file").unwrap();
    let refused = open(&address(folder.path()), &quick()).await.unwrap_err();
    assert!(matches!(&refused, OpenError::Place { path, .. } if path.ends_with("data")), "{refused}");
}

/// A hundred thousand keys, made by the database itself.
const MANY: &str = "
    INSERT INTO keys (id, user_id, name, public_form, scopes, models, created_at, version)
    WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < 100000)
    SELECT printf('key_%08d', number), (SELECT id FROM users), 'laptop', 'sk-stone-0000…0000000',
           'messages:send usage:read', '', 0, 1 FROM numbers;
    INSERT INTO key_texts (digest, key_id, created_at) SELECT randomblob(32), id, 0 FROM keys;";

/// How long this takes is the business of `make bench-keys`.
#[tokio::test]
async fn of_a_hundred_thousand_keys_only_what_changed_is_told_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&address(folder.path()), &quick()).await.unwrap();
    ann(&store).await;
    let mut connection = sqlx::SqliteConnection::connect(&address(folder.path())).await.unwrap();
    connection.execute(sqlx::raw_sql(MANY)).await.unwrap();
    let loaded = store.directory.all_grants(at(0)).await.unwrap();
    assert_eq!(loaded.grants.len(), 100_000);
    store.directory.revoke_key(&KeyId::parse("key_00000077").unwrap(), &act()).await.unwrap();
    let changes = store.directory.changes_since(loaded.version).await.unwrap();
    assert!(matches!(changes, Changes::Grants(changes) if changes.grants.len() == 1));
}
