//! `/scim/v2/Groups`

use std::collections::BTreeSet;

use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::{Value, json};
use stonegate_identity::Change;
use stonegate_identity::provisioning::{Provisioned, ProvisionedKind, Replaced};

use super::document::{self, Document, put};
use super::list::{self, Wish};
use super::patch::Patch;
use super::path::member;
use super::reply::{Json, Refused, found, gone, made};
use super::{Provisioner, Query, TRIES, schemas};
use crate::admin::AdminState;
use crate::clock;
use crate::signin::settle_all;

const KIND: ProvisionedKind = ProvisionedKind::Group;
/// The longest name of a group, in characters, and how many people it may have.
const NAME_MOST: usize = 200;
const MEMBERS_MOST: usize = 50_000;
/// How many people come or go in one transaction: others wait for the store meanwhile.
const MOVED_MOST: usize = 500;
/// How many of those who come or go the audit log names.
const TOLD_MOST: usize = 1_000;

/// A group's document as a provider sends it.
struct Said {
    name: String,
    external_id: Option<String>,
    members: BTreeSet<String>,
}

/// A group's name as its provider writes it.
pub(crate) fn name_of(group: &Provisioned) -> String {
    let document = document::of(group);
    let name = document.get("displayName").and_then(Value::as_str);
    name.unwrap_or(&group.name_key).to_owned()
}

/// `POST /scim/v2/Groups`
pub(super) async fn create(
    State(state): State<AdminState>,
    provisioner: Provisioner,
    query: Query,
    Json(body): Json<Document>,
) -> Result<Response, Refused> {
    let (wish, said) = (Wish::of(&query)?, Said::of(&body)?);
    let (now, act) = (provisioner.visit.now, provisioner.visit.act());
    let new = Provisioned {
        tenant: provisioner.tenant().clone(),
        kind: KIND,
        id: format!("grp_{}", clock::call_id(now).to_string().trim_start_matches("req_").to_lowercase()),
        name_key: said.name.to_lowercase(),
        external_id: said.external_id.clone(),
        body: said.body(),
        created_at: now,
        changed_at: now,
    };
    if !state.sign_in.provisioning.create(new.clone()).await? {
        return Err(Refused::taken(&said.name));
    }
    let joining: Vec<String> = said.members.into_iter().collect();
    move_members(&state, &new.id, &joining, &[]).await?;
    settle_all(&state.sign_in, provisioner.tenant(), &act).await?;
    let external_id = said.external_id.as_deref();
    let change = Change { before: None, after: Some(told(Some(&said.name), external_id, &joining)) };
    record(&state, &provisioner, "scim.group.create", &new.id, change).await?;
    Ok(made(&list::shown(&state, &provisioner, &new, &wish).await?, &provisioner.location("Groups", &new.id)))
}

/// `PUT /scim/v2/Groups/{id}`
pub(super) async fn replace(
    State(state): State<AdminState>,
    provisioner: Provisioner,
    Path(id): Path<String>,
    query: Query,
    Json(body): Json<Document>,
) -> Result<Response, Refused> {
    change(&state, &provisioner, &id, &query, |_, _| Said::of(&body)).await
}

/// `PATCH /scim/v2/Groups/{id}`
pub(super) async fn patch(
    State(state): State<AdminState>,
    provisioner: Provisioner,
    Path(id): Path<String>,
    query: Query,
    Json(body): Json<Value>,
) -> Result<Response, Refused> {
    let patch = Patch::of(&body)?;
    change(&state, &provisioner, &id, &query, |kept, members| {
        let mut document = document::of(kept);
        put(&mut document, "externalId", kept.external_id.clone().map(Value::String));
        put(&mut document, "members", Some(members.iter().map(|id| json!({ "value": id })).collect()));
        patch.apply(&mut document)?;
        Said::of(&document)
    })
    .await
}

/// `DELETE /scim/v2/Groups/{id}`
pub(super) async fn remove(
    State(state): State<AdminState>,
    provisioner: Provisioner,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let (kept, _) = provisioner.kept(&state, KIND, &id).await?;
    let members = state.sign_in.provisioning.members(&id).await?;
    state.sign_in.provisioning.remove(provisioner.tenant(), KIND, &id).await?;
    settle_all(&state.sign_in, provisioner.tenant(), &provisioner.visit.act()).await?;
    let before = told(Some(&name_of(&kept)), kept.external_id.as_deref(), &members);
    let change = Change { before: Some(before), after: None };
    record(&state, &provisioner, "scim.group.remove", &id, change).await?;
    Ok(gone())
}

