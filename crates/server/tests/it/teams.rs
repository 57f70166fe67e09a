//! A team's budget, books and policy hold for whoever is in it, from the moment that they are.

use serde_json::{Value, json};
use stonegate_server::operator::KeyRequest;

use crate::budgets::refusal;
use crate::client::{Answer, Request};
use crate::gateway::{TestGateway, ask, key_of};

/// A gateway with the keys of ann, of bob and of an administrator.
async fn peopled() -> TestGateway {
    let admin = KeyRequest { scopes: Some("all".to_owned()), user: None, ..key_of("admin", "admin") };
    TestGateway::builder().key(key_of("other", "bob")).key(admin).start().await
}

async fn administer(gateway: &TestGateway, method: &str, path: &str, body: &Value) -> Value {
    let path = format!("/admin/v1{path}");
    let request = match method {
        "GET" => Request::get(&path),
        "PATCH" => Request::patch(&path, body.to_string()),
        _ => Request::post(&path, body.to_string()),
    };
    let answer = gateway.send(request.key(&gateway.keys[2].key)).await;
    assert!((200..300).contains(&answer.status), "{path}: {}", answer.text());
    answer.json()
}

/// A team's id.
async fn team(gateway: &TestGateway, name: &str) -> String {
    let made = administer(gateway, "POST", "/teams", &json!({ "name": name })).await;
    made["id"].as_str().expect("an id").to_owned()
}

async fn put(gateway: &TestGateway, person: usize, team: Option<&str>) {
    let path = format!("/users/{}", gateway.keys[person].about.user);
    administer(gateway, "PATCH", &path, &json!({ "team": team })).await;
}

async fn call(gateway: &TestGateway, person: usize) -> Answer {
    gateway.send(Request::messages(&ask("Hello")).key(&gateway.keys[person].key)).await
}

#[tokio::test]
async fn a_teams_budget_binds_whoever_is_in_it_at_the_time() {
    let gateway = peopled().await;
    let core = team(&gateway, "core").await;
    let budget = json!({ "account": format!("team:{core}"), "window": "monthly", "limit_usd": "0.000001" });
    administer(&gateway, "POST", "/budgets", &budget).await;
    assert_eq!(call(&gateway, 0).await.status, 200, "in no team");
    for person in [0, 1] {
        put(&gateway, person, Some(&core)).await;
        let message = refusal(&call(&gateway, person).await);
        assert!(message.contains("on team:core"), "by its name: {message}");
        assert!(!message.contains("0.000001"), "what it has is not told: {message}");
    }
    put(&gateway, 0, None).await;
    assert_eq!(call(&gateway, 0).await.status, 200, "in no team any more");
    refusal(&call(&gateway, 1).await);
    gateway.finish().await;
}

#[tokio::test]
async fn what_was_used_stays_the_teams_in_which_it_was() {
    let gateway = peopled().await;
    let (core, rest) = (team(&gateway, "core").await, team(&gateway, "rest").await);
    for (person, team) in [(0, Some(&core)), (1, Some(&core)), (0, Some(&rest)), (0, None)] {
        put(&gateway, person, team.map(String::as_str)).await;
        assert_eq!(call(&gateway, person).await.status, 200);
    }
    let records = gateway.records_soon(4).await;
    let teams: Vec<_> = records.iter().map(|record| record.path.team().map(|team| &**team)).collect();
    assert_eq!(teams, [Some(&*core), Some(&*core), Some(&*rest), None]);
    let report = administer(&gateway, "GET", "/usage?by=team", &Value::Null).await;
    let rows: Vec<_> =
        report["data"].as_array().expect("rows").iter().map(|row| (&row["name"], &row["calls"])).collect();
    assert_eq!(rows, [(&Value::Null, &json!(1)), (&json!("core"), &json!(2)), (&json!("rest"), &json!(1))]);
    let of_core = administer(&gateway, "GET", &format!("/usage?by=user&team={core}"), &Value::Null).await;
    assert_eq!((of_core["data"].as_array().map(Vec::len), &of_core["total"]["calls"]), (Some(2), &json!(2)));
    gateway.finish().await;
}

#[tokio::test]
async fn a_teams_rule_is_one_of_all_that_must_let_a_model_pass() {
    let gateway = peopled().await;
    let core = team(&gateway, "core").await;
    put(&gateway, 0, Some(&core)).await;
    let rule = json!({ "models": { "allow": ["nova-*"] } });
    administer(&gateway, "PATCH", &format!("/teams/{core}"), &rule).await;
    assert_eq!((call(&gateway, 0).await.status, call(&gateway, 1).await.status), (403, 200));
    gateway.finish().await;
}

#[tokio::test]
async fn a_teams_settings_stand_in_the_place_of_its_tenants() {
    let gateway = peopled().await;
    let core = team(&gateway, "core").await;
    put(&gateway, 0, Some(&core)).await;
    let set = async |path: &str, settings: Value| {
        administer(&gateway, "PATCH", path, &json!({ "managed_settings": settings })).await;
    };
    let told = async |person: usize| {
        let request = Request::get("/managed/settings").key(&gateway.keys[person].key);
        let answer = gateway.send(request).await;
        (answer.status == 200).then(|| answer.json()["settings"].clone())
    };
    let team_path = format!("/teams/{core}");
    set("/tenants/default", json!({ "a": 1 })).await;
    assert_eq!(told(0).await, Some(json!({ "a": 1 })));
    set(&team_path, json!({ "b": 2 })).await;
    assert_eq!((told(0).await, told(1).await), (Some(json!({ "b": 2 })), Some(json!({ "a": 1 }))));
    set("/tenants/default", Value::Null).await;
    assert_eq!((told(0).await, told(1).await), (Some(json!({ "b": 2 })), None));
    set(&team_path, Value::Null).await;
    assert_eq!(told(0).await, None);
    gateway.finish().await;
}
