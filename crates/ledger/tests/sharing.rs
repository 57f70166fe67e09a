//! Calls that share a budget which is nearly used up: nobody takes it all, and whoever came first is served first.

use std::{
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use jiff::{SignedDuration, Timestamp};
use stonegate_ledger::{
    AccountPath, Basis, Book, BookOptions, Budget, BudgetFilter, CallId, Draft, LedgerStore, Limit,
    MemoryStore, Nanodollars, Outcome, Picodollars, Place, Quote, ReplicaId, Reservation, Settlement,
    Shortfall, Tags, Tokens, Window,
};

fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("the reference store answers at once"),
    }
}

/// One replica before a budget of so many nano-dollars on the tenant; a token costs one.
struct Desk {
    store: MemoryStore,
    book: Book,
    now: Timestamp,
    calls: std::cell::Cell<u128>,
}

impl Desk {
    fn new(limit: u64) -> Self {
        let desk = Self {
            store: MemoryStore::new(),
            book: Book::new(ReplicaId::new("r1"), BookOptions::default()),
            now: "2026-11-21T12:00:00Z".parse().expect("a time"),
            calls: std::cell::Cell::new(0),
        };
        desk.define("all", "tenant:acme", limit);
        desk.sync();
        desk
    }

    fn define(&self, id: &str, account: &str, limit: u64) {
        let account = account.parse().expect("an account");
        let limit = Limit::Usd(Nanodollars::new(limit));
        at_once(self.store.define_budget(Budget::block(id, account, Window::Total, limit)))
            .expect("it can be");
    }

    fn sync(&self) {
        self.book.ask_for_news();
        while let Some(request) = self.book.plan_sync(self.now) {
            let reply = at_once(self.store.sync(&request)).expect("in order");
            self.book.apply_sync(reply, self.now);
        }
    }

    /// What replicas hold of the tenant's budget.
    fn leased(&self) -> u64 {
        let states = at_once(self.store.list_budgets(BudgetFilter::default(), self.now)).expect("it lists");
        states.iter().map(|state| state.counter.leased).sum()
    }

    fn call(&self, user: &str, asked: u64, least: u64) -> (AccountPath, Quote, Draft) {
        self.calls.set(self.calls.get() + 1);
        let quote = Quote {
            input: Nanodollars::ZERO,
            input_tokens: 0,
            per_output_token: Picodollars::new(1_000),
            output_tokens: asked,
            least_output_tokens: least,
        };
        let model: Arc<str> = "model".into();
        let draft = Draft {
            call: CallId::from(self.calls.get()),
            started_at: self.now,
            dialect: "anthropic".into(),
            client: None,
            tags: Tags::default(),
            model_requested: model.clone(),
            model_served: model,
            price_version: "1".into(),
            stream: false,
        };
        (AccountPath::new("acme", None, user, None), quote, draft)
    }

    /// Tries as a server does: asks the store for as long as that may help.
    fn reserve(&self, user: &str, asked: u64, least: u64) -> Result<Reservation, Shortfall> {
        self.until_known(self.call(user, asked, least), |(path, quote, draft)| {
            self.book.reserve(&path, quote, draft, self.now)
        })
    }

    fn retry(&self, place: &Place, user: &str, asked: u64) -> Result<Reservation, Shortfall> {
        self.until_known(self.call(user, asked, asked), |(path, quote, draft)| {
            place.reserve(&path, quote, draft, self.now)
        })
    }

    fn until_known<T: Clone>(
        &self,
        call: T,
        reserve: impl Fn(T) -> Result<Reservation, Shortfall>,
    ) -> Result<Reservation, Shortfall> {
        for _ in 0..10 {
            match reserve(call.clone()) {
                Err(short) if short.may_improve => self.sync(),
                result => return result,
            }
        }
        unreachable!("an answer of the store is news of what it was asked about")
    }

    /// A call that waits for so much.
    fn line_up(&self, user: &str, asked: u64) -> Place {
        let short = self.reserve(user, asked, asked).expect_err("it is short");
        assert!(short.may_free, "calls under way hold enough");
        self.book.line_up(&short)
    }
}

fn end(reservation: Reservation, cost: u64) {
    let tokens = Tokens { output: cost, ..Tokens::default() };
    reservation.settle(Settlement::new(Outcome::Complete, Basis::Reported, Nanodollars::new(cost), tokens));
}

