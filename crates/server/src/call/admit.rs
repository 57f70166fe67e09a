//! Which model, and whether this caller may use it.

use std::sync::Arc;

use stonegate_catalog::{Billing, Resolved};
use stonegate_identity::{Action, Caller, Permit, Resource, authorize};
use stonegate_ledger::{AccountId, AccountKind, AccountPath};
use stonegate_protocol::{Dialect, Door, Inbound, Problem};

use crate::app::App;
use crate::error;

/// A model and the accounts of a caller who may use it. Only [`admit`] makes one.
pub(crate) struct Admission {
    resolved: Resolved,
    client: Dialect,
    /// Which of the model's APIs for that dialect.
    chosen: usize,
    path: AccountPath,
    user_name: Arc<str>,
    team_name: Option<Arc<str>>,
    key_name: Option<Arc<str>>,
    _permit: Permit,
}

impl Admission {
    pub(crate) fn resolved(&self) -> &Resolved {
        &self.resolved
    }

    /// The API that the model is called by.
    pub(crate) fn door(&self) -> Result<Door<'_>, Problem> {
        let wrong = || error::wrong_dialect(&self.resolved.model.id, self.client);
        self.resolved.doors(self.client).nth(self.chosen).ok_or_else(wrong)
    }

    /// One of the caller's accounts as the caller knows it, and as the command line takes it: `user:ann`.
    pub(crate) fn name_of(&self, account: &AccountId) -> String {
        let name = match account.kind {
            AccountKind::User => &*self.user_name,
            AccountKind::Key => self.key_name.as_deref().unwrap_or(&account.id),
            AccountKind::Team => self.team_name.as_deref().unwrap_or(&account.id),
            AccountKind::Tenant => &*account.id,
        };
        format!("{}:{name}", account.kind)
    }

    /// The accounts that the call is charged to.
    pub(crate) fn path(&self) -> &AccountPath {
        &self.path
    }

    /// The same for a request that is no conversation, billed by the first of these that the model has.
    pub(crate) fn for_task(
        app: &App,
        caller: &Caller,
        action: Action,
        model: &str,
        billings: &[Billing],
    ) -> Result<(Admission, Billing), Problem> {
        let resolve = |billing: &Billing| {
            let resolved = app.catalog.resolve_billed(model, &app.place, *billing);
            resolved.map(|resolved| (resolved, *billing))
        };
        let first = billings.first().copied().unwrap_or(Billing::Tokens);
        let resolved =
            billings.iter().find_map(|billing| resolve(billing).ok()).map_or_else(|| resolve(&first), Ok);
        let (resolved, billing) = resolved.map_err(|unknown| error::unknown_model(&unknown))?;
        let client = Dialect::BedrockNative;
        let invoke = resolved.doors(client).position(|door| door == Door::INVOKE);
        let chosen = invoke.ok_or_else(|| error::wrong_dialect(&resolved.model.id, client))?;
        Ok((grant(caller, action, resolved, (client, chosen))?, billing))
    }
}

/// Resolves the model's name and asks whether the caller may use it.
pub(crate) fn admit(
    app: &App,
    caller: &Caller,
    action: Action,
    inbound: &dyn Inbound,
) -> Result<Admission, Problem> {
    let resolved =
        app.catalog.resolve(inbound.model(), &app.place).map_err(|unknown| error::unknown_model(&unknown))?;
    let client = inbound.dialect();
    // The first that serves all that is asked for; where none does, the first says what it cannot do.
    let traits = &resolved.model.traits;
    let chosen = resolved.doors(client).position(|door| inbound.fits(door, traits)).unwrap_or(0);
    grant(caller, action, resolved, (client, chosen))
}

/// Who pays for what a caller does.
pub(crate) fn path_of(caller: &Caller) -> AccountPath {
    AccountPath::new(
        caller.tenant.to_arc(),
        caller.team.as_ref().map(|team| team.to_arc()),
        caller.user.to_arc(),
        caller.payer.as_ref().map(|payer| payer.id.to_arc()),
    )
}

fn grant(
    caller: &Caller,
    action: Action,
    resolved: Resolved,
    (client, chosen): (Dialect, usize),
) -> Result<Admission, Problem> {
    let permit = authorize(caller, action, &Resource::Model(&resolved.model.id))
        .map_err(|denied| error::denied(&denied))?;
    let path = path_of(caller);
    let admission = Admission {
        resolved,
        client,
        chosen,
        path,
        user_name: Arc::clone(&caller.user_name),
        team_name: caller.team_name.clone(),
        key_name: caller.payer.as_ref().map(|payer| Arc::clone(&payer.name)),
        _permit: permit,
    };
    // Known before any money is held.
    admission.door()?;
    Ok(admission)
}
