use serde_json::json;
use stonegate_api::{
    BudgetCreate, BudgetWindow, CallCorrection, ChargeCreate, CorrectionCreate, KeyStatus, Role,
};
use stonegate_ledger::{AccountPath, Authorized, Basis, CallId, Charge, ChargeEnd, Tags};

use super::*;
use crate::admin::wire;

async fn operator(folder: &tempfile::TempDir) -> Operator {
    Operator::open(&format!("sqlite:{}", folder.path().join("data/stonegate.db").display())).await.unwrap()
}

fn named(name: &str, user: Option<&str>) -> KeyRequest {
    KeyRequest { name: name.to_owned(), user: user.map(str::to_owned), ..KeyRequest::default() }
}

#[tokio::test]
async fn a_key_can_be_made_on_an_empty_data_dir() {
    let folder = tempfile::tempdir().unwrap();
    let operator = operator(&folder).await;
    let key = operator.create_key(&named("laptop", None)).await.unwrap();
    assert_eq!((&*key.about.tenant, &*key.about.user_name), ("default", "admin"));
    assert!(key.about.scopes.contains(&"messages:send".to_owned()));
    let grant =
        operator.directory().grant_by_digest(KeyText::parse(&key.key).unwrap().digest()).await.unwrap();
    assert!(grant.unwrap().admit(operator.now).is_ok());
    assert_eq!(operator.list_users(None, None).await.unwrap()[0].role, Role::Admin.into());
}

#[tokio::test]
async fn a_named_user_is_made_once_and_without_rights_over_others() {
    let folder = tempfile::tempdir().unwrap();
    let operator = operator(&folder).await;
    operator.create_key(&named("one", Some("ann"))).await.unwrap();
    operator.create_key(&named("two", Some("ann"))).await.unwrap();
    let users = operator.list_users(None, None).await.unwrap();
    assert_eq!((users.len(), &users[0].role), (1, &Role::User.into()));
    let wanted = KeyRequest { scopes: Some("all".to_owned()), ..named("three", Some("ann")) };
    let refused = operator.create_key(&wanted).await.unwrap_err().to_string();
    assert_eq!(refused, "scopes: a user of the role `user` cannot hold the scope `admin:read`");
}

#[tokio::test]
async fn a_key_is_revoked_by_id_by_name_or_by_its_text() {
    let folder = tempfile::tempdir().unwrap();
    let operator = operator(&folder).await;
    for by in ["id", "name", "text"] {
        let key = operator.create_key(&named("laptop", None)).await.unwrap();
        let handle = match by {
            "id" => &key.about.id,
            "name" => &key.about.name,
            _ => &key.key,
        };
        assert_eq!(operator.revoke_key(handle).await.unwrap().status, KeyStatus::Revoked.into(), "{by}");
    }
    assert!(operator.list_keys(&KeySelection::default()).await.unwrap().is_empty());
    let all = KeySelection { is_all: true, ..KeySelection::default() };
    assert_eq!(operator.list_keys(&all).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_name_that_two_keys_have_is_refused_with_their_ids() {
    let folder = tempfile::tempdir().unwrap();
    let operator = operator(&folder).await;
    let ann = operator.create_key(&named("laptop", Some("ann"))).await.unwrap();
    operator.create_key(&named("laptop", Some("bob"))).await.unwrap();
    let refused = operator.revoke_key("laptop").await.unwrap_err().to_string();
    assert!(refused.starts_with("key: 2 keys are named `laptop`; give an id: "), "{refused}");
    assert!(refused.contains(&ann.about.id), "{refused}");
}

#[tokio::test]
async fn a_secret_is_not_repeated_in_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let operator = operator(&folder).await;
    let secret = KeyText::mint([5; 24]);
    let refused = operator.revoke_key(secret.as_str()).await.unwrap_err().to_string();
    assert_eq!(refused, "there is no key `sk-stone-…`");
}

#[tokio::test]
async fn a_budget_is_set_to_the_nano_dollar_and_changed_by_setting_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let operator = operator(&folder).await;
    operator.create_key(&named("laptop", Some("ann"))).await.unwrap();
    let mut wanted = BudgetCreate {
        account: "user:ann".to_owned(),
        window: BudgetWindow::Monthly,
        limit_usd: Some("0.000000001".to_owned()),
        ..BudgetCreate::default()
    };
    let first = operator.set_budget(&wanted).await.unwrap();
    assert_eq!((first.limit, first.limit_usd.as_deref()), (1, Some("0.000000001")));
    wanted.limit_usd = Some("12.5".to_owned());
    let second = operator.set_budget(&wanted).await.unwrap();
    assert_eq!((&second.id, second.limit), (&first.id, 12_500_000_000));
    for wrong in ["1e3", "-1", "1,5", "0.0000000001", "", "99999999999999999999"] {
        wanted.limit_usd = Some(wrong.to_owned());
        let refused = operator.set_budget(&wanted).await.unwrap_err().to_string();
        assert!(refused.starts_with("limit_usd: "), "{wrong}: {refused}");
    }
    assert_eq!(operator.list_budgets(Some("user:ann")).await.unwrap().len(), 1);
    operator.remove_budget(&first.id).await.unwrap();
    assert!(operator.list_budgets(None).await.unwrap().is_empty());
    assert!(operator.remove_budget("nope").await.is_err());
}

