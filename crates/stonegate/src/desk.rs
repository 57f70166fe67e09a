//! Where administration happens: at the store of this machine, or at a gateway over its admin API. Every command does the
//! same at either, and shows the same.

mod remote;

use stonegate_api::{
    Adjustment, AdjustmentCreate, AuditEntry, Budget, BudgetCreate, BudgetEvent, Charge, Correction,
    CorrectionCreate, Key, KeyCreated, Team, TeamCreate, TeamUpdate, Tenant, TenantCreate, TenantUpdate,
    TotpReset, Unresolved, Usage, User, UserCreate, UserUpdate,
};
use stonegate_server::operator::{
    AuditChain, AuditSelection, KeyRequest, KeySelection, Operator, UsageRequest,
};

pub(crate) use remote::Remote;

use crate::trouble::Trouble;

/// Somewhere to administer at.
pub(crate) enum Desk {
    Store(Operator),
    Gateway(Box<Remote>),
}

impl Desk {
    /// Leaves a store tidy.
    pub(crate) async fn close(self) {
        match self {
            Desk::Store(operator) => operator.close().await,
            Desk::Gateway(_) => {}
        }
    }

    /// The gateway, for what is done in a caller's own name: a store knows of no caller.
    pub(crate) fn gateway(&self) -> Result<&Remote, Trouble> {
        match self {
            Desk::Gateway(remote) => Ok(remote),
            Desk::Store(_) => Err(Trouble::Wrong(
                "this is done at a gateway, in the name of whoever is signed in there: run `stonegate login`, or name \
                 the gateway by --url"
                    .to_owned(),
            )),
        }
    }
}

/// What can be done at either, a line each.
macro_rules! at_either {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        impl Desk {
            $(pub(crate) async fn $name(&self, $($argument: $kind),*) -> anyhow::Result<$answer> {
                match self {
                    Desk::Store(operator) => operator.$name($($argument),*).await.map_err(Into::into),
                    Desk::Gateway(remote) => remote.$name($($argument),*).await,
                }
            })*
        }
    };
}

at_either! {
    create_key(wanted: &KeyRequest) -> KeyCreated;
    list_keys(selection: &KeySelection) -> Vec<Key>;
    revoke_key(key: &str) -> Key;
    rotate_key(key: &str, overlap_seconds: Option<u64>) -> KeyCreated;
    create_user(wanted: &UserCreate) -> User;
    list_users(tenant: Option<&str>, team: Option<&str>) -> Vec<User>;
    update_user(tenant: Option<&str>, user: &str, wanted: &UserUpdate) -> User;
    reset_totp(tenant: Option<&str>, user: &str, wanted: &TotpReset) -> User;
    create_team(wanted: &TeamCreate) -> Team;
    list_teams(tenant: Option<&str>, is_all: bool) -> Vec<Team>;
    update_team(tenant: Option<&str>, team: &str, wanted: &TeamUpdate) -> Team;
    create_tenant(wanted: &TenantCreate) -> Tenant;
    list_tenants() -> Vec<Tenant>;
    update_tenant(id: &str, wanted: &TenantUpdate) -> Tenant;
    set_budget(wanted: &BudgetCreate) -> Budget;
    list_budgets(account: Option<&str>) -> Vec<Budget>;
    remove_budget(id: &str) -> ();
    adjust_budget(id: &str, wanted: &AdjustmentCreate) -> Budget;
    list_adjustments(budget: Option<&str>, limit: u32) -> Vec<Adjustment>;
    list_events(budget: Option<&str>, account: Option<&str>, after: u64, limit: u32) -> Vec<BudgetEvent>;
    usage(wanted: &UsageRequest) -> Usage;
    list_unresolved(limit: u32) -> Unresolved;
    correct(wanted: &CorrectionCreate) -> Correction;
    list_corrections(limit: u32) -> Vec<Correction>;
    list_audit(wanted: &AuditSelection) -> Vec<AuditEntry>;
    list_charges() -> Vec<Charge>;
    follow_audit(take: &mut dyn FnMut(AuditEntry) -> std::io::Result<()>) -> AuditChain;
    find_charge(id: &str) -> Charge;
    void_charge(id: &str) -> Charge;
}
