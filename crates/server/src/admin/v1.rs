//! `/admin/v1`: every route, on one page.

use axum::{
    Router,
    routing::{delete, get, post},
};

use super::AdminState;

pub(super) mod audit;
pub(super) mod bootstrap;
pub(super) mod budgets;
pub(super) mod charges;
pub(super) mod installation;
pub(super) mod keys;
pub(super) mod list;
pub(super) mod sign_in_links;
pub(super) mod teams;
pub(super) mod tenants;
pub(super) mod usage;
pub(super) mod users;
pub(super) mod whoami;

/// What everyone needs for themselves.
pub(super) fn own_routes() -> Router<AdminState> {
    Router::new()
        .route("/whoami", get(whoami::whoami))
        .route("/keys/ephemeral", post(keys::ephemeral::ephemeral))
        .route("/keys/{id}/renew", post(keys::renew::renew))
        .route("/sign-in-links", post(sign_in_links::create))
        .route("/usage", get(usage::usage))
}

pub(super) fn routes() -> Router<AdminState> {
    Router::new()
        .route("/audit", get(audit::audit))
        .route("/audit/chain", get(audit::chain))
        .route("/bootstrap", post(bootstrap::bootstrap))
        .route("/whoami", get(whoami::whoami))
        .route("/sign-in-links", post(sign_in_links::create))
        .route("/keys", get(keys::list::list).post(keys::create::create))
        .route("/keys/ephemeral", post(keys::ephemeral::ephemeral))
        .route("/keys/{id}", get(keys::show::show))
        .route("/keys/{id}/renew", post(keys::renew::renew))
        .route("/keys/{id}/revoke", post(keys::revoke::revoke))
        .route("/keys/{id}/rotate", post(keys::rotate::rotate))
        .route("/users", get(users::list::list).post(users::create::create))
        .route("/users/{id}", get(users::show::show).patch(users::update::update))
        .route("/users/{id}/password-link", post(users::password_link::password_link))
        .route("/users/{id}/totp-reset", post(users::totp_reset::totp_reset))
        .route("/teams", get(teams::list::list).post(teams::create::create))
        .route("/teams/{id}", get(teams::show::show).patch(teams::update::update))
        .route("/tenants", get(tenants::list::list).post(tenants::create::create))
        .route("/tenants/{id}", get(tenants::show::show).patch(tenants::update::update))
        .route("/budgets", get(budgets::list::list).post(budgets::create::create))
        .route("/budgets/{id}", delete(budgets::remove::remove))
        .route("/budgets/{id}/adjustments", get(budgets::adjust::list).post(budgets::adjust::adjust))
        .route("/budget-events", get(budgets::events::list))
        .route("/charges", get(charges::list::list).post(charges::authorize::authorize))
        .route("/charges/{id}", get(charges::show::show))
        .route("/charges/{id}/capture", post(charges::end::capture))
        .route("/charges/{id}/void", post(charges::end::void))
        .route("/trust", get(installation::trust))
        .route("/endpoints", get(installation::endpoints))
        .route("/models", get(installation::models))
        .route("/usage", get(usage::usage))
        .route("/usage/unresolved", get(usage::unresolved::list))
        .route("/usage/corrections", get(usage::correct::list).post(usage::correct::correct))
}
