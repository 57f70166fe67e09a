//! Users who are there already when a provider sends one of that name.

use super::*;

#[tokio::test]
async fn whoever_is_there_already_is_taken_over_but_neither_the_key_s_own_user_nor_the_last_administrator_goes()
 {
    let (house, key) = provisioned().await;
    let (_, own) = scim(&house, &key, "POST", USERS, json!({ "userName": "okta" })).await;
    assert_eq!(own["status"], json!("403"), "{own}");
    let ada = house.person("acme", "ada", "admin").await;
    let (status, made) = scim(&house, &key, "POST", USERS, json!({ "userName": "ada" })).await;
    assert_eq!((status, &made["id"]), (201, &json!(ada.user)));
    let role =
        async || house.as_admin("GET", &format!("/users/{}", ada.user), Value::Null).await.text("role");
    assert_eq!(role().await, "admin", "without rules nobody's role changes");
    assert!(!is_let_in(&house, &ada.key).await, "whoever had her keys may not be whom the provider means");
    let key_of_hers = key_of(&house, &ada.user, KeyKind::LongLived, 1).await;
    assert!(is_let_in(&house, &key_of_hers).await);
    // The first administrator is there beside her.
    let at = format!("/Users/{}", ada.user);
    let turn = |active: bool| operations(json!([{ "op": "replace", "path": "active", "value": active }]));
    assert_eq!(scim(&house, &key, "PATCH", &at, turn(false)).await.0, 200);
    assert!(!is_let_in(&house, &key_of_hers).await);
    assert_eq!(scim(&house, &key, "PATCH", &at, turn(true)).await.0, 200);
    assert!(is_let_in(&house, &key_of_hers).await);
    let root = house.as_admin("GET", "/whoami", Value::Null).await.text("user");
    let off = house.as_admin("PATCH", &format!("/users/{root}"), json!({ "disabled": true })).await;
    assert_eq!(off.status, StatusCode::OK, "{off:?}");
    for (method, body) in [
        ("PATCH", turn(false)),
        ("PUT", json!({ "userName": "ada", "active": false })),
        ("DELETE", Value::Null),
    ] {
        let (status, refused) = scim(&house, &key, method, &at, body).await;
        assert_eq!(status, 403, "{method}: {refused}");
        assert!(refused["detail"].as_str().unwrap().contains("the last administrator"), "{refused}");
    }
    assert!(is_let_in(&house, &key_of_hers).await);
}

#[tokio::test]
async fn the_last_administrator_is_not_taken_over() {
    let (house, key) = provisioned().await;
    let ada = house.person("acme", "ada", "admin").await;
    let root = house.as_admin("GET", "/whoami", Value::Null).await.text("user");
    house.as_admin("PATCH", &format!("/users/{root}"), json!({ "disabled": true })).await;
    let (status, refused) = scim(&house, &key, "POST", USERS, json!({ "userName": "ada" })).await;
    assert_eq!(status, 403, "{refused}");
    assert!(is_let_in(&house, &ada.key).await);
}

#[tokio::test]
async fn whom_an_administrator_renamed_is_not_taken_over_under_the_new_name() {
    let (house, key) = provisioned().await;
    let (_, made) = scim(&house, &key, "POST", USERS, json!({ "userName": "ann" })).await;
    let ann = made["id"].as_str().unwrap();
    let renamed = house.as_admin("PATCH", &format!("/users/{ann}"), json!({ "name": "anna" })).await;
    assert_eq!(renamed.status, StatusCode::OK, "{renamed:?}");
    let laptop = key_of(&house, ann, KeyKind::LongLived, 1).await;
    let (status, refused) = scim(&house, &key, "POST", USERS, json!({ "userName": "anna" })).await;
    assert_eq!((status, &refused["scimType"]), (409, &json!("uniqueness")), "{refused}");
    assert!(is_let_in(&house, &laptop).await, "she is whom the provider knows as ann");
    let log = house.as_admin("GET", &format!("/audit?subject=user:{ann}"), Value::Null).await;
    let entries = log.body["data"].as_array().unwrap();
    assert!(!entries.iter().any(|entry| entry["action"] == "scim.user.take_over"), "{entries:?}");
    let (_, users) = scim(&house, &key, "GET", USERS, Value::Null).await;
    assert_eq!(users["Resources"][0]["userName"], json!("ann"), "{users}");
}
