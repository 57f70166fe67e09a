//! The admin API's document: what is there, made from the handlers themselves.

use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use super::v1;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Stonegate admin API",
        description = "Keys, users, tenants, budgets and usage of a Stonegate gateway.",
        version = "1",
    ),
    security(("key" = [])),
    modifiers(&Keys),
    paths(
        v1::audit::audit,
        v1::bootstrap::bootstrap,
        v1::whoami::whoami,
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
        v1::charges::show::show,
        v1::charges::end::capture,
        v1::charges::end::void,
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
