//! What every store knows of the directory's rows and lists, whatever database they are in.

pub(crate) mod audit;
pub(crate) mod error;
pub(crate) mod filter;
pub(crate) mod keys;
pub(crate) mod people;
pub(crate) mod row;
