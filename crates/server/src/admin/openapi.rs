//! The admin API's document: what is there, made from the handlers themselves.

use std::collections::BTreeSet;

use stonegate_api::Problem;
use utoipa::{
    Modify, OpenApi, ToSchema as _,
    openapi::{
        Content, Ref, RefOr, Required, Response, ResponseBuilder, Schema,
        path::{Operation, PathItem},
        request_body::RequestBody,
        schema::Components,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use super::v1;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Stonegate admin API",
        description = "Keys, users, teams, tenants, budgets and usage of a Stonegate gateway.",
        version = "1",
    ),
    security(("key" = [])),
    modifiers(&Keys, &Everywhere),
    components(schemas(v1::usage::Format)),
    paths(
        v1::audit::audit,
        v1::audit::chain,
        v1::bootstrap::bootstrap,
        v1::whoami::whoami,
        v1::sign_in_links::create,
        v1::keys::list::list,
        v1::keys::create::create,
        v1::keys::ephemeral::ephemeral,
        v1::keys::renew::renew,
        v1::keys::show::show,
        v1::keys::revoke::revoke,
        v1::keys::rotate::rotate,
        v1::users::list::list,
        v1::users::create::create,
        v1::users::show::show,
        v1::users::update::update,
        v1::users::password_link::password_link,
        v1::users::totp_reset::totp_reset,
        v1::teams::list::list,
        v1::teams::create::create,
        v1::teams::show::show,
        v1::teams::update::update,
        v1::tenants::list::list,
        v1::tenants::create::create,
        v1::tenants::show::show,
        v1::tenants::update::update,
        v1::budgets::list::list,
        v1::budgets::create::create,
        v1::budgets::remove::remove,
        v1::budgets::adjust::adjust,
        v1::budgets::adjust::list,
        v1::budgets::events::list,
        v1::charges::authorize::authorize,
        v1::charges::list::list,
        v1::charges::show::show,
        v1::charges::end::capture,
        v1::charges::end::void,
        v1::installation::trust,
        v1::installation::endpoints,
        v1::installation::models,
        v1::usage::usage,
        v1::usage::unresolved::list,
        v1::usage::correct::correct,
        v1::usage::correct::list,
    ),
)]
pub(super) struct Document;

struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A Stonegate key, sk-stone-…; the header x-api-key is taken, too"))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("key", SecurityScheme::Http(bearer));
    }
}

/// What holds for every operation, so that no handler need say it.
struct Everywhere;

impl Modify for Everywhere {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let free = document.components.as_ref().map(without_required).unwrap_or_default();
        for operation in document.paths.paths.values_mut().flat_map(operations) {
            let mut answer = |status: &str, description: &str| {
                operation.responses.responses.insert(status.to_owned(), RefOr::T(problem(description)));
            };
            answer("503", "The store does not answer; try again in a moment");
            if operation.request_body.is_some() {
                answer("413", "The body is too long");
            }
            // An empty body counts as `{}`.
            if let Some(RefOr::T(body)) = &mut operation.request_body
                && names_one_of(body, &free)
            {
                body.required = Some(Required::False);
            }
        }
    }
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = path;
    [get, put, post, delete, patch].into_iter().filter_map(Option::as_mut)
}

fn problem(description: &str) -> Response {
    let body = Content::new(Some(Ref::from_schema_name(Problem::name())));
    ResponseBuilder::new().description(description).content("application/json", body).build()
}

/// The names of all schemas of objects that need no member.
fn without_required(components: &Components) -> BTreeSet<String> {
    let is_free = |schema: &RefOr<Schema>| match schema {
        RefOr::T(Schema::Object(object)) => object.required.is_empty(),
        _ => false,
    };
    components.schemas.iter().filter(|(_, schema)| is_free(schema)).map(|(name, _)| name.clone()).collect()
}

fn names_one_of(body: &RequestBody, names: &BTreeSet<String>) -> bool {
    body.content.values().any(|content| match content {
        RefOr::T(Content { schema: Some(RefOr::Ref(to)), .. }) => {
            to.ref_location.rsplit('/').next().is_some_and(|name| names.contains(name))
        }
        _ => false,
    })
}
