//! No one spends past a hard budget, and a refusal is final, helpful and free.

use std::time::Duration;

use serde_json::json;
use stonegate_api::{
    AdjustmentCreate, AdjustmentKind, BudgetCreate, BudgetMode, BudgetWhenShort, BudgetWindow, TenantCreate,
};
use stonegate_simulator::Behaviour;

use crate::client::{Answer, Request, together};
use crate::gateway::{HAIKU, SONNET, TestGateway, ask, budget, key_of, streamed, with};

/// Looks that an answer is a budget's refusal, and gives its message.
pub(crate) fn refusal(answer: &Answer) -> String {
    let (status, kind, message) = answer.error();
    assert_eq!((status, &*kind), (429, "billing_error"), "{message}");
    assert_eq!(answer.header("x-should-retry"), Some("false"), "one refusal is one request");
    assert_eq!(answer.json()["error"]["details"]["error_code"], "budget_exceeded");
    assert_eq!(answer.header("anthropic-ratelimit-unified-status"), Some("rejected"), "Claude Code shows it");
    message
}

#[tokio::test]
async fn a_spent_budget_refuses_before_anything_is_sent() {
    let monthly = BudgetCreate { window: BudgetWindow::Monthly, ..budget("user:ann", "0.000001") };
    let gateway = TestGateway::builder().any_budget(monthly).start().await;
    for body in [ask("Hello"), streamed(ask("Hello"))] {
        let answer = gateway.messages(&body).await;
        let message = refusal(&answer);
        assert!(message.contains("monthly") && message.contains("$0.000001"), "{message}");
        assert!(message.contains("renews at"), "{message}");
        assert!(message.contains(" on user:ann does"), "it says whose budget, by name: {message}");
        assert_eq!(answer.header("anthropic-ratelimit-unified-overage-period"), Some("monthly"));
        let wait: u64 = answer.header("retry-after").expect("when it renews").parse().expect("seconds");
        assert!(wait <= 31 * 24 * 3600, "{wait}");
    }
    assert!(gateway.invocations().is_empty());
    assert!(gateway.records().await.is_empty());
    gateway.finish().await;
}

#[tokio::test]
async fn a_refusal_is_final_in_every_dialect_and_says_when_the_budget_renews() {
    let daily = BudgetCreate { window: BudgetWindow::Daily, ..budget("user:ann", "0.000001") };
    let gateway = TestGateway::builder().any_budget(daily).start().await;
    let messages = json!([{ "role": "user", "content": "Hello" }]);
    let invoked =
        json!({ "anthropic_version": "bedrock-2023-05-31", "max_tokens": 100, "messages": messages });
    let converse = json!({ "messages": [{ "role": "user", "content": [{ "text": "Hello" }] }] });
    let (quota, aws) = ("insufficient_quota", "ServiceQuotaExceededException");
    for (path, body, status, kind) in [
        ("/v1/messages".to_owned(), ask("Hello"), 429, "billing_error"),
        ("/v1/chat/completions".to_owned(), json!({ "model": SONNET, "messages": messages }), 429, quota),
        ("/v1/responses".to_owned(), json!({ "model": SONNET, "input": "Hello" }), 429, quota),
        (format!("/model/{SONNET}/converse"), converse, 400, aws),
        (format!("/model/{SONNET}/invoke"), invoked, 400, aws),
    ] {
        let answer = gateway.send(Request::post(&path, body.to_string())).await;
        let told = answer.json();
        let found = told["error"]["type"].as_str().or(answer.header("x-amzn-errortype"));
        assert_eq!((answer.status, found), (status, Some(kind)), "{path}: {told}");
        assert!(told.to_string().contains("renews at"), "{path}: {told}");
        // AWS's SDKs do not retry a 400; the others obey two headers.
        if status == 429 {
            assert_eq!(answer.header("x-should-retry"), Some("false"), "{path}");
            let wait: u64 = answer.header("retry-after").expect("when it renews").parse().expect("seconds");
            assert!(wait <= 24 * 3600, "{path}: {wait}");
        }
    }
    assert!(gateway.invocations().is_empty());
    gateway.finish().await;
}

#[tokio::test]
async fn a_budget_binds_on_key_user_and_tenant() {
    for account in ["key:laptop", "user:ann", "tenant:default"] {
        let gateway =
            TestGateway::builder().key(key_of("other", "bob")).budget(account, "0.000001").start().await;
        let message = refusal(&gateway.messages(&ask("Hello")).await);
        let kind = account.split(':').next().expect("a kind");
        assert!(message.contains(&format!("on {kind}:")), "{message}");
        let other = gateway.send(Request::messages(&ask("Hello")).key(&gateway.keys[1].key)).await;
        assert_eq!(other.status, if kind == "tenant" { 429 } else { 200 }, "{account}");
        gateway.finish().await;
    }
}

