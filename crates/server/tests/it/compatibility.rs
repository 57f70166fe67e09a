//! What `docs/compatibility.md` says of Claude's models is what upstream makes of it: a member that is `carried` is taken.

use serde_json::Value;

use crate::gateway::{Expected, TestGateway};

const PAGE: &str = include_str!("../../../../docs/compatibility.md");
const PROBES: &str = include_str!("../../../protocol/tests/matrix/probes.json");
/// The models of the page that read the body themselves.
const CLAUDE: [&str; 2] = ["claude-opus-5-5", "claude-sonnet-4-5"];
/// Upstream takes back only what it has signed itself; whether a tier is offered is for the price list to say.
const OTHERWISE: [&str; 3] = ["messages: redacted_thinking", "messages: thinking (signed)", "service_tier"];

/// The cells of the page's first table: member, model, fate.
fn cells() -> Vec<(&'static str, &'static str, &'static str)> {
    let table = PAGE.split("\n## ").nth(1).expect("the table of Messages");
    let row = |line: &'static str| -> Vec<&'static str> { line.split('|').map(str::trim).collect() };
    let rows: Vec<_> = table.lines().filter(|line| line.starts_with('|')).map(row).collect();
    let cells_of = |model: &'static str| {
        let column = rows[0].iter().position(|name| *name == model).expect("a column of its own");
        rows[2..].iter().map(move |row| (row[1].trim_matches('`'), model, row[column]))
    };
    CLAUDE.into_iter().flat_map(cells_of).filter(|(member, ..)| !OTHERWISE.contains(member)).collect()
}

fn body(probes: &Value, member: &str, model: &str) -> Value {
    let probe = &probes["members"][member];
    let mut body = probes["base"].clone();
    for members in [&probe["beside"], &probe["with"]] {
        for (name, value) in members.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
    }
    body["model"] = model.into();
    body
}

#[tokio::test]
async fn what_the_page_calls_carried_is_taken_upstream() {
    let probes: Value = serde_json::from_str(PROBES).expect("JSON");
    let mut gateway = TestGateway::start().await;
    let mut expected = Expected::default();
    let mut wrong = Vec::new();
    for (member, model, fate) in cells() {
        let before = gateway.invocations().len();
        let answer = gateway.messages(&body(&probes["anthropic"], member, model)).await;
        let dropped = answer.header("x-stonegate-dropped");
        let attempts = gateway.invocations().len() - before;
        let is_so = match (fate, answer.status) {
            ("carried", status) => (status, attempts, dropped) == (200, 1, None),
            ("left out", status) => (status, attempts) == (200, 1) && dropped.is_some(),
            ("refused", status) => (status, attempts) == (400, 0),
            // What matters little is left out in a second attempt.
            ("sent", 200) => attempts == 2 && dropped.is_some(),
            ("sent", status) => (status, attempts) == (400, 1),
            (other, _) => panic!("{member}: what is `{other}`?"),
        };
        if fate == "sent" {
            expected.refused += 1;
            expected.repeated += attempts.saturating_sub(1);
        }
        if !is_so {
            let found = format!("{} after {attempts} attempts, without {dropped:?}", answer.status);
            wrong.push(format!("{member} is said to be {fate} to {model}: {found}: {}", answer.text()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    gateway.expect(expected);
    gateway.finish().await;
}
