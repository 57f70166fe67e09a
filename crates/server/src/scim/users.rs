//! `/scim/v2/Users`

use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::{Value, json};
use stonegate_identity::directory::{NewUser, User};
use stonegate_identity::provisioning::{Provisioned, ProvisionedKind, Replaced, Wanted};
use stonegate_identity::ticket::Version;
use stonegate_identity::{Change, DirectoryError, ModelRule, Role, UserId};

use super::document::{self, Document, put};
use super::list::{self, Wish};
use super::patch::Patch;
use super::person::{Person, Said};
use super::reply::{Json, Refused, found, gone, made};
use super::takeover::{Takeover, revoke_keys, subject};
use super::{Provisioner, Query, TRIES, groups, schemas};
use crate::admin::AdminState;
use crate::clock;
use crate::signin::{is_last_admin, is_let_go, settle, settle_all};

const KIND: ProvisionedKind = ProvisionedKind::User;

/// `POST /scim/v2/Users`. A user of that name who is there already, and not provisioned, is taken over.
pub(super) async fn create(
    State(state): State<AdminState>,
    provisioner: Provisioner,
    query: Query,
    Json(body): Json<Document>,
) -> Result<Response, Refused> {
    let (wish, said) = (Wish::of(&query)?, Said::of(&body)?);
    let (now, act, tenant) = (provisioner.visit.now, provisioner.visit.act(), provisioner.tenant());
    let (name, external_id) = (said.name.clone(), said.external_id.clone());
    refuse_provisioned_name(&state, &provisioner, &name, None).await?;
    let directory = state.keys.directory();
    let there = directory.find_user_by_name(tenant, &name).await?;
    let is_there = there.is_some();
    let user = match there {
        Some(user) => user,
        None => {
            let new = NewUser {
                id: UserId::mint(now, clock::random()),
                tenant: tenant.clone(),
                team: None,
                name: name.clone(),
                email: None,
                role: Role::User,
                models: ModelRule::default(),
            };
            directory.create_user(new, &act).await?
        }
    };
    if user.id == provisioner.visit.caller.user {
        return Err(Refused::forbidden("this is the user whose key provisions, who is not provisioned"));
    }
    let is_active = said.is_active.unwrap_or(true);
    let takeover = if is_there {
        refuse_known_otherwise(&state, &provisioner, &user).await?;
        Some(Takeover::of(&state, &provisioner, &user, external_id.as_deref()).await?)
    } else {
        None
    };
    if let Some(takeover) = &takeover {
        takeover.strip(&state, &provisioner).await?;
    }
    // What was approved in the user's name before this does not count any more.
    let created_at = (state.now)();
    let new = Provisioned {
        tenant: tenant.clone(),
        kind: KIND,
        id: user.id.to_string(),
        name_key: name.to_lowercase(),
        external_id,
        body: said.body(is_active),
        created_at,
        changed_at: created_at,
    };
    if !state.sign_in.provisioning.create(new.clone()).await? {
        return Err(Refused::taken(&name));
    }
    directory.record("scim.user.create", subject(&user.id), &act).await?;
    settle_all(&state.sign_in, tenant, &act).await?;
    if let Some(takeover) = &takeover {
        // Whoever was able to get in as the user may have, up to this.
        takeover.strip(&state, &provisioner).await?;
    }
    Ok(made(&list::shown(&state, &provisioner, &new, &wish).await?, &provisioner.location("Users", &new.id)))
}

/// `PUT /scim/v2/Users/{id}`
pub(super) async fn replace(
    State(state): State<AdminState>,
    provisioner: Provisioner,
    Path(id): Path<String>,
    query: Query,
    Json(body): Json<Document>,
) -> Result<Response, Refused> {
    change(&state, &provisioner, &id, &query, |_| Said::of(&body)).await
}

/// `PATCH /scim/v2/Users/{id}`
pub(super) async fn patch(
    State(state): State<AdminState>,
    provisioner: Provisioner,
    Path(id): Path<String>,
    query: Query,
    Json(body): Json<Value>,
) -> Result<Response, Refused> {
    let patch = Patch::of(&body)?;
    change(&state, &provisioner, &id, &query, |kept| {
        let mut document = document::of(kept);
        put(&mut document, "externalId", kept.external_id.clone().map(Value::String));
        patch.apply(&mut document)?;
        Said::of(&document)
    })
    .await
}

