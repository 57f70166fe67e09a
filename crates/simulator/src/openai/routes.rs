//! Which model is served on which of the paths.

use crate::{
    dialect::Door,
    models::{self, Chat, Model, Route},
    options::Options,
    reception::Arrived,
    refusal::Refusal,
};

use super::invalid;

/// Which of OpenAI's APIs a path is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Api {
    Chat,
    Responses,
}

impl Api {
    fn path(self) -> &'static str {
        match self {
            Api::Chat => "/v1/chat/completions",
            Api::Responses => "/v1/responses",
        }
    }

    /// The routes of this API on mantle: that of `/v1` and that of `/openai/v1`.
    fn on_mantle(self) -> (Route, Route) {
        match self {
            Api::Chat => (Route::MantleChat, Route::MantleOpenAiChat),
            Api::Responses => (Route::MantleResponses, Route::MantleOpenAiResponses),
        }
    }
}

/// Whether a model has any of OpenAI's APIs on the runtime.
pub(super) fn on_runtime(chat: &Chat) -> bool {
    chat.routes.iter().any(|route| matches!(route, Route::RuntimeChat | Route::RuntimeResponses))
}

/// Finds the model that a body names, if it is served on this path.
pub(super) fn find(
    options: &Options,
    call: Arrived<'_>,
    api: Api,
    name: &str,
) -> Result<(&'static Model, &'static Chat), Refusal> {
    match call.door {
        Door::Runtime => of_runtime(options, api, name),
        Door::Mantle => of_mantle(call.parts.uri.path(), api, name),
    }
}

fn unknown(name: &str) -> Refusal {
    let mut refusal =
        Refusal::not_found(format!("The model '{name}' does not exist or you do not have access to it."));
    refusal.details.insert("code".to_owned(), "model_not_found".into());
    refusal.details.insert("type".to_owned(), "invalid_request_error".into());
    refusal
}

fn without_api(name: &str, api: Api) -> Refusal {
    invalid("model", format!("The model '{name}' does not support the '{}' API", api.path()))
}

fn of_runtime(options: &Options, api: Api, name: &str) -> Result<(&'static Model, &'static Chat), Refusal> {
    models::find(name, options).map_err(|_refusal| unknown(name))?;
    let model = models::find_to_run(name, options)?;
    let route = match api {
        Api::Chat => Route::RuntimeChat,
        Api::Responses => Route::RuntimeResponses,
    };
    let chat = model.chat().filter(|chat| chat.routes.contains(&route));
    chat.map(|chat| (model, chat)).ok_or_else(|| without_api(name, api))
}

fn of_mantle(path: &str, api: Api, name: &str) -> Result<(&'static Model, &'static Chat), Refusal> {
    let is_known = |model: &&'static Model| match model.chat() {
        Some(chat) => chat.mantle_id == name,
        None => model.claude().is_some() && model.id == name,
    };
    let model = models::all().find(is_known).ok_or_else(|| unknown(name))?;
    let Some(chat) = model.chat() else { return Err(without_api(name, api)) };
    let (plain, openai) = api.on_mantle();
    let (wanted, other) = if path.starts_with("/openai/") { (openai, plain) } else { (plain, openai) };
    if chat.routes.contains(&wanted) {
        return Ok((model, chat));
    }
    if chat.routes.contains(&other) {
        return Err(invalid("model", format!("model `{name}` isn't supported on this route")));
    }
    Err(without_api(name, api))
}
