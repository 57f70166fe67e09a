//! `GET /v1/models` and `/v1/models/{id}`: the catalog as the caller may see it.
//!
//! Anthropic's list shape when `anthropic-version` is sent, OpenAI's otherwise.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use http::HeaderMap;
use http::request::Parts;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stonegate_catalog::Model;
use stonegate_identity::{Action, Caller, Resource, authorize};
use stonegate_protocol::{Dialect, Problem, ProblemKind};

use crate::app::App;
use crate::call::intake::{Intake, authenticate};
use crate::error;

/// Models on a page where the client does not say; Anthropic's own default.
const PAGE: usize = 20;
/// Most models on a page.
const MOST: usize = 1_000;

/// Anthropic's paging.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Paging {
    limit: Option<usize>,
    after_id: Option<String>,
    before_id: Option<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Entry {
    Anthropic {
        #[serde(rename = "type")]
        kind: &'static str,
        id: String,
        display_name: String,
        created_at: String,
        max_input_tokens: u64,
        max_tokens: u64,
    },
    OpenAi {
        id: String,
        object: &'static str,
        created: i64,
        owned_by: String,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
enum List {
    Anthropic { data: Vec<Entry>, has_more: bool, first_id: Option<String>, last_id: Option<String> },
    OpenAi { object: &'static str, data: Vec<Entry> },
}

/// Whose list shape is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Anthropic,
    OpenAi,
}

/// `GET /v1/models`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    paging: Result<Query<Paging>, axum::extract::rejection::QueryRejection>,
    head: Parts,
) -> Response {
    let intake = Intake::now();
    let paging = paging
        .map(|Query(paging)| paging)
        .map_err(|rejection| Problem::new(ProblemKind::InvalidRequest, rejection.body_text()));
    let answer = async {
        let caller = authenticate(&app, &head, &intake).await?;
        page(&app, &caller, shape(&head.headers), paging?)
    };
    respond(answer.await, &intake, shape(&head.headers))
}

/// `GET /v1/models/{id}`.
pub(crate) async fn show(State(app): State<Arc<App>>, Path(id): Path<String>, head: Parts) -> Response {
    let intake = Intake::now();
    let answer = async {
        let caller = authenticate(&app, &head, &intake).await?;
        let resolved =
            app.catalog.resolve(&id, &app.place).map_err(|unknown| error::unknown_model(&unknown))?;
        see(&caller, &resolved.model)
            .then(|| entry(&resolved.model, shape(&head.headers)))
            .ok_or_else(|| Problem::new(ProblemKind::NotFound, format!("model: {id}")))
    };
    respond(answer.await, &intake, shape(&head.headers))
}

fn respond<T: Serialize>(answer: Result<T, Problem>, intake: &Intake, shape: Shape) -> Response {
    match answer {
        Ok(value) => {
            let mut response = Json(value).into_response();
            error::identify(&mut response, intake.call);
            response
        }
        Err(problem) => {
            let dialect = match shape {
                Shape::Anthropic => Dialect::Anthropic,
                Shape::OpenAi => Dialect::OpenaiChat,
            };
            error::respond(&problem, intake.call, dialect)
        }
    }
}

fn shape(headers: &HeaderMap) -> Shape {
    if headers.contains_key("anthropic-version") { Shape::Anthropic } else { Shape::OpenAi }
}

fn see(caller: &Caller, model: &Model) -> bool {
    authorize(caller, Action::SeeModel, &Resource::Model(&model.id)).is_ok()
}

fn page(app: &App, caller: &Caller, shape: Shape, paging: Paging) -> Result<List, Problem> {
    let offered = |model: &&Arc<Model>| app.catalog.resolve(&model.id, &app.place).is_ok();
    let seen: Vec<&Model> = app
        .catalog
        .models()
        .filter(offered)
        .map(|model| &**model)
        .filter(|model| see(caller, model))
        .collect();
    if shape == Shape::OpenAi {
        let data = seen.into_iter().map(|model| entry(model, shape)).collect();
        return Ok(List::OpenAi { object: "list", data });
    }
    let limit = paging.limit.unwrap_or(PAGE);
    if limit == 0 || limit > MOST {
        let message = format!("limit: must be between 1 and {MOST}");
        return Err(Problem::new(ProblemKind::InvalidRequest, message));
    }
    let at = |id: &str, name: &str| {
        seen.iter().position(|model| *model.id == *id).ok_or_else(|| {
            Problem::new(
                ProblemKind::InvalidRequest,
                format!("{name}: there is no model {id:?} in this list"),
            )
        })
    };
    let after = paging.after_id.as_deref().map(|id| at(id, "after_id")).transpose()?;
    let before = paging.before_id.as_deref().map(|id| at(id, "before_id")).transpose()?;
    let from = after.map_or(0, |index| index + 1);
    let to = before.unwrap_or(seen.len()).max(from);
    let (window, has_more) = match before {
        // Backwards: the page ends just before the id.
        Some(_) if after.is_none() => {
            let start = to.saturating_sub(limit);
            (&seen[start..to], start > 0)
        }
        _ => {
            let end = to.min(from.saturating_add(limit));
            (&seen[from..end], end < to)
        }
    };
    Ok(List::Anthropic {
        first_id: window.first().map(|model| model.id.to_string()),
        last_id: window.last().map(|model| model.id.to_string()),
        data: window.iter().map(|model| entry(model, shape)).collect(),
        has_more,
    })
}

fn entry(model: &Model, shape: Shape) -> Entry {
    match shape {
        Shape::Anthropic => Entry::Anthropic {
            kind: "model",
            id: model.id.to_string(),
            display_name: model.display_name.to_string(),
            created_at: created(model).to_string(),
            max_input_tokens: model.context_window,
            max_tokens: model.max_output_tokens,
        },
        Shape::OpenAi => Entry::OpenAi {
            id: model.id.to_string(),
            object: "model",
            created: created(model).as_second(),
            owned_by: model.family.to_string(),
        },
    }
}

/// The epoch where the date of a model is not known: Anthropic's own list does the same.
fn created(model: &Model) -> Timestamp {
    model.created.unwrap_or(Timestamp::UNIX_EPOCH)
}
