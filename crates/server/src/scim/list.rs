//! What a request wants to see: which resources, in which order, which part of the list, and which of their attributes (RFC
//! 7644, section 3.4.2).

use std::collections::HashMap;

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use stonegate_identity::provisioning::{Provisioned, ProvisionedKind, Wanted};

use super::document::{self, Document, put};
use super::filter::Filter;
use super::path::Name;
use super::reply::{Json, Refused, found};
use super::{Groups, Provisioner, Query, Resources, Users, groups, users};
use crate::admin::AdminState;

pub(super) const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
/// How many resources a list holds, when nobody says otherwise and at most.
const COUNT: usize = 100;
pub(super) const COUNT_MOST: usize = 1_000;
/// How many can be sorted: all of them are held until the last is there.
const SORTED_MOST: usize = 10_000;
/// How many resources are read at a time.
const STEP: u32 = 1_000;
/// What the store is asked for by.
const LOOKED_UP: [&str; 4] = ["id", "externalid", "username", "displayname"];
/// What every answer has, whatever is asked for.
const ALWAYS: [&str; 2] = ["schemas", "id"];

/// What a request wants to see.
#[derive(Debug)]
pub(super) struct Wish {
    filter: Option<Filter>,
    sort_by: Option<Name>,
    is_descending: bool,
    start: usize,
    count: usize,
    only: Vec<Name>,
    without: Vec<Name>,
}

/// The same in a body (RFC 7644, section 3.4.3): what is too long for an address, or not for everyone's logs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Search {
    filter: Option<String>,
    sort_by: Option<String>,
    sort_order: Option<String>,
    start_index: Option<i64>,
    count: Option<i64>,
    attributes: Option<Vec<String>>,
    excluded_attributes: Option<Vec<String>>,
}

