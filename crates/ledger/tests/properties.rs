//! No schedule of calls, syncs, losses, crashes and returns overspends a budget or loses a record.
//!
//! Several replicas work on the reference store in an order that chance decides. Requests and answers are lost and
//! doubled, replicas die, are declared dead, and come back; budgets change; days pass. After every step the store is
//! audited, and at the end, when all is quiet, so is the whole history. `PROPTEST_CASES` says how many histories.

#[path = "properties/step.rs"]
mod step;
#[path = "properties/world.rs"]
mod world;

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    io::Write as _,
};

use proptest::{prelude::*, test_runner::RngSeed};

use crate::{
    step::{Step, steps},
    world::World,
};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_history_overspends_or_loses_a_record(replicas in 1..=5_usize, steps in steps(1..80)) {
        live(World::slowed(replicas), &steps);
    }

    /// Quotes that were too low are all that a budget is overspent by.
    #[test]
    fn no_history_overspends_by_more_than_calls_exceed_their_quotes(
        replicas in 1..=5_usize,
        steps in steps(1..80),
    ) {
        live(World::dear(replicas), &steps);
    }

    /// Nothing has to be written off for a replica that stops as it should, whatever it was in the midst of.
    #[test]
    fn replicas_that_stop_in_good_order_leave_nothing_behind(replicas in 1..=5_usize, steps in steps(1..60)) {
        let mut world = World::new(replicas);
        for step in steps.iter().filter(|step| !matches!(step, Step::Crash { .. } | Step::Adopt { .. })) {
            world.take(step);
            world.audit();
        }
        world.stop_all();
        world.audit();
        world.audit_at_rest();
    }

    /// Any number of replicas: what fits is not refused, wherever unused credit lies.
    #[test]
    fn what_fits_is_had_from_whoever_holds_it_unused(
        replicas in 1..=5_usize,
        calls in prop::collection::vec((0..5_usize, 1..60_u64), 1..40),
    ) {
        let mut world = World::new(replicas);
        for (replica, cost) in calls {
            let free = world.free_of_tenant();
            let served = world.call_with_recall(replica, cost);
            prop_assert_eq!(served, cost <= free, "a call of {} with {} left", cost, free);
            world.audit();
        }
    }

    /// Calls that wait on several replicas at once do not keep from each other what one of them could use.
    #[test]
    fn those_who_wait_do_not_block_each_other(
        replicas in 1..=5_usize,
        before in prop::collection::vec((0..5_usize, 1..60_u64), 0..10),
        waiting in prop::collection::vec((0..5_usize, 1..120_u64), 1..12),
    ) {
        let mut world = World::new(replicas);
        for (replica, cost) in before {
            world.call_with_recall(replica, cost);
        }
        let refused = world.wait_together(waiting);
        let free = world.free_of_tenant();
        prop_assert!(refused.iter().all(|cost| *cost > free), "{:?} wait with {} left", refused, free);
        world.audit();
    }

    /// One replica, as on SQLite: what fits is never refused.
    #[test]
    fn one_replica_refuses_nothing_that_fits(costs in prop::collection::vec(1..40_u64, 1..60)) {
        let mut world = World::new(1);
        for cost in costs {
            let free = world.free_of_tenant();
            let served = world.call_to_the_end(cost);
            prop_assert_eq!(served, cost <= free, "a call of {} with {} left", cost, free);
            world.audit();
        }
    }
}

/// Of what is left in the end, each of four replicas holds one.
#[test]
fn what_lies_about_in_the_smallest_parts_comes_together() {
    let replicas = [0, 0, 1, 0, 0, 0, 2, 3, 0, 2, 2, 0, 3, 2, 1, 0, 3, 0];
    let costs = [20, 27, 19, 50, 25, 18, 42, 26, 16, 6, 4, 16, 25, 47, 1, 16, 5, 2];
    let mut world = World::new(5);
    for (replica, cost) in replicas.into_iter().zip(costs) {
        let free = world.free_of_tenant();
        assert_eq!(world.call_with_recall(replica, cost), cost <= free, "a call of {cost} with {free} left");
    }
}

/// Takes every step and comes to rest, and looks each time whether the books are right.
fn live(mut world: World, steps: &[Step]) {
    for step in steps {
        world.take(step);
        world.audit();
    }
    world.come_to_rest();
    world.audit();
    world.audit_at_rest();
}

/// Two thousand histories, or as many as `PROPTEST_CASES` says, from the seed `PROPTEST_RNG_SEED` or one of chance. The seed is
/// printed, so that a run can be had again.
fn config() -> ProptestConfig {
    let config = ProptestConfig::default();
    let seed = match config.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => RandomState::new().build_hasher().finish(),
    };
    writeln!(std::io::stdout(), "PROPTEST_RNG_SEED={seed}").expect("standard output is open");
    let rng_seed = RngSeed::Fixed(seed);
    ProptestConfig { cases: config.cases.max(2_000), max_shrink_iters: 20_000, rng_seed, ..config }
}

#[test]
fn a_cut_off_replica_that_goes_on_spending_is_covered() {
    let mut world = World::new(2);
    let call = |quote| Step::Reserve { replica: 0, model: 0, quote, least: quote };
    for step in
        [call(30), Step::Sync { replica: 0 }, call(30), Step::Sync { replica: 0 }, Step::Hours { hours: 1 }]
    {
        world.take(&step);
    }
    world.take(&Step::Adopt { by: 1 });
    for step in [Step::Settle { replica: 0, nth: 0, percent: 100 }, call(10), call(10)] {
        world.take(&step);
        world.audit();
    }
    world.come_to_rest();
    world.audit_at_rest();
}
