//! The names that an object has had so far.

use std::borrow::Cow;
use std::collections::BTreeSet;

/// Almost all objects of a request have fewer members.
const FEW: usize = 12;

/// The names so far: the first ones without an allocation, further ones (and those that are written with escapes) sorted, so
/// that an object with very many members costs no more for each than others do.
#[derive(Default)]
pub(super) struct Names<'a> {
    few: [&'a [u8]; FEW],
    count: usize,
    more: BTreeSet<Cow<'a, [u8]>>,
}

impl<'a> Names<'a> {
    pub(super) fn has(&self, name: &[u8]) -> bool {
        self.few.iter().take(self.count).any(|known| *known == name)
            || (!self.more.is_empty() && self.more.contains(name))
    }

    pub(super) fn add(&mut self, name: Cow<'a, [u8]>) {
        match (name, self.few.get_mut(self.count)) {
            (Cow::Borrowed(name), Some(place)) => {
                *place = name;
                self.count += 1;
            }
            (name, _) => {
                self.more.insert(name);
            }
        }
    }
}
