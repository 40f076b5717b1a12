//! Stretches of positions with one kind of translation.

use std::collections::BTreeMap;

use crate::oracle::SetId;

/// What a stretch is translated to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct To {
    /// What its first position is translated to.
    pub(crate) oa: u64,
    /// What its leaves say, all limits counted.
    pub(crate) set: SetId,
}

impl To {
    /// The same stretch from `bytes` on.
    pub(crate) const fn further(self, bytes: u64) -> Self {
        Self { oa: self.oa.wrapping_add(bytes), set: self.set }
    }
}

/// Adjacent leaves of one size that say the same, with consecutive OAs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) to: To,
    /// lg2 of the bytes of each leaf, its run included.
    pub(crate) size_lg2: u32,
}

impl Piece {
    /// What a position in it is translated to.
    pub(crate) const fn at(&self, position: u64) -> To {
        self.to.further(position.wrapping_sub(self.first))
    }

    /// The part of it in `first..=last`.
    pub(crate) fn cut(&self, first: u64, last: u64) -> Option<Self> {
        let (start, end) = (self.first.max(first), self.last.min(last));
        (start <= end).then(|| Self { first: start, last: end, to: self.at(start), ..*self })
    }

    /// The whole leaves that it has a part of.
    pub(crate) fn whole(&self) -> Self {
        let inner = crate::oracle::low(self.size_lg2);
        let first = self.first & !inner;
        Self {
            first,
            last: self.last | inner,
            to: To { oa: self.to.oa.wrapping_sub(self.first - first), ..self.to },
            ..*self
        }
    }
}

/// Adds a piece behind others; it may continue the last one.
pub(crate) fn push(pieces: &mut Vec<Piece>, piece: Piece) {
    if let Some(before) = pieces.last_mut()
        && before.last.wrapping_add(1) == piece.first
        && before.size_lg2 == piece.size_lg2
        && before.at(piece.first) == piece.to
    {
        before.last = piece.last;
        return;
    }
    pieces.push(piece);
}

/// Shows every stretch of `first..=last` in which both lists (in order) do not change what they have: the stretch, what the
/// one has and what the other has, with the sizes of leaves.
pub(crate) fn compare(
    (first, last): (u64, u64),
    one: &[Piece],
    other: &[Piece],
    mut show: impl FnMut(u64, u64, Option<Piece>, Option<Piece>),
) {
    let (mut left, mut right) = (0, 0);
    let mut at = first;
    loop {
        let (a, a_end) = here(one, &mut left, at, last);
        let (b, b_end) = here(other, &mut right, at, last);
        let end = a_end.min(b_end);
        if a.is_some() || b.is_some() {
            show(at, end, a.and_then(|piece| piece.cut(at, end)), b.and_then(|piece| piece.cut(at, end)));
        }
        if end >= last {
            return;
        }
        at = end + 1;
    }
}

/// What a list has at a position, and how far that goes.
fn here(pieces: &[Piece], next: &mut usize, at: u64, last: u64) -> (Option<Piece>, u64) {
    while pieces.get(*next).is_some_and(|piece| piece.last < at) {
        *next += 1;
    }
    match pieces.get(*next) {
        Some(piece) if piece.first <= at => (Some(*piece), piece.last.min(last)),
        Some(piece) => (None, (piece.first - 1).min(last)),
        None => (None, last),
    }
}

/// A map of positions to what they are translated to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Map {
    stretches: BTreeMap<u64, (u64, To)>,
}

impl Map {
    /// What a position is translated to.
    pub(crate) fn at(&self, position: u64) -> Option<To> {
        let (first, (last, to)) = self.stretches.range(..=position).next_back()?;
        (position <= *last).then(|| to.further(position - first))
    }

