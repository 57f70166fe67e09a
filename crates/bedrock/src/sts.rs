//! Who somebody is to AWS, proven without showing a secret: they sign a call of `sts:GetCallerIdentity`, somebody else
//! sends it, and AWS's answer says whose signature it is.
//!
//! [`SignedRequest`] is made where the credentials are and checked where they are not; [`Identity`] is what AWS answers.
//! A signature says for whom it was made in a header, [`SERVER`], so that whoever gets one cannot use it elsewhere.

mod answer;
mod check;
mod identity;
mod sign;

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

use crate::partition::Partition;

pub use answer::{Unreadable, error_code, identity};
pub use check::{Checked, Unfit};
pub use identity::{Caller, Identity};
pub use sign::{NoProof, sign};

/// The header that names the server which the signature was made for, by its address: signed like everything else.
pub const SERVER: &str = "x-stonegate-server";
/// All that the call says.
const BODY: &str = "Action=GetCallerIdentity&Version=2011-06-15";
/// The signing name.
const SERVICE: &str = "sts";
/// Where the host without a region is.
const GLOBAL: (&str, &str) = ("us-east-1", "sts.amazonaws.com");

/// A call of `sts:GetCallerIdentity` as it was signed. Nothing is known of it yet: it comes from a stranger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedRequest {
    /// The method.
    pub method: String,
    /// Where it goes, with scheme and path.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The form.
    pub body: String,
}

impl SignedRequest {
    /// The request as one parameter of a form: its JSON in Base64 for addresses, without padding.
    #[must_use]
    pub fn to_assertion(&self) -> String {
        BASE64URL_NOPAD.encode(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads it; `None` where it is none.
    #[must_use]
    pub fn of_assertion(text: &str) -> Option<SignedRequest> {
        let json = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        serde_json::from_slice(&json).ok()
    }
}

/// Every host that is STS for calls that are signed for this region.
fn hosts(region: &str) -> Vec<String> {
    let partition = Partition::of(region);
    let regional = [(SERVICE, false), ("sts-fips", false), (SERVICE, true), ("sts-fips", true)]
        .map(|(service, dual_stack)| partition.host(service, region, dual_stack));
    let global = (region == GLOBAL.0).then(|| GLOBAL.1.to_owned());
    regional.into_iter().chain(global).collect()
}
