//! Promises about teams and who is in them.

use jiff::Timestamp;

use super::world::{
    act, at, changed, grant, is_conflict, is_missing, key, new_user, ok, rule, tenant, text, user, version,
};
use crate::{
    Directory, ModelRule, Reach, Role, TeamId, TenantId,
    directory::{AuditFilter, Filter, NewTeam, NewUser, PageRequest, Team, TeamEdit, UserEdit},
};

fn new_team(number: u8, tenant: &TenantId, name: &str) -> NewTeam {
    NewTeam {
        id: TeamId::mint(at(i64::from(number)), [number; 6]),
        tenant: tenant.clone(),
        name: name.to_owned(),
        models: ModelRule::default(),
    }
}

async fn team(directory: &dyn Directory, number: u8, name: &str) -> Team {
    ok(directory.create_team(new_team(number, &TenantId::default_tenant(), name), &act(0)).await)
}

fn into(team: Option<&Team>) -> UserEdit {
    UserEdit { team: Some(team.map(|team| team.id.clone())), ..UserEdit::default() }
}

fn archived(archived: bool) -> TeamEdit {
    TeamEdit { archived: Some(archived), ..TeamEdit::default() }
}

/// A team's rule and name hold for whoever is in it, and every change of that is told: of the team as of who is in it.
pub async fn replicas_are_told_of_teams(directory: &dyn Directory) {
    let core = team(directory, 1, "core").await;
    let ann = user(directory, 1, "ann").await;
    user(directory, 2, "bob").await;
    key(directory, 1, &ann.id).await;
    let seen = version(directory).await;
    let check = async |seen: u64, name: Option<&str>, allowed: [bool; 2]| {
        let told = changed(directory, seen).await;
        let caller = grant(directory, text(1).digest()).await.caller;
        assert_eq!(told.grants.iter().map(|(_, grant)| &grant.caller).collect::<Vec<_>>(), [&caller]);
        assert_eq!(caller.team.as_ref(), name.map(|_| &core.id));
        assert_eq!(caller.team_name.as_deref(), name);
        assert_eq!(["claude-5", "nova-5"].map(|model| caller.models.allows(model)), allowed);
        told.version
    };
    ok(directory.update_user(&ann.id, into(Some(&core)), &act(1)).await);
    let seen = check(seen, Some("core"), [true, true]).await;
    let edit = TeamEdit { models: Some(rule(&["claude-*"])), ..TeamEdit::default() };
    ok(directory.update_team(&core.id, edit, &act(1)).await);
    let seen = check(seen, Some("core"), [true, false]).await;
    let edit = TeamEdit { name: Some("heart".to_owned()), ..TeamEdit::default() };
    ok(directory.update_team(&core.id, edit, &act(1)).await);
    let seen = check(seen, Some("heart"), [true, false]).await;
    ok(directory.update_user(&ann.id, into(None), &act(1)).await);
    let seen = check(seen, None, [true, true]).await;
    ok(directory.update_team(&core.id, TeamEdit::default(), &act(1)).await);
    assert!(changed(directory, seen).await.grants.is_empty(), "nobody is in it any more");
}

/// One is in a team of one's own tenant that is not over, or in none.
pub async fn a_user_is_in_a_team_of_their_tenant(directory: &dyn Directory) {
    let acme = tenant(directory, "acme").await;
    let theirs = ok(directory.create_team(new_team(1, &acme.id, "core"), &act(0)).await);
    let over = team(directory, 2, "over").await;
    ok(directory.update_team(&over.id, archived(true), &act(0)).await);
    let nowhere = Team { id: TeamId::mint(at(0), [9; 6]), ..over.clone() };
    let ann = user(directory, 1, "ann").await;
    for wrong in [&theirs, &nowhere] {
        let bob = NewUser { team: Some(wrong.id.clone()), ..new_user(2, "bob", Role::User) };
        assert!(is_missing(&directory.create_user(bob, &act(1)).await, "team"));
        assert!(is_missing(&directory.update_user(&ann.id, into(Some(wrong)), &act(1)).await, "team"));
    }
    let bob = NewUser { team: Some(over.id.clone()), ..new_user(2, "bob", Role::User) };
    assert!(is_conflict(&directory.create_user(bob.clone(), &act(1)).await, "team"));
    assert!(is_conflict(&directory.update_user(&ann.id, into(Some(&over)), &act(1)).await, "team"));
    assert_eq!(ok(directory.find_user(&ann.id).await), Some(ann));

    let restored = ok(directory.update_team(&over.id, archived(false), &act(2)).await);
    assert_eq!((restored.archived_at, restored.id.clone()), (None, over.id));
    let bob = ok(directory.create_user(bob, &act(3)).await);
    assert_eq!(bob.team, Some(restored.id));
    assert_eq!(ok(directory.find_user(&bob.id).await), Some(bob));
}

