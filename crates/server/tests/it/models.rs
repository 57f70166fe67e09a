//! `GET /v1/models`: the catalog as the key may see it, in the shape of whoever asks.

use serde_json::Value;

use crate::client::Request;
use crate::gateway::{SONNET, TestGateway};

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
    for wrong in ["?limit=0", "?limit=1001", "?limit=x", "?after_id=nothing"] {
        let request = Request::get(&format!("/v1/models{wrong}")).header("anthropic-version", "2023-06-01");
        assert_eq!(gateway.send(request).await.error().0, 400, "{wrong}");
    }
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
