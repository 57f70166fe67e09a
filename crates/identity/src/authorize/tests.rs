//! The table: every action × role × whose it is. A letter a column, `y` for allowed, `-` for denied.

use super::*;
use crate::{
    id::KeyId,
    policy::{ModelPolicy, ModelRule},
    scope::Scopes,
};

const ADMINISTRATIVE: [(Action, [&str; 3]); 16] = [
    // Columns: one's own · a plain user of the same team · of the same tenant, another team · of another tenant ·
    // a lead of the same tenant and team · the own team as a whole · another team of the tenant · one of another tenant ·
    // the own tenant as a whole · another tenant · the installation.
    //                           user           team lead of   tenant's lead
    (Action::SeeSelf, ["y----------", "y----------", "y----------"]),
    (Action::ReadUsage, ["y----------", "yy--yy-----", "yyy-yyy-y--"]),
    (Action::ReadKeys, ["y----------", "yy--yy-----", "yyy-yyy-y--"]),
    (Action::ManageKeys, ["y----------", "yy---------", "yyy--------"]),
    // Only ever of a key's own, which has a test of its own.
    (Action::ManageChildKeys, ["-----------", "-----------", "-----------"]),
    (Action::ReadUsers, ["y----------", "yy--yy-----", "yyy-yyy-y--"]),
    (Action::ManageUsers, ["-----------", "-y---------", "-yy--------"]),
    (Action::ReadTeams, ["-----------", "yy--yy-----", "yyy-yyy-y--"]),
    (Action::ManageTeams, ["-----------", "-----------", "-----yy----"]),
    (Action::ReadTenants, ["-----------", "yyy-yyy-y--", "yyy-yyy-y--"]),
    (Action::ManageTenants, ["-----------", "-----------", "-----------"]),
    (Action::ReadBudgets, ["y----------", "yy--yy-----", "yyy-yyy-y--"]),
    (Action::ManageBudgets, ["-----------", "-y---------", "-yy--yy----"]),
    (Action::ReadAudit, ["-----------", "-----------", "-----------"]),
    (Action::ReadInstallation, ["-----------", "-----------", "-----------"]),
    (Action::Provision, ["-----------", "-----------", "-----------"]),
];

fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

fn team(name: &str) -> TeamId {
    TeamId::parse(name).unwrap()
}

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn caller(role: Role, team_name: Option<&str>, scopes: Scopes) -> Caller {
    Caller {
        tenant: tenant("own"),
        team: team_name.map(team),
        team_name: team_name.map(Into::into),
        user: user("me"),
        user_name: "me".into(),
        key: Some(KeyId::parse("key").unwrap()),
        key_name: Some("laptop".into()),
        key_kind: Some(KeyKind::LongLived),
        payer: None,
        role,
        scopes,
        tags: None,
        models: ModelPolicy::everything(),
    }
}

/// What the caller may do to each of the table's columns.
fn row(caller: &Caller, action: Action) -> String {
    let (own, other) = (tenant("own"), tenant("other"));
    let (mine, another) = (team("mine"), team("another"));
    let (me, ann, bob, eve, lea) = (user("me"), user("ann"), user("bob"), user("eve"), user("lea"));
    let owner = |tenant, team, user, role| Resource::User(Owner { tenant, team, user, role });
    let columns = [
        owner(&own, caller.team.as_ref(), &me, caller.role),
        owner(&own, Some(&mine), &ann, Role::User),
        owner(&own, Some(&another), &bob, Role::User),
        owner(&other, Some(&another), &eve, Role::User),
        owner(&own, Some(&mine), &lea, Role::TeamLead),
        Resource::Team(&own, &mine),
        Resource::Team(&own, &another),
        Resource::Team(&other, &another),
        Resource::Tenant(&own),
        Resource::Tenant(&other),
        Resource::Installation,
    ];
    columns.iter().map(|column| if authorize(caller, action, column).is_ok() { 'y' } else { '-' }).collect()
}

#[test]
fn every_action_role_and_relation_is_decided_as_written() {
    for (action, [as_user, as_team_lead, as_tenant_lead]) in ADMINISTRATIVE {
        for (role, team, expected) in [
            (Role::User, Some("mine"), as_user),
            (Role::User, None, as_user),
            (Role::TeamLead, Some("mine"), as_team_lead),
            (Role::TeamLead, None, as_tenant_lead),
        ] {
            assert_eq!(
                row(&caller(role, team, Scopes::all()), action),
                expected,
                "{action:?} as {role} of {team:?}"
            );
        }
        // An administrator may do everything, but "who am I" is only ever about oneself.
        let expected = match action {
            Action::SeeSelf => "y----------",
            Action::ManageChildKeys => "-----------",
            _ => "yyyyyyyyyyy",
        };
        assert_eq!(row(&caller(Role::Admin, None, Scopes::all()), action), expected, "{action:?} as admin");
    }
}

#[test]
fn a_key_without_scopes_sees_itself_and_nothing_else() {
    for role in Role::ALL {
        for (action, _) in ADMINISTRATIVE {
            let expected = match action {
                Action::SeeSelf | Action::ReadUsers => "y----------",
                _ => "-----------",
            };
            assert_eq!(
                row(&caller(role, Some("mine"), Scopes::none()), action),
                expected,
                "{action:?} as {role}"
            );
        }
    }
}

