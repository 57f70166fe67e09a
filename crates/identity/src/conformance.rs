//! What every [`Directory`](crate::Directory) promises, as tests. A store runs them all with one line:
//!
//! ```ignore
//! stonegate_identity::directory_conformance!(fresh_directory);
//! ```
//!
//! where `fresh_directory` is an async function that gives an empty directory, and with it whatever has to outlive it; or
//! `None` where there is no server to test against.

pub mod archive;
mod grants;
mod kinds;
mod lists;
mod people;
pub mod provisioning;
mod sessions;
mod teams;
pub mod tickets;
mod world;

pub use grants::*;
pub use kinds::*;
pub use lists::*;
pub use people::*;
pub use sessions::*;
pub use teams::*;

/// Makes a test of every promise.
#[macro_export]
macro_rules! directory_conformance {
    ($fresh:path) => {
        $crate::directory_conformance!(@each $fresh:
            a_fresh_directory_has_the_default_tenant_and_nobody,
            a_key_is_found_by_its_digest_alone,
            every_layer_of_models_counts,
            a_demoted_users_keys_lose_scopes,
            what_is_over_is_not_loaded,
            changes_tell_of_everything_once,
            a_directory_that_went_back_says_so,
            disabling_and_enabling_is_told,
            revoking_twice_keeps_the_first_time,
            a_rotated_key_keeps_its_old_text_for_the_overlap,
            a_second_rotation_does_not_lengthen_the_first,
            what_is_over_cannot_be_rotated,
            a_digest_is_taken_once,
            an_ephemeral_key_is_paid_by_its_parent,
            an_ephemeral_key_ends_with_its_parent,
            an_ephemeral_key_is_renewed_while_it_lives,
            a_user_has_only_so_many_keys_of_a_kind,
            the_last_use_is_known,
            what_ended_by_itself_is_forgotten,
            only_long_lived_keys_are_rotated,
            a_sessions_token_ends_before_the_session,
            a_session_goes_on_with_its_next_token,
            an_account_is_found_by_its_login,
            a_login_is_one_users,
            a_password_is_taken_away,
            a_new_password_ends_every_sign_in,
            names_are_unique_in_their_tenant,
            what_is_missing_is_named,
            an_edit_leaves_what_it_does_not_name,
            managed_settings_are_kept_until_they_are_taken_away,
            the_first_administrator_is_made_once,
            a_bootstrap_token_ends,
            a_key_for_calls_makes_no_first_administrator,
            an_administrator_who_was_there_once_is_enough,
            somebody_always_administers,
            a_failed_bootstrap_uses_nothing_up,
            every_act_is_written_down,
            the_log_is_a_chain,
            replicas_are_told_of_teams,
            a_user_is_in_a_team_of_their_tenant,
            a_team_is_archived_when_nobody_is_in_it,
            a_teams_name_is_unique_in_its_tenant,
            lists_are_narrowed_to_a_team,
            acts_on_teams_are_written_down,
            lists_are_narrowed,
            lists_come_in_pages,
            ends_of_time_are_kept
        );
    };
    (@each $fresh:path: $($case:ident),*) => {
        $(
            #[tokio::test]
            async fn $case() {
                let Some((directory, _outlives)) = $fresh().await else { return };
                $crate::conformance::$case(&*directory).await;
            }
        )*
    };
}
