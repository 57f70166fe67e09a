//! The calls of Bedrock's control plane that its clients make before they call a model: which models and inference
//! profiles there are, as the caller may see them. And the caller's key in AWS's form.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::header::CACHE_CONTROL;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use stonegate_catalog::{Model, Offer, Use, Via};
use stonegate_identity::{Action, Caller, Resource, authorize};
use stonegate_protocol::traits::Feature;
use stonegate_protocol::{Dialect, Problem, ProblemKind};

use crate::app::App;
use crate::call::authenticate::shown_key;
use crate::call::claim::Claim;
use crate::call::intake::{self, Intake};
use crate::error;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ModelSummaries {
    model_summaries: Vec<ModelSummary>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ModelDetails {
    model_details: ModelSummary,
}

/// botocore's `FoundationModelSummary`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ModelSummary {
    model_arn: String,
    model_id: String,
    model_name: String,
    provider_name: String,
    input_modalities: Vec<&'static str>,
    output_modalities: Vec<&'static str>,
    response_streaming_supported: bool,
    customizations_supported: [&'static str; 0],
    inference_types_supported: Vec<&'static str>,
    model_lifecycle: Lifecycle,
}

#[derive(Serialize)]
struct Lifecycle {
    status: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProfileSummaries {
    inference_profile_summaries: Vec<ProfileSummary>,
}

/// botocore's `InferenceProfileSummary`. The ARNs name no account: it is nobody's business here.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProfileSummary {
    inference_profile_name: String,
    inference_profile_arn: String,
    inference_profile_id: String,
    models: Vec<ProfileModel>,
    status: &'static str,
    r#type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProfileModel {
    model_arn: String,
}

/// What a `credential_process` prints.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials {
    version: u8,
    access_key_id: String,
    secret_access_key: String,
}

/// `GET /foundation-models`.
pub(crate) async fn foundation_models(State(app): State<Arc<App>>, request: Request) -> Response {
    answer(&app, request, |caller, _| {
        Ok(ModelSummaries { model_summaries: seen(&app, caller).map(|model| summary(&app, model)).collect() })
    })
    .await
}

/// `GET /foundation-models/{id}`.
pub(crate) async fn foundation_model(State(app): State<Arc<App>>, request: Request) -> Response {
    answer(&app, request, |caller, id| {
        let found = seen(&app, caller).find(|model| *model.bedrock_id == *id);
        let found = found.ok_or_else(|| nothing("model", id))?;
        Ok(ModelDetails { model_details: summary(&app, found) })
    })
    .await
}

/// `GET /inference-profiles`.
pub(crate) async fn inference_profiles(State(app): State<Arc<App>>, request: Request) -> Response {
    let is_application = request.uri().query().is_some_and(|query| query.contains("type=APPLICATION"));
    answer(&app, request, |caller, _| {
        let all = seen(&app, caller).flat_map(|model| profiles(&app, model));
        let summaries = if is_application { Vec::new() } else { all.collect() };
        Ok(ProfileSummaries { inference_profile_summaries: summaries })
    })
    .await
}

/// `GET /inference-profiles/{id}`.
pub(crate) async fn inference_profile(State(app): State<Arc<App>>, request: Request) -> Response {
    answer(&app, request, |caller, id| {
        let mut all = seen(&app, caller).flat_map(|model| profiles(&app, model));
        let is_it = |profile: &ProfileSummary| {
            profile.inference_profile_id == id || profile.inference_profile_arn == id
        };
        all.find(is_it).ok_or_else(|| nothing("inference profile", id))
    })
    .await
}

/// `GET /bedrock/credentials`: the pair that stands for the key which is shown, for clients that can only sign.
pub(crate) async fn credentials(State(app): State<Arc<App>>, request: Request) -> Response {
    let key = shown_key(request.headers());
    answer(&app, request, |_, _| {
        // A pair is not shown to those who have signed with it: they need the key itself.
        let pair = app.pairs.pair(&key.as_ref().ok_or_else(error::no_key)?.digest());
        Ok(Credentials {
            version: 1,
            access_key_id: pair.access_key_id,
            secret_access_key: pair.secret_access_key,
        })
    })
    .await
}

/// Answers a request without a body; `render` gets the caller and the last segment of the path.
async fn answer<T: Serialize>(
    app: &App,
    request: Request,
    render: impl FnOnce(&Caller, &str) -> Result<T, Problem>,
) -> Response {
    let intake = Intake::now();
    let (head, body) = request.into_parts();
    let answer = async {
        let claim = Claim::read(app, &head, &intake).await?;
        let body = intake::read_body(app, &head.headers, body).await?;
        let caller = claim.prove(app, &head, &body, intake.at)?;
        render(&caller, &last_segment(&head)?)
    };
    match answer.await {
        Ok(value) => {
            // Some of it is secret, and all of it somebody's own: nothing in between keeps it, by whatever header it was asked.
            let mut response = ([(CACHE_CONTROL, "no-store")], Json(value)).into_response();
            error::identify(&mut response, intake.call);
            response
        }
        Err(problem) => error::respond(&problem, intake.call, Dialect::Converse),
    }
}

