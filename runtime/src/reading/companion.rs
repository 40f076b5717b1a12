//! Where the bits are that software keeps beside the slots of a table.

use crate::address::Oa;
use crate::error::{Fault, FaultKind};
use crate::format::{Format, Level, RootVisitor, WordOf};
use crate::memory::Memory;
use crate::tables::span::index;
use crate::tables::table::Table;
use crate::tables::word::Word;

/// Finds what belongs to the lowest slot for `va` below a root.
pub(crate) struct CompanionOf<'a, F, M> {
    pub(crate) f: F,
    pub(crate) memory: &'a M,
    pub(crate) root: Oa,
    pub(crate) va: u64,
}

impl<F: Format, M: Memory> RootVisitor<F> for CompanionOf<'_, F, M> {
    type Output = Result<Option<Oa>, Fault>;

    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        if !self.f.is_canonical(self.va) {
            return Err(Fault { kind: FaultKind::NotCanonical, level: L::NUMBER });
        }
        companion(self.f, self.memory, Table::<L>::at(self.root), self.va)
    }
}

fn companion<L: Level, M: Memory>(f: L::Format, memory: &M, table: Table<L>, va: u64) -> Result<Option<Oa>, Fault> {
    let fault = Fault { kind: FaultKind::Memory, level: L::NUMBER };
    let w = table.read(f, memory, va).map_err(|_| fault)?;
    if L::HAS_TABLES && L::is_table(f, w) {
        return companion(f, memory, Table::<L::Below>::below::<L>(f, w), va);
    }
    let bytes = u64::from(L::companion_bits(f) / 8);
    let behind = 1 << (L::index_bits(f) + WordOf::<L>::BYTES_LG2);
    Ok((bytes != 0).then(|| table.address() + (behind + index::<L>(f, va) as u64 * bytes)))
}
