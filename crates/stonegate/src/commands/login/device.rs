//! OAuth's device flow (RFC 8628): a code here, a browser anywhere.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{Arguments, device_name};
use crate::browser;
use crate::connection::{CLIENT_ID, Connection, Tokens};
use crate::terminal::{Style, print};
use crate::trouble::Trouble;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// How much slower to ask when told so, or when nothing answers (RFC 8628, 3.5).
const SLOWER: Duration = Duration::from_secs(5);

/// A code that waits for a person's word.
#[derive(Deserialize)]
struct Code {
    device_code: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: u64,
    /// 5 where the gateway says nothing.
    interval: Option<u64>,
}

pub(super) async fn sign_in(arguments: &Arguments, connection: &Connection) -> anyhow::Result<Tokens> {
    let client = connection.stranger()?;
    let form = [("client_id", CLIENT_ID), ("scope", arguments.scopes()), ("device_name", &device_name())];
    let code: Code = match client.post_form("/oauth/device_authorization", &form).await {
        Err(Trouble::Refused { status: 404 | 405, .. }) => {
            let told = format!("{} has no sign-in by browser; use `stonegate login --key`", connection.url);
            return Err(Trouble::Wrong(told).into());
        }
        answer => answer?,
    };
    show(arguments, connection, &code)?;
    let form = [("grant_type", GRANT), ("device_code", code.device_code.as_str()), ("client_id", CLIENT_ID)];
    Ok(poll(&code, async || client.post_form("/oauth/token", &form).await).await?)
}

fn show(arguments: &Arguments, connection: &Connection, code: &Code) -> anyhow::Result<()> {
    if arguments.json {
        let shown = json!({
            "event": "code", "user_code": code.user_code, "verification_uri": code.verification_uri,
            "verification_uri_complete": code.verification_uri_complete, "expires_in": code.expires_in,
        });
        print(&format!("{shown}\n"))?;
        return Ok(());
    }
    let style = Style::of_stdout();
    let complete = code.verification_uri_complete.as_ref().unwrap_or(&code.verification_uri);
    // A page of another origin is for the person to judge, not for us to open.
    let is_ours = complete.starts_with(&format!("{}/", connection.url));
    let opened = is_ours && !arguments.no_browser && browser::open(complete);
    let how =
        if opened { "Your browser opens this page. If not, open it yourself:" } else { "Open this page:" };
    let told = format!(
        "{how}\n\n    {}\n\nand see that it shows this code:\n\n    {}\n\nWaiting…\n",
        style.accent(complete),
        style.bold(&code.user_code)
    );
    print(&told)?;
    Ok(())
}

/// Asks until the person has said yes or no, or too long nothing.
async fn poll(code: &Code, mut ask: impl AsyncFnMut() -> Result<Tokens, Trouble>) -> Result<Tokens, Trouble> {
    let end = Instant::now() + Duration::from_secs(code.expires_in);
    let mut interval = Duration::from_secs(code.interval.unwrap_or(5));
    loop {
        sleep(interval).await;
        let trouble = match ask().await {
            Ok(tokens) => return Ok(tokens),
            Err(trouble) => trouble,
        };
        match &trouble {
            Trouble::Refused { code: Some(code), message, .. } => match code.as_str() {
                "authorization_pending" => {}
                "slow_down" => interval += SLOWER,
                "access_denied" => {
                    return Err(Trouble::SignedOut(format!("the sign-in was refused: {message}")));
                }
                "expired_token" => return Err(too_late()),
                "temporarily_unavailable" => interval += SLOWER,
                _ => return Err(trouble),
            },
            Trouble::Unreachable(_) => interval += SLOWER,
            Trouble::Refused { .. }
            | Trouble::Unread { .. }
            | Trouble::Wrong(_)
            | Trouble::SignedOut(_)
            | Trouble::NotRun { .. } => {
                return Err(trouble);
            }
        }
        if Instant::now() >= end {
            return Err(too_late());
        }
    }
}

fn too_late() -> Trouble {
    Trouble::SignedOut("nobody confirmed the sign-in in time; run `stonegate login` again".to_owned())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn says(code: &str) -> Result<Tokens, Trouble> {
        let (code, message) = (Some(code.to_owned()), code.to_owned());
        Err(Trouble::Refused { status: 400, code, message, request_id: None })
    }

    fn gives() -> Result<Tokens, Trouble> {
        let tokens = json!({ "access_token": "a", "refresh_token": "r", "expires_in": 3600 });
        Ok(serde_json::from_value(tokens).expect("tokens"))
    }

    fn away() -> Result<Tokens, Trouble> {
        Err(Trouble::Unreachable("away".to_owned()))
    }

    /// The seconds at which it asks, and how it ends, for these answers; the last one is given again and again.
    fn check(answers: &[fn() -> Result<Tokens, Trouble>], asked: &[u64], outcome: Result<(), &str>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.expect("a runtime").block_on(async {
            let begun = Instant::now();
            let at = RefCell::new(Vec::new());
            let code = json!({
                "device_code": "d", "user_code": "u", "verification_uri": "v", "expires_in": 30, "interval": 5,
            });
            let code: Code = serde_json::from_value(code).expect("a code");
            let ended = poll(&code, async || {
                let number = at.borrow().len();
                at.borrow_mut().push(begun.elapsed().as_secs());
                answers[number.min(answers.len() - 1)]()
            })
            .await;
            assert_eq!(*at.borrow(), asked);
            match (ended, outcome) {
                (Ok(_), Ok(())) => {}
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                (ended, outcome) => panic!("{outcome:?}, and this is {:?}", ended.err()),
            }
        });
    }

    #[test]
    fn it_asks_as_often_as_it_may_until_there_is_an_answer() {
        let pending = || says("authorization_pending");
        check(&[pending, pending, gives], &[5, 10, 15], Ok(()));
        check(&[|| says("slow_down"), pending, gives], &[5, 15, 25], Ok(()));
        check(&[away, gives], &[5, 15], Ok(()));
        check(&[pending, || says("access_denied")], &[5, 10], Err("refused"));
        check(&[|| says("expired_token")], &[5], Err("in time"));
        check(&[|| says("invalid_grant")], &[5], Err("invalid_grant"));
        check(&[pending], &[5, 10, 15, 20, 25, 30], Err("in time"));
    }
}
