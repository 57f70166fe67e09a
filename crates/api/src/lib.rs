//! What the admin API looks like on the wire: types and their OpenAPI schema, no behaviour.
//!
//! Times are RFC 3339 in UTC. Money is a decimal text in US dollars (`"12.50"`) where a person writes or reads it, and a
//! whole number of nano-dollars beside it where programs count. Unknown members of a request are refused; unknown
//! members of an answer are to be ignored, since newer servers add some, and so do they words: [`Word`]. Members of an answer
//! that older servers lack are optional here, though the schema, which is this server's, promises them.

mod audit;
mod budget;
mod charge;
mod installation;
mod key;
mod nullable;
mod page;
mod problem;
mod team;
mod tenant;
mod unresolved;
mod usage;
mod user;
mod whoami;
mod word;

pub use audit::{AuditEntry, SealedAuditEntry};
pub use budget::{
    Adjustment, AdjustmentCreate, AdjustmentKind, Budget, BudgetCreate, BudgetEvent, BudgetForecast,
    BudgetMode, BudgetOverride, BudgetWhenShort, BudgetWindow,
};
pub use charge::{Charge, ChargeCapture, ChargeCreate};
pub use installation::{
    CatalogModel, Endpoint, EndpointAccess, TokenPrices, Trust, TrustKind, TrustRule, TrustWhom,
};
pub use key::{
    EphemeralCreate, Key, KeyCreate, KeyCreated, KeyKind, KeyRenew, KeyRotate, KeyStatus, ModelRule,
};
pub use page::Page;
pub use problem::{Problem, ProblemBody, ProblemType};
pub use team::{Team, TeamCreate, TeamUpdate};
pub use tenant::{Tenant, TenantCreate, TenantUpdate};
pub use unresolved::{
    CallCorrection, Correction, CorrectionCreate, Unresolved, UnresolvedCall, WriteOff, WriteOffCorrection,
};
pub use usage::{Usage, UsageBy, UsagePer, UsageRow, UsageTokens};
pub use user::{Bootstrap, PasswordLink, Role, SignInLink, TotpReset, User, UserCreate, UserUpdate};
pub use whoami::Whoami;
pub use word::Word;
