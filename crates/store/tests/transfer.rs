//! An installation moves from SQLite to SQLite and says the same; `tests/postgres/moving.rs` has the way over PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test's helpers may unwrap as the test itself does")]

mod installation;

use installation::{copy, furnish, go_on, open_file, without_sums};
use stonegate_store::TransferError;

#[tokio::test]
async fn a_copy_says_what_the_original_says() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_file(&folder.path().join("one.db")).await;
    furnish(&store).await;
    let lines = copy(&store).await;
    let other = open_file(&folder.path().join("other.db")).await;
    other.import(&mut lines.as_bytes()).await.unwrap();
    assert_eq!(copy(&other).await, lines);
}

#[tokio::test]
async fn sums_that_a_copy_of_before_lacks_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_file(&folder.path().join("one.db")).await;
    furnish(&store).await;
    let lines = copy(&store).await;
    let other = open_file(&folder.path().join("other.db")).await;
    other.import(&mut without_sums(&lines).as_bytes()).await.unwrap();
    assert_eq!(copy(&other).await, lines);
    go_on(&other).await;
}

#[tokio::test]
async fn what_is_no_whole_copy_or_would_mix_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_file(&folder.path().join("one.db")).await;
    let empty = copy(&store).await;
    furnish(&store).await;
    let lines = copy(&store).await;
    let refused = store.import(&mut lines.as_bytes()).await.unwrap_err();
    assert!(matches!(refused, TransferError::NotEmpty { .. }), "{refused}");
    assert_eq!(copy(&store).await, lines);

    let other = open_file(&folder.path().join("other.db")).await;
    let empty_other = copy(&other).await;
    let cut = &lines[..lines.len() - 10];
    let without_end = lines.rsplit_once("{\"end\"").unwrap().0;
    let without_a_row = lines.replacen("{\"users\"", "{\"user\"", 1);
    let newer = lines.replacen("stonegate_store\":1", "stonegate_store\":2", 1);
    for (wrong, expected) in [
        ("", "is not the first of a copy"),
        ("{}", "is not the first of a copy"),
        (&*newer, "is of form 2"),
        (cut, "is no row of a table"),
        (without_end, "was cut off"),
        (&*without_a_row, "names the table `user`"),
    ] {
        let refused = other.import(&mut wrong.as_bytes()).await.unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
        assert_eq!(copy(&other).await, empty_other);
    }
    assert_eq!(empty.lines().count(), empty_other.lines().count());
}
