//! A gateway's address, as clients are given it: scheme, host, perhaps port and path, and no slash at the end.

use std::fmt;
use std::str::FromStr;

use http::Uri;
use serde::{Deserialize, Serialize};

use crate::trouble::Trouble;

/// Such as `https://stonegate.example.com`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Address(String);

impl Address {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether keys would travel over a network in clear text.
    pub(crate) fn is_exposed(&self) -> bool {
        self.0.strip_prefix("http://").is_some_and(|rest| !is_here(rest))
    }
}

impl FromStr for Address {
    type Err = Trouble;

    /// Takes what people paste: without a scheme, with a slash at the end, with the path of an API behind it.
    fn from_str(text: &str) -> Result<Address, Trouble> {
        let wrong = |why: &str| {
            Trouble::Wrong(format!(
                "{text:?} is no gateway's address: {why}; give it as https://stonegate.example.com"
            ))
        };
        let text = text.trim();
        let whole = match text.split_once("://") {
            Some(_) => text.to_owned(),
            None if is_here(text) => format!("http://{text}"),
            None => format!("https://{text}"),
        };
        let uri: Uri = whole.parse().map_err(|error: http::uri::InvalidUri| wrong(&error.to_string()))?;
        let Some(scheme @ ("http" | "https")) = uri.scheme_str() else {
            return Err(wrong("its scheme is neither https nor http"));
        };
        let authority = uri.authority().filter(|authority| !authority.host().is_empty());
        let authority = authority.ok_or_else(|| wrong("it names no host"))?.as_str();
        if authority.contains('@') {
            return Err(wrong("it holds a name or password"));
        }
        if uri.query().is_some() || whole.contains('#') {
            return Err(wrong("it goes on after the path"));
        }
        let path = uri.path().trim_end_matches('/');
        let path = ["/v1", "/bedrock"].iter().find_map(|api| path.strip_suffix(api)).unwrap_or(path);
        Ok(Address(format!("{scheme}://{}{path}", authority.to_ascii_lowercase())))
    }
}

/// Whether host and port are this machine's own.
fn is_here(authority: &str) -> bool {
    let authority = authority.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => authority.split(':').next(),
    };
    let host = host.unwrap_or_default();
    let is_loopback = |host: &str| host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    host.eq_ignore_ascii_case("localhost") || is_loopback(host)
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl TryFrom<String> for Address {
    type Error = Trouble;

    fn try_from(text: String) -> Result<Address, Trouble> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> String {
        address.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_paste_becomes_an_address() {
        for (pasted, address) in [
            ("https://stonegate.example.com", "https://stonegate.example.com"),
            (" Stonegate.Example.com/ ", "https://stonegate.example.com"),
            ("https://stonegate.example.com/v1/", "https://stonegate.example.com"),
            ("https://ai.example.com/stonegate/v1", "https://ai.example.com/stonegate"),
            ("https://ai.example.com:8443/bedrock", "https://ai.example.com:8443"),
            ("http://10.0.0.7:8080", "http://10.0.0.7:8080"),
            ("localhost:8080", "http://localhost:8080"),
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(pasted.parse::<Address>().expect(pasted).as_str(), address, "{pasted}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for (pasted, why) in [
            ("", "empty"),
            ("ftp://stonegate", "scheme"),
            ("https://", ""),
            ("https://ada:secret@stonegate", "password"),
            ("https://stonegate/?key=1", "goes on"),
            ("https://stone gate", ""),
        ] {
            let told = pasted.parse::<Address>().expect_err(pasted).to_string();
            assert!(told.contains(why), "{pasted}: {told}");
        }
    }

    #[test]
    fn clear_text_is_for_this_machine() {
        for (address, is_exposed) in [
            ("http://10.0.0.7", true),
            ("http://localhost:1", false),
            ("http://[::1]:80", false),
            ("https://a", false),
        ] {
            assert_eq!(address.parse::<Address>().expect(address).is_exposed(), is_exposed, "{address}");
        }
    }
}