/// `DELETE /scim/v2/Users/{id}`. What the user did keeps their name; the user is disabled, and all keys are revoked.
pub(super) async fn remove(
    State(state): State<AdminState>,
    provisioner: Provisioner,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let act = provisioner.visit.act();
    for _ in 0..TRIES {
        let (kept, seen) = provisioner.kept(&state, KIND, &id).await?;
        let Some(user) = user_of(&state, &kept).await? else { break };
        refuse_last_admin(&state, &provisioner, &user, false).await?;
        let mut document = document::of(&kept);
        document.insert("active".to_owned(), Value::Bool(false));
        // Whatever happens after this step, the user is out: whoever is unsettled is settled by the next who comes.
        if !write(&state, seen, Provisioned { body: Value::Object(document).to_string(), ..kept }).await? {
            continue;
        }
        if !settle(&state.sign_in, &user.tenant, &user.id, &act).await? {
            break;
        }
        revoke_keys(&state, &provisioner, &user.id).await?;
        state.sign_in.provisioning.remove(provisioner.tenant(), KIND, &id).await?;
        state.keys.directory().record("scim.user.remove", subject(&user.id), &act).await?;
        settle_all(&state.sign_in, &user.tenant, &act).await?;
        return Ok(gone());
    }
    Err(Refused::contended())
}

/// Says anew what a provider says of somebody, and lets the directory follow.
async fn change(
    state: &AdminState,
    provisioner: &Provisioner,
    id: &str,
    query: &Query,
    said: impl Fn(&Provisioned) -> Result<Said, Refused>,
) -> Result<Response, Refused> {
    let wish = Wish::of(query)?;
    for _ in 0..TRIES {
        let (kept, seen) = provisioner.kept(state, KIND, id).await?;
        let user = user_of(state, &kept).await?.ok_or_else(|| Refused::not_found("user", id))?;
        let (said, before) = (said(&kept)?, kept.clone());
        // Whoever says nothing of it does not let anybody in again.
        let is_active = said.is_active.unwrap_or(Person::of(&kept).is_active);
        refuse_last_admin(state, provisioner, &user, is_active).await?;
        refuse_taken_name(state, provisioner, &user, &said.name).await?;
        let new = Provisioned {
            name_key: said.name.to_lowercase(),
            external_id: said.external_id.clone(),
            body: said.body(is_active),
            changed_at: provisioner.visit.now,
            ..kept
        };
        if write(state, seen, new.clone()).await? {
            record(state, provisioner, &user.id, [&before, &new]).await?;
            settle_all(&state.sign_in, provisioner.tenant(), &provisioner.visit.act()).await?;
            return Ok(found(&list::shown(state, provisioner, &new, &wish).await?));
        }
    }
    Err(Refused::contended())
}

/// Tells the audit log what is different: nothing else of a person's form decides about anything.
async fn record(
    state: &AdminState,
    provisioner: &Provisioner,
    user: &UserId,
    [before, after]: [&Provisioned; 2],
) -> Result<(), Refused> {
    let told = |of: &Provisioned| {
        let person = Person::of(of);
        [
            ("userName", json!(person.name)),
            ("externalId", json!(of.external_id)),
            ("active", json!(person.is_active)),
        ]
    };
    let pairs = told(before).into_iter().zip(told(after)).filter(|(before, after)| before != after);
    let (before, after): (Document, Document) = pairs
        .map(|((name, before), (_, after))| ((name.to_owned(), before), (name.to_owned(), after)))
        .unzip();
    if after.is_empty() {
        return Ok(());
    }
    let text = |told: Document| Some(Value::Object(told).to_string());
    let change = Change { before: text(before), after: text(after) };
    let act = provisioner.visit.act();
    Ok(state.keys.directory().record_change("scim.user.update", subject(user), change, &act).await?)
}

