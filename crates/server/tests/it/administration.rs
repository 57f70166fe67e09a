//! Administration by a listener of its own, of which nothing answers on the public one; and from where it was done.

use http::Method;
use serde_json::{Value, json};
use stonegate_server::operator::KeyRequest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{Answer, Request};
use crate::gateway::{TestGateway, key_of};

const APART: &str = "admin.listen = \"127.0.0.1:0\"";

/// What stays public, each by its method.
const OWN: [&str; 5] = [
    "GET /admin/v1/whoami",
    "POST /admin/v1/sign-in-links",
    "POST /admin/v1/keys/ephemeral",
    "POST /admin/v1/keys/{id}/renew",
    "GET /admin/v1/usage",
];

/// A gateway with an administrator, whose key is the second one.
async fn start(settings: &str) -> TestGateway {
    let root =
        KeyRequest { name: "root".to_owned(), scopes: Some("all".to_owned()), ..KeyRequest::default() };
    TestGateway::builder().settings(settings).key(root).start().await
}

fn root(gateway: &TestGateway) -> String {
    gateway.keys[1].key.clone()
}

async fn apart(gateway: &TestGateway, request: Request) -> Answer {
    let address = gateway.administration.expect("a listener of its own");
    request.key(&root(gateway)).open(address).await.expect("an answer").whole().await
}

/// Every operation of the admin API, as its document has them.
fn documented() -> Vec<(Method, String)> {
    let document: Value = serde_json::from_str(include_str!("../../../../openapi/admin.json")).expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    let operations = paths.iter().flat_map(|(path, operations)| {
        let methods = operations.as_object().expect("operations").keys();
        methods.map(|method| (method.to_uppercase().parse().expect("a method"), path.clone()))
    });
    operations.collect()
}

#[tokio::test]
async fn nothing_of_the_admin_api_answers_on_the_public_listener() {
    let gateway = start(APART).await;
    let documented = documented();
    assert!(documented.len() > 20, "{documented:?}");
    for (method, path) in documented {
        let is_own = OWN.contains(&&*format!("{method} {path}"));
        let concrete = path.replace("{id}", "x");
        let request = || Request::new(method.clone(), &concrete).header("content-type", "application/json");
        let public = gateway.send(request().key(&root(&gateway))).await;
        // A path of its own may look like one with an id: then it is another method's.
        let is_closed = matches!(public.status, 404 | 405) && !public.text().contains("\"data\"");
        let is_open = |answer: &Answer| answer.status < 300 || !answer.text().contains("there is nothing");
        assert!(if is_own { is_open(&public) } else { is_closed }, "{method} {path}: {}", public.text());
        let own = apart(&gateway, request()).await;
        assert!(own.status != 405 && is_open(&own), "{method} {path}: {}", own.text());
    }
    let public = gateway.send(Request::get("/.well-known/stonegate")).await.json();
    assert_eq!(public["api"]["admin"], json!(false));
    gateway.finish().await;
}

#[tokio::test]
async fn path_confusion_leads_nowhere() {
    let gateway = start(APART).await;
    let own = gateway.administration.expect("a listener of its own");
    let users = apart(&gateway, Request::get("/admin/v1/users")).await;
    assert!(users.status == 200 && users.text().contains("\"ann\""), "{}", users.text());
    let absolute = format!("GET http://{own}/admin/v1/users");
    for line in [
        "GET //admin/v1/users",
        "GET /admin//v1/users",
        "GET /./admin/v1/users",
        "GET /%61dmin/v1/users",
        "GET /admin%2fv1%2fusers",
        "GET /admin/v1%2Fusers",
        "GET /v1/../admin/v1/users",
        "GET /v1/%2e%2e/admin/v1/users",
        "GET /v1/..%2fadmin/v1/users",
        "GET /v1/models/../../admin/v1/users",
        "GET /ADMIN/v1/users",
        "GET /admin./v1/users",
        "GET /admin/v1./users",
        "GET /admin/v1/users/",
        "GET /admin/v1/users/.",
        "GET /admin/v1/whoami/../users",
        "GET /admin/v1/whoami/..;/users",
        "GET /admin/v1/keys/x/renew/../../../users",
        "GET /admin\\v1\\users",
        "GET /admin;/v1/users",
        "GET /admin/v1/users?x=/admin/v1/whoami",
        "GET /admin/v1/users#/admin/v1/whoami",
        "GET /admin/v1/whoami%00/../users",
        "POST /admin/v1/bootstrap",
        &absolute,
        "GET http://admin.internal/admin/v1/users",
        "CONNECT 127.0.0.1:1",
        &format!("CONNECT {own}"),
        "OPTIONS *",
        "GET admin/v1/users",
        "PROPFIND /admin/v1/users",
    ] {
        let text = raw(&gateway, line, &own.to_string()).await;
        let status: u16 = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let (_, body) = text.split_once("\r\n\r\n").unwrap_or_default();
        assert!((400..500).contains(&status) && !body.contains("\"ann\""), "{line}: {text}");
    }
    gateway.finish().await;
}

