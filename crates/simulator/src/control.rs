//! The few calls of the control plane that Bedrock clients make.

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::{
    models::{self, Feature, Model, Task},
    options::Options,
    refusal::Refusal,
};

pub(crate) fn unknown_operation() -> Refusal {
    Refusal::new(404, "UnknownOperationException", "The operation that was called is not known here.")
}

/// Answers a `GET` by the segments of its path.
pub(crate) fn answer(options: &Options, segments: &[&str], query: Option<&str>) -> Result<Value, Refusal> {
    match segments {
        ["foundation-models"] => {
            let models: Vec<Value> = models::all().map(|model| foundation_model(options, model)).collect();
            Ok(json!({ "modelSummaries": models }))
        }
        ["foundation-models", id] => {
            let (model, _) = models::find(id, options)?;
            Ok(json!({ "modelDetails": foundation_model(options, model) }))
        }
        ["inference-profiles"] => Ok(json!({ "inferenceProfileSummaries": profiles(options, query) })),
        ["inference-profiles", id] => {
            let id = percent_decode_str(id).decode_utf8_lossy();
            let of_id = |profile: &Value| {
                [&profile["inferenceProfileId"], &profile["inferenceProfileArn"]]
                    .iter()
                    .any(|known| **known == *id)
            };
            profiles(options, None)
                .into_iter()
                .chain(profiles(options, Some("type=APPLICATION")))
                .find(of_id)
                .ok_or_else(|| Refusal::not_found("The inference profile was not found."))
        }
        _ => Err(unknown_operation()),
    }
}

fn model_arn(options: &Options, model: &Model) -> String {
    format!("arn:aws:bedrock:{}::foundation-model/{}", options.region, model.id)
}

fn foundation_model(options: &Options, model: &Model) -> Value {
    let mut inputs = vec!["TEXT"];
    let of_claude = model.claude().map(|_| "IMAGE");
    let media = [(Feature::Images, "IMAGE"), (Feature::Video, "VIDEO"), (Feature::Audio, "SPEECH")];
    inputs.extend(of_claude);
    inputs.extend(media.into_iter().filter(|(feature, _)| model.can(*feature)).map(|(_, name)| name));
    let output = match model.task() {
        None | Some(Task::Rerank(_)) => "TEXT",
        Some(Task::Embed(_)) => "EMBEDDING",
        Some(Task::Paint(_)) => "IMAGE",
    };
    let mut types = Vec::new();
    if !model.needs_profile {
        types.push("ON_DEMAND");
    }
    if !model.profiles.is_empty() {
        types.push("INFERENCE_PROFILE");
    }
    json!({
        "modelArn": model_arn(options, model), "modelId": model.id, "modelName": model.display_name,
        "providerName": model.maker, "inputModalities": inputs, "outputModalities": [output],
        "responseStreamingSupported": model.task().is_none(), "customizationsSupported": [],
        "inferenceTypesSupported": types, "modelLifecycle": { "status": "ACTIVE" },
    })
}

fn profiles(options: &Options, query: Option<&str>) -> Vec<Value> {
    let is_application = query
        .unwrap_or_default()
        .split('&')
        .any(|pair| matches!(pair, "type=APPLICATION" | "typeEquals=APPLICATION"));
    if is_application {
        return options
            .application_profiles
            .iter()
            .map(|(id, model)| application_profile(options, id, model))
            .collect();
    }
    models::profiles(&options.region)
        .map(|(id, model)| {
            let arn =
                format!("arn:aws:bedrock:{}:{}:inference-profile/{id}", options.region, options.account);
            profile(&id, &arn, model.display_name, &model_arn(options, model), "SYSTEM_DEFINED")
        })
        .collect()
}

fn application_profile(options: &Options, id: &str, model: &str) -> Value {
    let arn =
        format!("arn:aws:bedrock:{}:{}:application-inference-profile/{id}", options.region, options.account);
    let model = format!("arn:aws:bedrock:{}::foundation-model/{model}", options.region);
    profile(id, &arn, id, &model, "APPLICATION")
}

fn profile(id: &str, arn: &str, name: &str, model_arn: &str, kind: &str) -> Value {
    json!({
        "inferenceProfileName": name, "description": format!("Routes requests to {name}."),
        "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z", "inferenceProfileArn": arn,
        "models": [{ "modelArn": model_arn }], "inferenceProfileId": id, "status": "ACTIVE", "type": kind,
    })
}
