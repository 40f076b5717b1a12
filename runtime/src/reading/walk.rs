//! Looking at all there is in a range, in order.

use crate::address::{Oa, Va, VaRange};
use crate::error::{Fault, FaultKind};
use crate::format::{Format, Level, RootVisitor, WordOf};
use crate::memory::Memory;
use crate::reading::translate::Mapping;
use crate::tables::part::Part;
use crate::tables::skips::{Landing, follow};
use crate::tables::span::{Span, index, slot_last, va, va_range, whole};
use crate::tables::table::Table;

/// What a [`Visitor`] is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visit<F: Format> {
    /// A leaf: all of it, even if the range has only a part. Whoever walks while somebody else empties a run slot by slot may
    /// be shown a hole for those that are empty, and then all of the run.
    Leaf(Mapping<F>),
    /// A word that points to a table, before what is in that table.
    Table {
        /// The first VA that the table translates.
        va: Va,
        /// The number of the level in which the word stands. Where it skips levels, the table is not of the next one.
        level: u8,
        /// Where the table is.
        address: Oa,
        /// The word.
        word: F::Word,
    },
    /// A part of the range with no leaf and nothing else to show: as long as it is.
    Hole(VaRange),
    /// A word that the format forbids.
    Reserved {
        /// The first VA of its slot.
        va: Va,
        /// The number of its level.
        level: u8,
        /// The word.
        word: F::Word,
    },
}

/// How a walk goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flow {
    /// With what is next.
    Continue,
    /// Past the table that was shown.
    Skip,
    /// Not at all.
    Stop,
}

/// Somebody to whom a walk shows things. A closure from [`Visit`] to [`Flow`] is one.
pub trait Visitor<F: Format> {
    /// Whether to show tables. Holes end where a table is shown; without them holes reach from leaf to leaf.
    const TABLES: bool = true;

    /// Is shown what comes next in the order of VA, and says how to go on.
    fn visit(&mut self, visit: Visit<F>) -> Flow;
}

impl<F: Format, V: FnMut(Visit<F>) -> Flow> Visitor<F> for V {
    fn visit(&mut self, visit: Visit<F>) -> Flow {
        self(visit)
    }
}

/// A closure that is not shown tables, so that holes reach from leaf to leaf.
#[derive(Clone, Copy, Debug)]
pub struct WithoutTables<V>(pub V);

impl<F: Format, V: FnMut(Visit<F>) -> Flow> Visitor<F> for WithoutTables<V> {
    const TABLES: bool = false;

    fn visit(&mut self, visit: Visit<F>) -> Flow {
        (self.0)(visit)
    }
}

/// A walk below a root. `range` is not reversed.
pub(crate) struct Walk<'a, F, M, V> {
    pub(crate) f: F,
    pub(crate) memory: &'a M,
    pub(crate) root: Oa,
    pub(crate) range: VaRange,
    pub(crate) visitor: &'a mut V,
}

impl<F: Format, M: Memory, V: Visitor<F>> RootVisitor<F> for Walk<'_, F, M, V> {
    type Output = Result<(), Fault>;

    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        let span = match crate::tables::span::span::<L>(self.f, self.range) {
            Ok(Some(span)) => span,
            Ok(None) => return Ok(()),
            Err(_) => return Err(Fault { kind: FaultKind::NotCanonical, level: L::NUMBER }),
        };
        let mut walker = Walker { f: self.f, memory: self.memory, visitor: self.visitor, hole: None };
        let limits = self.f.no_limits();
        if walker.table(Table::<L>::at(self.root), span, limits)? == Flow::Continue {
            walker.end_hole(span.last.wrapping_add(1));
        }
        Ok(())
    }
}

struct Walker<'a, F, M, V> {
    f: F,
    memory: &'a M,
    visitor: &'a mut V,
    /// Where the hole starts that is being walked through.
    hole: Option<u64>,
}

/// Something at `at` that is not a hole.
struct Found<W> {
    at: u64,
    word: W,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Leaf,
    Table,
    /// It points to a table further down than the next level.
    Skip,
    /// It points to a part of a table.
    Part,
    Reserved,
}

