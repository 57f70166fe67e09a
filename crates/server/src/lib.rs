//! The HTTP application: the order of the steps of a call, concurrency, lifetimes.
//!
//! [`Gateway`] puts the parts together and serves; [`serve`] does both. `call.rs` is the way of a call.

pub mod admin;
mod announced;
mod app;
mod asker;
mod body_time;
pub mod bootstrap;
mod budgeting;
mod call;
mod charges;
pub mod clock;
pub mod config;
mod control;
mod count;
pub mod directory;
mod error;
mod fleet;
mod gateway;
mod health;
pub mod installation;
mod invocations;
mod keeper;
mod kept;
mod lessons;
pub mod listen;
mod lockout;
mod managed;
mod media;
mod models;
mod models_setting;
pub mod operator;
mod otlp;
pub mod price_list;
mod proxies;
mod retention;
mod router;
mod scim;
pub mod signin;
pub mod telemetry;

pub use gateway::{Gateway, StartError};
pub use models_setting::ModelsError;
pub use stonegate_identity::BootstrapToken;

/// Opens the gateway and serves on `listener` until `shutdown` resolves and what is open has finished.
///
/// # Errors
/// [`StartError`] with the setting to mend.
pub async fn serve(
    config: config::Config,
    listener: tokio::net::TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), StartError> {
    Gateway::open(config).await?.serve(listener, shutdown).await;
    Ok(())
}
