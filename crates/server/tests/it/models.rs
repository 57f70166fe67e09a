//! `GET /v1/models`: the catalog as the key may see it, in the shape of whoever asks.

use serde_json::Value;

use crate::client::Request;
use crate::gateway::{HAIKU, SONNET, TestGateway};

async fn list(gateway: &TestGateway, query: &str) -> Value {
    let request = Request::get(&format!("/v1/models{query}")).header("anthropic-version", "2023-06-01");
    let answer = gateway.send(request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn ids(list: &Value) -> Vec<String> {
    let models = list["data"].as_array().expect("a list");
    models.iter().map(|model| model["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn a_model_is_shown_in_the_shape_of_whoever_asks() {
    let gateway = TestGateway::start().await;
    let of_anthropic = list(&gateway, "?limit=1000").await;
    let shown = of_anthropic["data"].as_array().expect("a list").iter().find(|model| model["id"] == SONNET);
    let shown = shown.expect("it is there");
    assert_eq!((&shown["type"], &shown["display_name"]), (&"model".into(), &"Claude Sonnet 5.5".into()));
    assert!(shown["created_at"].as_str().expect("a time").ends_with('Z'), "{shown}");
    assert_eq!((&shown["max_input_tokens"], &shown["max_tokens"]), (&1_000_000.into(), &128_000.into()));
    let bearer = format!("Bearer {}", gateway.key);
    let of_openai = gateway.send(Request::get("/v1/models").header("authorization", &bearer)).await.json();
    assert_eq!(of_openai["object"], "list");
    assert_eq!(ids(&of_openai), ids(&of_anthropic), "the same models");
    let shown = of_openai["data"].as_array().expect("a list").iter().find(|model| model["id"] == SONNET);
    assert_eq!(shown.expect("it is there")["object"], "model");
    gateway.finish().await;
}

#[tokio::test]
async fn the_list_is_paged_forwards_and_backwards() {
    let gateway = TestGateway::start().await;
    let all = ids(&list(&gateway, "?limit=1000").await);
    assert!(all.len() > 40, "{}", all.len());
    assert_eq!(ids(&list(&gateway, "").await), all[..20], "twenty unless it is said");
    let mut forwards = Vec::new();
    let mut after = String::new();
    loop {
        let page = list(&gateway, &format!("?limit=7{after}")).await;
        forwards.extend(ids(&page));
        assert_eq!(page["last_id"], forwards.last().expect("a model").as_str());
        if page["has_more"] == false {
            break;
        }
        after = format!("&after_id={}", page["last_id"].as_str().expect("an id"));
    }
    assert_eq!(forwards, all);
    let page = list(&gateway, &format!("?limit=5&before_id={}", all[9])).await;
    assert_eq!((ids(&page), &page["has_more"]), (all[4..9].to_vec(), &true.into()));
    let of_limits = "limit: must be a number between 1 and 1000";
    for (wrong, message) in [
        ("?limit=0", of_limits),
        ("?limit=1001", of_limits),
        ("?limit=-1", of_limits),
        ("?limit=x", of_limits),
        ("?limit=", of_limits),
        ("?after_id=nothing", "after_id: there is no model \"nothing\" in this list"),
    ] {
        let request = Request::get(&format!("/v1/models{wrong}")).header("anthropic-version", "2023-06-01");
        let refused = gateway.send(request).await.error();
        assert_eq!((refused.0, &*refused.2), (400, message), "{wrong}");
    }
    gateway.finish().await;
}

#[tokio::test]
async fn the_list_begins_with_the_newest_of_claude() {
    let gateway = TestGateway::start().await;
    let first = ids(&list(&gateway, "").await);
    assert!(first[0].ends_with("-5-5"), "{first:?}");
    for newest in [SONNET, HAIKU, "claude-opus-5-5"] {
        assert!(first.iter().any(|id| id == newest), "{newest} is not on the first page: {first:?}");
    }

    let all = list(&gateway, "?limit=1000").await;
    let of_claude = ids(&all).iter().rposition(|id| id.starts_with("claude-")).expect("Claude's models");
    let of_claude = &all["data"].as_array().expect("a list")[..=of_claude];
    assert!(of_claude.iter().all(|model| model["id"].as_str().is_some_and(|id| id.starts_with("claude-"))));
    let dates: Vec<&str> = of_claude.iter().filter_map(|model| model["created_at"].as_str()).collect();
    let known: Vec<&&str> = dates.iter().filter(|date| !date.starts_with("1970")).collect();
    assert!(known.len() > 5 && known.is_sorted_by(|newer, older| newer >= older), "{known:?}");
    gateway.finish().await;
}

#[tokio::test]
async fn one_model_is_found_by_any_of_its_names() {
    let gateway = TestGateway::start().await;
    for name in [SONNET, "us.anthropic.claude-sonnet-5-5", "claude-sonnet-5-5[1m]"] {
        let path = format!("/v1/models/{}", name.replace('[', "%5B").replace(']', "%5D"));
        let answer = gateway.send(Request::get(&path).header("anthropic-version", "2023-06-01")).await;
        assert_eq!((answer.status, &answer.json()["id"]), (200, &SONNET.into()), "{name}");
    }
    let unknown = || Request::get("/v1/models/claude-nothing");
    let answer = gateway.send(unknown().header("anthropic-version", "2023-06-01")).await;
    assert_eq!((answer.error().0, answer.error().1.as_str()), (404, "not_found_error"));
    let answer = gateway.send(unknown()).await;
    assert_eq!((answer.status, &answer.json()["error"]["type"]), (404, &"invalid_request_error".into()));
    gateway.finish().await;
}
