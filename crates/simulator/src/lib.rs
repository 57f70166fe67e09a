//! A strict stand-in for Amazon Bedrock Runtime on the wire.
//!
//! It verifies signatures, checks bodies as Bedrock does, frames event streams binary with checksums, counts tokens,
//! keeps a prompt cache, plays scripted behaviour, and logs what arrived. It knows nothing of the gateway that is
//! tested against it: an examiner does not share the pupil's notes.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use stonegate_simulator::{Behaviour, Options, Simulator};
//!
//! let simulator = Simulator::start(Options::default()).await?;
//! simulator.script(Behaviour::throttled(2).times(2));
//! println!("AWS_ENDPOINT_URL_BEDROCK_RUNTIME={}", simulator.base_url());
//! println!("AWS_ENDPOINT_URL_BEDROCK_MANTLE={}", simulator.mantle_url());
//! # Ok(())
//! # }
//! ```

mod answer;
mod auth;
mod body;
mod cache;
mod chance;
mod check;
pub mod command;
mod control;
mod converse;
mod count;
mod dialect;
mod directive;
mod exchange;
mod face;
mod frames;
mod guardrail;
mod invoke;
mod log;
mod models;
mod native;
mod openai;
mod options;
mod play;
mod prompt;
mod reception;
mod refusal;
mod request;
mod running;
mod script;
mod seal;
mod sim;
mod state;
mod tokens;
mod watch;

pub use log::{Entry, Outcome, Verdict};
pub use options::{Auth, Clock, Credentials, Options, SAMPLE_APPLICATION_PROFILE, SAMPLE_BEARER_TOKEN};
pub use running::{Running, Simulator, StartError};
pub use script::{
    Behaviour, Cut, ErrorAnswer, Intervention, Match, Outline, Silence, StreamFailure, ToolCall,
};