impl Search {
    /// The parameters that would say the same.
    fn query(self) -> HashMap<String, String> {
        let number = |number: Option<i64>| number.map(|number| number.to_string());
        let names = |names: Option<Vec<String>>| names.map(|names| names.join(","));
        let all = [
            ("filter", self.filter),
            ("sortBy", self.sort_by),
            ("sortOrder", self.sort_order),
            ("startIndex", number(self.start_index)),
            ("count", number(self.count)),
            ("attributes", names(self.attributes)),
            ("excludedAttributes", names(self.excluded_attributes)),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

impl Wish {
    pub(super) fn of(query: &HashMap<String, String>) -> Result<Self, Refused> {
        let number = |name: &str, usual: usize| match query.get(name) {
            None => Ok(usual),
            // What is too small is as small as may be.
            Some(text) => match text.trim().parse::<i64>() {
                Ok(number) => Ok(usize::try_from(number).unwrap_or(0)),
                Err(_) => Err(Refused::invalid(format!("`{name}` has to be a number"))),
            },
        };
        let names = |name: &str| {
            let text = query.get(name).map(String::as_str).unwrap_or_default();
            text.split(',').filter_map(|name| Name::parse(name.trim())).collect::<Vec<_>>()
        };
        let sort_by = query.get("sortBy").filter(|text| !text.is_empty());
        let filter = query.get("filter").map(|text| Filter::parse(text)).transpose()?;
        let asked = |name: &&str| filter.as_ref().and_then(|filter| filter.only(name));
        if LOOKED_UP.iter().filter_map(asked).any(|text| text.contains(char::is_control)) {
            return Err(Refused::invalid("nothing is known by a text with control characters"));
        }
        let no_attribute = || Refused::bad("invalidPath", "`sortBy` has to be an attribute");
        Ok(Self {
            filter,
            sort_by: sort_by.map(|text| Name::parse(text).ok_or_else(no_attribute)).transpose()?,
            is_descending: query
                .get("sortOrder")
                .is_some_and(|order| order.eq_ignore_ascii_case("descending")),
            start: number("startIndex", 1)?.max(1),
            count: number("count", COUNT)?.min(COUNT_MOST),
            only: names("attributes"),
            without: names("excludedAttributes"),
        })
    }

    /// Whether that attribute is to be seen.
    fn sees(&self, attribute: &str) -> bool {
        let names =
            |names: &[Name]| names.iter().any(|name| name.attribute == attribute && name.part.is_none());
        let only = |names: &[Name]| names.iter().any(|name| name.attribute == attribute);
        (self.only.is_empty() || only(&self.only)) && !names(&self.without)
    }

    /// Whether that attribute decides about what is in the list, and where.
    fn weighs(&self, attribute: &str) -> bool {
        self.filter.as_ref().is_some_and(|filter| filter.mentions(attribute))
            || self.sort_by.as_ref().is_some_and(|name| name.attribute == attribute)
    }

    /// A resource as it is to be seen.
    fn shown(&self, resource: Document) -> Value {
        let is_seen = |name: &str| ALWAYS.contains(&name) || self.sees(&name.to_lowercase());
        let seen = resource.into_iter().filter(|(name, _)| is_seen(name));
        Value::Object(
            seen.map(|(name, value)| {
                let value = self.narrowed(&name, value);
                (name, value)
            })
            .collect(),
        )
    }

    /// The parts of an attribute that were asked for.
    fn narrowed(&self, name: &str, value: Value) -> Value {
        let of = |names: &[Name]| {
            let these = names.iter().filter(|known| known.attribute == name.to_lowercase());
            these.map(|known| known.part.clone()).collect::<Vec<_>>()
        };
        let (only, without) = (of(&self.only), of(&self.without));
        if (only.is_empty() || only.contains(&None)) && without.is_empty() {
            return value;
        }
        let keeps = |part: &str| {
            let part = Some(part.to_lowercase());
            (only.is_empty() || only.contains(&None) || only.contains(&part)) && !without.contains(&part)
        };
        let narrow = |inner: Map<String, Value>| inner.into_iter().filter(|(part, _)| keeps(part)).collect();
        match value {
            Value::Object(inner) => Value::Object(narrow(inner)),
            Value::Array(items) => items
                .into_iter()
                .map(|item| match item {
                    Value::Object(inner) => Value::Object(narrow(inner)),
                    other => other,
                })
                .collect(),
            other => other,
        }
    }

    /// Which of them the store is asked for: one name, or what a provider knows somebody by, is looked up.
    fn wanted(&self, provisioner: &Provisioner, kind: ProvisionedKind) -> Wanted {
        let name = match kind {
            ProvisionedKind::User => "username",
            ProvisionedKind::Group => "displayname",
        };
        let asked = |attribute: &str| self.filter.as_ref().and_then(|filter| filter.only(attribute));
        Wanted {
            name_key: asked(name).map(str::to_lowercase),
            external_id: asked("externalid").map(str::to_owned),
            ..Wanted::all(provisioner.tenant().clone(), kind)
        }
    }
}

/// What fits so far, of which only the part that was asked for is held, unless all of it has to be sorted.
struct Fitting<'a> {
    wish: &'a Wish,
    total: usize,
    held: Vec<(Option<String>, Provisioned)>,
}

impl Fitting<'_> {
    fn take(&mut self, kept: &Provisioned, resource: &Document) -> Result<(), Refused> {
        if self.wish.filter.as_ref().is_some_and(|filter| !filter.fits(resource)) {
            return Ok(());
        }
        self.total += 1;
        match &self.wish.sort_by {
            Some(name) if self.held.len() < SORTED_MOST => {
                self.held.push((super::filter::sorted_by(resource, name), kept.clone()));
            }
            Some(_) => return Err(Refused::bad("tooMany", "these are too many to sort: use a filter")),
            None if self.total >= self.wish.start && self.held.len() < self.wish.count => {
                self.held.push((None, kept.clone()));
            }
            None => {}
        }
        Ok(())
    }

    /// Those of the part that was asked for.
    fn page(mut self) -> Vec<Provisioned> {
        let (skipped, most) = (self.wish.start - 1, self.wish.count);
        if self.wish.sort_by.is_none() {
            return self.held.into_iter().map(|(_, kept)| kept).collect();
        }
        // Whoever has nothing to be sorted by comes last (RFC 7644, section 3.4.2.3).
        self.held.sort_by(|(one, _), (other, _)| (one.is_none(), one).cmp(&(other.is_none(), other)));
        if self.wish.is_descending {
            self.held.reverse();
        }
        self.held.into_iter().skip(skipped).take(most).map(|(_, kept)| kept).collect()
    }
}

/// `GET /scim/v2/Users`, `GET /scim/v2/Groups`
pub(super) async fn list_of<R: Resources>(
    State(state): State<AdminState>,
    provisioner: Provisioner,
    query: Query,
) -> Result<Response, Refused> {
    listed(&state, &provisioner, &[R::KIND], &query).await
}

/// `POST /scim/v2/Users/.search`, `POST /scim/v2/Groups/.search`
pub(super) async fn search_of<R: Resources>(
    State(state): State<AdminState>,
    provisioner: Provisioner,
    Json(search): Json<Search>,
) -> Result<Response, Refused> {
    listed(&state, &provisioner, &[R::KIND], &search.query()).await
}

/// `GET /scim/v2/Users/{id}`, `GET /scim/v2/Groups/{id}`
pub(super) async fn show_of<R: Resources>(
    State(state): State<AdminState>,
    provisioner: Provisioner,
    Path(id): Path<String>,
    query: Query,
) -> Result<Response, Refused> {
    let wish = Wish::of(&query)?;
    let (kept, _) = provisioner.kept(&state, R::KIND, &id).await?;
    Ok(found(&shown(&state, &provisioner, &kept, &wish).await?))
}

/// `POST /scim/v2/.search`: users, and then groups.
pub(super) async fn search_all(
    State(state): State<AdminState>,
    provisioner: Provisioner,
    Json(search): Json<Search>,
) -> Result<Response, Refused> {
    listed(&state, &provisioner, &[Users::KIND, Groups::KIND], &search.query()).await
}

/// A list of resources of these kinds.
pub(super) async fn listed(
    state: &AdminState,
    provisioner: &Provisioner,
    kinds: &[ProvisionedKind],
    query: &HashMap<String, String>,
) -> Result<Response, Refused> {
    let wish = Wish::of(query)?;
    let mut fitting = Fitting { wish: &wish, total: 0, held: Vec::new() };
    for kind in kinds {
        gather_fitting(state, provisioner, *kind, &mut fitting).await?;
    }
    let total = fitting.total;
    let mut resources = Vec::new();
    for kept in fitting.page() {
        resources.push(shown(state, provisioner, &kept, &wish).await?);
    }
    Ok(found(&json!({
        "schemas": [LIST], "totalResults": total, "startIndex": wish.start, "itemsPerPage": resources.len(),
        "Resources": resources,
    })))
}

async fn gather_fitting(
    state: &AdminState,
    provisioner: &Provisioner,
    kind: ProvisionedKind,
    fitting: &mut Fitting<'_>,
) -> Result<(), Refused> {
    let wish = fitting.wish;
    if let Some(id) = wish.filter.as_ref().and_then(|filter| filter.only("id")) {
        // Entra ID asks so whether somebody is in a group.
        if let Some((kept, _)) = state.sign_in.provisioning.find(provisioner.tenant(), kind, id).await? {
            let resource = gathered(state, provisioner, &kept, |part| wish.weighs(part)).await?;
            fitting.take(&kept, &resource)?;
        }
        return Ok(());
    }
    let wanted = wish.wanted(provisioner, kind);
    let mut after: Option<String> = None;
    loop {
        let some = state.sign_in.provisioning.list(&wanted, after.as_deref(), STEP).await?;
        for kept in &some {
            let resource = gathered(state, provisioner, kept, |part| wish.weighs(part)).await?;
            fitting.take(kept, &resource)?;
        }
        match some.last() {
            Some(last) if some.len() >= STEP as usize => after = Some(last.id.clone()),
            _ => return Ok(()),
        }
    }
}

/// A resource as a request wants to see it.
pub(super) async fn shown(
    state: &AdminState,
    provisioner: &Provisioner,
    kept: &Provisioned,
    wish: &Wish,
) -> Result<Value, Refused> {
    Ok(wish.shown(gathered(state, provisioner, kept, |part| wish.sees(part)).await?))
}

/// A resource with those of the parts that have to be looked up which are wanted.
async fn gathered(
    state: &AdminState,
    provisioner: &Provisioner,
    kept: &Provisioned,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Document, Refused> {
    let (mut resource, name, path, parts) = match kept.kind {
        ProvisionedKind::User => (users::basic(kept), "User", "Users", &["active", "groups"][..]),
        ProvisionedKind::Group => (groups::basic(kept), "Group", "Groups", &["members"][..]),
    };
    put(&mut resource, "id", Some(json!(kept.id)));
    put(&mut resource, "externalId", kept.external_id.clone().map(Value::String));
    let location = provisioner.location(path, &kept.id);
    put(&mut resource, "meta", Some(document::meta(kept, name, location)));
    for part in parts.iter().copied().filter(|part| is_wanted(part)) {
        let value = match kept.kind {
            ProvisionedKind::User => users::part(state, provisioner, kept, part).await?,
            ProvisionedKind::Group => groups::part(state, provisioner, kept).await?,
        };
        put(&mut resource, part, value);
    }
    Ok(resource)
}
