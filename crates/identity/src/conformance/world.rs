//! The people of the tests.

use jiff::Timestamp;

use crate::{
    Directory, DirectoryError, KeyDigest, KeyGrant, KeyId, KeyKind, KeyText, ModelRule, Role, Scopes,
    TenantId, UserId,
    directory::{Act, Actor, Changes, Key, NewKey, NewTenant, NewUser, Snapshot, Tenant, User},
};

/// So many seconds into the story.
pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).expect("a time of our days")
}

pub(super) fn act(second: i64) -> Act {
    Act { by: Actor::Operator, at: at(second), request_id: Some(format!("req_{second}")), address: None }
}

pub(super) fn text(number: u8) -> KeyText {
    KeyText::mint([number; 24])
}

pub(super) fn rule(allow: &[&str]) -> ModelRule {
    let allow = allow.iter().map(|&pattern| pattern.to_owned()).collect();
    ModelRule::new(allow, Vec::new()).expect("a sound pattern")
}

pub(super) fn new_user(number: u8, name: &str, role: Role) -> NewUser {
    NewUser {
        id: UserId::mint(at(i64::from(number)), [number; 6]),
        tenant: TenantId::default_tenant(),
        team: None,
        name: name.to_owned(),
        email: None,
        role,
        models: ModelRule::default(),
    }
}

pub(super) fn new_key(number: u8, user: &UserId) -> NewKey {
    let text = text(number);
    NewKey {
        id: KeyId::mint(at(i64::from(number)), [number; 6]),
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

pub(super) fn ok<T>(answer: Result<T, DirectoryError>) -> T {
    answer.expect("the directory does as asked")
}

pub(super) async fn tenant(directory: &dyn Directory, id: &str) -> Tenant {
    let id = TenantId::parse(id).expect("a sound id");
    let new =
        NewTenant { name: id.to_string(), id, models: ModelRule::default(), time_zone: "UTC".to_owned() };
    ok(directory.create_tenant(new, &act(0)).await)
}

pub(super) async fn user(directory: &dyn Directory, number: u8, name: &str) -> User {
    ok(directory.create_user(new_user(number, name, Role::User), &act(0)).await)
}

pub(super) async fn key(directory: &dyn Directory, number: u8, user: &UserId) -> Key {
    ok(directory.create_key(new_key(number, user), &act(0)).await)
}

pub(super) async fn grant(directory: &dyn Directory, digest: KeyDigest) -> KeyGrant {
    ok(directory.grant_by_digest(digest).await).expect("the key is known")
}

pub(super) async fn version(directory: &dyn Directory) -> u64 {
    ok(directory.all_grants(at(0)).await).version
}

/// The grants that changed since a version.
pub(super) async fn changed(directory: &dyn Directory, since: u64) -> Snapshot {
    match ok(directory.changes_since(since).await) {
        Changes::Grants(snapshot) => snapshot,
        Changes::None => Snapshot { version: since, grants: Vec::new() },
        Changes::StartOver => Snapshot { version: 0, grants: Vec::new() },
    }
}

pub(super) fn is_conflict<T>(answer: &Result<T, DirectoryError>, on: &str) -> bool {
    matches!(answer, Err(DirectoryError::Conflict { field, .. }) if *field == on)
}

pub(super) fn is_missing<T>(answer: &Result<T, DirectoryError>, what: &str) -> bool {
    matches!(answer, Err(DirectoryError::NotFound { kind, .. }) if *kind == what)
}
