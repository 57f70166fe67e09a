//! A call's place among those that wait for credit which calls under way hold.

use std::{fmt, future::poll_fn};

use jiff::Timestamp;

use crate::{
    account::AccountPath,
    book::Book,
    journal::Draft,
    quote::Quote,
    reservation::{Reservation, Shortfall},
};

/// A place in the queue, taken by [`Book::line_up`]. Dropping it lets the next one come forward.
#[must_use = "a place that is dropped is given up"]
pub struct Place {
    book: Book,
    number: u64,
}

impl Place {
    pub(crate) fn new(book: Book, number: u64) -> Self {
        Self { book, number }
    }

    /// Resolves when there may be something for this call: it is the first of those that wait, and a call has ended or
    /// the store has granted something since it was called last.
    pub async fn called(&self) {
        poll_fn(|context| self.book.poll_place(self.number, context.waker())).await;
    }

    /// Tries again, after those that came before.
    ///
    /// # Errors
    /// As [`Book::reserve`]. The place is kept.
    pub fn reserve(
        &self,
        path: &AccountPath,
        quote: Quote,
        draft: Draft,
        now: Timestamp,
    ) -> Result<Reservation, Shortfall> {
        self.book.reserve_in_turn(self.number, path, quote, draft, now).inspect_err(|short| {
            self.book.stay(self.number, short);
        })
    }

    /// Tries for the last time, whoever else waits.
    ///
    /// # Errors
    /// As [`Book::reserve`].
    pub fn reserve_at_last(
        &self,
        path: &AccountPath,
        quote: Quote,
        draft: Draft,
        now: Timestamp,
    ) -> Result<Reservation, Shortfall> {
        self.book.reserve_in_turn(0, path, quote, draft, now)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.book.leave(self.number);
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Place").field("number", &self.number).finish_non_exhaustive()
    }
}
