//! `/admin/v1/charges`

use stonegate_identity::Action;
use stonegate_ledger::{Charge, ChargeId};

use crate::admin::{AdminState, Problem, Visit};

pub(crate) mod authorize;
pub(crate) mod end;
pub(crate) mod list;
pub(crate) mod show;

/// A charge of the caller's own. Of another's nobody learns that there is one.
async fn own(state: &AdminState, visit: &Visit, id: &str) -> Result<Charge, Problem> {
    visit.reach(Action::MakeCharges)?;
    let missing = || Problem::not_found("charge", id);
    let id: ChargeId = id.parse().map_err(|_unknown| missing())?;
    let found = state.ledger.find_charge(id).await?;
    found.filter(|charge| **charge.record.path.user() == *visit.caller.user.to_arc()).ok_or_else(missing)
}
