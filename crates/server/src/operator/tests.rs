use stonegate_api::{BudgetCreate, BudgetWindow, KeyStatus, Role};

use super::*;

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
    assert_eq!(operator.list_users(None, None).await.unwrap()[0].role, Role::Admin);
}

#[tokio::test]
async fn a_named_user_is_made_once_and_without_rights_over_others() {
    let folder = tempfile::tempdir().unwrap();
    let operator = operator(&folder).await;
    operator.create_key(&named("one", Some("ann"))).await.unwrap();
    operator.create_key(&named("two", Some("ann"))).await.unwrap();
    let users = operator.list_users(None, None).await.unwrap();
    assert_eq!((users.len(), users[0].role), (1, Role::User));
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
        assert_eq!(operator.revoke_key(handle).await.unwrap().status, KeyStatus::Revoked, "{by}");
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