/// Whether it was that one's turn since it was last asked.
fn is_called(turn: &mut Pin<Box<dyn Future<Output = ()> + '_>>) -> bool {
    turn.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

fn turn(place: &Place) -> Pin<Box<dyn Future<Output = ()> + '_>> {
    Box::pin(place.called())
}

#[test]
fn no_call_takes_more_than_its_share_of_what_is_left() {
    let desk = Desk::new(1_000);
    let calls: Vec<_> = (0..12).map(|_| desk.reserve("ada", 900, 10).expect("there is some")).collect();
    let granted: Vec<u64> = calls.iter().map(Reservation::output_tokens).collect();
    assert_eq!(granted, [250, 187, 140, 105, 79, 59, 45, 33, 25, 19, 14, 11]);
}

#[test]
fn a_call_that_is_small_beside_what_is_left_is_not_lowered() {
    let desk = Desk::new(1_000);
    assert_eq!(desk.reserve("ada", 250, 10).expect("a quarter").output_tokens(), 250);
}

#[test]
fn what_is_left_is_asked_for_anew_after_a_while() {
    let mut desk = Desk::new(1_000);
    drop(desk.reserve("ada", 900, 10).expect("there is some"));
    desk.sync();
    desk.define("all", "tenant:acme", 4_000);
    desk.now += SignedDuration::from_secs(2);
    assert_eq!(desk.reserve("ada", 900, 10).expect("there is more now").output_tokens(), 900);
}

#[test]
fn those_who_wait_are_served_in_the_order_in_which_they_came() {
    let desk = Desk::new(100);
    let first = desk.reserve("ada", 100, 100).expect("it fits");
    let places = [60, 50, 10].map(|asked| desk.line_up("ada", asked));
    let newcomer = desk.reserve("ada", 1, 1).expect_err("nobody passes those who wait");
    assert!(newcomer.may_free && !newcomer.may_improve, "{newcomer:?}");
    let mut turns = places.each_ref().map(turn);

    end(first, 0);
    desk.sync();
    assert_eq!(turns.each_mut().map(is_called), [true, false, false]);
    assert!(desk.retry(&places[1], "ada", 50).is_err(), "not before the one who came first");
    let second = desk.retry(&places[0], "ada", 60).expect("it is served");
    drop(turns);
    let [one, two, three] = places;
    drop(one);

    let (mut turn_of_two, mut turn_of_three) = (turn(&two), turn(&three));
    assert!(is_called(&mut turn_of_two), "the next comes forward");
    assert!(desk.retry(&two, "ada", 50).is_err(), "40 are left");
    assert!(!is_called(&mut turn_of_three), "and the last one waits behind");
    // Its client leaves.
    drop(turn_of_two);
    drop(two);
    assert!(is_called(&mut turn_of_three));
    end(desk.retry(&three, "ada", 10).expect("10 of 40"), 10);
    end(second, 60);
}

#[test]
fn a_wait_on_ones_own_budget_holds_no_one_else_back() {
    let desk = Desk::new(1_000);
    desk.define("own", "user:ada", 100);
    desk.sync();
    let held = desk.reserve("ada", 100, 100).expect("it fits");
    let place = desk.line_up("ada", 100);
    drop(desk.reserve("bob", 200, 200).expect("the tenant has enough"));
    drop((held, place));
}

#[test]
fn waiting_is_for_what_calls_under_way_may_free() {
    let desk = Desk::new(100);
    let held = desk.reserve("ada", 90, 90).expect("it fits");
    assert!(!desk.reserve("ada", 101, 101).expect_err("it never fits").may_free);
    end(held, 90);
    desk.sync();
    assert!(!desk.reserve("ada", 11, 11).expect_err("it is spent").may_free);
}

#[test]
fn the_last_try_is_made_whoever_else_waits() {
    let desk = Desk::new(100);
    let held = desk.reserve("ada", 90, 90).expect("it fits");
    let (large, small) = (desk.line_up("ada", 80), desk.line_up("ada", 5));
    assert!(desk.retry(&small, "ada", 5).is_err());
    let (path, quote, draft) = desk.call("ada", 5, 5);
    drop(small.reserve_at_last(&path, quote, draft, desk.now).expect("it fits, and time is up"));
    drop((held, large));
}