/// Says anew what a provider says of a group, and lets the directory follow. Members change by what is different, so that of
/// two who add people at the same moment both have their way.
async fn change(
    state: &AdminState,
    provisioner: &Provisioner,
    id: &str,
    query: &Query,
    said: impl Fn(&Provisioned, &[String]) -> Result<Said, Refused>,
) -> Result<Response, Refused> {
    let wish = Wish::of(query)?;
    for _ in 0..TRIES {
        let (kept, seen) = provisioner.kept(state, KIND, id).await?;
        let before = state.sign_in.provisioning.members(id).await?;
        let said = said(&kept, &before)?;
        let new = Provisioned {
            name_key: said.name.to_lowercase(),
            external_id: said.external_id.clone(),
            body: said.body(),
            changed_at: provisioner.visit.now,
            ..kept.clone()
        };
        match state.sign_in.provisioning.replace(seen, new.clone()).await? {
            Replaced::Done => {}
            Replaced::Stale => continue,
            Replaced::NameTaken => return Err(Refused::taken(&said.name)),
        }
        let before: BTreeSet<String> = before.into_iter().collect();
        let joining: Vec<String> = said.members.difference(&before).cloned().collect();
        let leaving: Vec<String> = before.difference(&said.members).cloned().collect();
        move_members(state, id, &joining, &leaving).await?;
        settle_all(&state.sign_in, provisioner.tenant(), &provisioner.visit.act()).await?;
        let (old, new_name) = (name_of(&kept), said.name);
        let is_renamed = old != new_name;
        let is_known_otherwise = kept.external_id != new.external_id;
        if is_renamed || is_known_otherwise || !joining.is_empty() || !leaving.is_empty() {
            let told = |name: &str, group: &Provisioned, members: &[String]| {
                let external_id = group.external_id.as_deref().filter(|_| is_known_otherwise);
                told(Some(name).filter(|_| is_renamed), external_id, members)
            };
            let (before, after) = (told(&old, &kept, &leaving), told(&new_name, &new, &joining));
            let change = Change { before: Some(before), after: Some(after) };
            record(state, provisioner, "scim.group.update", id, change).await?;
        }
        return Ok(found(&list::shown(state, provisioner, &new, &wish).await?));
    }
    Err(Refused::contended())
}

async fn move_members(
    state: &AdminState,
    group: &str,
    joining: &[String],
    leaving: &[String],
) -> Result<(), Refused> {
    let provisioning = &state.sign_in.provisioning;
    for some in leaving.chunks(MOVED_MOST) {
        provisioning.change_members(group, &[], some).await?;
    }
    for some in joining.chunks(MOVED_MOST) {
        provisioning.change_members(group, some, &[]).await?;
    }
    Ok(())
}

/// What the audit log is told of a group: its name and its provider's id where those are new, and who comes or goes.
fn told(name: Option<&str>, external_id: Option<&str>, members: &[String]) -> String {
    let mut told = Document::new();
    put(&mut told, "displayName", name.map(|name| json!(name)));
    put(&mut told, "externalId", external_id.map(|id| json!(id)));
    let named = members.iter().take(TOLD_MOST).map(|id| json!(id));
    put(&mut told, "members", (!members.is_empty()).then(|| named.collect()));
    let more = members.len().saturating_sub(TOLD_MOST);
    put(&mut told, "more_members", (more > 0).then(|| json!(more)));
    Value::Object(told).to_string()
}

async fn record(
    state: &AdminState,
    provisioner: &Provisioner,
    action: &'static str,
    id: &str,
    change: Change,
) -> Result<(), Refused> {
    let act = provisioner.visit.act();
    Ok(state.keys.directory().record_change(action, format!("group:{id}"), change, &act).await?)
}

impl Said {
    /// # Errors
    /// When the name is missing, or something is not what it has to be.
    fn of(body: &Document) -> Result<Self, Refused> {
        let name = document::text(body, "displayName")?
            .ok_or_else(|| Refused::invalid("`displayName` is needed"))?;
        if name.chars().count() > NAME_MOST || name.chars().any(char::is_control) {
            return Err(Refused::invalid(format!(
                "`displayName` has 1 to {NAME_MOST} characters and no line break"
            )));
        }
        let members = match member(body, "members") {
            None | Some(Value::Null) => BTreeSet::new(),
            Some(Value::Array(items)) if items.len() <= MEMBERS_MOST => {
                let id = |item: &Value| item.get("value").and_then(Value::as_str).map(str::to_owned);
                let ids: Option<BTreeSet<String>> = items.iter().map(id).collect();
                let sound = ids.filter(|ids| !ids.iter().any(|id| id.contains(char::is_control)));
                sound.ok_or_else(|| Refused::invalid("each of `members` has to have an id as `value`"))?
            }
            Some(_) => {
                return Err(Refused::invalid(format!(
                    "`members` has to be a list of at most {MEMBERS_MOST}"
                )));
            }
        };
        Ok(Self { name, external_id: document::word(body, "externalId")?, members })
    }

    fn body(&self) -> String {
        json!({ "displayName": self.name }).to_string()
    }
}

/// What every answer says of a group.
pub(super) fn basic(kept: &Provisioned) -> Document {
    let mut document = document::of(kept);
    put(&mut document, "schemas", Some(json!([schemas::GROUP])));
    document
}

/// The members of a group, which are looked up where they are asked for.
pub(super) async fn part(
    state: &AdminState,
    provisioner: &Provisioner,
    kept: &Provisioned,
) -> Result<Option<Value>, Refused> {
    let members = state.sign_in.provisioning.members(&kept.id).await?;
    let member =
        |id: &String| json!({ "value": id, "type": "User", "$ref": provisioner.location("Users", id) });
    Ok(Some(members.iter().map(member).collect()))
}
