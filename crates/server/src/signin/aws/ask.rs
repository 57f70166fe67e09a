//! Asking AWS whose signature it is.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body_util::{BodyExt as _, Full};
use stonegate_bedrock::sts::{self, Checked, Identity};

use super::super::oauth::OAuthError;
use super::Aws;

/// How long AWS may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer; AWS's have some hundred bytes.
const MOST: usize = 64 * 1024;
/// What STS answers, with a status that blames the caller, when it is not their fault.
const NOT_THEIRS: [&str; 5] =
    ["Throttling", "ThrottlingException", "RequestLimitExceeded", "ServiceUnavailable", "InternalFailure"];

impl Aws {
    /// Whose signature it is, as AWS says. No redirection is followed, and no answer but STS's own believed.
    pub(super) async fn ask(&self, checked: &Checked<'_>) -> Result<Identity, OAuthError> {
        let crowded = || OAuthError::slow_down(1, "too many sign-ins at the same moment; try again");
        let _place = self.places.try_acquire().map_err(|_none_left| crowded())?;
        let answered = tokio::time::timeout(PATIENCE, self.send(checked)).await;
        let (status, body) = answered
            .unwrap_or_else(|_elapsed| Err("it does not answer in time".to_owned()))
            .map_err(|reason| away(&reason))?;
        if status == StatusCode::OK {
            return sts::identity(&body, checked.partition)
                .map_err(|unreadable| away(&unreadable.to_string()));
        }
        let code = sts::error_code(&body).filter(|code| !NOT_THEIRS.contains(&&**code));
        match (status, code) {
            (StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, Some(code)) => {
                Err(OAuthError::invalid_grant(format!("AWS does not take this signature: {code}")))
            }
            (status, _) => Err(away(&format!("it answered {status}"))),
        }
    }

    async fn send(&self, checked: &Checked<'_>) -> Result<(StatusCode, Bytes), String> {
        let request = checked.to_request(self.stand_in.as_deref()).map_err(|error| error.to_string())?;
        let response =
            self.http.request(request.map(Full::new)).await.map_err(|error| format!("{error:?}"))?;
        let status = response.status();
        let (mut body, mut bytes) = (response.into_body(), BytesMut::new());
        while let Some(frame) = body.frame().await {
            let Ok(piece) = frame.map_err(|error| error.to_string())?.into_data() else { continue };
            if bytes.len() + piece.len() > MOST {
                return Err("its answer is too long".to_owned());
            }
            bytes.extend_from_slice(&piece);
        }
        Ok((status, bytes.freeze()))
    }
}

/// The person learns that it did not work, the operator why.
fn away(reason: &str) -> OAuthError {
    tracing::warn!(reason, "AWS's STS could not be asked");
    OAuthError::unavailable("AWS could not be asked who you are; try again in a moment")
}