/// What a request line gives on the public listener, with the administrator's key and the other listener's name.
async fn raw(gateway: &TestGateway, line: &str, host: &str) -> String {
    let mut stream = TcpStream::connect(gateway.address).await.expect("the gateway listens");
    let key = root(gateway);
    let request = format!("{line} HTTP/1.1\r\nhost: {host}\r\nx-api-key: {key}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    // Whoever is not understood is hung up on.
    drop(stream.read_to_end(&mut answer).await);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn on_the_public_listener_an_administrator_is_a_user() {
    let gateway = start(&format!("{APART}\nkeys.per_user = 50")).await;
    let manager =
        KeyRequest { scopes: Some("messages:send,keys:manage".to_owned()), ..key_of("manager", "ann") };
    let anns = gateway.operator().await.create_key(&manager).await.expect("a key").key;
    let body = json!({ "scopes": ["messages:send"] }).to_string();
    let ephemeral =
        |key: &str| gateway.send(Request::post("/admin/v1/keys/ephemeral", body.clone()).key(key));
    let theirs = ephemeral(&anns).await;
    assert_eq!(theirs.status, 201, "{}", theirs.text());
    let own = ephemeral(&root(&gateway)).await;
    assert_eq!(own.status, 201, "{}", own.text());
    let renewal =
        |answer: &Answer| format!("/admin/v1/keys/{}/renew", answer.json()["id"].as_str().expect("an id"));
    for (path, public) in [(renewal(&theirs), 404), (renewal(&own), 200)] {
        let answer = gateway.send(Request::post(&path, "{}").key(&root(&gateway))).await;
        assert_eq!(answer.status, public, "{path}: {}", answer.text());
        assert_eq!(apart(&gateway, Request::post(&path, "{}")).await.status, 200);
    }
    let whoami = gateway.send(Request::get("/admin/v1/whoami").key(&root(&gateway))).await.json();
    assert_eq!(whoami["role"], json!("admin"), "who one is does not change");
    gateway.messages(&crate::gateway::ask("Hello")).await;
    gateway.records_soon(1).await;
    let calls = |answer: Answer| answer.json()["data"].as_array().expect("rows").len();
    let usage = || Request::get("/admin/v1/usage?by=user");
    assert_eq!(calls(gateway.send(usage().key(&root(&gateway))).await), 0, "nothing of ann's");
    assert_eq!(calls(apart(&gateway, usage()).await), 1);
    gateway.finish().await;
}

#[tokio::test]
async fn the_audit_log_tells_from_where_and_believes_trusted_proxies_only() {
    for (settings, expected) in [
        ("", "127.0.0.1"),
        ("server.trusted_proxies = [\"10.0.0.0/8\"]", "127.0.0.1"),
        ("server.trusted_proxies = [\"127.0.0.1\"]", "192.0.2.1"),
        ("server.trusted_proxies = [\"127.0.0.0/8\", \"192.0.2.0/24\"]", "198.51.100.7"),
    ] {
        let gateway = start(settings).await;
        let request = Request::post("/admin/v1/users", json!({ "name": "bob" }).to_string())
            .key(&root(&gateway))
            .header("x-forwarded-for", "198.51.100.7, 192.0.2.1");
        assert_eq!(gateway.send(request).await.status, 201);
        let log = gateway.send(Request::get("/admin/v1/audit?limit=1").key(&root(&gateway))).await.json();
        let last = &log["data"][0];
        assert_eq!(
            (&last["action"], &last["address"]),
            (&json!("user.create"), &json!(expected)),
            "{settings}"
        );
        // What the operator did before, on the store itself, came from nowhere; all is one chain.
        let operator = gateway.operator().await;
        let mut addresses = Vec::new();
        let mut take = |entry: stonegate_api::AuditEntry| {
            addresses.push(entry.address);
            Ok(())
        };
        operator.follow_audit(&mut take).await.expect("one whole chain");
        operator.close().await;
        assert_eq!(addresses.iter().flatten().collect::<Vec<_>>(), [expected]);
        gateway.finish().await;
    }
}

#[tokio::test]
async fn a_report_is_the_same_in_json_and_as_comma_separated_values() {
    let gateway = start("").await;
    for text in ["Hello", "And again"] {
        gateway.messages(&crate::gateway::ask(text)).await;
    }
    gateway.records_soon(2).await;
    let report = |query: &str| {
        let path = format!("/admin/v1/usage?by=model&per=day{query}");
        gateway.send(Request::get(&path).key(&root(&gateway)))
    };
    let shown = report("").await.json()["data"][0].clone();
    let answer = report("&format=csv").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/csv; charset=utf-8")));
    let text = answer.text();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    let [heading, row] = rows.as_slice() else { panic!("a heading and a model: {text}") };
    assert_eq!(heading.len(), row.len());
    let cell = |name: &str| {
        let at = heading.iter().position(|cell| *cell == name).expect("a column");
        row[at].to_owned()
    };
    assert_eq!(
        (cell("period"), cell("calls")),
        (shown["period"].as_str().expect("a day").to_owned(), "2".to_owned())
    );
    for (column, value) in [
        ("group", &shown["group"]),
        ("cost_usd", &shown["cost_usd"]),
        ("cache_savings_usd", &shown["cache_savings_usd"]),
        ("input_tokens", &shown["tokens"]["input"]),
        ("output_tokens", &shown["tokens"]["output"]),
    ] {
        let expected = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        assert_eq!(cell(column), expected, "{column}");
    }
    gateway.finish().await;
}

#[tokio::test]
async fn provisioning_is_administration() {
    let gateway = start(APART).await;
    let request = || Request::new(Method::GET, "/scim/v2/ServiceProviderConfig");
    assert_eq!(gateway.send(request().key(&root(&gateway))).await.status, 404);
    assert_eq!(apart(&gateway, request()).await.status, 200);
    gateway.finish().await;
}

#[tokio::test]
async fn a_browser_at_the_front_door_goes_on_to_its_persons_page() {
    let gateway = TestGateway::start().await;
    let warming = gateway.send(Request::get("/")).await;
    assert_eq!((warming.status, warming.text()), (200, "Stonegate\n"));
    let accepted = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let person = gateway.send(Request::get("/").header("accept", accepted)).await;
    assert_eq!((person.status, person.header("location")), (303, Some("/home")));
    gateway.finish().await;
}
