//! Who says they are calling: at once by a key, or by a signature that can be checked only with the body in hand.

use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::request::Parts;
use jiff::Timestamp;
use stonegate_identity::sigv4::{Signature, Signed};
use stonegate_identity::{Caller, KeyDigest};
use stonegate_protocol::Problem;

use crate::app::App;
use crate::call::intake::{self, Intake};
use crate::error;

/// A caller who has yet to prove it, if they signed. Nobody gets at the caller but by [`Claim::prove`].
pub(crate) struct Claim {
    caller: Arc<Caller>,
    /// The key whose pair has signed; none where the key itself was shown.
    signer: Option<KeyDigest>,
}

impl Claim {
    /// Reads who claims to be calling. AWS's SDKs sign their requests, and so do the others' where they are made for
    /// Bedrock.
    pub(crate) async fn read(app: &App, head: &Parts, intake: &Intake) -> Result<Claim, Problem> {
        let Some(signature) = signature(head) else {
            return Ok(Claim { caller: intake::authenticate(app, head, intake).await?, signer: None });
        };
        let key = signature?.key().ok_or_else(error::foreign_pair)?;
        // A pair whose key does not hold is refused before its body is read.
        Ok(Claim { caller: intake::caller_of(app, &key, intake.at).await?, signer: Some(key) })
    }

    /// The caller, once the signature holds for the whole request.
    pub(crate) fn prove(
        self,
        app: &App,
        head: &Parts,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Arc<Caller>, Problem> {
        let Some(signer) = self.signer else { return Ok(self.caller) };
        let headers: Vec<(&str, &str)> = head
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
            .collect();
        let request = Signed {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            headers: &headers,
            body,
        };
        let signature = signature(head).ok_or_else(error::no_key)??;
        signature.verify(&app.pairs.pair(&signer), &request, now).map_err(error::bad_signature)?;
        Ok(self.caller)
    }
}

fn signature(head: &Parts) -> Option<Result<Signature<'_>, Problem>> {
    let header = head.headers.get(AUTHORIZATION)?.to_str().ok()?;
    Some(Signature::parse(header)?.map_err(error::bad_signature))
}