    /// Shows every stretch of `first..=last` with what it is translated to, holes included.
    pub(crate) fn each(&self, first: u64, last: u64, mut show: impl FnMut(u64, u64, Option<To>)) {
        let mut at = first;
        let from = self.stretches.range(..=first).next_back().map_or(first, |(start, _)| *start);
        for (start, (end, to)) in self.stretches.range(from..=last) {
            if *end < at {
                continue;
            }
            if *start > at {
                show(at, start - 1, None);
                at = *start;
            }
            let until = (*end).min(last);
            show(at, until, Some(to.further(at - start)));
            if until >= last {
                return;
            }
            at = until + 1;
        }
        show(at, last, None);
    }

    /// Whether nothing in `first..=last` is translated.
    pub(crate) fn is_free(&self, first: u64, last: u64) -> bool {
        self.stretches.range(..=last).next_back().is_none_or(|(_, (end, _))| *end < first)
    }

    /// Takes `first..=last` out.
    pub(crate) fn clear(&mut self, first: u64, last: u64) {
        self.split(first);
        if let Some(behind) = last.checked_add(1) {
            self.split(behind);
        }
        while let Some((&start, _)) = self.stretches.range(first..=last).next() {
            self.stretches.remove(&start);
        }
    }

    /// Puts a stretch into a hole.
    pub(crate) fn put(&mut self, first: u64, last: u64, to: To) {
        let mut first = first;
        let mut to = to;
        if let Some((&start, &(end, before))) = self.stretches.range(..first).next_back()
            && end.checked_add(1) == Some(first)
            && before.further(first - start) == to
        {
            (first, to) = (start, before);
        }
        let mut last = last;
        if let Some(behind) = last.checked_add(1)
            && let Some(&(end, after)) = self.stretches.get(&behind)
            && to.further(behind - first) == after
        {
            self.stretches.remove(&behind);
            last = end;
        }
        self.stretches.insert(first, (last, to));
    }

    fn split(&mut self, at: u64) {
        if let Some((&start, stretch)) = self.stretches.range_mut(..at).next_back()
            && stretch.0 >= at
        {
            let (last, to) = *stretch;
            stretch.0 = at - 1;
            self.stretches.insert(at, (last, to.further(at - start)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn to(oa: u64) -> To {
        To { oa, set: SetId(0) }
    }

    #[test]
    fn stretches_are_split_and_joined() {
        let mut map = Map::default();
        map.put(0x1000, 0x4fff, to(0x10_1000));
        map.clear(0x2000, 0x2fff);
        let mut seen = Vec::new();
        map.each(0, 0x5fff, |first, last, to| seen.push((first, last, to.map(|to| to.oa))));
        let expected = [
            (0, 0xfff, None),
            (0x1000, 0x1fff, Some(0x10_1000)),
            (0x2000, 0x2fff, None),
            (0x3000, 0x4fff, Some(0x10_3000)),
            (0x5000, 0x5fff, None),
        ];
        assert_eq!(seen, expected);
        assert!(map.is_free(0x2000, 0x2fff) && !map.is_free(0x2000, 0x3000));
        map.put(0x2000, 0x2fff, to(0x10_2000));
        assert_eq!(map.stretches.len(), 1);
        assert_eq!(map.at(0x4abc), Some(to(0x10_4abc)));
    }

    #[test]
    fn lists_are_compared_where_either_changes() {
        let piece = |first, last, oa| Piece { first, last, to: to(oa), size_lg2: 12 };
        let one = [piece(0x1000, 0x2fff, 0x8000)];
        let other = [piece(0x2000, 0x3fff, 0x9000)];
        let mut seen = Vec::new();
        compare((0, 0x4fff), &one, &other, |first, last, a, b| {
            seen.push((first, last, a.map(|a| a.to.oa), b.map(|b| b.to.oa)));
        });
        let expected = [
            (0x1000, 0x1fff, Some(0x8000), None),
            (0x2000, 0x2fff, Some(0x9000), Some(0x9000)),
            (0x3000, 0x3fff, None, Some(0xa000)),
        ];
        assert_eq!(seen, expected);
    }
}