#[test]
fn an_administrators_key_for_calls_does_not_administer() {
    let admin = caller(Role::Admin, None, Scopes::for_calls());
    for (action, _) in ADMINISTRATIVE {
        let expected = match action {
            Action::SeeSelf | Action::ReadUsers | Action::ReadUsage | Action::ReadBudgets => "y----------",
            _ => "-----------",
        };
        assert_eq!(row(&admin, action), expected, "{action:?}");
    }
}

#[test]
fn reading_and_writing_are_separate_scopes() {
    let scopes = |scope: Scope| [scope].into_iter().collect();
    let reader = caller(Role::Admin, None, scopes(Scope::AdminRead));
    assert_eq!(row(&reader, Action::ReadKeys), "yyyyyyyyyyy");
    assert_eq!(row(&reader, Action::ManageKeys), "-----------");
    let writer = caller(Role::Admin, None, scopes(Scope::AdminWrite));
    assert_eq!(row(&writer, Action::ReadKeys), "-----------");
    assert_eq!(row(&writer, Action::ManageKeys), "yyyyyyyyyyy");
    let own = caller(Role::Admin, None, scopes(Scope::KeysManage));
    assert_eq!(row(&own, Action::ManageKeys), "y----------");
}

#[test]
fn a_key_whatever_its_scopes_holds_the_ephemeral_keys_made_with_it_and_no_others() {
    let (own, other) = (KeyId::parse("key").unwrap(), KeyId::parse("other").unwrap());
    for scopes in [Scopes::none(), Scopes::for_calls(), Scopes::all()] {
        for (role, kind, expected) in [
            (Role::User, KeyKind::LongLived, Ok(())),
            (Role::User, KeyKind::Session, Ok(())),
            (Role::Admin, KeyKind::LongLived, Ok(())),
            (Role::User, KeyKind::Ephemeral, Err(Denied::Ephemeral)),
            (Role::Admin, KeyKind::Ephemeral, Err(Denied::Ephemeral)),
        ] {
            let caller = Caller { key_kind: Some(kind), ..caller(role, None, scopes) };
            let of =
                |parent| authorize(&caller, Action::ManageChildKeys, &Resource::ChildrenOf(parent)).map(drop);
            assert_eq!(of(&own), expected, "{kind} of {role}");
            assert_eq!(of(&other), Err(Denied::NotYours), "{kind} of {role}");
            // Nothing else is done to them.
            let read = authorize(&caller, Action::SeeSelf, &Resource::ChildrenOf(&own));
            assert_eq!(read, Err(Denied::NotYours));
        }
    }
    // Whoever came without a key has none to make others with.
    let keyless = Caller { key: None, key_kind: None, ..caller(Role::User, None, Scopes::all()) };
    let denied = authorize(&keyless, Action::ManageChildKeys, &Resource::ChildrenOf(&own));
    assert_eq!(denied, Err(Denied::NotYours));
}

#[test]
fn nobody_lifts_someone_above_themselves() {
    let lead = caller(Role::TeamLead, None, Scopes::all());
    let (own, new) = (tenant("own"), user("new"));
    for (role, expected) in [(Role::User, true), (Role::TeamLead, false), (Role::Admin, false)] {
        let wanted = Resource::User(Owner { tenant: &own, team: None, user: &new, role });
        assert_eq!(authorize(&lead, Action::ManageUsers, &wanted).is_ok(), expected, "{role}");
    }
}

#[test]
fn calls_need_their_scope_and_an_allowed_model() {
    let rule = ModelRule::new(vec!["claude-*".to_owned()], Vec::new()).unwrap();
    for (action, scope) in [
        (Action::SendMessages, Scope::MessagesSend),
        (Action::SendChat, Scope::ChatSend),
        (Action::SendResponses, Scope::ResponsesSend),
        (Action::SendEmbeddings, Scope::EmbeddingsSend),
        (Action::InvokeBedrock, Scope::BedrockInvoke),
    ] {
        let models = ModelPolicy::of([rule.clone()]);
        let caller = Caller { models, ..caller(Role::User, None, [scope].into_iter().collect()) };
        let permit = authorize(&caller, action, &Resource::Model("claude-haiku-5")).unwrap();
        assert_eq!(permit.action(), action);
        let denied = authorize(&caller, action, &Resource::Model("nova-pro"));
        assert_eq!(denied, Err(Denied::Model { model: "nova-pro".to_owned() }));
        let without = Caller { scopes: Scopes::all().without(scope), ..caller };
        let denied = authorize(&without, action, &Resource::Model("claude-haiku-5"));
        assert_eq!(denied, Err(Denied::MissingScope(scope)));
    }
}

#[test]
fn a_refusal_says_what_is_missing() {
    let own = tenant("own");
    let denied = |caller: &Caller, action| authorize(caller, action, &Resource::Tenant(&own)).unwrap_err();
    let user = caller(Role::User, None, Scopes::all());
    assert_eq!(denied(&user, Action::ManageUsers), Denied::Role(Role::User));
    assert_eq!(denied(&user, Action::ReadUsage), Denied::NotYours);
    let admin = caller(Role::Admin, None, Scopes::for_calls());
    assert_eq!(denied(&admin, Action::ManageTenants), Denied::MissingScope(Scope::AdminWrite));
}

#[test]
fn the_tables_name_every_action() {
    let calls = [
        Action::SendMessages,
        Action::SendChat,
        Action::SendResponses,
        Action::SendEmbeddings,
        Action::InvokeBedrock,
        Action::MakeCharges,
        Action::SeeModel,
    ];
    for action in Action::ALL {
        assert!(
            calls.contains(&action) || ADMINISTRATIVE.iter().any(|(named, _)| *named == action),
            "{action:?}"
        );
    }
}