#[test]
fn whoever_retires_gives_back_what_calls_were_waiting_for() {
    let desk = Desk::new(60);
    // There is another replica, for which nothing will be left.
    let other = Book::new(ReplicaId::new("r2"), BookOptions::default());
    let hello = other.plan_sync(desk.now).expect("its first word");
    at_once(desk.store.sync(&hello)).expect("in order");
    let (path, quote, draft) = desk.call("ada", 60, 60);
    let short = desk.book.reserve(&path, quote, draft, desk.now).expect_err("nothing is on lease yet");
    assert!(short.may_improve, "{short:?}");
    desk.sync();
    // It is there now, and whoever waited for it has left.
    desk.sync();
    assert_eq!(desk.leased(), 60);

    desk.book.retire();
    desk.sync();
    assert_eq!(desk.leased(), 0);
}

#[test]
fn a_store_that_is_back_is_asked_before_a_call_is_refused() {
    let desk = Desk::new(1_000);
    end(desk.reserve("ada", 200, 200).expect("it fits"), 10);
    desk.sync();
    assert!(desk.leased() > 350, "some is kept for the next calls: {}", desk.leased());
    desk.book.ask_for_news();
    let lost = desk.book.plan_sync(desk.now).expect("a request");
    desk.book.sync_failed(desk.now);
    let short = desk.reserve("ada", 900, 900).expect_err("for now, what is on lease is all there is");
    assert!(!short.may_improve, "{short:?}");

    let reply = at_once(desk.store.sync(&lost)).expect("in order");
    desk.book.apply_sync(reply, desk.now);
    drop(desk.reserve("ada", 350, 10).expect("what is on lease is enough, once it is known what is left"));
    drop(desk.reserve("ada", 900, 900).expect("the store has it"));
}

/// Asks for more as a server does.
fn extend(desk: &Desk, call: &mut Reservation, asked: u64, least: u64) -> Result<u64, Shortfall> {
    let (_, quote, _) = desk.call("ada", asked, least);
    for _ in 0..10 {
        match call.extend(quote, desk.now) {
            Err(short) if short.may_improve => desk.sync(),
            result => return result,
        }
    }
    unreachable!("an answer of the store is news of what it was asked about")
}

#[test]
fn a_call_that_grows_is_one_call_and_holds_on_every_budget_or_on_none() {
    let desk = Desk::new(1_000);
    desk.define("own", "user:ada", 500);
    desk.sync();
    let mut call = desk.reserve("ada", 100, 100).expect("there is enough");
    assert_eq!(extend(&desk, &mut call, 50, 50).expect("there is enough"), 50);
    desk.sync();
    // A budget that came while it was under way has to cover what is added as well.
    desk.define("late", "user:ada", 60);
    desk.sync();
    let short = extend(&desk, &mut call, 70, 70).expect_err("the late one is short");
    assert_eq!(short.budget.map(|budget| budget.id.to_string()).as_deref(), Some("late"));
    assert_eq!(desk.reserve("bob", 800, 800).expect("nothing more is held").output_tokens(), 800);
    assert_eq!(extend(&desk, &mut call, 90, 10).expect("a part fits"), 15, "a quarter of what is left");
    end(call, 160);
    desk.sync();
    let states = at_once(desk.store.list_budgets(BudgetFilter::default(), desk.now)).expect("it lists");
    let spent: Vec<_> = states.iter().map(|state| (state.budget.id.as_str(), state.counter.spent)).collect();
    assert_eq!(spent, [("all", 160), ("late", 160), ("own", 160)], "it is charged once, and to all");
    assert_eq!(desk.book.in_flight(), 0);
}

#[test]
fn a_call_that_grows_does_not_wait_for_those_who_wait_for_it() {
    let desk = Desk::new(1_000);
    let mut first = desk.reserve("ada", 250, 250).expect("there is enough");
    let second = desk.reserve("ada", 600, 600).expect("there is enough");
    let waiting = desk.line_up("bob", 700);
    assert_eq!(extend(&desk, &mut first, 150, 150).expect("what is free is its own"), 150);
    assert!(!extend(&desk, &mut first, 1, 1).expect_err("nothing is left").may_improve);
    end(second, 0);
    drop(waiting);
    // Sent, and nothing known of what became of it.
    first.mark_sent();
    drop(first);
    desk.sync();
    let states = at_once(desk.store.list_budgets(BudgetFilter::default(), desk.now)).expect("it lists");
    assert_eq!(states.iter().map(|state| state.counter.spent).sum::<u64>(), 400, "all that it held");
}