/// Puts a new form in the place of the one that was seen. False when somebody else was faster.
async fn write(state: &AdminState, seen: Version, new: Provisioned) -> Result<bool, Refused> {
    let name = new.name_key.clone();
    match state.sign_in.provisioning.replace(seen, new).await? {
        Replaced::Done => Ok(true),
        Replaced::Stale => Ok(false),
        Replaced::NameTaken => Err(Refused::taken(&name)),
    }
}

async fn user_of(state: &AdminState, kept: &Provisioned) -> Result<Option<User>, DirectoryError> {
    match UserId::parse(&kept.id) {
        Ok(id) => state.keys.directory().find_user(&id).await,
        Err(_no_id) => Ok(None),
    }
}

/// A name is one user's, provisioned or not.
async fn refuse_taken_name(
    state: &AdminState,
    provisioner: &Provisioner,
    user: &User,
    name: &str,
) -> Result<(), Refused> {
    refuse_provisioned_name(state, provisioner, name, Some(&user.id)).await?;
    match state.keys.directory().find_user_by_name(provisioner.tenant(), name).await? {
        Some(other) if other.id != user.id => Err(Refused::taken(name)),
        Some(_) | None => Ok(()),
    }
}

async fn refuse_provisioned_name(
    state: &AdminState,
    provisioner: &Provisioner,
    name: &str,
    but: Option<&UserId>,
) -> Result<(), Refused> {
    let all = Wanted::all(provisioner.tenant().clone(), KIND);
    let wanted = Wanted { name_key: Some(name.to_lowercase()), ..all };
    let found = state.sign_in.provisioning.list(&wanted, None, 1).await?;
    match found.first() {
        Some(other) if but.is_none_or(|id| id.as_str() != other.id) => Err(Refused::taken(name)),
        Some(_) | None => Ok(()),
    }
}

/// Whom the provider knows by another name, since an administrator has renamed them, is nobody new to it.
async fn refuse_known_otherwise(
    state: &AdminState,
    provisioner: &Provisioner,
    user: &User,
) -> Result<(), Refused> {
    match state.sign_in.provisioning.find(provisioner.tenant(), KIND, user.id.as_str()).await? {
        Some((kept, _)) => Err(Refused::known_otherwise(&user.name, &kept.name_key)),
        None => Ok(()),
    }
}

/// Somebody has to be left who administers, beside whoever's key this is.
pub(super) async fn refuse_last_admin(
    state: &AdminState,
    provisioner: &Provisioner,
    user: &User,
    is_active: bool,
) -> Result<(), Refused> {
    let goes = !is_active && user.role == Role::Admin && user.disabled_at.is_none();
    if goes && is_last_admin(&state.sign_in, user, &provisioner.visit.act()).await? {
        let detail = "this is the last administrator: make somebody else one first";
        return Err(Refused::forbidden(detail));
    }
    Ok(())
}

/// What every answer says of a user.
pub(super) fn basic(kept: &Provisioned) -> Document {
    let mut document = document::of(kept);
    document.remove("active");
    put(&mut document, "schemas", Some(json!([schemas::USER])));
    document
}

/// What is looked up of a user where it is asked for.
pub(super) async fn part(
    state: &AdminState,
    provisioner: &Provisioner,
    kept: &Provisioned,
    name: &str,
) -> Result<Option<Value>, Refused> {
    if name == "active" {
        return Ok(Some(Value::Bool(is_active(state, kept, provisioner.visit.now).await?)));
    }
    let found = state.sign_in.provisioning.groups_of(&kept.id).await?;
    let of = |group: &Provisioned| {
        let at = provisioner.location("Groups", &group.id);
        json!({ "value": group.id, "display": groups::name_of(group), "type": "direct", "$ref": at })
    };
    Ok((!found.is_empty()).then(|| found.iter().map(of).collect()))
}

/// Somebody who is only in none of the right groups is active, as their provider says; whom an administrator has disabled is
/// not.
async fn is_active(
    state: &AdminState,
    kept: &Provisioned,
    now: jiff::Timestamp,
) -> Result<bool, DirectoryError> {
    if !Person::of(kept).is_active {
        return Ok(false);
    }
    match user_of(state, kept).await? {
        Some(user) if user.disabled_at.is_some() => is_let_go(&state.sign_in, &user, now).await,
        Some(_) => Ok(true),
        None => Ok(false),
    }
}
