//! The promises of an [`Archive`].

use super::world::at;
use crate::archive::{Archive, ArchiveError, Document, DocumentOwner};
use crate::id::{TenantId, UserId};

/// Makes a test of every promise; `$fresh` is an async function that gives an empty archive and what keeps it alive, or
/// `None` where there is no server to test against.
#[macro_export]
macro_rules! archive_conformance {
    ($fresh:path) => {
        $crate::archive_conformance!(@each $fresh:
            what_was_left_is_found_by_its_owner,
            another_owner_finds_nothing,
            a_later_document_takes_the_place_of_an_earlier_one,
            what_is_removed_is_gone,
            what_has_ended_is_gone_before_it_is_swept,
            a_sweep_takes_what_has_ended_and_no_more
        );
    };
    (@each $fresh:path: $($case:ident),*) => {
        $(
            #[tokio::test]
            async fn $case() {
                let Some((archive, _alive)) = $fresh().await else { return };
                $crate::conformance::archive::$case(&*archive).await;
            }
        )*
    };
}

fn owner(tenant: &str, user: &str) -> DocumentOwner {
    DocumentOwner {
        tenant: TenantId::parse(tenant).expect("an id"),
        user: UserId::parse(user).expect("an id"),
    }
}

fn document(user: &str, id: &str, body: &[u8], ends: i64) -> Document {
    Document {
        owner: owner("acme", user),
        id: id.to_owned(),
        body: body.to_vec(),
        created_at: at(0),
        expires_at: at(ends),
    }
}

/// Bytes come back as they were, empty or not text.
pub async fn what_was_left_is_found_by_its_owner(archive: &dyn Archive) {
    for body in [&b"some text"[..], b"", b"\0\xff\n"] {
        ok(archive.put(document("ann", "a", body, 10)).await);
        let found = ok(archive.find(&owner("acme", "ann"), "a", at(9)).await);
        assert_eq!(found.as_deref(), Some(body));
    }
    assert_eq!(ok(archive.find(&owner("acme", "ann"), "b", at(0)).await), None);
}

/// Neither another user nor a user of the same name elsewhere.
pub async fn another_owner_finds_nothing(archive: &dyn Archive) {
    ok(archive.put(document("ann", "a", b"hers", 10)).await);
    ok(archive.put(document("bob", "a", b"his", 10)).await);
    for (tenant, user, expected) in
        [("acme", "ann", Some(&b"hers"[..])), ("acme", "bob", Some(b"his")), ("other", "ann", None)]
    {
        let found = ok(archive.find(&owner(tenant, user), "a", at(1)).await);
        assert_eq!(found.as_deref(), expected, "{tenant} {user}");
    }
    assert!(!ok(archive.remove(&owner("other", "ann"), "a", at(1)).await));
}

/// With its own end.
pub async fn a_later_document_takes_the_place_of_an_earlier_one(archive: &dyn Archive) {
    ok(archive.put(document("ann", "a", b"one", 10)).await);
    ok(archive.put(document("ann", "a", b"two", 20)).await);
    let found = ok(archive.find(&owner("acme", "ann"), "a", at(15)).await);
    assert_eq!(found.as_deref(), Some(&b"two"[..]));
}

/// And can be removed once.
pub async fn what_is_removed_is_gone(archive: &dyn Archive) {
    ok(archive.put(document("ann", "a", b"one", 10)).await);
    let ann = owner("acme", "ann");
    assert!(ok(archive.remove(&ann, "a", at(1)).await));
    assert!(!ok(archive.remove(&ann, "a", at(1)).await));
    assert_eq!(ok(archive.find(&ann, "a", at(1)).await), None);
}

/// The end itself is past the end.
pub async fn what_has_ended_is_gone_before_it_is_swept(archive: &dyn Archive) {
    ok(archive.put(document("ann", "a", b"one", 10)).await);
    let ann = owner("acme", "ann");
    assert!(ok(archive.find(&ann, "a", at(9)).await).is_some());
    assert_eq!(ok(archive.find(&ann, "a", at(10)).await), None);
    assert!(!ok(archive.remove(&ann, "a", at(10)).await));
}

/// So many at a time as it is told.
pub async fn a_sweep_takes_what_has_ended_and_no_more(archive: &dyn Archive) {
    for (id, ends) in [("a", 10), ("b", 11), ("c", 12), ("d", 30)] {
        ok(archive.put(document("ann", id, b"x", ends)).await);
    }
    assert_eq!(ok(archive.sweep(at(5), 100).await), 0);
    assert_eq!(ok(archive.sweep(at(20), 2).await), 2);
    assert_eq!(ok(archive.sweep(at(20), 2).await), 1);
    assert_eq!(ok(archive.sweep(at(20), 2).await), 0);
    assert!(ok(archive.find(&owner("acme", "ann"), "d", at(20)).await).is_some());
}

#[track_caller]
fn ok<T>(result: Result<T, ArchiveError>) -> T {
    result.expect("the archive answers")
}
