//! Which gateway the command line is a client of, and as whom: a flag, a variable, or what `setup` and `login` saved.

mod address;
mod keychain;
mod profile;
mod session;

use std::env;

use clap::Args;

pub(crate) use address::Address;
pub(crate) use keychain::Keeping;
pub(crate) use profile::{Credential, Profile, Profiles, Session};

pub(crate) use session::Tokens;

use crate::client::Client;
use crate::trouble::Trouble;

/// The variables that stand for a saved profile.
pub(crate) const URL: &str = "STONEGATE_URL";
pub(crate) const KEY: &str = "STONEGATE_KEY";
pub(crate) const PROFILE: &str = "STONEGATE_PROFILE";
/// Who we are to the gateway's sign-in.
pub(crate) const CLIENT_ID: &str = "stonegate-cli";

/// The flags of every command that talks to a gateway.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ConnectionArguments {
    /// Address of the gateway [variable: STONEGATE_URL; else the profile's]
    #[arg(long, value_name = "URL", help_heading = "Connection")]
    pub(crate) url: Option<String>,
    /// Name of the saved connection [variable: STONEGATE_PROFILE; else `default`]
    #[arg(long, value_name = "NAME", help_heading = "Connection")]
    pub(crate) profile: Option<String>,
}

/// Where something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Flag,
    Variable,
    Profile,
}

/// A gateway and, where there is one, the caller's credential for it.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    pub(crate) url: Address,
    pub(crate) url_found: Found,
    pub(crate) credential: Option<Credential>,
    pub(crate) credential_found: Found,
    pub(crate) profiles: Profiles,
}

impl ConnectionArguments {
    /// Whether any of the flags was given.
    pub(crate) fn is_given(&self) -> bool {
        self.url.is_some() || self.profile.is_some()
    }

    /// Where the named profile is kept.
    pub(crate) fn profiles(&self) -> Result<Profiles, Trouble> {
        let name = self.profile.clone().or_else(|| variable(PROFILE));
        Profiles::of_home(name.as_deref().unwrap_or("default"))
    }

    /// The gateway and the credential, as far as there is one.
    pub(crate) fn find(&self) -> Result<Connection, Trouble> {
        let profiles = self.profiles()?;
        let saved = profiles.load()?;
        let told = self.url.clone().map(|url| (url, Found::Flag));
        let told = told.or_else(|| variable(URL).map(|url| (url, Found::Variable)));
        let (url, url_found) = match (told, &saved) {
            (Some((url, found)), _) => (url.parse()?, found),
            (None, Some(saved)) => (saved.url.clone(), Found::Profile),
            (None, None) => return Err(profiles.missing()),
        };
        // What was given for one gateway is no other gateway's to see.
        let saved = saved.filter(|saved| saved.url == url).and_then(|saved| saved.credential);
        let (credential, credential_found) = match variable(KEY) {
            Some(key) => (Some(Credential::Key(key)), Found::Variable),
            None => (saved, Found::Profile),
        };
        Ok(Connection { url, url_found, credential, credential_found, profiles })
    }
}

impl Connection {
    /// The text that calls are made with just now.
    pub(crate) async fn secret(&self) -> Result<String, Trouble> {
        match &self.credential {
            Some(Credential::Key(key)) => Ok(key.clone()),
            Some(Credential::Session(_)) => session::current(self).await,
            None => Err(self.signed_out("nobody is signed in to")),
        }
    }

    fn signed_out(&self, what: &str) -> Trouble {
        Trouble::SignedOut(format!("{what} {}; run `stonegate login`, or set {KEY}", self.url))
    }

    /// A client that calls as the person who is signed in.
    pub(crate) async fn client(&self) -> anyhow::Result<Client> {
        let secret = self.secret().await?;
        Client::new(self.url.as_str(), Some(&secret))
    }

    /// A client that calls as nobody.
    pub(crate) fn stranger(&self) -> anyhow::Result<Client> {
        Client::new(self.url.as_str(), None)
    }
}

/// A variable that is set to something.
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var_os(name)?.into_string().ok().filter(|value| !value.is_empty())
}
