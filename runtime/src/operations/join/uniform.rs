//! Whether leaves side by side are one leaf in pieces, and which one.

use crate::engine::records::{Recording, says_the_same};
use crate::format::{Format, Level, WordOf};
use crate::tables::span::low;
use crate::tables::word::Word;

/// Leaves side by side that translate to adjacent OA and say the same, as far as they have been looked at.
pub(super) struct Gather<L: Level> {
    f: L::Format,
    /// The first position.
    first: u64,
    /// lg2 of the bytes that they are to be together.
    size_lg2: u32,
    /// Bits of which a leaf that stays by itself has one.
    veto: WordOf<L>,
    /// Whether what they record may differ.
    normalise: bool,
    found: Option<Uniform<WordOf<L>>>,
}

/// What leaves say together.
#[derive(Clone, Copy)]
pub(super) struct Uniform<W> {
    /// The template that each of them is made of, of the smallest size of the level.
    template: W,
    /// What the first translates to.
    oa: u64,
}

impl<L: Level> Gather<L> {
    /// Nothing looked at yet of the `2^size_lg2` bytes from `first`.
    pub(super) const fn new(f: L::Format, first: u64, size_lg2: u32, veto: WordOf<L>, normalise: bool) -> Self {
        Self { f, first, size_lg2, veto, normalise, found: None }
    }

    /// Looks at the leaf word in the slot of `at`. Returns whether it goes with those before.
    #[inline]
    pub(super) fn add(&mut self, w: WordOf<L>, at: u64) -> bool {
        let f = self.f;
        let smallest = L::leaf_sizes(f).smallest().unwrap_or(0);
        let Ok(template) = L::resize(f, w, smallest) else { return false };
        let oa = L::output(f, w, f.extend(at));
        if w & self.veto != WordOf::<L>::ZERO {
            return false;
        }
        match &mut self.found {
            None => {
                self.found = Some(Uniform { template, oa });
                oa & low(self.size_lg2) == 0 && at == self.first
            }
            Some(before) if oa != before.oa.wrapping_add(at - self.first) => false,
            Some(before) if template == before.template => true,
            Some(before) => {
                let merged = if self.normalise { merge::<L>(f, before.template, template) } else { None };
                before.template = merged.unwrap_or(before.template);
                merged.is_some()
            }
        }
    }

    /// What all of them say.
    pub(super) const fn end(self) -> Option<Uniform<WordOf<L>>> {
        self.found
    }
}

/// The template that records what either of two records, if that is all in which they differ.
fn merge<L: Level>(f: L::Format, one: WordOf<L>, other: WordOf<L>) -> Option<WordOf<L>> {
    let recording = Recording::of_all::<L>(f, one);
    let merged = recording.merge(one, other);
    // Where a bit that is recorded shares a code with what is allowed, words that differ in it may say anything.
    let is_all = recording.merge(other, one) == merged;
    let same = is_all && says_the_same::<L>(f, one, merged) && says_the_same::<L>(f, other, merged);
    same.then_some(merged)
}

impl<W: Word> Uniform<W> {
    /// The leaf word of level `L`, above the one that was looked at, that says all of it, if there is one. Bits of the
    /// parts that it could not give back when split are a reason that there is none.
    pub(super) fn above<L: Level>(&self, f: L::Format) -> Option<W>
    where
        L::Format: Format<Word = W>,
    {
        let (size, no_limits) = (L::shift(f), f.no_limits());
        let part = L::Below::leaf_sizes(f).smallest()?;
        let attributes = L::Below::attributes(f, self.template, no_limits);
        let template = L::template(f, &attributes, size).ok()?;
        let template = with_lost_bits::<L>(f, template, part, self.template)?;
        let w = L::leaf(f, template, size, self.oa);
        let is_inverse = L::descend(f, template, part).ok()? == self.template;
        (is_inverse && L::is_leaf(f, w) && L::attributes(f, w, no_limits) == attributes).then_some(w)
    }

    /// The template of a run of `2^size` bytes of level `L`, which was looked at, that says all of it, and the OA.
    pub(super) fn run<L: Level>(&self, f: L::Format, size: u32) -> Option<(W, u64)>
    where
        L::Format: Format<Word = W>,
    {
        let no_limits = f.no_limits();
        let template = L::resize(f, self.template, size).ok()?;
        let w = L::leaf(f, template, size, self.oa);
        let is_run = L::is_leaf(f, w) && L::leaf_lg2(f, w) == size;
        let smallest = L::leaf_sizes(f).smallest()?;
        let is_inverse = is_run && L::resize(f, w, smallest).ok()? == self.template;
        let same = is_inverse && L::attributes(f, w, no_limits) == L::attributes(f, self.template, no_limits);
        same.then_some((template, self.oa))
    }
}

/// `template` of level `L`, with the bits besides that make it `wanted` when it is split into leaves of `2^part` bytes:
/// those that are no attributes, and those that say an attribute in another way.
fn with_lost_bits<L: Level>(f: L::Format, mut template: WordOf<L>, part: u32, wanted: WordOf<L>) -> Option<WordOf<L>> {
    let lost = |template| L::descend(f, template, part).ok().map(|below| below ^ wanted);
    let count = |bits: WordOf<L>| -> u32 { Into::<u64>::into(bits).count_ones() };
    let mut left = lost(template)?;
    while left != WordOf::<L>::ZERO {
        let one = WordOf::<L>::from(1_u8);
        let flipped = (0..WordOf::<L>::BITS).map(|bit| template ^ one << bit);
        let better = |next: &WordOf<L>| lost(*next).is_some_and(|lost| count(lost) < count(left));
        template = flipped.filter(|next| L::is_leaf(f, L::leaf(f, *next, L::shift(f), 0))).find(better)?;
        left = lost(template)?;
    }
    Some(template)
}
