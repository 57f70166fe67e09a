//! `kill -9` at any moment, under load, again and again: no answer whose end a client has seen is lost from the books, no
//! budget is overspent, and everything adds up to the nano-dollar.

mod processes;
mod recording;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use stonegate_ledger::{AccountKind, Outcome, UsageRecord};
use stonegate_server::clock;
use stonegate_simulator::{Options, Running, Simulator};

use processes::{
    Books, Seen, Server, check_that_every_end_is_recorded, check_that_everything_adds_up, people, read_books,
};

/// A server's calls share a thread, or have one for each core: another runtime.
const ONE_THREAD: &[&str] = &["--set", "server.workers=1"];
const ONE_FOR_EACH_CORE: &[&str] = &[];
/// How often the server is killed.
const CRASHES: usize = 5;
/// Ann has a budget that is soon used up, Bob one that lasts, Carol none.
const USERS: [&str; 3] = ["ann", "bob", "carol"];
/// Accounts and limits in dollars.
const BUDGETS: [(&str, &str); 3] = [("user:ann", "0.06"), ("user:bob", "100"), ("tenant:default", "1000")];
/// How many of each call at a time.
const CLIENTS: usize = 3;
/// Ann's budget, in nano-dollars.
const ANNS_LIMIT: u64 = 60_000_000;

struct World {
    runtime: tokio::runtime::Runtime,
    simulator: Running,
    home: tempfile::TempDir,
    keys: Vec<(&'static str, String)>,
}

impl World {
    fn new() -> World {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let pace = Duration::from_millis(2);
        let options = Options { pace, record: Some(recording::file()), ..Options::default() };
        let simulator = runtime.block_on(Simulator::start(options)).expect("a simulator");
        let home = tempfile::tempdir().expect("a folder");
        let mut world = World { runtime, simulator, home, keys: Vec::new() };
        world.keys = world.runtime.block_on(people(&world.store_url(), &USERS, &BUDGETS));
        world
    }

    fn data_dir(&self) -> PathBuf {
        self.home.path().join("data")
    }

    fn store_url(&self) -> String {
        format!("sqlite:{}", self.data_dir().join("stonegate.db").display())
    }

    fn serve(&self, flags: &[&str]) -> Server {
        let upstream = self.simulator.base_url();
        Server::start(self.home.path(), &self.store_url(), &self.data_dir(), &upstream, flags)
    }

    /// Clients that call and call until the server is killed.
    fn load(&self, server: &Server, seen: &std::sync::Mutex<Vec<Seen>>) {
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for (user, key) in self.keys.iter().flat_map(|key| std::iter::repeat_n(key, CLIENTS)) {
                let is_over = &is_over;
                scope.spawn(move || {
                    for number in 0.. {
                        if is_over.load(Ordering::Acquire) {
                            return;
                        }
                        let text = format!("say {user} counts one two three four five");
                        let Some(answer) = server
                            .connect()
                            .and_then(|connection| connection.call(key, &text, 100, number % 3 != 0))
                        else {
                            return;
                        };
                        // A server that is up has nothing but answers and refusals by budget.
                        assert!(
                            answer.status().is_none_or(|status| matches!(status, 200 | 429)),
                            "{answer:?}"
                        );
                        seen.lock().expect("no panic").extend(answer.end());
                    }
                });
            }
            let [moment, finer] = clock::random::<2>();
            std::thread::sleep(Duration::from_millis(100 + u64::from(moment) + u64::from(finer % 8)));
            server.kill();
            is_over.store(true, Ordering::Release);
        });
    }
}

#[test]
fn a_server_that_is_killed_again_and_again_loses_nothing_and_overspends_nothing() {
    let world = World::new();
    let seen = std::sync::Mutex::new(Vec::new());
    for flags in [ONE_THREAD, ONE_FOR_EACH_CORE].into_iter().cycle().take(CRASHES) {
        let server = world.serve(flags);
        world.load(&server, &seen);
    }
    // The last one closes the books of the dead.
    world.serve(ONE_THREAD).stop();
    let seen = seen.into_inner().expect("no panic");
    assert!(seen.len() > CRASHES * 5, "there was some load: {}", seen.len());

    let books = world.runtime.block_on(read_books(&world.store_url()));
    check_that_every_end_is_recorded(&seen, &books.records);
    check_that_everything_adds_up(&books);
    check_that_what_upstream_bills_is_covered(&world.simulator, &books);
    println!("{} ends seen, {} records", seen.len(), books.records.len());
}

/// AWS bills an answer in full, whether anyone read it or not, and all of these answers cost the same.
fn check_that_what_upstream_bills_is_covered(simulator: &Running, books: &Books) {
    let complete = |record: &&UsageRecord| record.outcome == Outcome::Complete;
    let dearest = books.records.iter().filter(complete).map(|record| record.cost.get()).max().expect("one");
    let log = simulator.log();
    let billed = |user: &str| {
        let text = format!("say {user} ");
        let calls = log.iter().filter(|entry| String::from_utf8_lossy(&entry.body).contains(&text)).count();
        dearest * u64::try_from(calls).expect("not that many")
    };
    let of_all = books.budgets.iter().find(|state| state.budget.account.kind == AccountKind::Tenant);
    let spent = of_all.expect("the tenant's budget").counter.spent;
    assert!(billed("ann") <= ANNS_LIMIT, "Ann is billed {} of {ANNS_LIMIT}", billed("ann"));
    let all: u64 = USERS.into_iter().map(billed).sum();
    assert!(all <= spent, "{all} is billed, and {spent} is in the books");
}