/// A team goes only when everyone has left it, and then stays for the books.
pub async fn a_team_is_archived_when_nobody_is_in_it(directory: &dyn Directory) {
    let core = team(directory, 1, "core").await;
    let ann = user(directory, 1, "ann").await;
    ok(directory.update_user(&ann.id, into(Some(&core)), &act(1)).await);
    let disabled = UserEdit { disabled: Some(true), ..UserEdit::default() };
    ok(directory.update_user(&ann.id, disabled, &act(1)).await);
    assert!(is_conflict(&directory.update_team(&core.id, archived(true), &act(2)).await, "archived"));
    ok(directory.update_user(&ann.id, into(None), &act(3)).await);
    let over = ok(directory.update_team(&core.id, archived(true), &act(4)).await);
    assert_eq!(over, Team { archived_at: Some(at(4)), ..core.clone() });
    let again = ok(directory.update_team(&core.id, archived(true), &act(9)).await);
    assert_eq!(again.archived_at, Some(at(4)), "the first time counts");
    assert_eq!(ok(directory.find_team(&core.id).await), Some(over));
}

/// A name is one team's in its tenant, whether that is over or not.
pub async fn a_teams_name_is_unique_in_its_tenant(directory: &dyn Directory) {
    let acme = tenant(directory, "acme").await;
    let (core, other) = (team(directory, 1, "core").await, team(directory, 2, "other").await);
    ok(directory.create_team(new_team(3, &acme.id, "core"), &act(0)).await);
    for state in [false, true] {
        ok(directory.update_team(&core.id, archived(state), &act(1)).await);
        let again = directory.create_team(new_team(4, &core.tenant, "core"), &act(1)).await;
        assert!(is_conflict(&again, "name"), "{again:?}");
        let renamed = TeamEdit { name: Some("core".to_owned()), ..TeamEdit::default() };
        let renamed = directory.update_team(&other.id, renamed, &act(1)).await;
        assert!(is_conflict(&renamed, "name"), "{renamed:?}");
    }
    let found = ok(directory.find_team_by_name(&core.tenant, "core").await);
    assert_eq!(found.map(|team| team.id), Some(core.id));
    assert_eq!(ok(directory.find_team_by_name(&acme.id, "other").await), None);
    let nowhere = TenantId::parse("nowhere").expect("a sound id");
    let stray = directory.create_team(new_team(5, &nowhere, "core"), &act(0)).await;
    assert!(is_missing(&stray, "tenant"));
    let nothing = TeamId::mint(at(0), [9; 6]);
    assert!(is_missing(&directory.update_team(&nothing, TeamEdit::default(), &act(0)).await, "team"));
    assert_eq!(ok(directory.find_team(&nothing).await), None);
}

