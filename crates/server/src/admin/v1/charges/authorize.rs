//! `POST /admin/v1/charges`

use axum::{Json, extract::State};
use http::{HeaderMap, StatusCode};
use stonegate_api::{Charge, ChargeCreate, Problem as ProblemReply};
use stonegate_identity::Action;
use stonegate_ledger::{Authorization, Authorized, ChargeState, Counter, Tags};

use crate::{
    admin::{AdminState, Problem, Visit, body::Body, wire},
    call::{admit::path_of, origin},
};

/// Holds credit on the budgets of the caller's key, user, team and tenant, on all or on none. With the same
/// `Idempotency-Key` it is the same charge.
#[utoipa::path(
    post, path = "/admin/v1/charges", tag = "charges",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "The caller's own name for the charge"),
        ("x-stonegate-tags" = Option<String>, Header, description = "Tags for the reports: `NAME=VALUE`, with commas between"),
    ),
    request_body = ChargeCreate,
    responses(
        (status = 201, body = Charge), (status = 400, body = ProblemReply), (status = 401, body = ProblemReply),
        (status = 402, body = ProblemReply), (status = 403, body = ProblemReply), (status = 409, body = ProblemReply),
    ),
)]
pub(crate) async fn authorize(
    State(state): State<AdminState>,
    visit: Visit,
    headers: HeaderMap,
    Body(create): Body<ChargeCreate>,
) -> Result<(StatusCode, Json<Charge>), Problem> {
    visit.reach(Action::MakeCharges)?;
    let key = match headers.get("idempotency-key") {
        Some(value) => {
            let readable = value.to_str().map_err(|_bytes| {
                Problem::invalid("idempotency-key", "an Idempotency-Key has visible ASCII characters")
            })?;
            Some(readable)
        }
        None => None,
    };
    let of_key = Tags::from_kept(visit.caller.tags.clone());
    let tags =
        origin::tags(&headers, &of_key).map_err(|wrong| Problem::invalid(origin::TAGS, wrong.to_string()))?;
    let path = path_of(&visit.caller);
    let wanted = wire::charges::wanted(&create, (path, tags), key, (visit.call, visit.now))?;
    let mut answer = state.ledger.authorize(wanted.clone()).await?;
    if let Authorized::Short { may_improve: true, .. } = answer {
        // Nobody waits for it any longer. Should all of it have come by now, it is held all the same.
        let last = Authorization { waits_until: wanted.at, ..wanted.clone() };
        answer = state.ledger.authorize(last).await?;
    }
    match answer {
        Authorized::Charge(charge) => match conflict(&charge, &wanted) {
            Some(message) => Err(Problem::conflict("idempotency-key", message)),
            None => Ok((StatusCode::CREATED, Json(wire::charges::shown(&charge)))),
        },
        Authorized::Short { counters, .. } => Err(short(&counters)),
    }
}

/// Why the charge of this key is not what its caller asks for.
fn conflict(charge: &stonegate_ledger::Charge, wanted: &Authorization) -> Option<String> {
    let id = charge.id();
    if charge.request != wanted.request {
        return Some(format!("this Idempotency-Key is that of another charge, {id}"));
    }
    match charge.state {
        ChargeState::Waiting | ChargeState::Held | ChargeState::Captured => None,
        ended @ (ChargeState::Voided | ChargeState::Expired) => Some(format!(
            "charge {id} of this Idempotency-Key is {ended}; take another key for another charge"
        )),
    }
}

/// Names the budgets, and nothing of how they stand: others may spend on them, too.
fn short(counters: &[Counter]) -> Problem {
    let names: Vec<_> = counters.iter().map(ToString::to_string).collect();
    Problem::short_of_budget(format!(
        "not covered by {}; ask for less, or wait until it renews",
        names.join(", ")
    ))
}