#[tokio::test]
async fn usage_of_an_empty_store_is_an_empty_table() {
    let folder = tempfile::tempdir().unwrap();
    let operator = operator(&folder).await;
    let usage = operator.usage(&UsageRequest::default()).await.unwrap();
    assert_eq!((usage.data.len(), usage.total.calls, &*usage.total.cost_usd), (0, 0, "0.00"));
    let wanted = UsageRequest { user: Some("nobody".to_owned()), ..UsageRequest::default() };
    assert_eq!(operator.usage(&wanted).await.unwrap_err().to_string(), "there is no user `nobody`");
}

/// A charge of somebody's that holds a dollar.
async fn held(operator: &Operator, random: u8, basis: Basis) -> Charge {
    let path = AccountPath::new("default", None, "usr_ann", None);
    let create =
        ChargeCreate { service: "search".to_owned(), amount_usd: "1".to_owned(), ..ChargeCreate::default() };
    let call = CallId::from_parts(operator.now, [random; 10]);
    let mut wanted =
        wire::charges::wanted(&create, (path, Tags::default()), None, (call, operator.now)).unwrap();
    wanted.record.basis = basis;
    match operator.store.ledger.authorize(wanted).await.unwrap() {
        Authorized::Charge(charge) => *charge,
        short @ Authorized::Short { .. } => panic!("{short:?}"),
    }
}

#[tokio::test]
async fn what_the_operator_voids_and_corrects_is_in_the_audit_log_once() {
    let folder = tempfile::tempdir().unwrap();
    let operator = operator(&folder).await;
    let voided = held(&operator, 1, Basis::Reported).await.id();
    let captured = held(&operator, 2, Basis::Unresolved).await;
    let end = ChargeEnd::Capture { cost: captured.record.cost, tokens: captured.record.tokens };
    operator.store.ledger.end_charge(captured.id(), end, operator.now).await.unwrap();
    let call = captured.record.call.to_string();
    let truth = CallCorrection { id: call.clone(), cost_usd: "0.25".to_owned(), ..CallCorrection::default() };
    let truth = CorrectionCreate {
        id: Some("c1".to_owned()),
        reason: "its bill".to_owned(),
        call: Some(truth),
        ..CorrectionCreate::default()
    };
    for _ in 0..2 {
        assert_eq!(operator.void_charge(&voided.to_string()).await.unwrap().state, "voided");
        assert_eq!(operator.correct(&truth).await.unwrap().after, 250_000_000);
    }
    assert!(operator.void_charge(&captured.id().to_string()).await.is_err(), "it was captured");

    let wanted = AuditSelection { limit: 10, ..AuditSelection::default() };
    let log = operator.list_audit(&wanted).await.unwrap();
    let told: Vec<_> = log.iter().map(|one| (&*one.actor, &*one.action, &*one.subject)).collect();
    assert_eq!(
        told,
        [
            ("operator", "usage.correct", &*format!("call:{call}")),
            ("operator", "charge.void", &*format!("charge:{voided}")),
        ]
    );
    let changes: Vec<_> = log.into_iter().map(|one| json!([one.before, one.after])).collect();
    assert_eq!(
        changes,
        [
            json!([
                { "cost_nanodollars": 1_000_000_000 },
                { "cost_nanodollars": 250_000_000, "correction": "c1", "reason": "its bill" },
            ]),
            json!([
                { "state": "held", "service": "search", "user": "usr_ann", "amount_usd": "1.00" },
                { "state": "voided" },
            ]),
        ]
    );
}
