//! Which part of a list, and which things: the parameters that lists share.

use jiff::Timestamp;
use serde::Deserialize;
use stonegate_identity::{
    KeyKind, Reach, TeamId, TenantId, UnknownKind, UserId,
    directory::{Filter, Page, PageRequest},
};
use utoipa::IntoParams;

use crate::admin::Problem;

/// How many things a page has when nobody says otherwise.
const USUAL: u32 = 100;

/// The parameters of lists.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// `next` of the page before.
    pub(crate) after: Option<String>,
    /// How many at most; 100 when absent, 1000 at most.
    #[param(minimum = 1, maximum = 1000)]
    pub(crate) limit: Option<u32>,
    /// Only this tenant's, by its id.
    pub(crate) tenant: Option<String>,
    /// Only this team's, by its id.
    pub(crate) team: Option<String>,
    /// Only this user's, by the user's id.
    pub(crate) user: Option<String>,
    /// Only those with this name.
    pub(crate) name: Option<String>,
    /// Only those that are neither revoked, expired, disabled nor archived.
    pub(crate) active: Option<bool>,
}

impl ListParams {
    pub(crate) fn page(&self) -> Result<PageRequest, Problem> {
        page(self.after.as_deref(), self.limit)
    }

    pub(crate) fn filter(&self, reach: Reach, now: Timestamp) -> Result<Filter, Problem> {
        let tenant = self.tenant.as_deref().map(TenantId::parse).transpose();
        let team = self.team.as_deref().map(TeamId::parse).transpose();
        let user = self.user.as_deref().map(UserId::parse).transpose();
        Ok(Filter {
            reach,
            tenant: tenant.map_err(|bad| Problem::invalid("tenant", bad.to_string()))?,
            team: team.map_err(|bad| Problem::invalid("team", bad.to_string()))?,
            user: user.map_err(|bad| Problem::invalid("user", bad.to_string()))?,
            name: self.name.clone(),
            kind: None,
            in_force_at: self.active.unwrap_or(false).then_some(now),
        })
    }
}

/// The parameters of the list of keys.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct KeyListParams {
    /// `next` of the page before.
    pub(crate) after: Option<String>,
    /// How many at most; 100 when absent, 1000 at most.
    #[param(minimum = 1, maximum = 1000)]
    pub(crate) limit: Option<u32>,
    /// Only this tenant's, by its id.
    pub(crate) tenant: Option<String>,
    /// Only those of this team's users, by its id.
    pub(crate) team: Option<String>,
    /// Only this user's, by the user's id.
    pub(crate) user: Option<String>,
    /// Only those with this name.
    pub(crate) name: Option<String>,
    /// Only those that are neither revoked, expired nor disabled.
    pub(crate) active: Option<bool>,
    /// Keys of which kind: `long_lived` (when absent), `session`, `browser`, `ephemeral`, or `all`.
    pub(crate) kind: Option<String>,
}

impl KeyListParams {
    /// What all lists share, and the kind; `None` for all of them.
    pub(crate) fn split(self) -> Result<(ListParams, Option<KeyKind>), Problem> {
        let Self { after, limit, tenant, team, user, name, active, kind } = self;
        let kind = match kind.as_deref() {
            None => Some(KeyKind::LongLived),
            Some("all") => None,
            Some(word) => Some(
                word.parse()
                    .map_err(|bad: UnknownKind| Problem::invalid("kind", format!("{bad}, or `all`")))?,
            ),
        };
        Ok((ListParams { after, limit, tenant, team, user, name, active }, kind))
    }
}

/// Which part of a list was asked for.
pub(crate) fn page(after: Option<&str>, limit: Option<u32>) -> Result<PageRequest, Problem> {
    let limit = limit.unwrap_or(USUAL);
    if !(1..=PageRequest::MOST).contains(&limit) {
        return Err(Problem::invalid("limit", format!("between 1 and {}", PageRequest::MOST)));
    }
    Ok(PageRequest { after: after.map(str::to_owned), limit })
}

/// A page as the wire has it.
pub(crate) fn shown<T, W>(page: Page<T>, shown: impl Fn(&T) -> W) -> stonegate_api::Page<W> {
    stonegate_api::Page { data: page.items.iter().map(shown).collect(), next: page.next }
}
