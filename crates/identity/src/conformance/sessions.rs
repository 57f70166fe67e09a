//! Promises about sign-ins that last, and about passwords.

use super::world::{act, at, changed, grant, is_conflict, key, new_key, ok, text, user, version};
use crate::{
    Directory, KeyKind, KeyRefusal, Standing, UserId,
    directory::{NewKey, NewPassword, Rotation, UserEdit},
};

fn session(number: u8, user: &UserId) -> NewKey {
    let (expires_at, text_until) = (Some(at(1_000_000)), Some(at(60)));
    NewKey { kind: KeyKind::Session, expires_at, text_until, ..new_key(number, user) }
}

fn next(number: u8, old_until: i64, new_until: i64) -> Rotation {
    Rotation {
        digest: text(number).digest(),
        public_form: text(number).public_form(),
        old_until: at(old_until),
        new_until: Some(at(new_until)),
    }
}

/// And says that it can be refreshed.
pub async fn a_sessions_token_ends_before_the_session(directory: &dyn Directory) {
    let ann = user(directory, 1, "ann").await;
    ok(directory.create_key(session(1, &ann.id), &act(0)).await);
    let grant = grant(directory, text(1).digest()).await;
    assert_eq!(grant.ends_at(), Some(at(60)));
    assert!(grant.admit(at(59)).is_ok());
    assert_eq!(grant.admit(at(60)).err(), Some(KeyRefusal::TokenExpired(at(60))));
    assert_eq!(ok(directory.all_grants(at(60)).await).grants.len(), 0);
}

/// Under the same id, whether the old token has ended or not; nothing else is refreshed.
pub async fn a_session_goes_on_with_its_next_token(directory: &dyn Directory) {
    let ann = user(directory, 1, "ann").await;
    let made = ok(directory.create_key(session(1, &ann.id), &act(0)).await);
    let refreshed = ok(directory.refresh_session(&made.id, next(2, 55, 110), &act(50)).await);
    assert_eq!((refreshed.id, refreshed.expires_at), (made.id.clone(), Some(at(1_000_000))));
    for (number, ends) in [(1, 55), (2, 110)] {
        assert_eq!(grant(directory, text(number).digest()).await.ends_at(), Some(at(ends)), "{number}");
    }
    ok(directory.refresh_session(&made.id, next(3, 200, 500_060), &act(500_000)).await);
    assert_eq!(ok(directory.grant_by_digest(text(1).digest()).await), None, "it ended long ago");
    assert!(grant(directory, text(3).digest()).await.admit(at(500_059)).is_ok());

    let kept = key(directory, 4, &ann.id).await;
    assert!(is_conflict(&directory.refresh_session(&kept.id, next(5, 1, 2), &act(1)).await, "id"));
    ok(directory.revoke_key(&made.id, &act(500_001)).await);
    let answer = directory.refresh_session(&made.id, next(6, 600_000, 600_001), &act(500_002)).await;
    assert!(is_conflict(&answer, "id"), "{answer:?}");
    assert_eq!(ok(directory.grant_by_digest(text(6).digest()).await), None);
}

fn password(login: &str, hash: &str) -> NewPassword {
    NewPassword { login: login.to_owned(), hash: hash.to_owned() }
}

/// With the user as they are now; a new password takes the old one's place, under another login, too.
pub async fn an_account_is_found_by_its_login(directory: &dyn Directory) {
    let ann = user(directory, 1, "ann").await;
    assert_eq!(ok(directory.find_password("ann@example.org").await), None);
    ok(directory.set_password(&ann.id, password("ann@example.org", "one"), &act(0)).await);
    let edit = UserEdit { disabled: Some(true), ..UserEdit::default() };
    let disabled = ok(directory.update_user(&ann.id, edit, &act(1)).await);
    let found = ok(directory.find_password("ann@example.org").await);
    assert_eq!(found, Some((disabled.clone(), "one".to_owned())));
    ok(directory.set_password(&ann.id, password("ann@example.com", "two"), &act(2)).await);
    assert_eq!(ok(directory.find_password("ann@example.org").await), None);
    assert_eq!(ok(directory.find_password("ann@example.com").await), Some((disabled, "two".to_owned())));
}