#[test]
fn a_caller_is_told_of_the_budget_that_stands_worst_as_far_as_they_may_know() {
    // What is spent of the user's own and of the tenant's budget in per cent, and which of them is told of, and how.
    for (own, shared, expected) in [
        (0, 0, ("user:ada", Some(0))),
        // Were the tenant's named here, one would know that it stands worse than one's own.
        (10, 60, ("user:ada", Some(10))),
        (74, 75, ("tenant:acme", Some(75))),
        (80, 90, ("user:ada", Some(80))),
        (80, 96, ("tenant:acme", Some(95))),
        (95, 96, ("user:ada", Some(95))),
    ] {
        let desk = Desk::new(10_000);
        desk.define("own", "user:ada", 100);
        desk.sync();
        end(desk.reserve("bob", shared * 100, 1).expect("there is some"), shared * 100 - own);
        end(desk.reserve("ada", 100, 1).expect("there is some"), own);
        desk.sync();
        let call = desk.reserve("ada", 1, 1).expect("there is some");
        let near = call.near().expect("there are budgets");
        let told = (near.budget.account.to_string(), near.told_percent());
        assert_eq!((told.0.as_str(), told.1), expected, "{own} % and {shared} %");
    }
    let desk = Desk::new(10_000);
    let call = desk.reserve("ada", 1, 1).expect("there is some");
    assert_eq!(
        call.near().map(|near| near.told_percent()),
        Some(None),
        "a shared one, and nothing of how it stands"
    );
}

/// A desk with a budget of a hundred nano-dollars a day on one user.
fn by_the_day() -> Desk {
    let desk = Desk::new(10_000);
    let limit = Limit::Usd(Nanodollars::new(100));
    let daily = Budget::block("daily", "user:ada".parse().expect("an account"), Window::Daily, limit);
    at_once(desk.store.define_budget(daily)).expect("it can be");
    desk.sync();
    desk
}

#[test]
fn a_clock_that_is_put_right_leads_back_to_the_window_that_seemed_to_be_over() {
    let mut desk = by_the_day();
    let right = desk.now;
    end(desk.reserve("ada", 60, 60).expect("it fits"), 60);
    desk.sync();
    desk.now = right + SignedDuration::from_hours(30 * 24);
    end(desk.reserve("ada", 100, 100).expect("another day"), 100);
    desk.sync();
    desk.now = right;
    desk.sync();
    assert!(desk.reserve("ada", 41, 41).is_err(), "what was spent that day stays spent");
    end(desk.reserve("ada", 40, 40).expect("and what was left is left"), 40);
}

#[test]
fn windows_begin_and_end_by_the_stores_clock_whatever_the_replicas_says() {
    for hours in [-36, 0, 36] {
        let mut desk = by_the_day();
        let right = desk.now;
        let skew = SignedDuration::from_hours(hours);
        desk.store.set_time(right);
        desk.now = right + skew;
        desk.sync();
        end(desk.reserve("ada", 100, 100).expect("it fits"), 100);
        desk.sync();
        assert!(desk.reserve("ada", 1, 1).is_err(), "{hours} hours ahead");
        let states = at_once(desk.store.list_budgets(BudgetFilter::default(), right)).expect("it lists");
        let daily = states.iter().find(|state| state.budget.id.as_str() == "daily").expect("it is there");
        assert_eq!((daily.window.to_string().as_str(), daily.counter.spent), ("2026-11-21", 100));

        // Set to another day in the midst of it: the next answer knows better.
        desk.now += SignedDuration::from_hours(48);
        desk.sync();
        assert!(desk.reserve("ada", 1, 1).is_err(), "{hours} hours ahead, and two days more");
        let day = SignedDuration::from_hours(24);
        desk.store.set_time(right + day);
        desk.now += day;
        desk.sync();
        end(desk.reserve("ada", 100, 100).expect("a new day by the store's clock"), 100);
    }
}
