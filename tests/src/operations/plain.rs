//! What operations mean, without tables: a plain map of VA to OA and attributes.

use std::collections::BTreeMap;

/// A stretch of VA with consecutive OAs and equal attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch<A> {
    /// The last VA.
    pub last: u64,
    /// What the first VA is translated to.
    pub oa: u64,
    /// What the leaves say.
    pub attributes: A,
}

/// A map of VA to OA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plain<A> {
    stretches: BTreeMap<u64, Stretch<A>>,
}

impl<A> Default for Plain<A> {
    fn default() -> Self {
        Self { stretches: BTreeMap::new() }
    }
}

impl<A: Copy + PartialEq> Plain<A> {
    /// What `va` is translated to, and with which attributes.
    pub fn at(&self, va: u64) -> Option<(u64, A)> {
        let (&start, stretch) = self.stretches.range(..=va).next_back()?;
        (va <= stretch.last).then(|| (stretch.oa + (va - start), stretch.attributes))
    }

    /// Whether nothing in `start..=last` is mapped.
    pub fn is_free(&self, start: u64, last: u64) -> bool {
        self.inside(start, last).is_empty()
    }

    /// Whether everything in `start..=last` is mapped.
    pub fn is_full(&self, start: u64, last: u64) -> bool {
        let mut next = start;
        for (from, stretch) in self.inside(start, last) {
            if from > next {
                return false;
            }
            if stretch.last >= last {
                return true;
            }
            next = stretch.last + 1;
        }
        false
    }

    /// The stretches that have a part in `start..=last`, by where they begin.
    pub fn inside(&self, start: u64, last: u64) -> Vec<(u64, Stretch<A>)> {
        self.stretches.range(..=last).filter(|(_, s)| s.last >= start).map(|(&from, &s)| (from, s)).collect()
    }

    /// Maps `start..=last` to what begins at `oa`.
    pub fn map(&mut self, start: u64, last: u64, oa: u64, attributes: A) {
        self.stretches.insert(start, Stretch { last, oa, attributes });
    }

    /// Takes `start..=last` out.
    pub fn unmap(&mut self, start: u64, last: u64) {
        self.cut(start);
        if let Some(after) = last.checked_add(1) {
            self.cut(after);
        }
        self.stretches.retain(|&from, _| from < start || from > last);
    }

    /// Changes the attributes in `start..=last`.
    pub fn protect(&mut self, start: u64, last: u64, change: impl Fn(&A) -> A) {
        self.cut(start);
        if let Some(after) = last.checked_add(1) {
            self.cut(after);
        }
        for (_, stretch) in self.stretches.range_mut(start..=last) {
            stretch.attributes = change(&stretch.attributes);
        }
    }

    /// All stretches, neighbours that continue each other joined.
    pub fn joined(&self) -> Vec<(u64, Stretch<A>)> {
        join(self.stretches.iter().map(|(&from, &stretch)| (from, stretch)))
    }

    /// Makes a stretch begin at `at`, if one crosses it.
    fn cut(&mut self, at: u64) {
        let Some((&start, &stretch)) = self.stretches.range(..at).next_back() else { return };
        if stretch.last < at {
            return;
        }
        self.stretches.insert(start, Stretch { last: at - 1, ..stretch });
        self.stretches.insert(at, Stretch { oa: stretch.oa + (at - start), ..stretch });
    }
}

/// Joins neighbours that continue each other.
pub fn join<A: Copy + PartialEq>(stretches: impl Iterator<Item = (u64, Stretch<A>)>) -> Vec<(u64, Stretch<A>)> {
    let mut out: Vec<(u64, Stretch<A>)> = Vec::new();
    for (start, stretch) in stretches {
        if let Some((from, before)) = out.last_mut() {
            let continues = before.last.checked_add(1) == Some(start)
                && before.oa.wrapping_add(start - *from) == stretch.oa
                && before.attributes == stretch.attributes;
            if continues {
                before.last = stretch.last;
                continue;
            }
        }
        out.push((start, stretch));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_in_the_middle_leaves_both_ends() {
        let mut plain = Plain::default();
        plain.map(0x1000, 0x4fff, 0x10_1000, 'a');
        plain.unmap(0x2000, 0x2fff);
        assert_eq!(plain.at(0x1fff), Some((0x10_1fff, 'a')));
        assert_eq!(plain.at(0x2000), None);
        assert_eq!(plain.at(0x3000), Some((0x10_3000, 'a')));
        assert!(!plain.is_full(0x1000, 0x4fff));
        assert!(plain.is_free(0x2000, 0x2fff));
        assert!(!plain.is_free(0x2000, 0x3000));
    }

    #[test]
    fn what_was_cut_and_is_equal_is_joined() {
        let mut plain = Plain::default();
        plain.map(0x1000, 0x4fff, 0x10_1000, 'a');
        plain.protect(0x2000, 0x2fff, |_| 'b');
        assert_eq!(plain.joined().len(), 3);
        plain.protect(0x2000, 0x2fff, |_| 'a');
        assert_eq!(plain.joined(), [(0x1000, Stretch { last: 0x4fff, oa: 0x10_1000, attributes: 'a' })]);
    }

    #[test]
    fn the_last_address_can_be_mapped() {
        let mut plain = Plain::default();
        plain.map(u64::MAX - 0xfff, u64::MAX, 0, 'a');
        assert!(plain.is_full(u64::MAX - 0xfff, u64::MAX));
        plain.unmap(u64::MAX - 0x7ff, u64::MAX);
        assert_eq!(plain.at(u64::MAX), None);
    }
}
