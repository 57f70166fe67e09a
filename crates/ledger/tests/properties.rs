//! No schedule of calls, syncs, losses, crashes and returns overspends a budget or loses a record.
//!
//! Several replicas work on the reference store in an order that chance decides. Requests and answers are lost and
//! doubled, replicas die, are declared dead, and come back; budgets change; days pass. After every step the store is
//! audited, and at the end, when all is quiet, so is the whole history. `PROPTEST_CASES` says how many histories.

#[path = "properties/step.rs"]
mod step;
#[path = "properties/world.rs"]
mod world;

use proptest::prelude::*;

use crate::{
    step::{Step, steps},
    world::World,
};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_history_overspends_or_loses_a_record(replicas in 1..=4_usize, steps in steps(1..80)) {
        let mut world = World::new(replicas);
        for step in &steps {
            world.take(step);
            world.audit();
        }
        world.come_to_rest();
        world.audit();
        world.audit_at_rest();
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

/// Two thousand, or more if told so.
fn config() -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig { cases: config.cases.max(2_000), max_shrink_iters: 20_000, ..config }
}

#[test]
fn a_cut_off_replica_that_goes_on_spending_is_covered() {
    let mut world = World::new(2);
    let call = |quote| Step::Reserve { replica: 0, quote, least: quote };
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
