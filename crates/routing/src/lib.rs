//! Whether and when a call is tried again.
//!
//! Pure: the time that went by, the chance for the jitter and the shared allowance are arguments. With one endpoint
//! there is nothing to choose yet; planning over several comes here, before [`verdict`].

mod allowance;
mod verdict;

pub use allowance::RetryAllowance;
pub use verdict::{Attempt, RetryPolicy, Verdict, verdict};