#[tokio::test]
async fn a_budget_for_some_models_binds_no_others() {
    let haiku =
        BudgetCreate { model_filter: Some("claude-haiku-*".to_owned()), ..budget("user:ann", "0.000001") };
    let gateway = TestGateway::builder().any_budget(haiku).start().await;
    let refused = gateway.messages(&with(ask("Hello"), json!({ "model": HAIKU }))).await;
    refusal(&refused);
    assert_eq!(gateway.messages(&with(ask("Hello"), json!({ "model": SONNET }))).await.status, 200);
    gateway.finish().await;
}

#[tokio::test]
async fn a_budget_in_tokens_binds_too() {
    let tokens = BudgetCreate { limit_usd: None, limit_tokens: Some(5_000), ..budget("user:ann", "1") };
    let gateway =
        TestGateway::builder().any_budget(tokens).settings("budget.fit_floor_tokens = 0").start().await;
    assert_eq!(gateway.messages(&ask("Hello")).await.status, 200);
    let message = refusal(&gateway.messages(&with(ask("Hello"), json!({ "max_tokens": 4_990 }))).await);
    assert!(message.contains("5000 tokens"), "{message}");
    gateway.finish().await;
}

#[tokio::test]
async fn max_tokens_is_lowered_to_what_the_budget_pays_for() {
    // At $11 a million tokens of output, some 900 tokens.
    let gateway = TestGateway::builder().budget("user:ann", "0.01").start().await;
    let body = with(ask("Hello"), json!({ "max_tokens": 30_000 }));
    let answer = gateway.messages(&body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let lowered: u64 = answer.header("x-stonegate-max-tokens").expect("said").parse().expect("a number");
    assert!((256..909).contains(&lowered), "{lowered}");
    assert_eq!(gateway.sent_upstream()["max_tokens"], lowered);
    gateway.finish().await;
}

#[tokio::test]
async fn a_lowered_max_tokens_lowers_the_thinking_budget_with_it_or_the_call_is_refused() {
    let thinking = |budget_tokens: u64| {
        let members = json!({
            "model": "claude-haiku-4-5", "max_tokens": 30_000,
            "thinking": { "type": "enabled", "budget_tokens": budget_tokens },
        });
        with(ask("Hello"), members)
    };
    // At $5.50 a million tokens of output, some 1,800 tokens.
    let gateway = TestGateway::builder().budget("user:ann", "0.01").start().await;
    let answer = gateway.messages(&thinking(4_000)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let sent = gateway.sent_upstream();
    let max_tokens = sent["max_tokens"].as_u64().expect("a number");
    let budget_tokens = sent["thinking"]["budget_tokens"].as_u64().expect("a number");
    assert!((1_025..1_819).contains(&max_tokens), "{max_tokens}");
    assert!((1_024..max_tokens).contains(&budget_tokens), "{budget_tokens}");
    gateway.finish().await;
    // Some 900 tokens: less than Anthropic lets anyone think.
    let gateway = TestGateway::builder().budget("user:ann", "0.005").start().await;
    refusal(&gateway.messages(&thinking(4_000)).await);
    gateway.finish().await;
}

#[tokio::test]
async fn a_budget_can_be_set_to_refuse_rather_than_to_lower() {
    let gateway = TestGateway::builder()
        .budget("user:ann", "0.01")
        .settings("budget.fit_floor_tokens = 0")
        .start()
        .await;
    refusal(&gateway.messages(&with(ask("Hello"), json!({ "max_tokens": 30_000 }))).await);
    let answer = gateway.messages(&with(ask("Hello"), json!({ "max_tokens": 300 }))).await;
    assert_eq!((answer.status, answer.header("x-stonegate-max-tokens")), (200, None));
    gateway.finish().await;
}

/// What a call may cost at most, in the words of a refusal: `… of up to $0.0123; …`.
pub(crate) async fn quote_of(body: &serde_json::Value) -> u64 {
    let gateway = TestGateway::builder()
        .budget("user:ann", "0.000000001")
        .settings("budget.fit_floor_tokens = 0")
        .start()
        .await;
    let message = refusal(&gateway.messages(body).await);
    gateway.finish().await;
    let (_, after) = message.split_once("of up to $").expect("the amount");
    let digits =
        after.split(|letter: char| !letter.is_ascii_digit() && letter != '.').next().expect("a number");
    nanodollars(digits.trim_end_matches('.'))
}

fn nanodollars(text: &str) -> u64 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let number: u64 = format!("{whole}{part:0<9}").parse().expect("a number");
    number
}

pub(crate) fn usd(nanodollars: u64) -> String {
    format!("{}.{:09}", nanodollars / 1_000_000_000, nanodollars % 1_000_000_000)
}

#[tokio::test]
async fn of_many_calls_at_once_as_many_are_served_as_the_budget_pays_for() {
    let body = ask("Hello there, all of you");
    let quote = quote_of(&body).await;
    let gateway = TestGateway::builder()
        .budget("user:ann", &usd(5 * quote + quote / 2))
        .settings("budget.fit_floor_tokens = 0\nbudget.wait_seconds = 0")
        .start()
        .await;
    gateway.simulator.script(Behaviour::text("Hello").delay(Duration::from_millis(700)).forever());
    let answers = together((0..20).map(|_| gateway.messages(&body))).await;
    let served = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(served, 5);
    answers.iter().filter(|answer| answer.status != 200).for_each(|answer| drop(refusal(answer)));
    assert_eq!(gateway.invocations().len(), 5);
    // What they did not take is free again.
    assert_eq!(gateway.messages(&body).await.status, 200);
    gateway.finish().await;
}

#[tokio::test]
async fn a_budget_of_exactly_one_call_serves_exactly_one() {
    let body = ask("Hello");
    let quote = quote_of(&body).await;
    let gateway = TestGateway::builder()
        .budget("user:ann", &usd(quote))
        .settings("budget.fit_floor_tokens = 0")
        .start()
        .await;
    assert_eq!(gateway.messages(&body).await.status, 200);
    refusal(&gateway.messages(&body).await);
    gateway.finish().await;
    let gateway = TestGateway::builder()
        .budget("user:ann", &usd(quote - 1))
        .settings("budget.fit_floor_tokens = 0")
        .start()
        .await;
    refusal(&gateway.messages(&body).await);
    gateway.finish().await;
}

#[tokio::test]
async fn a_budget_set_by_another_process_is_in_force_within_a_second() {
    let gateway = TestGateway::start().await;
    assert_eq!(gateway.messages(&ask("Hello")).await.status, 200);
    gateway.operator().await.set_budget(&budget("user:ann", "0.000001")).await.expect("a budget");
    tokio::time::sleep(Duration::from_millis(900)).await;
    refusal(&gateway.messages(&ask("Hello")).await);
    // And lifted again.
    gateway.operator().await.set_budget(&budget("user:ann", "1")).await.expect("a budget");
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(gateway.messages(&ask("Hello")).await.status, 200);
    gateway.finish().await;
}

#[tokio::test]
async fn a_tenants_budget_is_one_for_all_of_its_users() {
    let gateway =
        TestGateway::builder().key(key_of("other", "bob")).budget("tenant:default", "0.03").start().await;
    let operator = gateway.operator().await;
    let tenant = TenantCreate { id: "acme".to_owned(), ..TenantCreate::default() };
    operator.create_tenant(&tenant).await.expect("a tenant");
    let stranger = stonegate_server::operator::KeyRequest {
        tenant: Some("acme".to_owned()),
        ..key_of("stranger", "eve")
    };
    let stranger = operator.create_key(&stranger).await.expect("a key").key;
    gateway.simulator.script(Behaviour::text(&"word ".repeat(400)).forever());
    let mut refused = false;
    for number in 0..30 {
        let key = &gateway.keys[number % 2].key;
        refused |= gateway.send(Request::messages(&ask("Hello")).key(key)).await.status == 429;
    }
    assert!(refused);
    assert_eq!(gateway.send(Request::messages(&ask("Hello")).key(&stranger)).await.status, 200);
    gateway.finish().await;
}

#[tokio::test]
async fn a_restart_in_good_order_forgets_and_burns_nothing() {
    let mut gateway = TestGateway::builder().budget("user:ann", "1").start().await;
    for _ in 0..3 {
        assert_eq!(gateway.messages(&ask("Hello")).await.status, 200);
        gateway.restart().await;
    }
    assert_eq!(gateway.records().await.len(), 3);
    gateway.finish().await;
}

#[tokio::test]
async fn a_budget_that_only_tells_refuses_nothing_and_tells_clients_and_keeps_events() {
    let telling = BudgetCreate { mode: BudgetMode::Notify, ..budget("user:ann", "0.000001") };
    let gateway = TestGateway::builder().any_budget(telling).start().await;
    // Nobody waits for the store on account of it, so the first answer does not know how it stands.
    let first = gateway.messages(&ask("Hello")).await;
    assert_eq!((first.status, first.header("x-stonegate-budget-account")), (200, None));
    let second = gateway.messages(&ask("Hello")).await;
    assert_eq!(second.status, 200);
    assert_eq!(second.header("x-stonegate-budget-account"), Some("user:ann"));
    assert_eq!(second.header("x-stonegate-budget-limit"), Some("usd 0.000001"));
    assert_eq!(second.header("x-stonegate-budget-remaining"), Some("usd 0.00"));
    assert_eq!(second.header("anthropic-ratelimit-unified-status"), Some("allowed_warning"));
    assert_eq!(
        second.header("anthropic-ratelimit-unified-overage-surpassed-threshold"),
        Some("0.95"),
        "Claude Code warns"
    );
    let events = gateway.operator().await.list_events(None, Some("user:ann"), 0, 9).await.expect("events");
    let thresholds: Vec<u8> = events.iter().map(|event| event.threshold).collect();
    assert_eq!(thresholds, [50, 80, 100], "each once");
    gateway.finish().await;
}

/// A call of each dialect, in one piece and streamed.
fn of_each_dialect(key: &str) -> Vec<Request> {
    let turn = json!([{ "role": "user", "content": "Hello" }]);
    let chat = json!({ "model": SONNET, "messages": turn, "max_tokens": 50 });
    let input = json!({ "model": SONNET, "input": "Hello", "store": false });
    let turn = json!([{ "role": "user", "content": [{ "text": "Hello" }] }]);
    let converse = json!({ "messages": turn, "inferenceConfig": { "maxTokens": 50 } });
    let native = json!({
        "anthropic_version": "bedrock-2023-05-31", "max_tokens": 50, "messages": ask("Hello")["messages"],
    });
    let embed = json!({ "model": "titan-embed-text-v2", "input": "Hello" });
    let mut requests = vec![Request::post("/v1/embeddings", embed.to_string())];
    for (path, body) in
        [("/v1/messages", ask("Hello")), ("/v1/chat/completions", chat), ("/v1/responses", input)]
    {
        requests.push(Request::post(path, body.to_string()));
        requests.push(Request::post(path, streamed(body).to_string()));
    }
    for (operation, body) in [
        ("converse", &converse),
        ("converse-stream", &converse),
        ("invoke", &native),
        ("invoke-with-response-stream", &native),
    ] {
        let path = format!("/model/us.anthropic.claude-sonnet-5-5/{operation}");
        requests.push(Request::post(&path, body.to_string()));
    }
    let bearer = format!("Bearer {key}");
    requests.into_iter().map(|request| request.header("authorization", &bearer)).collect()
}

#[tokio::test]
async fn every_answer_tells_how_the_nearest_budget_stands() {
    let daily = BudgetCreate { window: BudgetWindow::Daily, ..budget("user:ann", "100") };
    let gateway = TestGateway::builder().any_budget(daily).budget("tenant:default", "1000").start().await;
    for request in of_each_dialect(&gateway.key) {
        let what = format!("{request:?}");
        let answer = gateway.send(request).await;
        assert_eq!(answer.status, 200, "{what}: {}", String::from_utf8_lossy(&answer.body));
        let told = |name: &str| answer.header(&format!("x-stonegate-budget-{name}")).unwrap_or("-");
        assert_eq!(
            ["account", "window", "percent", "limit"].map(told),
            ["user:ann", "daily", "0", "usd 100.00"]
        );
        let remaining: f64 = told("remaining").strip_prefix("usd ").expect(&what).parse().expect(&what);
        assert!((99.0..=100.0).contains(&remaining), "{what}: {remaining}");
        assert!(told("reset").parse::<i64>().expect(&what) > 1_700_000_000, "{what}");
        assert!(
            !answer.headers.keys().any(|name| name.as_str().starts_with("anthropic-ratelimit-unified")),
            "{what}: Claude Code has nothing to warn of"
        );
    }
    gateway.finish().await;
}

#[tokio::test]
async fn of_a_shared_budget_that_is_far_from_its_limit_only_its_name_is_told() {
    let gateway = TestGateway::builder().budget("tenant:default", "1000").start().await;
    for request in of_each_dialect(&gateway.key) {
        let answer = gateway.send(request).await;
        let names = answer.headers.keys().map(http::HeaderName::as_str);
        let mut told: Vec<_> = names.filter_map(|name| name.strip_prefix("x-stonegate-budget-")).collect();
        told.sort_unstable();
        assert_eq!(told, ["account", "window"]);
    }
    gateway.finish().await;
}

#[tokio::test]
async fn how_a_shared_budget_stands_is_told_to_no_one() {
    let telling = BudgetCreate { mode: BudgetMode::Notify, ..budget("tenant:default", "0.000001") };
    let gateway = TestGateway::builder().any_budget(telling).start().await;
    gateway.messages(&ask("Hello")).await;
    let answer = gateway.messages(&ask("Hello")).await;
    assert_eq!(answer.header("x-stonegate-budget-account"), Some("tenant:default"));
    assert_eq!(answer.header("x-stonegate-budget-percent"), Some("95"), "the warning that was passed");
    assert_eq!(answer.header("x-stonegate-budget-limit"), None);
    assert_eq!(answer.header("x-stonegate-budget-remaining"), None);
    gateway.finish().await;
    let gateway = TestGateway::builder().budget("tenant:default", "0.000001").start().await;
    let message = refusal(&gateway.messages(&ask("Hello")).await);
    assert!(!message.contains("$0.000001"), "{message}");
    gateway.finish().await;
}

#[tokio::test]
async fn past_its_limit_a_budget_can_slow_down_rather_than_refuse() {
    let slow = BudgetCreate {
        mode: BudgetMode::Throttle,
        per_minute: Some("0.0001".to_owned()),
        ..budget("user:ann", "0.000001")
    };
    let gateway = TestGateway::builder().any_budget(slow).start().await;
    assert_eq!(gateway.messages(&ask("Hello")).await.status, 200);
    let answer = gateway.messages(&ask("Hello")).await;
    let (status, kind, message) = answer.error();
    assert_eq!((status, &*kind), (429, "rate_limit_error"), "{message}");
    assert!(message.contains("slows calls down"), "{message}");
    let wait: u64 = answer.header("retry-after").expect("when").parse().expect("seconds");
    assert!(wait >= 1, "{wait}");
    assert_eq!(gateway.invocations().len(), 1);
    gateway.finish().await;
}

#[tokio::test]
async fn credit_and_a_limit_for_a_time_are_in_force_within_a_second() {
    let gateway = TestGateway::builder().budget("user:ann", "0.000001").start().await;
    refusal(&gateway.messages(&ask("Hello")).await);
    let operator = gateway.operator().await;
    let id = operator.list_budgets(Some("user:ann")).await.expect("budgets").remove(0).id;
    let credit = AdjustmentCreate {
        amount: Some("1".to_owned()),
        reason: "a release".to_owned(),
        ..AdjustmentCreate::default()
    };
    let granted = operator.adjust_budget(&id, &credit).await.expect("it is granted");
    assert_eq!((granted.limit, granted.window_credit), (1_000_001_000, 1_000_000_000));
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(gateway.messages(&ask("Hello")).await.status, 200);

    let nothing = AdjustmentCreate {
        kind: AdjustmentKind::Credit,
        amount: Some("-1".to_owned()),
        reason: "granted too early".to_owned(),
        ..AdjustmentCreate::default()
    };
    operator.adjust_budget(&id, &nothing).await.expect("it is taken back");
    tokio::time::sleep(Duration::from_millis(900)).await;
    refusal(&gateway.messages(&ask("Hello")).await);

    let instead = AdjustmentCreate {
        kind: AdjustmentKind::Override,
        amount: Some("1".to_owned()),
        until: Some("1d".to_owned()),
        reason: "a release".to_owned(),
        ..AdjustmentCreate::default()
    };
    operator.adjust_budget(&id, &instead).await.expect("it is overridden");
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(gateway.messages(&ask("Hello")).await.status, 200);
    assert_eq!(operator.list_adjustments(Some(&id), 9).await.expect("entries").len(), 3);
    gateway.finish().await;
}

#[tokio::test]
async fn one_budget_can_be_set_to_refuse_rather_than_to_lower() {
    let strict = BudgetCreate { when_short: BudgetWhenShort::Refuse, ..budget("user:ann", "0.01") };
    let gateway = TestGateway::builder().any_budget(strict).start().await;
    refusal(&gateway.messages(&with(ask("Hello"), json!({ "max_tokens": 30_000 }))).await);
    let answer = gateway.messages(&with(ask("Hello"), json!({ "max_tokens": 300 }))).await;
    assert_eq!((answer.status, answer.header("x-stonegate-max-tokens")), (200, None));
    gateway.finish().await;
}
