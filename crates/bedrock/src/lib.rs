//! How Amazon Bedrock is reached: addresses, credentials, signatures, one HTTP client.
//!
//! Nothing here knows a dialect: an [`Outbound`](stonegate_protocol::Outbound) goes out as it is, and what comes
//! back is bytes or a [`Failure`](stonegate_protocol::Failure).

mod client;
mod credentials;
mod endpoint;
mod partition;
mod pieces;
mod pool;
mod sign;
pub mod sts;

pub use client::{Client, Deadlines, Reply};
pub use credentials::{Access, CredentialCache, NoCredentials};
pub use endpoint::{Endpoint, EndpointError, EndpointSettings, Host};
pub use pool::ReplyBody;
pub use sign::{NotSigned, Scope, Signer, Unsigned};
