//! From a VA to an OA, level by level.

use core::fmt;

use crate::address::{Oa, Va};
use crate::error::{Fault, FaultKind, Size};
use crate::format::{Format, Level, RootVisitor, WordOf};
use crate::memory::Memory;
use crate::tables::part::Part;
use crate::tables::skips::{Landing, follow};
use crate::tables::span::{low, whole};
use crate::tables::table::Table;

/// The leaf that translates a VA.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Mapping<F: Format> {
    /// Where it starts.
    pub va: Va,
    /// What it starts at.
    pub oa: Oa,
    /// lg2 of its size, the whole run included.
    pub size_lg2: u32,
    /// The number of its level.
    pub level: u8,
    /// Its word; of a run, that of the slot looked at.
    pub word: F::Word,
    /// What the tables above it limit it to.
    pub limits: F::Word,
    /// The format.
    pub format: F,
}

impl<F: Format> Mapping<F> {
    /// What it says, within the limits of the tables above it. Decoded now.
    #[inline]
    #[must_use]
    pub fn attributes(&self) -> F::Attributes {
        self.format.root(DecodeAttributes { f: self.format, level: self.level, word: self.word, limits: self.limits })
    }

    /// What its own word says, whatever the tables above it limit it to.
    #[inline]
    #[must_use]
    pub fn own_attributes(&self) -> F::Attributes {
        let (f, limits) = (self.format, self.format.no_limits());
        f.root(DecodeAttributes { f, level: self.level, word: self.word, limits })
    }

    /// What `va`, an address in it, is translated to.
    #[inline]
    #[must_use]
    pub fn translate(&self, va: impl Into<Va>) -> Oa {
        Oa::new(self.oa.get() | va.into().get() & low(self.size_lg2))
    }

    /// Its last address.
    #[inline]
    #[must_use]
    pub const fn last(&self) -> Va {
        Va::new(self.va.get() | low(self.size_lg2))
    }

    /// The mapping of the leaf word `w` at level `L` for a position in it.
    #[inline]
    pub(crate) fn of<L: Level<Format = F>>(f: F, w: F::Word, limits: F::Word, position: u64) -> Self {
        let size_lg2 = L::leaf_lg2(f, w);
        let start = position & !low(size_lg2);
        let oa = L::output(f, w, f.extend(position)) & !low(size_lg2);
        Self { va: Va::new(f.extend(start)), oa: Oa::new(oa), size_lg2, level: L::NUMBER, word: w, limits, format: f }
    }
}

impl<F: Format> fmt::Debug for Mapping<F> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} → {} ({}, {:?})", self.va, self.oa, Size(self.size_lg2), self.attributes())
    }
}

struct DecodeAttributes<F: Format> {
    f: F,
    level: u8,
    word: F::Word,
    limits: F::Word,
}

impl<F: Format> RootVisitor<F> for DecodeAttributes<F> {
    type Output = F::Attributes;

    #[inline]
    fn visit<L: Level<Format = F>>(self) -> F::Attributes {
        if L::IS_FLOOR || L::NUMBER == self.level {
            L::attributes(self.f, self.word, self.limits)
        } else {
            self.visit::<L::Below>()
        }
    }
}

/// Translates `va` below a root.
pub(crate) struct Translate<'a, F, M> {
    pub(crate) f: F,
    pub(crate) memory: &'a M,
    pub(crate) root: Oa,
    pub(crate) va: u64,
}

impl<F: Format, M: Memory> RootVisitor<F> for Translate<'_, F, M> {
    type Output = Result<Oa, Fault>;

    #[inline(always)]
    fn visit<L: Level<Format = F>>(self) -> Result<Oa, Fault> {
        if !self.f.is_canonical(self.va) {
            return Err(Fault { kind: FaultKind::NotCanonical, level: L::NUMBER });
        }
        translate(self.f, self.memory, Table::<L>::at(self.root), self.va)
    }
}

#[inline(always)]
fn translate<L: Level, M: Memory>(f: L::Format, memory: &M, table: Table<L>, va: u64) -> Result<Oa, Fault> {
    match table.read(f, memory, va) {
        Ok(w) => translate_by::<L, M>(f, memory, w, va),
        Err(_) => fault::<L, _>(FaultKind::Memory),
    }
}

