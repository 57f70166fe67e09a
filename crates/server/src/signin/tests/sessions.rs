//! Sessions: refreshed, used twice, signed out.

use super::*;

async fn refresh(house: &House, token: &str) -> Reply {
    house.form("/oauth/token", &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
}

#[tokio::test]
async fn a_session_goes_on_under_one_id_as_long_as_it_is_refreshed() {
    let house = House::open().await;
    house.person("ann", "user").await;
    let first = house.tokens("ann", "messages:send keys:manage").await;
    let id = house.whoami(&first.member("access_token")).await.member("key");
    pass(3_600);
    let over = house.whoami(&first.member("access_token")).await;
    assert_eq!(over.status, StatusCode::UNAUTHORIZED);
    assert!(over.text.contains("refresh it, or sign in again"), "{}", over.text);
    let second = refresh(&house, &first.member("refresh_token")).await;
    assert_eq!((second.status, second.member("scope")), (StatusCode::OK, first.member("scope")));
    assert_eq!(house.whoami(&second.member("access_token")).await.member("key"), id);
    assert_ne!(first.member("refresh_token"), second.member("refresh_token"));
    // The token before works for a minute more, whatever it had left.
    let third = refresh(&house, &second.member("refresh_token")).await;
    for (seconds, expected) in [(59, StatusCode::OK), (1, StatusCode::UNAUTHORIZED)] {
        pass(seconds);
        assert_eq!(house.whoami(&second.member("access_token")).await.status, expected);
        assert_eq!(house.whoami(&third.member("access_token")).await.status, StatusCode::OK);
    }
    // And it ends for good, however often it is refreshed.
    pass(30 * 24 * 3_600);
    assert_eq!(
        refresh(&house, &third.member("refresh_token")).await.error(),
        (401, "invalid_grant".to_owned())
    );
}

#[tokio::test]
async fn a_refresh_token_that_is_used_twice_ends_the_session() {
    let house = House::open().await;
    house.person("ann", "user").await;
    let first = house.tokens("ann", "messages:send keys:manage").await;
    let stolen = first.member("refresh_token");
    let second = refresh(&house, &stolen).await;
    // An answer that was lost, or two processes at once.
    pass(60);
    let again = refresh(&house, &stolen).await;
    assert_eq!(again.status, StatusCode::OK, "{again:?}");
    let child = json!({ "scopes": ["messages:send"] });
    let child = house.api(Some(&again.member("access_token")), "POST", "/keys/ephemeral", child).await;
    pass(1);
    assert_eq!(refresh(&house, &stolen).await.error(), (401, "invalid_grant".to_owned()));
    for token in [second.member("access_token"), again.member("access_token"), child.member("key")] {
        assert_eq!(house.whoami(&token).await.status, StatusCode::UNAUTHORIZED);
    }
    for token in [second.member("refresh_token"), again.member("refresh_token")] {
        assert_eq!(refresh(&house, &token).await.error(), (401, "invalid_grant".to_owned()));
    }
    assert!(house.audit().await.iter().any(|(action, _)| action == "session.reuse"));
}

#[tokio::test]
async fn two_who_share_a_session_by_a_copy_are_found_out_at_the_next_step() {
    let house = House::open().await;
    house.person("ann", "user").await;
    let first = house.tokens("ann", "messages:send").await.member("refresh_token");
    // Within the minute both get tokens that nobody else has.
    let [hers, copied] = [refresh(&house, &first).await, refresh(&house, &first).await];
    pass(3_600);
    let hers = refresh(&house, &hers.member("refresh_token")).await;
    assert_eq!(hers.status, StatusCode::OK);
    pass(61);
    let caught = refresh(&house, &copied.member("refresh_token")).await;
    assert_eq!(caught.error(), (401, "invalid_grant".to_owned()));
    assert_eq!(house.whoami(&hers.member("access_token")).await.status, StatusCode::UNAUTHORIZED);
    let reuses = async || house.audit().await.into_iter().filter(|(act, _)| act == "session.reuse").count();
    assert_eq!(reuses().await, 1);
    // What is over is over: showing it again writes nothing.
    for _ in 0..3 {
        refresh(&house, &copied.member("refresh_token")).await;
    }
    assert_eq!(reuses().await, 1);
}

#[tokio::test]
async fn a_disabled_user_refreshes_nothing() {
    let house = House::open().await;
    let ann = house.person("ann", "user").await;
    let tokens = house.tokens("ann", "messages:send").await;
    house.as_admin("PATCH", &format!("/users/{ann}"), json!({ "disabled": true })).await;
    assert_eq!(
        refresh(&house, &tokens.member("refresh_token")).await.error(),
        (401, "invalid_grant".to_owned())
    );
    assert_eq!(house.tokens("ann", "messages:send").await.error(), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn whoever_holds_a_token_can_end_it() {
    let house = House::open().await;
    house.person("ann", "user").await;
    for by in ["access_token", "refresh_token"] {
        let tokens = house.tokens("ann", "messages:send keys:manage").await;
        let wanted = json!({ "scopes": ["messages:send"] });
        let [kept, ended] = [
            house.api(Some(&tokens.member("access_token")), "POST", "/keys/ephemeral", wanted.clone()).await,
            house.api(Some(&tokens.member("access_token")), "POST", "/keys/ephemeral", wanted).await,
        ];
        assert_eq!(
            house.form("/oauth/revoke", &[("token", &ended.member("key"))]).await.status,
            StatusCode::OK
        );
        assert_eq!(house.whoami(&ended.member("key")).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(house.whoami(&kept.member("key")).await.status, StatusCode::OK);
        let pairs = [("token", &*tokens.member(by)), ("token_type_hint", "anything")];
        assert_eq!(house.form("/oauth/revoke", &pairs).await.status, StatusCode::OK);
        for token in [tokens.member("access_token"), kept.member("key")] {
            assert_eq!(house.whoami(&token).await.status, StatusCode::UNAUTHORIZED, "by {by}");
        }
        assert_eq!(refresh(&house, &tokens.member("refresh_token")).await.status, StatusCode::UNAUTHORIZED);
    }
    for unknown in ["nonsense", "sk-stone-", "stone-refresh-x"] {
        assert_eq!(house.form("/oauth/revoke", &[("token", unknown)]).await.status, StatusCode::OK);
    }
    let kept = house.form("/oauth/revoke", &[("token", &house.admin_key)]).await;
    assert_eq!(kept.error(), (400, "unsupported_token_type".to_owned()));
    assert_eq!(house.whoami(&house.admin_key).await.status, StatusCode::OK);
    assert_eq!(house.form("/oauth/revoke", &[]).await.error(), (400, "invalid_request".to_owned()));
}

#[tokio::test]
async fn a_session_is_listed_and_is_not_rotated_by_hand() {
    let house = House::open().await;
    house.person("ann", "user").await;
    let tokens = house.tokens("ann", "messages:send keys:manage").await;
    let token = tokens.member("access_token");
    let listed = house.api(Some(&token), "GET", "/keys?kind=session", Value::Null).await.json();
    let id = listed["data"][0]["id"].as_str().unwrap();
    let rotated = house.api(Some(&token), "POST", &format!("/keys/{id}/rotate"), json!({})).await;
    assert_eq!(rotated.status, StatusCode::CONFLICT, "{rotated:?}");
    // Whoever has signed in may make keys that outlive the sign-in.
    let made = house
        .api(Some(&token), "POST", "/keys", json!({ "name": "editor", "scopes": ["messages:send"] }))
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
}
