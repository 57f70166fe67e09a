//! What can be wrong on the way to the gateway and at the gateway.

use hyper::Method;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use serde::Deserialize;
use serde_json::json;
use stonegate_api::{Page, Whoami};
use stonegate_server::clock;

use super::{Finding, Stop, version};
use crate::client::{Client, Content, whole};
use crate::commands::setup::discover;
use crate::connection::{Connection, Found, KEY};
use crate::trouble::Trouble;

/// From here on a clock is worth a word, and from there on sign-in fails.
const CLOCK_DOUBTFUL_SECONDS: i64 = 30;
const CLOCK_BAD_SECONDS: i64 = 240;

#[derive(Deserialize)]
struct Model {
    id: String,
}

/// Goes as far as it can; gives what it could not get past.
pub(super) async fn examine(connection: &Connection, findings: &mut Vec<Finding>) -> anyhow::Result<Stop> {
    let stranger = connection.stranger()?;
    let theirs = match reach(&stranger, findings).await {
        Ok(theirs) => theirs,
        Err(trouble) => {
            let fix = "check the address with who runs the gateway; `stonegate setup URL` sets another";
            findings.push(Finding::bad("gateway", trouble.to_string(), fix));
            return Ok(Some(trouble));
        }
    };
    let theirs = theirs.as_deref();
    findings.extend(version::newer(theirs));
    let client = match connection.client().await {
        Ok(client) => client,
        Err(error) => return Ok(Some(signed_out(connection, error, findings))),
    };
    match client.get::<Whoami>("/admin/v1/whoami").await {
        Ok(whoami) => findings.push(key(&whoami)),
        Err(trouble @ Trouble::Unread { .. }) => findings.push(version::unread(theirs, &trouble)),
        Err(trouble) => return Ok(Some(signed_out(connection, trouble.into(), findings))),
    }
    findings.extend(models(&client, theirs).await);
    Ok(None)
}

/// Whether it answers and is ready; its version, where it tells.
async fn reach(client: &Client, findings: &mut Vec<Finding>) -> Result<Option<String>, Trouble> {
    let told = discover(client).await?;
    let version = told.as_ref().and_then(|told| told["server_version"].as_str()).map(str::to_owned);
    let answers = version
        .as_ref()
        .map_or_else(|| "answers".to_owned(), |version| format!("answers, version {version}"));
    findings.push(Finding::good("gateway", answers));
    let ready = client.answer(Method::GET, "/readyz", None).await?;
    let date = ready.headers().get("date").and_then(|date| date.to_str().ok()).map(str::to_owned);
    findings.extend(date.and_then(|date| clock_finding(&date, clock::now())));
    let status = ready.status();
    if !status.is_success() {
        let said = whole("/readyz", ready.into_body()).await.unwrap_or_default();
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        let fix = "tell who runs the gateway; nothing on this machine is at fault";
        findings.push(Finding::doubtful("ready", format!("not ready to serve ({status}): {said}"), fix));
    }
    Ok(version)
}

/// The machine's clock beside the gateway's, which has whole seconds.
fn clock_finding(date: &str, now: Timestamp) -> Option<Finding> {
    let theirs = DateTimeParser::new().parse_timestamp(date).ok()?;
    let ahead = now.as_second() - theirs.as_second();
    let told = match ahead {
        0.. => format!("this machine's clock is {ahead} s ahead of the gateway's"),
        _ => format!("this machine's clock is {} s behind the gateway's", -ahead),
    };
    let fix = "set the clock, by NTP if possible: signatures and tokens are refused by a wrong one";
    Some(match ahead.abs() {
        CLOCK_BAD_SECONDS.. => Finding::bad("clock", told, fix),
        CLOCK_DOUBTFUL_SECONDS.. => Finding::doubtful("clock", told, fix),
        _ => Finding::good("clock", "agrees with the gateway's"),
    })
}

fn signed_out(connection: &Connection, error: anyhow::Error, findings: &mut Vec<Finding>) -> Trouble {
    let fix = match connection.credential_found {
        Found::Variable => {
            format!("set {KEY} to a key that is in force, or unset it and run `stonegate login`")
        }
        Found::Flag | Found::Profile => "run `stonegate login`".to_owned(),
    };
    findings.push(Finding::bad("key", error.to_string(), fix));
    error.into()
}

fn key(whoami: &Whoami) -> Finding {
    let name = whoami.key_name.as_deref().map(|name| format!(", key {name}")).unwrap_or_default();
    let told = format!("{} of {}{name}", whoami.user_name, whoami.tenant);
    let calls = |scope: &String| scope.ends_with(":send") || scope == "bedrock:invoke";
    if whoami.scopes.iter().any(calls) {
        return Finding::good("key", told);
    }
    let fix = "use a key with a scope such as messages:send";
    Finding::bad("key", format!("{told}; its scopes allow no model to be called"), fix)
}

/// Which models there are, and whether the way to one is open: its tokens are counted, which costs nothing.
async fn models(client: &Client, theirs: Option<&str>) -> Vec<Finding> {
    let models = match client.get::<Page<Model>>("/v1/models?limit=1000").await {
        Ok(models) => models.data,
        Err(trouble @ Trouble::Unread { .. }) => return vec![version::unread(theirs, &trouble)],
        Err(trouble) => {
            return vec![Finding::bad("models", trouble.to_string(), "ask who gave you the key")];
        }
    };
    let Some(first) = models.iter().find(|model| model.id.contains("claude")).or(models.first()) else {
        let fix = "ask who gave you the key: its model policy, or its tenant's, leaves nothing";
        return vec![Finding::bad("models", "none may be used", fix)];
    };
    let mut findings = vec![Finding::good("models", format!("{} may be used", models.len()))];
    let body = json!({ "model": first.id, "messages": [{ "role": "user", "content": "Hello" }] });
    let content = Content::json(&body);
    let counted = client.answer(Method::POST, "/v1/messages/count_tokens", Some(content)).await;
    match counted {
        Ok(answer) if answer.status().is_success() => {
            findings.push(Finding::good("call", format!("tokens of {} are counted", first.id)));
        }
        Ok(answer) if answer.status() == http::StatusCode::FORBIDDEN => {}
        Ok(answer) => {
            let status = answer.status();
            let said = whole("count_tokens", answer.into_body()).await.unwrap_or_default();
            let said = String::from_utf8_lossy(&said).trim().to_owned();
            let fix = "tell who runs the gateway, with the request's id";
            findings.push(Finding::doubtful("call", format!("{} answers {status}: {said}", first.id), fix));
        }
        Err(trouble) => findings.push(Finding::bad("call", trouble.to_string(), "try again in a moment")),
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::State;

    #[test]
    fn a_wrong_clock_is_told_by_how_much() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().expect("a time");
        for (date, state, told) in [
            ("Sat, 21 Nov 2026 12:00:02 GMT", State::Good, "agrees"),
            ("Sat, 21 Nov 2026 11:59:00 GMT", State::Doubtful, "60 s ahead"),
            ("Sat, 21 Nov 2026 13:00:00 GMT", State::Bad, "3600 s behind"),
        ] {
            let finding = clock_finding(date, now).expect("a date");
            assert_eq!(finding.state, state, "{date}");
            assert!(finding.found.contains(told), "{}", finding.found);
        }
        assert_eq!(clock_finding("yesterday", now), None);
    }
}
