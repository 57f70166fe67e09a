//! SCIM 2.0 (RFC 7643, 7644): an identity provider makes, changes and, above all, takes away users of one tenant.
//!
//! A provider comes with a key that has the scope `scim:write`; the key's tenant is the one that it provisions. What it says
//! of people and groups is written down as it says it (`identity::provisioning`), and then the directory follows
//! (`signin::settle`): who may come in, in which role and team.

use std::collections::HashMap;

use axum::extract::{DefaultBodyLimit, FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::routing::{get, post};
use axum::{Router, middleware};
use stonegate_identity::provisioning::{Provisioned, ProvisionedKind};
use stonegate_identity::ticket::Version;
use stonegate_identity::{Action, Resource, TenantId};

use crate::admin::{AdminState, Visit, accompany};

mod document;
mod filter;
mod groups;
mod list;
mod patch;
mod path;
mod person;
mod reply;
mod schemas;
mod takeover;
mod users;

pub(crate) use groups::name_of;
pub(crate) use person::Person;

use reply::Refused;

/// The longest body: a group of some ten thousand people in one piece.
const BODY_MOST: usize = 1024 * 1024;
/// How often something is tried that others change at the same moment.
const TRIES: usize = 10;

/// Every route, with its full path.
pub(crate) fn router(state: AdminState) -> Router {
    let routes = Router::new()
        .route("/Users", get(list::list_of::<Users>).post(users::create))
        .route("/.search", post(list::search_all))
        .route("/Users/.search", post(list::search_of::<Users>))
        .route("/Groups/.search", post(list::search_of::<Groups>))
        .route(
            "/Users/{id}",
            get(list::show_of::<Users>).put(users::replace).patch(users::patch).delete(users::remove),
        )
        .route("/Groups", get(list::list_of::<Groups>).post(groups::create))
        .route(
            "/Groups/{id}",
            get(list::show_of::<Groups>).put(groups::replace).patch(groups::patch).delete(groups::remove),
        )
        .route("/ServiceProviderConfig", get(schemas::service_provider_config))
        .route("/ResourceTypes", get(schemas::resource_types))
        .route("/ResourceTypes/{id}", get(schemas::resource_type))
        .route("/Schemas", get(schemas::schemas))
        .route("/Schemas/{id}", get(schemas::schema))
        .fallback(reply::nowhere)
        .method_not_allowed_fallback(reply::wrong_method)
        .layer(DefaultBodyLimit::max(BODY_MOST))
        .layer(middleware::from_fn_with_state(state.clone(), accompany))
        .with_state(state);
    Router::new().nest("/scim/v2", routes)
}

/// What the resources at a path are.
trait Resources {
    const KIND: ProvisionedKind;
}

struct Users;

impl Resources for Users {
    const KIND: ProvisionedKind = ProvisionedKind::User;
}

struct Groups;

impl Resources for Groups {
    const KIND: ProvisionedKind = ProvisionedKind::Group;
}

/// A provider that may provision its tenant.
struct Provisioner {
    visit: Visit,
    /// The gateway's address; empty where that is not known.
    base: String,
}

impl Provisioner {
    fn tenant(&self) -> &TenantId {
        &self.visit.caller.tenant
    }

    /// The address of something that is served here.
    fn address(&self, path: &str) -> String {
        format!("{}/scim/v2/{path}", self.base)
    }

    /// The address of a resource.
    fn location(&self, kind: &str, id: &str) -> String {
        self.address(&format!("{kind}/{id}"))
    }

    /// What is kept of one, if it is of this provider's tenant.
    async fn kept(
        &self,
        state: &AdminState,
        kind: ProvisionedKind,
        id: &str,
    ) -> Result<(Provisioned, Version), Refused> {
        // A database may not even take such a text.
        if id.contains(char::is_control) {
            return Err(Refused::not_found(kind.as_str(), &id.escape_debug().to_string()));
        }
        let found = state.sign_in.provisioning.find(self.tenant(), kind, id).await?;
        found.ok_or_else(|| Refused::not_found(kind.as_str(), id))
    }
}

impl FromRequestParts<AdminState> for Provisioner {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &AdminState) -> Result<Self, Refused> {
        let visit = Visit::from_request_parts(parts, state).await?;
        let _permit = visit
            .authorize(Action::Provision, &Resource::Tenant(&visit.caller.tenant))
            .map_err(crate::admin::Problem::from)?;
        let uri = parts.extensions.get().map_or(&parts.uri, |OriginalUri(uri)| uri);
        let base = state.sign_in.base(&parts.headers, uri);
        Ok(Self { visit, base: base.map_or_else(String::new, |base| base.as_str().to_owned()) })
    }
}

/// The parameters of a request.
type Query = axum::extract::Query<HashMap<String, String>>;