fn last_segment(head: &Parts) -> Result<String, Problem> {
    let segment = head.uri.path().rsplit('/').next().unwrap_or_default();
    let decoded = percent_decode_str(segment).decode_utf8();
    let decoded =
        decoded.map_err(|_invalid| Problem::new(ProblemKind::InvalidRequest, "the id is no UTF-8"))?;
    Ok(decoded.into_owned())
}

fn nothing(kind: &str, id: &str) -> Problem {
    Problem::new(ProblemKind::NotFound, format!("there is no {kind} {id:?} here"))
}

/// The models that the caller may see and that can be called from here.
fn seen<'a>(app: &'a App, caller: &'a Caller) -> impl Iterator<Item = &'a Model> {
    let may_see = |model: &&Model| authorize(caller, Action::SeeModel, &Resource::Model(&model.id)).is_ok();
    app.catalog
        .models()
        .map(|model| &**model)
        .filter(|model| offers(app, model).next().is_some())
        .filter(may_see)
}

/// How the model is offered on `bedrock-runtime` from here.
fn offers<'a>(app: &'a App, model: &'a Model) -> impl Iterator<Item = &'a Offer> {
    let region = &*app.endpoint.region;
    app.place.doors().filter(|via| *via != Via::Mantle).filter_map(move |via| model.offer(via, region))
}

fn summary(app: &App, model: &Model) -> ModelSummary {
    let has = |feature, modality| model.traits.can(feature).then_some(modality);
    let more = [has(Feature::Images, "IMAGE"), has(Feature::Audio, "SPEECH"), has(Feature::Video, "VIDEO")];
    let is_on_demand = offers(app, model).any(|offer| offer.via == Via::InRegion);
    let is_by_profile = offers(app, model).any(|offer| offer.via != Via::InRegion);
    let kinds = [is_on_demand.then_some("ON_DEMAND"), is_by_profile.then_some("INFERENCE_PROFILE")];
    ModelSummary {
        model_arn: model_arn(app, model),
        model_id: model.bedrock_id.to_string(),
        model_name: model.display_name.to_string(),
        provider_name: maker(&model.family).to_owned(),
        input_modalities: std::iter::once("TEXT").chain(more.into_iter().flatten()).collect(),
        output_modalities: match model.purpose {
            Use::Chat | Use::Rerank | Use::Video => vec!["TEXT"],
            Use::Embedding => vec!["EMBEDDING"],
            Use::Image | Use::ImageEdit => vec!["IMAGE"],
            Use::Realtime => vec!["SPEECH", "TEXT"],
        },
        response_streaming_supported: model.purpose == Use::Chat,
        customizations_supported: [],
        inference_types_supported: kinds.into_iter().flatten().collect(),
        model_lifecycle: Lifecycle { status: if model.retires.is_some() { "LEGACY" } else { "ACTIVE" } },
    }
}

/// Who made a model, as Bedrock's list names them; a family that an operator added goes by its own name.
fn maker(family: &str) -> &str {
    match family {
        "ai21" => "AI21 Labs",
        "amazon" => "Amazon",
        "anthropic" => "Anthropic",
        "cohere" => "Cohere",
        "deepseek" => "DeepSeek",
        "google" => "Google",
        "luma" => "Luma AI",
        "meta" => "Meta",
        "minimax" => "MiniMax",
        "mistral" => "Mistral AI",
        "moonshot" | "moonshotai" => "Moonshot AI",
        "nvidia" => "NVIDIA",
        "openai" => "OpenAI",
        "qwen" => "Qwen",
        "stability" => "Stability AI",
        "twelvelabs" => "TwelveLabs",
        "writer" => "Writer",
        "xai" => "xAI",
        "zai" => "Z.AI",
        other => other,
    }
}

fn profiles<'a>(app: &'a App, model: &'a Model) -> impl Iterator<Item = ProfileSummary> + 'a {
    let by_profile = offers(app, model).filter(|offer| matches!(offer.via, Via::Profile(_)));
    by_profile.map(move |offer| ProfileSummary {
        inference_profile_name: format!("{} ({})", model.display_name, offer.upstream_id),
        inference_profile_arn: format!(
            "arn:aws:bedrock:{}::inference-profile/{}",
            app.endpoint.region, offer.upstream_id
        ),
        inference_profile_id: offer.upstream_id.to_string(),
        models: vec![ProfileModel { model_arn: model_arn(app, model) }],
        status: "ACTIVE",
        r#type: "SYSTEM_DEFINED",
    })
}

fn model_arn(app: &App, model: &Model) -> String {
    format!("arn:aws:bedrock:{}::foundation-model/{}", app.endpoint.region, model.bedrock_id)
}
