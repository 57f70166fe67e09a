//! What a call costs in the book: reserving and settling on three budgets, and planning the sync that follows.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use divan::Bencher;
use jiff::Timestamp;
use stonegate_ledger::{
    AccountId, AccountPath, Basis, Book, BookOptions, Budget, CallId, Draft, LedgerStore, Limit, MemoryStore,
    Nanodollars, Outcome, Picodollars, Quote, ReplicaId, Settlement, Tags, Tokens, Window,
};

fn main() {
    divan::main();
}

/// A keeper, a store and a path with a hard budget on its key, its user and its tenant.
struct Desk {
    book: Book,
    path: AccountPath,
    draft: Draft,
    now: Timestamp,
}

fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("the reference store answers at once"),
    }
}

impl Desk {
    fn new(budgets: &[&str]) -> Self {
        let store = MemoryStore::new();
        for account in budgets {
            let account: AccountId = account.parse().expect("written as accounts are");
            let id = account.to_string().replace(':', "-");
            let limit = Limit::Usd(Nanodollars::from_dollars(1_000_000));
            let budget = Budget::block(id, account, Window::Monthly, limit);
            at_once(store.define_budget(budget)).expect("the reference store takes it");
        }
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().expect("a time");
        let book = Book::new(ReplicaId::new("bench"), BookOptions::default());
        let name: Arc<str> = "claude-sonnet-5-5".into();
        let desk = Self {
            path: AccountPath::new("acme", Some("core".into()), "ada", Some("k1".into())),
            draft: Draft {
                call: CallId::from(0),
                started_at: now,
                dialect: "anthropic".into(),
                client: Some("claude-code".into()),
                tags: Tags::default(),
                model_requested: name.clone(),
                model_served: name,
                price_version: "2026-11-01".into(),
                stream: true,
            },
            book,
            now,
        };
        for dollars in [1, 1_000, 1] {
            let request = desk.book.plan_sync(now + std::time::Duration::from_secs(1));
            if let Some(request) = request {
                desk.book.apply_sync(at_once(store.sync(&request)).expect("in order"), now);
            }
            let quote = Quote { input: Nanodollars::from_dollars(dollars * 100), ..quote() };
            // Asks for much, so that the bench never runs out of credit.
            drop(desk.book.reserve(&desk.path, quote, desk.draft.clone(), now));
        }
        desk
    }

    fn call(&self, number: u128) {
        let draft = Draft { call: CallId::from(number), ..self.draft.clone() };
        let mut reservation =
            self.book.reserve(&self.path, quote(), draft, self.now).expect("there is credit");
        reservation.mark_sent();
        let tokens = Tokens { input: 1_000, output: 200, ..Tokens::default() };
        let cost = Nanodollars::new(1);
        reservation.settle(Settlement::new(Outcome::Complete, Basis::Reported, cost, tokens));
    }
}

fn quote() -> Quote {
    Quote {
        input: Nanodollars::new(3_000_000),
        input_tokens: 1_000,
        per_output_token: Picodollars::new(15_000_000),
        output_tokens: 4_096,
        least_output_tokens: 256,
    }
}

#[divan::bench(args = [0, 1, 3])]
fn reserve_and_settle(bencher: Bencher<'_, '_>, budgets: usize) {
    let all = ["key:k1", "user:ada", "tenant:acme"];
    let desk = Desk::new(all.get(..budgets).unwrap_or(&all));
    let mut number = 0;
    bencher.bench_local(|| {
        number += 1;
        desk.call(number);
    });
}

#[divan::bench(threads = [2])]
fn reserve_and_settle_contended(bencher: Bencher<'_, '_>) {
    let desk = Desk::new(&["key:k1", "user:ada", "tenant:acme"]);
    let number = std::sync::atomic::AtomicU64::new(0);
    bencher.bench(|| desk.call(u128::from(number.fetch_add(1, std::sync::atomic::Ordering::Relaxed))));
}

/// A group commit's worth: 50 calls, and the request that carries them.
#[divan::bench]
fn fifty_calls_and_their_request(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(|| Desk::new(&["key:k1", "user:ada", "tenant:acme"])).bench_local_values(|desk| {
        for number in 0..50 {
            desk.call(number);
        }
        desk.book.plan_sync(desk.now)
    });
}