/// Users, keys and teams are listed by team, for who asks for one as for who sees no further.
pub async fn lists_are_narrowed_to_a_team(directory: &dyn Directory) {
    let default = TenantId::default_tenant();
    let acme = tenant(directory, "acme").await;
    let (core, other) = (team(directory, 1, "core").await, team(directory, 2, "other").await);
    let theirs = ok(directory.create_team(new_team(3, &acme.id, "core"), &act(0)).await);
    for (number, name, team) in [(1, "ann", Some(&core)), (2, "bob", Some(&other)), (3, "eve", None)] {
        let made = user(directory, number, name).await;
        ok(directory.update_user(&made.id, into(team), &act(0)).await);
        let key = key(directory, number, &made.id).await;
        assert_eq!(key.team.as_ref(), team.map(|team| &team.id));
    }
    let over = ok(directory.update_team(&theirs.id, archived(true), &act(0)).await);
    let everything = Filter::within(Reach::Everything);
    let of_core = Reach::Team(default.clone(), core.id.clone());
    let of = |team: &Team| Some(team.id.clone());
    let cases: [(Filter, &[&str], &[&Team]); 8] = [
        (everything.clone(), &["ann", "bob", "eve"], &[&core, &other, &over]),
        (Filter { team: of(&core), ..everything.clone() }, &["ann"], &[&core]),
        (Filter { team: of(&theirs), ..everything.clone() }, &[], &[&over]),
        (Filter::within(of_core.clone()), &["ann"], &[&core]),
        (Filter { team: of(&other), ..Filter::within(of_core) }, &[], &[]),
        (Filter { tenant: Some(acme.id.clone()), ..everything.clone() }, &[], &[&over]),
        (Filter { in_force_at: Some(at(5)), ..everything }, &["ann", "bob", "eve"], &[&core, &other]),
        (Filter::within(Reach::Tenant(default)), &["ann", "bob", "eve"], &[&core, &other]),
    ];
    let page = PageRequest::first();
    for (filter, users, teams) in cases {
        let named = ok(directory.list_users(&filter, &page).await).items;
        assert_eq!(named.iter().map(|user| &*user.name).collect::<Vec<_>>(), users, "{filter:?}");
        let keys = ok(directory.list_keys(&filter, &page).await).items;
        assert_eq!(keys.iter().map(|key| &*key.user_name).collect::<Vec<_>>(), users, "{filter:?}");
        let listed = ok(directory.list_teams(&filter, &page).await).items;
        assert_eq!(listed.iter().collect::<Vec<_>>(), teams, "{filter:?}");
    }
    let named = Filter { name: Some("core".to_owned()), ..Filter::within(Reach::Tenant(acme.id)) };
    assert_eq!(ok(directory.list_teams(&named, &page).await).items, [over]);
}

/// What is done to teams, and who is put where, is in the log with what was different.
pub async fn acts_on_teams_are_written_down(directory: &dyn Directory) {
    let core = team(directory, 1, "core").await;
    let ann = user(directory, 1, "ann").await;
    ok(directory.update_user(&ann.id, into(Some(&core)), &act(1)).await);
    ok(directory.update_user(&ann.id, into(None), &act(2)).await);
    let settings = Some(Some(r#"{"a":1}"#.to_owned()));
    let edit = TeamEdit { managed_settings: settings, ..TeamEdit::default() };
    let edited = ok(directory.update_team(&core.id, edit, &act(3)).await);
    assert_eq!(edited.managed_settings.as_deref(), Some(r#"{"a":1}"#));
    ok(directory.update_team(&core.id, archived(true), &act(4)).await);
    let log = ok(directory.list_audit(&AuditFilter::default(), &PageRequest::first()).await).items;
    let said = log.iter().rev().map(|entry| {
        let [before, after] = [&entry.change.before, &entry.change.after].map(|text| text.as_deref());
        (&*entry.action, before, after)
    });
    let (id, archived_at): (_, Timestamp) = (&core.id, at(4));
    assert_eq!(
        said.filter(|(action, ..)| *action != "user.create").collect::<Vec<_>>(),
        [
            ("team.create", None, Some(r#"{"name":"core","tenant":"default"}"#)),
            ("user.update", Some(r#"{"team":null}"#), Some(&*format!(r#"{{"team":"{id}"}}"#))),
            ("user.update", Some(&*format!(r#"{{"team":"{id}"}}"#)), Some(r#"{"team":null}"#)),
            (
                "team.update",
                Some(r#"{"managed_settings":null}"#),
                Some(
                    r#"{"managed_settings":"sha256:015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"}"#
                )
            ),
            (
                "team.update",
                Some(r#"{"archived_at":null}"#),
                Some(&*format!(r#"{{"archived_at":"{archived_at}"}}"#))
            ),
        ]
    );
    assert!(
        log.iter()
            .filter(|entry| entry.action.starts_with("team."))
            .all(|entry| { entry.subject == format!("team:{id}") })
    );
}
