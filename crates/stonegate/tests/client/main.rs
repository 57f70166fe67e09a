//! The command line as a gateway's client.

mod child;
mod configure;
mod connection;
mod person;
mod sign_in;
