//! The reference store keeps the promises that it is the reference for.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use stonegate_ledger::{MemoryStore, conformance};

#[test]
fn the_reference_store_keeps_the_ledgers_promises() {
    let all = pin!(async {
        conformance::all(async || MemoryStore::new()).await;
        conformance::shared(async || MemoryStore::new()).await;
    });
    let done = all.poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(done, Poll::Ready(()), "the reference store answers at once");
}
