//! Signing in with AWS credentials: they sign a call by which AWS tells the gateway whose they are.

use stonegate_bedrock::sts;
use stonegate_server::clock;

use super::{Arguments, device_name, not_taken};
use crate::connection::{CLIENT_ID, Connection, Tokens};
use crate::trouble::Trouble;

const GRANT: &str = "urn:stonegate:params:oauth:grant-type:aws-identity";

pub(super) async fn sign_in(
    arguments: &Arguments,
    connection: &Connection,
    profile: Option<&str>,
) -> anyhow::Result<Tokens> {
    // Made for the address that is asked, whatever the gateway says of itself: another one could not pass it on.
    let signed = sts::sign(profile, connection.url.as_str(), clock::now().into()).await;
    let signed = signed.map_err(|error| Trouble::SignedOut(told(&error.to_string(), profile)))?;
    let assertion = signed.to_assertion();
    let form = [
        ("grant_type", GRANT),
        ("assertion", assertion.as_str()),
        ("scope", arguments.scopes()),
        ("device_name", &device_name()),
        ("client_id", CLIENT_ID),
    ];
    let given = connection.stranger()?.post_form("/oauth/token", &form).await;
    Ok(given.map_err(|trouble| match trouble {
        Trouble::Refused { status: 404 | 405, .. } => no_such_way(connection),
        Trouble::Refused { code: Some(code), .. } if code == "unsupported_grant_type" => {
            no_such_way(connection)
        }
        other => not_taken(other),
    })?)
}

fn no_such_way(connection: &Connection) -> Trouble {
    Trouble::Wrong(format!("{} takes no AWS credentials; use `stonegate login`", connection.url))
}

fn told(error: &str, profile: Option<&str>) -> String {
    let flag = profile.map(|profile| format!(" --profile {profile}")).unwrap_or_default();
    format!(
        "{error}; `aws sts get-caller-identity{flag}` has to work first, for instance after `aws sso login{flag}`"
    )
}
