//! What a transaction keeps others from until it ends: everything, since only one writes at a time.

use std::future::{Ready, ready};

use sqlx::sqlite::SqliteConnection;
use stonegate_ledger::{CallId, ChargeId, StoreError};

type Nothing = Ready<Result<(), StoreError>>;

pub(super) fn budgets(_: &mut SqliteConnection) -> Nothing {
    ready(Ok(()))
}

pub(super) fn key(_: &mut SqliteConnection, _: &str) -> Nothing {
    ready(Ok(()))
}

pub(super) fn charge(_: &mut SqliteConnection, _: ChargeId) -> Nothing {
    ready(Ok(()))
}

pub(super) fn corrections(_: &mut SqliteConnection) -> Nothing {
    ready(Ok(()))
}

pub(super) fn record(_: &mut SqliteConnection, _: CallId) -> Nothing {
    ready(Ok(()))
}

pub(super) fn dead(_: &mut SqliteConnection, _: &str) -> Nothing {
    ready(Ok(()))
}
