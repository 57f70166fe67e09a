//! The names that an object has had so far.

use std::borrow::Cow;
use std::collections::BTreeSet;

/// Almost all objects of a request have fewer members.
const FEW: usize = 12;

/// The names so far: the first ones without an allocation, further ones sorted, so that an object with very many members
/// costs no more for each than others do.
#[derive(Default)]
pub(super) struct Names<'a> {
    few: [Cow<'a, str>; FEW],
    count: usize,
    more: BTreeSet<Cow<'a, str>>,
}

impl<'a> Names<'a> {
    pub(super) fn has(&self, name: &str) -> bool {
        self.few.iter().take(self.count).any(|known| known == name)
            || (!self.more.is_empty() && self.more.contains(name))
    }

    pub(super) fn add(&mut self, name: Cow<'a, str>) {
        match self.few.get_mut(self.count) {
            Some(place) => {
                *place = name;
                self.count += 1;
            }
            None => {
                self.more.insert(name);
            }
        }
    }
}
