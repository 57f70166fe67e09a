//! What a list is narrowed to, as parameters that are null where they narrow nothing.

use stonegate_identity::{
    KeyKind, Reach,
    directory::{Filter, Page, PageRequest},
};

use super::row::stored_time;

/// The parameters of every list.
pub(crate) struct Narrowed {
    /// Both tenants that the thing has to belong to: by the asker's reach, and by the asker's wish. So with the team.
    pub(crate) reach_tenant: Option<String>,
    pub(crate) reach_team: Option<String>,
    pub(crate) reach_user: Option<String>,
    pub(crate) tenant: Option<String>,
    pub(crate) team: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) kind: Option<&'static str>,
    pub(crate) in_force_at: Option<i64>,
    pub(crate) after: Option<String>,
    /// One more than asked for: its presence tells that there is another page.
    pub(crate) limit: i64,
}

impl Narrowed {
    pub(crate) fn of(filter: &Filter, page: &PageRequest) -> Self {
        let (reach_tenant, reach_team, reach_user) = match &filter.reach {
            Reach::Everything => (None, None, None),
            Reach::Tenant(tenant) => (Some(tenant.to_string()), None, None),
            Reach::Team(tenant, team) => (Some(tenant.to_string()), Some(team.to_string()), None),
            Reach::Own(user) => (None, None, Some(user.to_string())),
        };
        Self {
            reach_tenant,
            reach_team,
            reach_user,
            tenant: filter.tenant.as_ref().map(ToString::to_string),
            team: filter.team.as_ref().map(ToString::to_string),
            user: filter.user.as_ref().map(ToString::to_string),
            name: filter.name.clone(),
            kind: filter.kind.map(KeyKind::as_str),
            in_force_at: filter.in_force_at.map(stored_time),
            after: page.after.clone(),
            limit: i64::from(size(page)) + 1,
        }
    }
}

fn size(page: &PageRequest) -> u32 {
    page.limit.clamp(1, PageRequest::MOST)
}

/// A page of what was read with one more than asked for.
pub(crate) fn paged<T>(mut items: Vec<T>, page: &PageRequest, cursor: impl Fn(&T) -> String) -> Page<T> {
    let most = usize::try_from(size(page)).unwrap_or(usize::MAX);
    let has_more = items.len() > most;
    items.truncate(most);
    Page { next: items.last().filter(|_| has_more).map(cursor), items }
}

pub(crate) fn nothing<T>() -> Page<T> {
    Page { items: Vec::new(), next: None }
}
