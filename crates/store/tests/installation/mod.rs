//! A store with something in every table.
#![expect(unreachable_pub, reason = "each test that declares this module uses it")]

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use stonegate_identity::{
    BootstrapToken, KeyId, KeyKind, KeyText, ModelRule, Role, Scopes, TeamId, TenantId, UserId,
    archive::{Document, DocumentOwner},
    directory::{Act, Actor, NewKey, NewPassword, NewTeam, NewTenant, NewUser, Rotation},
    provisioning::{Provisioned, ProvisionedKind},
    ticket::{Ticket, TicketKind},
};
use stonegate_ledger::{
    AccountPath, Adjustment, Adoption, Basis, Book, BookOptions, Budget, CallId, Change, Correction, Draft,
    Limit, Mode, Nanodollars, Outcome, Override, Picodollars, Quote, ReplicaId, Settlement, Tags, Tokens,
    Truth, Unrecorded, Window,
};
use stonegate_store::{Durability, Options, Store, open};

pub async fn open_file(path: &Path) -> Store {
    let options = Options { durability: Durability::Process, ..Options::default() };
    open(&format!("sqlite:{}", path.display()), &options).await.unwrap()
}

/// All that a store holds, as text.
pub async fn copy(store: &Store) -> String {
    let mut lines = Vec::new();
    store.export(&mut lines).await.unwrap();
    String::from_utf8(lines).unwrap()
}

/// A copy as it was before sums were kept.
pub fn without_sums(lines: &str) -> String {
    let mut rows: Vec<_> = lines.lines().filter(|line| !line.starts_with("{\"usage_")).collect();
    let end = format!("{{\"end\":{{\"rows\":{}}}}}", rows.len() - 2);
    *rows.last_mut().unwrap() = &end;
    rows.iter().map(|row| format!("{row}\n")).collect()
}

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

/// Puts something into every table.
pub async fn furnish(store: &Store) {
    let act = Act {
        by: Actor::Operator,
        at: now(),
        request_id: Some("req_ü\"\\".to_owned()),
        address: "192.0.2.1".parse().ok(),
    };
    let token = BootstrapToken::mint([7; 24]);
    store.directory.offer_bootstrap(token.digest(), now(), &act).await.unwrap();
    let tenant = TenantId::parse("acme").unwrap();
    let rule = ModelRule::new(vec!["claude-*".to_owned()], Vec::new()).unwrap();
    let new = NewTenant {
        id: tenant.clone(),
        name: "Acme \u{1f980}\n\t'".to_owned(),
        models: rule,
        time_zone: "Asia/Kathmandu".to_owned(),
    };
    store.directory.create_tenant(new, &act).await.unwrap();
    let team = TeamId::mint(now(), [1; 6]);
    let new = NewTeam {
        id: team.clone(),
        tenant: tenant.clone(),
        name: "platform".to_owned(),
        models: ModelRule::default(),
    };
    store.directory.create_team(new, &act).await.unwrap();
    let user = UserId::mint(now(), [1; 6]);
    let new = NewUser {
        id: user.clone(),
        tenant: tenant.clone(),
        team: Some(team),
        name: "ann".to_owned(),
        email: Some("ann@example.org".to_owned()),
        role: Role::User,
        models: ModelRule::default(),
    };
    store.directory.create_user(new, &act).await.unwrap();
    let (text, next) = (KeyText::mint([1; 24]), KeyText::mint([2; 24]));
    let new = NewKey {
        id: KeyId::mint(now(), [2; 6]),
        user: user.clone(),
        name: "laptop".to_owned(),
        kind: KeyKind::LongLived,
        parent: None,
        most: None,
        digest: text.digest(),
        public_form: text.public_form(),
        scopes: Scopes::for_calls(),
        models: ModelRule::default(),
        tags: Some("project=apollo".to_owned()),
        expires_at: None,
        text_until: None,
    };
    let key = store.directory.create_key(new, &act).await.unwrap();
    let rotation = Rotation {
        digest: next.digest(),
        public_form: next.public_form(),
        old_until: now(),
        new_until: None,
    };
    store.directory.rotate_key(&key.id, rotation, &act).await.unwrap();
    sign_in(store, &user, key.id, &act).await;
    let document = Document {
        owner: DocumentOwner { tenant, user },
        id: "resp_1".to_owned(),
        body: (0..=255).collect(),
        created_at: now(),
        expires_at: Timestamp::MAX,
    };
    store.archive.put(document).await.unwrap();
    spend(store).await;
}

