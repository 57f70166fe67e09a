//! The command line as a gateway's client.

mod admin;
mod child;
mod configure;
mod connection;
mod person;
mod sign_in;
mod versions;
mod way;