/// Goes on by the word `w` for `va`.
#[inline(always)]
fn translate_by<L: Level, M: Memory>(f: L::Format, memory: &M, w: WordOf<L>, va: u64) -> Result<Oa, Fault> {
    if L::HAS_TABLES && L::is_table(f, w) {
        return translate(f, memory, Table::<L::Below>::below::<L>(f, w), va);
    }
    if L::is_leaf(f, w) {
        return Ok(Oa::new(L::output(f, w, va)));
    }
    if L::SKIPS && L::is_skip(f, w) {
        return follow::<L, _>(f, w, va, TranslateAt { f, memory, va })
            .unwrap_or_else(|| fault::<L, _>(FaultKind::Absent));
    }
    if L::HAS_PARTS && L::is_part(f, w) {
        let w = read_part::<L, M>(f, memory, w, va)?;
        return translate_by::<L::Below, M>(f, memory, w, va);
    }
    fault::<L, _>(if L::is_absent(f, w) { FaultKind::Absent } else { FaultKind::Reserved })
}

/// Goes on behind a pointer that skips levels.
struct TranslateAt<'a, F, M> {
    f: F,
    memory: &'a M,
    va: u64,
}

impl<F: Format, M: Memory> Landing<F> for TranslateAt<'_, F, M> {
    type Output = Result<Oa, Fault>;

    fn land<L: Level<Format = F>>(self, table: Table<L>) -> Self::Output {
        translate(self.f, self.memory, table, self.va)
    }
}

/// The word for position (or VA) `at` in the part of a table to which the word `w` points.
#[inline]
fn read_part<L: Level, M: Memory>(f: L::Format, memory: &M, w: WordOf<L>, at: u64) -> Result<WordOf<L::Below>, Fault> {
    match Part::<L::Below>::below::<L>(f, w).read(f, memory, at) {
        Ok(Some(w)) => Ok(w),
        Ok(None) => fault::<L::Below, _>(FaultKind::Absent),
        Err(_) => fault::<L::Below, _>(FaultKind::Memory),
    }
}

#[inline(always)]
fn fault<L: Level, T>(kind: FaultKind) -> Result<T, Fault> {
    Err(Fault { kind, level: L::NUMBER })
}

/// Finds the leaf for `va` below a root.
pub(crate) struct Lookup<'a, F, M> {
    pub(crate) f: F,
    pub(crate) memory: &'a M,
    pub(crate) root: Oa,
    pub(crate) va: u64,
}

impl<F: Format, M: Memory> RootVisitor<F> for Lookup<'_, F, M> {
    type Output = Result<Mapping<F>, Fault>;

    #[inline(always)]
    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        if !self.f.is_canonical(self.va) {
            return Err(Fault { kind: FaultKind::NotCanonical, level: L::NUMBER });
        }
        let position = self.va & whole::<L>(self.f).last;
        lookup(self.f, self.memory, Table::<L>::at(self.root), position, self.f.no_limits())
    }
}

#[inline(always)]
fn lookup<L: Level, M: Memory>(
    f: L::Format,
    memory: &M,
    table: Table<L>,
    position: u64,
    limits: <L::Format as Format>::Word,
) -> Result<Mapping<L::Format>, Fault> {
    match table.read(f, memory, position) {
        Ok(w) => lookup_by::<L, M>(f, memory, w, position, limits),
        Err(_) => fault::<L, _>(FaultKind::Memory),
    }
}

/// Goes on by the word `w` for `position`.
#[inline(always)]
fn lookup_by<L: Level, M: Memory>(
    f: L::Format,
    memory: &M,
    w: WordOf<L>,
    position: u64,
    limits: <L::Format as Format>::Word,
) -> Result<Mapping<L::Format>, Fault> {
    if L::HAS_TABLES && L::is_table(f, w) {
        return lookup(f, memory, Table::<L::Below>::below::<L>(f, w), position, L::limit(f, limits, w));
    }
    if L::is_leaf(f, w) {
        return Ok(Mapping::of::<L>(f, w, limits, position));
    }
    if L::SKIPS && L::is_skip(f, w) {
        let landing = LookupAt { f, memory, position, limits: L::limit(f, limits, w) };
        return follow::<L, _>(f, w, position, landing).unwrap_or_else(|| fault::<L, _>(FaultKind::Absent));
    }
    if L::HAS_PARTS && L::is_part(f, w) {
        let limits = L::limit(f, limits, w);
        let w = read_part::<L, M>(f, memory, w, position)?;
        return lookup_by::<L::Below, M>(f, memory, w, position, limits);
    }
    fault::<L, _>(if L::is_absent(f, w) { FaultKind::Absent } else { FaultKind::Reserved })
}

/// Goes on behind a pointer that skips levels.
struct LookupAt<'a, F: Format, M> {
    f: F,
    memory: &'a M,
    position: u64,
    limits: F::Word,
}

impl<F: Format, M: Memory> Landing<F> for LookupAt<'_, F, M> {
    type Output = Result<Mapping<F>, Fault>;

    fn land<L: Level<Format = F>>(self, table: Table<L>) -> Self::Output {
        lookup(self.f, self.memory, table, self.position, self.limits)
    }
}
