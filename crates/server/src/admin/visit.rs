//! Who is at the door: the caller of an administrative request, its id and its time.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, OriginalUri, Request, State},
    middleware::Next,
    response::Response,
};
use http::{Method, request::Parts};
use jiff::Timestamp;
use stonegate_identity::{
    Action, Caller, Denied, Permit, Reach, Resource, Role, authorize,
    directory::{Act, Actor},
    reach,
};
use stonegate_ledger::CallId;

use super::{AdminState, Problem, Side};
use crate::{asker::Asker, call::authenticate::shown_key, clock, error};

/// An authenticated administrative request.
pub(crate) struct Visit {
    pub(crate) caller: Arc<Caller>,
    side: Side,
    /// When what the caller came with ends by itself.
    pub(crate) ends_at: Option<Timestamp>,
    pub(crate) call: CallId,
    pub(crate) now: Timestamp,
    asker: Asker,
}

/// Any administrative request, authenticated or not.
#[derive(Clone, Copy)]
pub(super) struct Arrival {
    pub(super) call: CallId,
    pub(super) now: Timestamp,
    pub(super) asker: Asker,
}

/// Gives each request its id and time, and writes them on the answer.
pub(crate) async fn accompany(State(state): State<AdminState>, mut request: Request, next: Next) -> Response {
    let now = (state.now)();
    let call = request.extensions().get().copied().unwrap_or_else(|| clock::call_id(now));
    let asker = request.extensions().get().copied().unwrap_or(Asker(None));
    request.extensions_mut().insert(Arrival { call, now, asker });
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = problem.render(call);
    }
    error::identify(&mut response, call);
    // Answers hold keys and who spent what: nothing in between may keep them.
    response.headers_mut().insert(http::header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    response
}

pub(super) async fn no_such_route(OriginalUri(uri): OriginalUri) -> Problem {
    std::future::ready(Problem::no_such_route(uri.path())).await
}

pub(super) async fn no_such_method(method: Method, OriginalUri(uri): OriginalUri) -> Problem {
    std::future::ready(Problem::no_such_method(&method, uri.path())).await
}

impl FromRequestParts<AdminState> for Arrival {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AdminState) -> Result<Self, Problem> {
        let found = parts.extensions.get().copied();
        std::future::ready(Ok(found.unwrap_or_else(|| {
            let now = (state.now)();
            Self { call: clock::call_id(now), now, asker: Asker(None) }
        })))
        .await
    }
}

impl FromRequestParts<AdminState> for Visit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AdminState) -> Result<Self, Problem> {
        let Arrival { call, now, asker } = Arrival::from_request_parts(parts, state).await?;
        let nobody = || {
            Problem::unauthenticated(
                "send a valid Stonegate key (sk-stone-…) in the header Authorization: Bearer or x-api-key",
            )
        };
        let key = shown_key(&parts.headers).ok_or_else(nobody)?;
        let grant = state.keys.grant(&key.digest(), now).await?.ok_or_else(nobody)?;
        let caller = grant.admit(now).map_err(|refusal| Problem::unauthenticated(refusal.to_string()))?;
        Ok(Self { caller: Arc::clone(caller), side: state.side, ends_at: grant.ends_at(), call, now, asker })
    }
}

impl Visit {
    /// Asks whether the caller may do this to that.
    pub(crate) fn authorize(&self, action: Action, resource: &Resource<'_>) -> Result<Permit, Denied> {
        authorize(&self.acting(), action, resource)
    }

    /// How far the caller gets with this. Asked before anything is looked up, so that a caller without the right learns
    /// nothing of what there is.
    pub(crate) fn reach(&self, action: Action) -> Result<Reach, Problem> {
        Ok(reach(&self.acting(), action)?)
    }

    /// Whose rights count: on the public side, where administration has a listener of its own, everyone is a user.
    fn acting(&self) -> Arc<Caller> {
        match self.side {
            Side::Administration => Arc::clone(&self.caller),
            Side::Public => Arc::new(Caller { role: Role::User, ..(*self.caller).clone() }),
        }
    }

    /// What the audit log is told.
    pub(crate) fn act(&self) -> Act {
        Act {
            by: Actor::User(self.caller.user.clone()),
            at: self.now,
            request_id: Some(self.call.to_string()),
            address: self.asker.0,
        }
    }
}
