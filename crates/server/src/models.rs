//! `GET /v1/models` and `/v1/models/{id}`: the catalog as the caller may see it.
//!
//! Anthropic's list shape when `anthropic-version` is sent, OpenAI's otherwise. Claude's models stand first and newest
//! first, as in Anthropic's own list; the other makers follow by name.

use std::cmp::Reverse;
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
    /// Read by hand: what is no number is refused in the words of the limit.
    limit: Option<String>,
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
    let mut seen: Vec<&Model> = app
        .catalog
        .models()
        .filter(offered)
        .map(|model| &**model)
        .filter(|model| see(caller, model))
        .collect();
    seen.sort_by_cached_key(|model| rank(model));
    if shape == Shape::OpenAi {
        let data = seen.into_iter().map(|model| entry(model, shape)).collect();
        return Ok(List::OpenAi { object: "list", data });
    }
    let limit = match paging.limit.as_deref().map(str::parse) {
        None => PAGE,
        Some(Ok(limit)) if (1..=MOST).contains(&limit) => limit,
        Some(_) => {
            let message = format!("limit: must be a number between 1 and {MOST}");
            return Err(Problem::new(ProblemKind::InvalidRequest, message));
        }
    };
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

/// Where a model stands in the list: Claude's before those of other makers, then each maker's highest version first. Most
/// models, the newest among them, come without a date; where there is one, versions and dates agree.
fn rank(model: &Model) -> impl Ord + use<> {
    let is_other = &*model.family != "anthropic";
    let version = version(&model.id);
    (is_other, Arc::clone(&model.family), Reverse(version), Reverse(model.created), Arc::clone(&model.id))
}

/// The version in a model's id: `[5, 5]` of `claude-sonnet-5-5`, `[3, 2]` of `deepseek-v3.2`, `[3, 1]` of
/// `llama3-1-70b-instruct`. Not sizes (`70b`), months (`2402`) and days (`20240620`). Empty where there is none.
fn version(id: &str) -> Vec<u16> {
    let of_part = |part: &str| {
        let digits = part.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
        let number = digits.parse::<u16>().ok().filter(|number| *number < 1_000)?;
        Some((number, digits.len() == part.len()))
    };
    let mut version = Vec::new();
    for part in id.split(['-', '.']) {
        match of_part(part) {
            Some((number, is_bare)) if version.is_empty() || is_bare => version.push(number),
            None if version.is_empty() => {}
            Some(_) | None => break,
        }
    }
    version
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_what_the_name_says_of_it() {
        for (id, expected) in [
            ("claude-sonnet-5-5", &[5, 5][..]),
            ("claude-3-5-sonnet-20241022", &[3, 5]),
            ("claude-opus-5", &[5]),
            ("claude-instant-v1", &[1]),
            ("claude-mythos-preview", &[]),
            ("deepseek-v3.2", &[3, 2]),
            ("gpt-6.1-sol", &[6, 1]),
            ("gpt-oss-120b", &[]),
            ("llama3-1-70b-instruct", &[3, 1]),
            ("mistral-large-2402", &[]),
            ("qwen3-235b-a22b-2507", &[3]),
            ("", &[]),
            ("-99999999999999999999-é", &[]),
        ] {
            assert_eq!(version(id), expected, "{id}");
        }
    }
}
