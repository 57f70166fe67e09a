//! The simulator over real sockets, called as foreigners would call it.

mod arbitrary;
mod caller;
mod chat;
mod converse;
mod directives;
mod faults;
mod native;
mod responses;
mod rules;
mod signing;
mod streams;
mod tasks;
mod usage;
