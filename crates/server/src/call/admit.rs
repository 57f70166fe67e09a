//! Which model, and whether this caller may use it.

use stonegate_catalog::Resolved;
use stonegate_identity::{Action, Caller, Permit, Resource, authorize};
use stonegate_ledger::AccountPath;
use stonegate_protocol::{Dialect, Problem};

use crate::app::App;
use crate::error;

/// A model and the accounts of a caller who may use it. Only [`admit`] makes one.
pub(crate) struct Admission {
    resolved: Resolved,
    path: AccountPath,
    _permit: Permit,
}

impl Admission {
    pub(crate) fn resolved(&self) -> &Resolved {
        &self.resolved
    }

    /// The accounts that the call is charged to.
    pub(crate) fn path(&self) -> &AccountPath {
        &self.path
    }
}

/// Resolves the model's name and asks whether the caller may use it.
pub(crate) fn admit(app: &App, caller: &Caller, action: Action, model: &str) -> Result<Admission, Problem> {
    let resolved =
        app.catalog.resolve(model, &app.place).map_err(|unknown| error::unknown_model(&unknown))?;
    if !resolved.model.dialects.contains(&Dialect::Anthropic) {
        return Err(error::wrong_dialect(&resolved.model.id));
    }
    let permit = authorize(caller, action, &Resource::Model(&resolved.model.id))
        .map_err(|denied| error::denied(&denied))?;
    let path = AccountPath::new(
        caller.tenant.to_arc(),
        caller.team.as_ref().map(|team| team.to_arc()),
        caller.user.to_arc(),
        caller.key.as_ref().map(|key| key.to_arc()),
    );
    Ok(Admission { resolved, path, _permit: permit })
}
