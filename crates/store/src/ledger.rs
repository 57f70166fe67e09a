//! What every store knows of the ledger's rows, whatever database they are in.

pub(crate) mod budget;
pub(crate) mod charge;
pub(crate) mod convert;
pub(crate) mod correction;
pub(crate) mod record;
pub(crate) mod sums;
