//! Our own, as a client uses it.
#![expect(unsafe_code, reason = "says where the arena is, and hands out its frames")]

use core::hint::black_box;

use ptgen::{Context, DirectMap, Frame, Frames, Leaves, NoTlb, Oa, Protect, TableShape, Unflushed, Unmap, Use};

use crate::Peer;
use crate::arena::{Arena, BASE, Pool};
use crate::kernel::{Attributes, Change, Format, PageTable};

/// The arena's frames.
pub struct ArenaFrames(pub Pool);

// SAFETY: the pool hands out no frame twice, all of them in the arena and of 4 KiB.
unsafe impl Frames for ArenaFrames {
    #[inline]
    fn allocate(&mut self, shape: TableShape) -> Option<Frame> {
        if shape.bytes_lg2 != 12 || shape.align_lg2 > 12 {
            return None;
        }
        // SAFETY: the pool hands out no frame twice.
        self.0.take().map(|address| unsafe { Frame::new(Oa::new(address), shape) })
    }

    #[inline]
    fn free(&mut self, frame: Frame) {
        self.0.give(frame.address().get());
    }
}

/// The arena, as memory that holds tables.
#[must_use]
pub fn arena_memory(_: Arena) -> DirectMap {
    // SAFETY: the arena is mapped there for good, and one thread uses it, for one peer at a time.
    unsafe { DirectMap::new(black_box(BASE)) }
}

/// What differs between the rows.
#[derive(Clone, Copy)]
pub struct Row {
    /// The name.
    pub name: &'static str,
    /// Whether machines may be walking the tables.
    pub used: Use,
    /// What the leaves say at first.
    pub attributes: Attributes,
    /// How to protect.
    pub protect: Protect,
    /// How to unmap.
    pub unmap: Unmap,
}

/// No machine walks the tables; holes are refused, tables are kept: what the baseline does.
pub const PLAIN: Row = Row {
    name: "ours",
    used: Use::Offline,
    attributes: Attributes::new().with_write(true),
    protect: Protect::mapped(),
    unmap: Unmap::mapped().keep_tables(),
};

/// A machine may set accessed and dirty bits meanwhile, and has.
pub const LIVE_SET: Row = Row {
    name: "ours, live, A/D set",
    used: Use::Live,
    attributes: PLAIN.attributes.with_accessed(true).with_dirty(true),
    ..PLAIN
};

/// A machine may set accessed and dirty bits meanwhile, and has not.
pub const LIVE_CLEAR: Row = Row { name: "ours, live, A/D clear", used: Use::Live, ..PLAIN };

/// Emptied tables are freed.
pub const FREEING: Row = Row { name: "ours, tables freed", unmap: Unmap::mapped(), ..PLAIN };

/// Holes do not matter, so that whole subtrees are dropped unseen.
pub const SKIPPING: Row =
    Row { name: "ours, holes skipped", protect: Protect::everything(), unmap: Unmap::everything(), ..PLAIN };

/// Tables edited by ptgen.
pub struct Ours {
    row: Row,
    cx: Context<DirectMap, ArenaFrames, NoTlb>,
    tables: Option<PageTable>,
}

impl Ours {
    /// Without tables: start with [`Peer::reset`].
    #[must_use]
    pub fn new(arena: Arena, row: Row) -> Self {
        Self { row, cx: Context::new(arena_memory(arena), ArenaFrames(Pool::default()), NoTlb), tables: None }
    }

    fn flush(&mut self, done: Result<Unflushed<Format>, ptgen::Error>) -> bool {
        done.map(|unflushed| unflushed.flush(&mut self.cx)).is_ok()
    }

    #[inline(never)]
    fn map_range(&mut self, va: u64, oa: u64, pages: u64) -> bool {
        let Some(tables) = &mut self.tables else { return false };
        let done = tables.map(&mut self.cx, va..va + (pages << 12), oa, &self.row.attributes, Leaves::Largest);
        self.flush(done)
    }

    #[inline(never)]
    fn protect_range(&mut self, va: u64, pages: u64) -> bool {
        let Some(tables) = &mut self.tables else { return false };
        let change = Change::new().write(false);
        let done = tables.protect(&mut self.cx, va..va + (pages << 12), &change, self.row.protect);
        self.flush(done)
    }

    #[inline(never)]
    fn unmap_range(&mut self, va: u64, pages: u64) -> bool {
        let Some(tables) = &mut self.tables else { return false };
        let done = tables.unmap(&mut self.cx, va..va + (pages << 12), self.row.unmap);
        self.flush(done)
    }
}

impl Peer for Ours {
    fn name(&self) -> &'static str {
        self.row.name
    }

    fn reset(&mut self) {
        self.cx.frames.0.reset();
        self.tables = PageTable::new(&mut self.cx).ok();
        if let Some(tables) = &mut self.tables {
            tables.set_use(self.row.used);
        }
    }

    fn root(&self) -> u64 {
        self.tables.as_ref().map_or(0, |tables| tables.root().get())
    }

    fn map(&mut self, va: u64, oa: u64, pages: u64) -> bool {
        self.map_range(black_box(va), black_box(oa), black_box(pages))
    }

    fn protect(&mut self, va: u64, pages: u64) -> bool {
        self.protect_range(black_box(va), black_box(pages))
    }

    fn unmap(&mut self, va: u64, pages: u64) -> bool {
        self.unmap_range(black_box(va), black_box(pages))
    }

    #[inline(never)]
    fn translate(&self, va: u64) -> Option<u64> {
        let tables = self.tables.as_ref()?;
        tables.translate(&self.cx.memory, va).ok().map(Oa::get)
    }

    fn frees(&self) -> bool {
        self.row.unmap.tables == ptgen::Tables::Free
    }
}
