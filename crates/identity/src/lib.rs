//! Who may do what: callers, keys, roles, scopes, model policies, the one `authorize`, and the directory's contract.
//!
//! Pure: no I/O, no clock, no chance. Time and random bytes are arguments. What keeps the facts is behind
//! [`Directory`]; a store proves that it keeps them right by running `conformance` (feature `testing`).

pub mod archive;
mod audit;
mod authorize;
mod caller;
#[cfg(feature = "testing")]
pub mod conformance;

pub mod directory;
mod id;
mod key;
mod kind;
mod policy;
pub mod provisioning;
mod role;
mod scope;
pub mod sigv4;
pub mod ticket;
mod token;
mod user_code;

pub use audit::{AuditEntry, Audited, BrokenChain, Chain, Change, NotASeal, Seal};
pub use authorize::{Action, Denied, Owner, Permit, Reach, Resource, authorize, reach};
pub use caller::{Caller, KeyGrant, KeyRefusal, Payer, Standing};
pub use directory::{Directory, DirectoryError};
pub use id::{BadId, KeyId, TeamId, TenantId, UserId};
pub use key::{KeyDigest, KeyText, NotAKey, PublicForm};
pub use kind::{KeyKind, UnknownKind};
pub use policy::{BadRule, ModelPolicy, ModelRule};
pub use role::{Role, UnknownRole};
pub use scope::{Scope, Scopes, UnknownScope};
pub use token::{
    BootstrapToken, DeviceCode, LinkToken, NotABootstrapToken, NotADeviceCode, NotALinkToken,
    NotAPasswordToken, NotARefreshToken, PasswordToken, RefreshToken,
};
pub use user_code::{NotAUserCode, UserCode};
