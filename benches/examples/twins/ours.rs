//! The paths through ptgen, as a client has them.

use ptgen::{Context, DirectMap, Error, Fault, Leaves, Oa, Protect, Unflushed, Unmap};
use ptgen_benches::kernel::{Attributes, Change, Format, PageTable};
use ptgen_benches::peers::ArenaFrames;

/// What changes work with.
pub type Cx = Context<DirectMap, ArenaFrames, ptgen::NoTlb>;

/// Translates.
#[inline(never)]
pub fn ours_translate(tables: &PageTable, memory: &DirectMap, va: u64) -> Result<Oa, Fault> {
    tables.translate(memory, va)
}

/// Translates, and says what the leaf says.
#[inline(never)]
pub fn ours_translate_attributes(tables: &PageTable, memory: &DirectMap, va: u64) -> Option<(u64, Attributes)> {
    let mapping = tables.lookup(memory, va).ok()?;
    Some((mapping.translate(va).get(), mapping.attributes()))
}

/// Maps.
#[inline(never)]
pub fn ours_map(
    tables: &mut PageTable,
    cx: &mut Cx,
    (va, pages, oa): (u64, u64, u64),
    attributes: &Attributes,
) -> Result<Unflushed<Format>, Error> {
    tables.map(cx, va..va + (pages << 12), oa, attributes, Leaves::Exactly(12))
}

/// Takes the right to write away.
#[inline(never)]
pub fn ours_protect(tables: &mut PageTable, cx: &mut Cx, (va, pages): (u64, u64)) -> Result<Unflushed<Format>, Error> {
    tables.protect(cx, va..va + (pages << 12), &Change::new().write(false), Protect::mapped())
}

/// Unmaps, and keeps the tables.
#[inline(never)]
pub fn ours_unmap(tables: &mut PageTable, cx: &mut Cx, (va, pages): (u64, u64)) -> Result<Unflushed<Format>, Error> {
    tables.unmap(cx, va..va + (pages << 12), Unmap::mapped().keep_tables())
}
