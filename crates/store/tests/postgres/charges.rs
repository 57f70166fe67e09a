//! Charges from outside by several processes on one database.

use jiff::{SignedDuration, Timestamp};
use stonegate_ledger::{
    AccountPath, Authorization, Authorized, Basis, Budget, BudgetFilter, CallId, ChargeEnd, ChargeId,
    ChargeState, JournalQuery, Limit, Nanodollars, Outcome, Tags, Tokens, UsageFilter, UsageQuery,
    UsageRecord, Window,
};
use stonegate_store::Store;

use crate::schema::schema;

const AMOUNT: u64 = 30;

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

/// What server `server` asks for under the key of that number.
fn wanted(server: u128, key: u128) -> Authorization {
    let cost = Nanodollars::new(AMOUNT);
    let record = UsageRecord {
        call: CallId::from(CallId::first_at(now()).get() + (server << 32 | key)),
        started_at: now(),
        path: AccountPath::new("acme", None, "ann", None),
        dialect: "charge".into(),
        client: None,
        tags: Tags::default(),
        model_requested: "search".into(),
        model_served: "search".into(),
        endpoint: Some("charge".into()),
        tokens: Tokens::default(),
        cost,
        uncached_cost: cost,
        price_version: "charge".into(),
        first_byte_us: None,
        total_us: 0,
        outcome: Outcome::Complete,
        basis: Basis::Reported,
        stop_reason: None,
        upstream_request_id: None,
        status: 0,
        stream: false,
        counters: Vec::new(),
    };
    let (key, request) = (format!("ann {key}").into(), "search".into());
    let (at, waits_until) = (now(), now());
    Authorization { record, key, request, at, expires_at: at + SignedDuration::from_mins(1), waits_until }
}

/// Asks for credit under forty keys. Gives the charge of each that got it.
async fn authorize(store: Store, server: u128) -> Vec<Option<ChargeId>> {
    let mut charges = Vec::new();
    for key in 0..40 {
        charges.push(match store.ledger.authorize(wanted(server, key)).await.unwrap() {
            Authorized::Charge(charge) => {
                assert_eq!(charge.state, ChargeState::Held);
                Some(charge.id())
            }
            Authorized::Short { .. } => None,
        });
    }
    charges
}

/// Ends charges that another server ends as well. Says how many it captured.
async fn end(store: Store, charges: Vec<ChargeId>, end: ChargeEnd) -> usize {
    let mut captured = 0;
    for id in charges {
        let ended = store.ledger.end_charge(id, end.clone(), now()).await;
        captured += usize::from(ended.is_ok_and(|charge| charge.state == ChargeState::Captured));
    }
    captured
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_hold_and_end_the_same_charges_hold_and_take_each_once() {
    let schema = schema!();
    let store = schema.open().await;
    for (id, account) in [("b2", "tenant:acme"), ("b1", "user:ann")] {
        let limit = Limit::Usd(Nanodollars::new(1_000));
        let budget = Budget::block(id, account.parse().unwrap(), Window::Total, limit);
        store.ledger.define_budget(budget).await.unwrap();
    }
    let counts = async || {
        let states = store.ledger.list_budgets(BudgetFilter::default(), now()).await.unwrap();
        let counter = |at: usize| {
            let counter = states[at].counter;
            (counter.spent, counter.leased, counter.uncovered)
        };
        assert_eq!(counter(0), counter(1), "all or none");
        counter(0)
    };

    let mut servers = tokio::task::JoinSet::new();
    for number in 0..4 {
        servers.spawn(authorize(schema.open().await, number));
    }
    let mut held: Vec<ChargeId> = servers.join_all().await.into_iter().flatten().flatten().collect();
    held.sort_unstable();
    held.dedup();
    // Of several that ask with one key, whoever asks later finds the charge, or credit that is no longer there.
    assert_eq!(held.len(), 33, "what fits, and one charge for each key");
    assert_eq!(counts().await, (0, 33 * AMOUNT, 0));

    let capture = ChargeEnd::Capture { cost: Nanodollars::new(20), tokens: Tokens::default() };
    let mut servers = tokio::task::JoinSet::new();
    for how in [capture.clone(), ChargeEnd::Void, capture] {
        servers.spawn(end(schema.open().await, held.clone(), how));
    }
    let captured = servers.join_all().await.into_iter().max().unwrap();
    assert_eq!(counts().await, (u64::try_from(captured).unwrap() * 20, 0, 0));
    let query = JournalQuery { filter: UsageFilter::default(), before: None, limit: 100 };
    assert_eq!(store.ledger.journal(query).await.unwrap().records.len(), captured);
    let sums = store.ledger.usage(UsageQuery::of(UsageFilter::default())).await.unwrap();
    assert_eq!(sums.iter().map(|sum| sum.cost.get()).sum::<u64>(), counts().await.0, "as the reports say");
}