/// Two users cannot share one.
pub async fn a_login_is_one_users(directory: &dyn Directory) {
    let (ann, bob) = (user(directory, 1, "ann").await, user(directory, 2, "bob").await);
    ok(directory.set_password(&ann.id, password("ann@example.org", "hers"), &act(0)).await);
    let taken = directory.set_password(&bob.id, password("ann@example.org", "his"), &act(1)).await;
    assert!(is_conflict(&taken, "email"), "{taken:?}");
    let found = ok(directory.find_password("ann@example.org").await);
    assert_eq!(found, Some((ann, "hers".to_owned())));
    ok(directory.record("signin.refuse", "login:ann".to_owned(), &act(2)).await);
    let page = crate::directory::PageRequest { after: None, limit: 1 };
    let logged =
        ok(directory.list_audit(&crate::directory::AuditFilter::default(), &page).await).items.remove(0);
    assert_eq!((&*logged.action, &*logged.subject, logged.at), ("signin.refuse", "login:ann", at(2)));
}

/// With what was signed in by it; the login is free for another user.
pub async fn a_password_is_taken_away(directory: &dyn Directory) {
    let (ann, bob) = (user(directory, 1, "ann").await, user(directory, 2, "bob").await);
    for (number, user) in [(1, &ann.id), (2, &bob.id)] {
        ok(directory.create_key(session(number, user), &act(0)).await);
    }
    ok(directory.set_password(&ann.id, password("ann@example.org", "hers"), &act(0)).await);
    ok(directory.create_key(session(3, &ann.id), &act(1)).await);
    for _ in 0..2 {
        ok(directory.remove_password(&ann.id, &act(2)).await);
    }
    assert_eq!(ok(directory.find_password("ann@example.org").await), None);
    assert_eq!(ok(directory.password_set_at(&ann.id).await), None);
    for (number, expected) in [(2, true), (3, false)] {
        let standing = grant(directory, text(number).digest()).await.standing;
        assert_eq!(standing == Standing::Good, expected, "{number}");
    }
    let removed = crate::directory::AuditFilter {
        action: Some("password.remove".to_owned()),
        ..crate::directory::AuditFilter::default()
    };
    let logged = ok(directory.list_audit(&removed, &crate::directory::PageRequest::first()).await).items;
    assert_eq!(logged.len(), 1, "{logged:?}");
    ok(directory.set_password(&bob.id, password("ann@example.org", "his"), &act(3)).await);
}

/// Whoever knew the old password is out, with all that they made with it for a while; keys stay.
pub async fn a_new_password_ends_every_sign_in(directory: &dyn Directory) {
    let (ann, bob) = (user(directory, 1, "ann").await, user(directory, 2, "bob").await);
    assert_eq!(ok(directory.password_set_at(&ann.id).await), None);
    let before = version(directory).await;
    for (number, kind, user, parent) in [
        (1, KeyKind::Session, &ann.id, None),
        (2, KeyKind::Browser, &ann.id, None),
        (3, KeyKind::LongLived, &ann.id, None),
        (4, KeyKind::Ephemeral, &ann.id, Some(new_key(1, &ann.id).id)),
        (5, KeyKind::Session, &bob.id, None),
    ] {
        ok(directory.create_key(NewKey { kind, parent, ..new_key(number, user) }, &act(0)).await);
    }
    ok(directory.set_password(&ann.id, password("ann@example.org", "one"), &act(2)).await);
    assert_eq!(ok(directory.password_set_at(&ann.id).await), Some(at(2)));
    let stands = async |number| grant(directory, text(number).digest()).await.standing == Standing::Good;
    for (number, expected) in [(1, false), (2, false), (3, true), (4, false), (5, true)] {
        assert_eq!(stands(number).await, expected, "{number}");
    }
    assert!(changed(directory, before).await.grants.len() >= 3, "replicas are told");
    ok(directory.end_sign_ins(&bob.id, &act(3)).await);
    assert!(!stands(5).await);
}