/// What signing in leaves: a key for a while, a password, a ticket.
async fn sign_in(store: &Store, user: &UserId, parent: KeyId, act: &Act) {
    let child = KeyText::mint([3; 24]);
    let new = NewKey {
        id: KeyId::mint(now(), [3; 6]),
        user: user.clone(),
        name: "claude".to_owned(),
        kind: KeyKind::Ephemeral,
        parent: Some(parent),
        most: None,
        digest: child.digest(),
        public_form: child.public_form(),
        scopes: Scopes::for_calls(),
        models: ModelRule::default(),
        tags: None,
        expires_at: Some(now()),
        text_until: None,
    };
    store.directory.create_key(new, act).await.unwrap();
    let password = NewPassword { login: "ann@example.org".to_owned(), hash: "$argon2id$…".to_owned() };
    store.directory.set_password(user, password, act).await.unwrap();
    let ticket = Ticket {
        kind: TicketKind::Device,
        name: "BCDF-GHJK".to_owned(),
        body: "{\"a\": \"\\n\"}".to_owned(),
        expires_at: Timestamp::MAX,
    };
    store.tickets.put(ticket, now()).await.unwrap();
    provision(store).await;
}

/// A budget with a call that ended and one that is under way, another that tells of a threshold, and one that was adjusted.
async fn spend(store: &Store) {
    let limit = Limit::Usd(Nanodollars::new(i64::MAX.unsigned_abs()));
    let mut budget = Budget::block("b1", "tenant:acme".parse().unwrap(), Window::Monthly, limit);
    budget.thresholds = vec![50, 80];
    store.ledger.define_budget(budget).await.unwrap();
    let removed = Budget::block("b2", "user:ann".parse().unwrap(), Window::Total, Limit::Tokens(7));
    store.ledger.define_budget(removed.clone()).await.unwrap();
    store.ledger.remove_budget(removed.id).await.unwrap();
    let telling =
        Budget::block("b3", "user:ann".parse().unwrap(), Window::Weekly, Limit::Usd(Nanodollars::new(50)));
    let telling = Budget { mode: Mode::Notify, thresholds: vec![80], ..telling };
    store.ledger.define_budget(telling).await.unwrap();
    // A server goes by PostgreSQL's clock, whatever these calls say: in force on no day on which this may run.
    let from = now() + jiff::SignedDuration::from_hours(24 * 365 * 100);
    let until = from + jiff::SignedDuration::from_hours(24);
    let overriding = Override { amount: 90, from, until };
    let window = Some("2026-11".parse().unwrap());
    for (id, change) in [
        ("a1", Change::Credit { amount: -3, window: None }),
        ("a2", Change::Credit { amount: 7, window }),
        ("a3", Change::Override(overriding)),
    ] {
        let (by, reason) = ("operator".into(), "moving \u{1f4b6}".to_owned());
        let adjustment = Adjustment {
            id: id.into(),
            budget: stonegate_ledger::BudgetId::new("b1"),
            at: now(),
            by,
            reason,
            change,
        };
        store.ledger.adjust_budget(adjustment).await.unwrap();
    }
    let book = book(store, "r1").await;
    call(store, &book, "ann", 1).await;
    call(store, &book, "ann", 2).await;
    find_out(store).await;
    charge(store).await;
}

/// A service outside holds credit.
async fn charge(store: &Store) {
    let page = stonegate_ledger::JournalQuery {
        filter: stonegate_ledger::UsageFilter::default(),
        before: None,
        limit: 1,
    };
    let record = store.ledger.journal(page).await.unwrap().records.remove(0);
    let record = stonegate_ledger::UsageRecord {
        call: CallId::from_parts(now(), [9; 10]),
        counters: Vec::new(),
        ..record
    };
    let at = now();
    let expires_at = at + jiff::SignedDuration::from_hours(1);
    let wanted = stonegate_ledger::Authorization {
        record,
        key: "ann search-1".into(),
        request: "search".into(),
        at,
        expires_at,
        waits_until: at,
    };
    store.ledger.authorize(wanted).await.unwrap();
}