impl<F: Format, M: Memory, V: Visitor<F>> Walker<'_, F, M, V> {
    /// Shows the hole before `end`, if there is one.
    fn end_hole(&mut self, end: u64) -> Flow {
        let Some(start) = self.hole.take() else { return Flow::Continue };
        self.visitor.visit(Visit::Hole(va_range(self.f, start, end.wrapping_sub(1))))
    }

    fn show(&mut self, at: u64, visit: Visit<F>) -> Flow {
        match self.end_hole(at) {
            Flow::Stop => Flow::Stop,
            Flow::Continue | Flow::Skip => self.visitor.visit(visit),
        }
    }

    /// Walks the part of a table for `span`. Returns `Stop` or `Continue`.
    fn table<L: Level<Format = F>>(&mut self, table: Table<L>, span: Span, limits: F::Word) -> Result<Flow, Fault> {
        let f = self.f;
        let mut at = span.first;
        loop {
            let found = table.open(f, self.memory, |slots| {
                loop {
                    let word = slots.get_acquire(index::<L>(f, at));
                    if let Some(kind) = kind::<L>(f, word) {
                        return Some(Found { at, word, kind });
                    }
                    self.hole.get_or_insert(at);
                    let last = slot_last::<L>(f, at);
                    if last >= span.last {
                        return None;
                    }
                    at = last + 1;
                }
            });
            let found = found.map_err(|_| Fault { kind: FaultKind::Memory, level: L::NUMBER })?;
            let Some(found) = found else { return Ok(Flow::Continue) };
            let (flow, last) = self.found::<L>(&found, span.last, limits)?;
            if flow == Flow::Stop || last >= span.last {
                return Ok(flow);
            }
            at = last + 1;
        }
    }

    /// Shows what was found. Returns `Stop` or `Continue`, and the last position of what was found.
    fn found<L: Level<Format = F>>(
        &mut self,
        found: &Found<WordOf<L>>,
        last: u64,
        limits: F::Word,
    ) -> Result<(Flow, u64), Fault> {
        let (f, at, word, level) = (self.f, found.at, found.word, L::NUMBER);
        let end = slot_last::<L>(f, at);
        let flow = match found.kind {
            Kind::Leaf => {
                let mapping = Mapping::of::<L>(f, word, limits, at);
                let end = end.max(at | crate::tables::span::low(mapping.size_lg2));
                return Ok((self.show(at, Visit::Leaf(mapping)).without_skip(), end));
            }
            Kind::Reserved => {
                let first = va(f, at & !crate::tables::span::low(L::shift(f)));
                self.show(at, Visit::Reserved { va: first, level, word })
            }
            Kind::Table | Kind::Skip | Kind::Part => {
                let address = Oa::new(L::table_address(f, word));
                let first = va(f, at & !crate::tables::span::low(L::shift(f)));
                let flow = if V::TABLES {
                    self.show(at, Visit::Table { va: first, level, address, word })
                } else {
                    Flow::Continue
                };
                let (span, limits) = (Span { first: at, last: end.min(last) }, L::limit(f, limits, word));
                match found.kind {
                    _ if flow != Flow::Continue => flow,
                    Kind::Skip => self.skip::<L>(word, span, limits)?,
                    Kind::Part => self.part(&Part::<L::Below>::below::<L>(f, word), span, limits)?,
                    _ => self.table(Table::<L::Below>::at(address), span, limits)?,
                }
            }
        };
        Ok((flow.without_skip(), end))
    }

    /// Walks the slots that are there of a part of a table for `span`, one by one. Returns `Stop` or `Continue`.
    fn part<L: Level<Format = F>>(&mut self, part: &Part<L>, span: Span, limits: F::Word) -> Result<Flow, Fault> {
        let f = self.f;
        let mut at = span.first;
        loop {
            let word =
                part.read(f, self.memory, at).map_err(|_| Fault { kind: FaultKind::Memory, level: L::NUMBER })?;
            let found = word.and_then(|word| kind::<L>(f, word).map(|kind| Found { at, word, kind }));
            let last = match found {
                Some(found) => {
                    let (flow, last) = self.found::<L>(&found, span.last, limits)?;
                    if flow == Flow::Stop {
                        return Ok(flow);
                    }
                    last
                }
                None => {
                    self.hole.get_or_insert(at);
                    slot_last::<L>(f, at)
                }
            };
            if last >= span.last {
                return Ok(Flow::Continue);
            }
            at = last + 1;
        }
    }

    /// Walks the part for `span` of the table to which a word leads that skips levels: it translates the start of the
    /// word's slot, and the rest is a hole.
    fn skip<L: Level<Format = F>>(&mut self, word: WordOf<L>, span: Span, limits: F::Word) -> Result<Flow, Fault> {
        let (f, start) = (self.f, span.first & !crate::tables::span::low(L::shift(self.f)));
        let landing = WalkAt { walker: self, start, span, limits };
        follow::<L, _>(f, word, start, landing).unwrap_or(Ok(Flow::Continue))
    }
}

/// Goes on behind a pointer that skips levels.
struct WalkAt<'w, 'a, F: Format, M, V> {
    walker: &'w mut Walker<'a, F, M, V>,
    /// Where the slot of the pointer starts.
    start: u64,
    span: Span,
    limits: F::Word,
}

impl<F: Format, M: Memory, V: Visitor<F>> Landing<F> for WalkAt<'_, '_, F, M, V> {
    type Output = Result<Flow, Fault>;

    fn land<L: Level<Format = F>>(self, table: Table<L>) -> Self::Output {
        let Self { walker, start, span: Span { first, last }, limits } = self;
        let end = start | whole::<L>(walker.f).last;
        if first <= end {
            let flow = walker.table(table, Span { first, last: last.min(end) }, limits)?;
            if flow == Flow::Stop {
                return Ok(flow);
            }
        }
        if last > end {
            walker.hole.get_or_insert(first.max(end + 1));
        }
        Ok(Flow::Continue)
    }
}

impl Flow {
    const fn without_skip(self) -> Self {
        match self {
            Self::Stop => Self::Stop,
            Self::Continue | Self::Skip => Self::Continue,
        }
    }
}

/// What a word is, if it is not absent.
#[inline]
fn kind<L: Level>(f: L::Format, word: WordOf<L>) -> Option<Kind> {
    if L::is_absent(f, word) {
        None
    } else if L::is_leaf(f, word) {
        Some(Kind::Leaf)
    } else if L::HAS_TABLES && L::is_table(f, word) {
        Some(Kind::Table)
    } else if L::SKIPS && L::is_skip(f, word) {
        Some(Kind::Skip)
    } else if L::HAS_PARTS && L::is_part(f, word) {
        Some(Kind::Part)
    } else {
        Some(Kind::Reserved)
    }
}
