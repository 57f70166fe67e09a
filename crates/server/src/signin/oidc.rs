//! OpenID providers: people come back from one with a code, machines come with a token of one.

pub(crate) mod bearer;
pub(super) mod claims;
pub(super) mod flow;
mod jwt;
mod provider;

pub(super) use jwt::Claims;
use jwt::issuer_of;
pub(crate) use provider::{Known, ProviderError};

#[cfg(test)]
pub(super) mod tests {
    pub(crate) use super::jwt::tests::Signer;
}