/// Lets another server take a call of somebody who made none before.
pub async fn go_on(store: &Store) {
    let book = book(store, "r2").await;
    call(store, &book, "bob", 5).await;
}

async fn book(store: &Store, replica: &str) -> Book {
    let options = BookOptions { open_grace: jiff::SignedDuration::ZERO, ..BookOptions::default() };
    let book = Book::new(ReplicaId::new(replica), options);
    sync(store, &book).await;
    book
}

/// A call that ends if its number is odd, and else is left under way.
async fn call(store: &Store, book: &Book, user: &str, number: u8) {
    let path = AccountPath::new("acme", Some("core".into()), user, None);
    let reserve = || book.reserve(&path, quote(), draft(number), now());
    let reservation = match reserve() {
        Ok(reservation) => reservation,
        Err(_) => {
            sync(store, book).await;
            reserve().unwrap()
        }
    };
    if number % 2 == 1 {
        let tokens = Tokens { input: 3, thinking: Some(2), ..Tokens::default() };
        let cost = Nanodollars::new(40);
        reservation.settle(Settlement::new(Outcome::Complete, Basis::Reported, cost, tokens));
    } else {
        // It is told of though no poll is due.
        std::mem::forget(reservation);
        book.ask_for_news();
    }
    sync(store, book).await;
}

/// What a replica that died left behind is corrected.
async fn find_out(store: &Store) {
    let book = book(store, "r0").await;
    let path = AccountPath::new("acme", Some("core".into()), "ann", None);
    let lost = loop {
        match book.reserve(&path, quote(), draft(3), now()) {
            Ok(reservation) => break reservation,
            Err(_) => sync(store, &book).await,
        }
    };
    let call = lost.call();
    std::mem::forget(lost);
    book.ask_for_news();
    sync(store, &book).await;
    let adoption =
        Adoption { at: now(), by: ReplicaId::new("r1"), silent_since: None, unrecorded: Unrecorded::Unknown };
    store.ledger.adopt(adoption).await.unwrap();
    let (cost, tokens) = (Nanodollars::new(9), Tokens { output: 1, ..Tokens::default() });
    let counter = "b1@2026-11".parse().unwrap();
    for (id, truth) in [
        ("c1", Truth::Call { call, cost, tokens }),
        ("c2", Truth::WriteOff { replica: ReplicaId::new("r0"), counter, spent: 1 }),
    ] {
        let (by, reason) = ("operator".into(), "the provider's log".to_owned());
        store.ledger.correct(Correction { id: id.into(), at: now(), by, reason, truth }).await.unwrap();
    }
}

async fn sync(store: &Store, book: &Book) {
    while let Some(request) = book.plan_sync(now()) {
        let reply = store.ledger.sync(&Arc::clone(&request)).await.unwrap();
        book.apply_sync(reply, now());
    }
}

fn quote() -> Quote {
    Quote {
        input: Nanodollars::new(50),
        input_tokens: 5,
        per_output_token: Picodollars::new(0),
        output_tokens: 0,
        least_output_tokens: 0,
    }
}

fn draft(number: u8) -> Draft {
    Draft {
        call: CallId::from_parts(now(), [number; 10]),
        started_at: now(),
        dialect: "anthropic".into(),
        client: Some("claude-cli".into()),
        tags: Tags::from_kept(Some("project=apollo,stage=test".into())),
        model_requested: "sonnet".into(),
        model_served: "claude-sonnet-5-5".into(),
        price_version: "2026-11".into(),
        stream: true,
    }
}

/// Somebody in a group, as an identity provider has them.
async fn provision(store: &Store) {
    for (kind, id, name) in
        [(ProvisionedKind::User, "usr_1", "ann"), (ProvisionedKind::Group, "grp_1", "staff")]
    {
        let new = Provisioned {
            tenant: TenantId::default_tenant(),
            kind,
            id: id.to_owned(),
            name_key: name.to_owned(),
            external_id: None,
            body: "{}".to_owned(),
            created_at: now(),
            changed_at: now(),
        };
        assert!(store.provisioning.create(new).await.unwrap());
    }
    store.provisioning.change_members("grp_1", &["usr_1".to_owned()], &[]).await.unwrap();
}
