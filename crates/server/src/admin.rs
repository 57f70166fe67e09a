//! The admin API: `/admin/v1`. The folder tree is the URL tree.
//!
//! Every handler authenticates by taking a [`Visit`], and asks `identity::authorize` before it touches anything; the
//! table of routes and roles in the tests holds each of them to it.

use std::sync::Arc;

use axum::{Router, extract::DefaultBodyLimit, middleware};
use jiff::Timestamp;
use stonegate_catalog::Calibrations;
use stonegate_ledger::LedgerStore;
use utoipa::OpenApi as _;

use crate::body_time::in_time;
use crate::budgeting::Budgeting;
use crate::directory::DirectoryCache;
use crate::installation::Installation;
use crate::signin::SignIn;

mod body;
mod openapi;
mod problem;
mod v1;
mod visit;
pub(crate) mod wire;

pub use problem::Problem;
pub(crate) use visit::{Visit, accompany};

/// The longest body of an administrative request.
const BODY_MOST: usize = 256 * 1024;

/// Which of the listeners a request came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one that administration goes by.
    Administration,
    /// The public one, where administration has one of its own: everyone is a user there, and sees to nobody else.
    Public,
}

/// What the admin API's handlers see.
#[derive(Clone)]
pub struct AdminState {
    /// Who holds which key; and, behind it, the directory.
    pub keys: Arc<DirectoryCache>,
    /// Budgets and usage.
    pub ledger: Arc<dyn LedgerStore>,
    /// How many long-lived keys a user may have in force.
    pub keys_per_user: u32,
    /// Passwords, and where the gateway is.
    pub sign_in: SignIn,
    /// The clock.
    pub now: fn() -> Timestamp,
    /// What the settings make of this server.
    pub installation: Arc<Installation>,
    /// What calls have taught since it started.
    pub calibrations: Arc<Calibrations>,
    /// Which listener this is for.
    pub side: Side,
}

impl AdminState {
    /// The caller at work on budgets. Whether they may is asked before.
    pub(crate) fn budgeting(&self, visit: &Visit) -> Budgeting<'_> {
        Budgeting { directory: &**self.keys.directory(), ledger: &*self.ledger, act: visit.act() }
    }
}

/// The admin API with its full paths: all of it, or what the public side has.
pub fn router(state: AdminState) -> Router {
    let routes = match state.side {
        Side::Administration => v1::routes(),
        Side::Public => v1::own_routes(),
    };
    let routes = routes
        .fallback(visit::no_such_route)
        .method_not_allowed_fallback(visit::no_such_method)
        .layer(DefaultBodyLimit::max(BODY_MOST))
        .layer(middleware::from_fn_with_state(state.sign_in.settings.body_timeout, in_time))
        .layer(middleware::from_fn_with_state(state.clone(), accompany))
        .with_state(state);
    Router::new().nest("/admin/v1", routes)
}

/// The admin API's OpenAPI document.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn openapi() -> Result<String, serde_json::Error> {
    openapi::Document::openapi().to_pretty_json()
}

#[cfg(test)]
mod tests;
