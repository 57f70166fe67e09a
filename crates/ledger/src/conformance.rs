//! The contract of a [`LedgerStore`] as tests. A store's own test file is one line: run them all against me.
//!
//! ```ignore
//! stonegate_ledger::conformance::all(async || open_an_empty_store().await).await;
//! ```
#![cfg_attr(not(test), expect(clippy::arithmetic_side_effects, reason = "these are tests"))]

mod adoption;
mod allowances;
mod budgets;
mod charges;
mod corrections;
mod desk;
mod queries;
mod recall;
mod syncing;
mod unsteady;

pub use desk::Fixture;
pub use unsteady::Unsteady;

/// Runs what is asked of stores that several servers share, each on a store of its own from `open`.
pub async fn shared<S: Fixture>(open: impl AsyncFn() -> S) {
    recall::what_others_hold_unused_comes_back_within_a_poll(open().await).await;
    recall::nobody_is_told_who_is_alone(open().await).await;
}

/// Runs every test, each on a store of its own from `open`.
pub async fn all<S: Fixture>(open: impl AsyncFn() -> S) {
    syncing::a_settled_call_is_recorded_and_charged(open().await).await;
    syncing::the_same_request_twice_counts_once(open().await).await;
    syncing::a_gap_in_what_a_replica_says_is_noticed(open().await).await;
    syncing::an_idle_request_changes_nothing_but_brings_news(open().await).await;
    syncing::a_waiting_call_gets_the_last_of_a_budget_and_no_one_more(open().await).await;
    syncing::what_costs_more_than_was_leased_is_charged_and_counted(open().await).await;
    syncing::a_large_batch_is_taken_whole(open().await).await;
    syncing::amounts_beyond_counting_hold_nobody_up(open().await).await;
    budgets::a_budget_reads_as_it_was_defined(open().await).await;
    budgets::budgets_are_moved_to_a_calendar_and_nothing_else_of_them_changes(open().await).await;
    budgets::changing_a_limit_keeps_what_was_spent(open().await).await;
    budgets::a_budget_made_while_a_call_is_under_way_is_charged(open().await).await;
    budgets::a_budget_does_not_become_another(open().await).await;
    budgets::a_removed_budget_holds_no_one_back_and_remembers(open().await).await;
    budgets::a_new_window_starts_with_nothing_spent(open().await).await;
    adoption::a_dead_replica_is_charged_what_its_calls_had_reserved(open().await).await;
    adoption::what_a_dead_replica_may_have_spent_counts_as_spent(open().await).await;
    adoption::what_is_known_to_be_unused_is_free_again(open().await).await;
    adoption::a_replica_that_returns_gets_everything_back(open().await).await;
    adoption::a_replica_that_retires_leaves_nothing_to_write_off(open().await).await;
    budgets::news_of_a_budget_can_be_asked_for(open().await).await;
    adoption::the_dead_are_forgotten_when_nothing_is_suspected_of_them(open().await).await;
    adoption::only_the_silent_are_dead(open().await).await;
    allowances::credit_holds_for_a_window_or_for_ever(open().await).await;
    allowances::a_limit_for_a_time_begins_and_ends_by_itself(open().await).await;
    allowances::adjustments_are_kept_and_count_once(open().await).await;
    allowances::each_threshold_is_told_once_in_a_window(open().await).await;
    allowances::what_the_dead_are_charged_reaches_thresholds_too(open().await).await;
    allowances::past_its_limit_a_budget_slows_all_replicas_down(open().await).await;
    allowances::windows_turn_by_the_calendar_of_the_budget(open().await).await;
    corrections::a_lost_call_is_charged_what_it_really_cost(open().await).await;
    corrections::what_is_known_is_not_corrected(open().await).await;
    corrections::what_was_not_spent_of_a_dead_lease_is_free_again(open().await).await;
    corrections::a_replica_that_returns_has_the_last_word(open().await).await;
    charges::what_is_held_is_captured_once(open().await).await;
    charges::what_is_voided_or_forgotten_is_free_again(open().await).await;
    charges::a_charge_that_does_not_fit_holds_nothing(open().await).await;
    charges::what_replicas_hold_unused_comes_back_for_a_charge(open().await).await;
    charges::those_that_hold_credit_are_listed_page_by_page(open().await).await;
    charges::whoever_waits_no_longer_holds_nothing(open().await).await;
    queries::usage_is_summed_by_every_group(open().await).await;
    queries::usage_is_summed_per_day_and_hour_and_read_page_by_page(open().await).await;
    queries::usage_can_be_filtered(open().await).await;
    queries::old_records_go_and_their_sums_stay(open().await).await;
    queries::what_is_unresolved_is_not_forgotten(open().await).await;
    queries::the_journal_is_read_page_by_page(open().await).await;
    queries::a_record_reads_as_it_was_written(open().await).await;
}
