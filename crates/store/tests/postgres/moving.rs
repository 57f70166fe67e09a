//! An installation moves from SQLite to PostgreSQL and back, and no table says anything else.

use crate::installation::{copy, furnish, go_on, open_file, without_sums};
use crate::schema::schema;
use stonegate_store::{Kind, Table, TransferError};

#[tokio::test]
async fn an_installation_moves_there_and_back() {
    let schema = schema!();
    let folder = tempfile::tempdir().unwrap();
    let file = open_file(&folder.path().join("one.db")).await;
    furnish(&file).await;
    let lines = copy(&file).await;
    for table in file.tables().await.unwrap() {
        assert!(lines.contains(&format!("{{\"{}\":", table.name)), "{} has something in it", table.name);
    }

    let server = schema.open().await;
    server.import(&mut lines.as_bytes()).await.unwrap();
    assert_eq!(copy(&server).await, lines);
    let refused = server.import(&mut lines.as_bytes()).await.unwrap_err();
    assert!(matches!(refused, TransferError::NotEmpty { .. }), "{refused}");

    let back = open_file(&folder.path().join("back.db")).await;
    back.import(&mut copy(&server).await.as_bytes()).await.unwrap();
    assert_eq!(copy(&back).await, lines);
}

/// What the store numbers itself goes on where it was.
#[tokio::test]
async fn acts_and_calls_are_written_down_after_a_move() {
    let schema = schema!();
    let folder = tempfile::tempdir().unwrap();
    let file = open_file(&folder.path().join("one.db")).await;
    furnish(&file).await;
    let server = schema.open().await;
    server.import(&mut copy(&file).await.as_bytes()).await.unwrap();
    let count =
        |status: stonegate_store::Status| status.rows.iter().find(|(table, _)| table == "audit").unwrap().1;
    let before = count(server.status().await.unwrap());
    let act = stonegate_identity::directory::Act {
        by: stonegate_identity::directory::Actor::Operator,
        at: jiff::Timestamp::UNIX_EPOCH,
        request_id: None,
        address: None,
    };
    let key = stonegate_identity::KeyId::mint("2026-11-21T12:00:00Z".parse().unwrap(), [2; 6]);
    server.directory.revoke_key(&key, &act).await.unwrap();
    assert_eq!(count(server.status().await.unwrap()), before + 1);
    go_on(&server).await;
    assert!(copy(&server).await.contains(
        "{\"usage_series\":{\"client\":\"claude-cli\",\"dialect\":\"anthropic\",\"endpoint\":\"\",\"id\":2,"
    ));
}

#[tokio::test]
async fn sums_that_a_copy_of_before_lacks_are_made() {
    let schema = schema!();
    let folder = tempfile::tempdir().unwrap();
    let file = open_file(&folder.path().join("one.db")).await;
    furnish(&file).await;
    let lines = copy(&file).await;
    let server = schema.open().await;
    server.import(&mut without_sums(&lines).as_bytes()).await.unwrap();
    assert_eq!(copy(&server).await, lines);
}

/// Whoever adds a table or a column to one store adds it to the other.
#[tokio::test]
async fn both_stores_have_the_same_tables() {
    let schema = schema!();
    let folder = tempfile::tempdir().unwrap();
    let file = open_file(&folder.path().join("one.db")).await.tables().await.unwrap();
    let server = schema.open().await.tables().await.unwrap();
    assert_eq!(plain(file), plain(server));
}

/// SQLite keeps flags as numbers, and tells a key's columns in the order of the table.
fn plain(tables: Vec<Table>) -> Vec<(String, Vec<(String, Kind)>)> {
    let kind = |kind| if kind == Kind::Flag { Kind::Number } else { kind };
    let columns =
        |table: Table| table.columns.into_iter().map(|column| (column.name, kind(column.kind))).collect();
    let mut tables: Vec<_> = tables.into_iter().map(|table| (table.name.clone(), columns(table))).collect();
    tables.sort_by(|one, other| one.0.cmp(&other.0));
    tables
}
