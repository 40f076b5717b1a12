//! The crate `x86_64`: `MappedPageTable` over a constant offset, a page at a time, as there is nothing else.
#![expect(unsafe_code, reason = "the crate's traits and calls are unsafe")]

use core::hint::black_box;

use x86_64::structures::paging::mapper::PageTableFrameMapping;
use x86_64::structures::paging::{
    FrameAllocator, MappedPageTable, Mapper, Page, PageTable, PageTableFlags, PhysFrame, Size4KiB, Translate,
};
use x86_64::{PhysAddr, VirtAddr};

use crate::Peer;
use crate::arena::{Arena, BASE, Pool};

/// The arena at its constant place.
struct Offset;

// SAFETY: the arena is mapped at `BASE`, and frames of tables are in it.
unsafe impl PageTableFrameMapping for Offset {
    #[inline]
    fn frame_to_pointer(&self, frame: PhysFrame) -> *mut PageTable {
        core::ptr::with_exposed_provenance_mut(BASE + frame.start_address().as_u64() as usize)
    }
}

struct Frames(Pool);

// SAFETY: the pool hands out no frame twice.
unsafe impl FrameAllocator<Size4KiB> for Frames {
    #[inline]
    fn allocate_frame(&mut self) -> Option<PhysFrame> {
        self.0.take().map(|frame| PhysFrame::containing_address(PhysAddr::new(frame)))
    }
}

/// Tables edited by the crate.
pub struct Mapped {
    arena: Arena,
    frames: Frames,
    root: u64,
    tables: Option<MappedPageTable<'static, Offset>>,
}

impl Mapped {
    /// Without tables: start with [`Peer::reset`].
    #[must_use]
    pub fn new(arena: Arena) -> Self {
        Self { arena, frames: Frames(Pool::default()), root: 0, tables: None }
    }

    #[inline(never)]
    fn map_range(&mut self, va: u64, oa: u64, pages: u64) -> bool {
        let Some(tables) = &mut self.tables else { return false };
        let flags = PageTableFlags::PRESENT | PageTableFlags::WRITABLE | PageTableFlags::NO_EXECUTE;
        let above = PageTableFlags::PRESENT | PageTableFlags::WRITABLE | PageTableFlags::USER_ACCESSIBLE;
        for number in 0..pages {
            let page = Page::<Size4KiB>::containing_address(VirtAddr::new(va + (number << 12)));
            let frame = PhysFrame::containing_address(PhysAddr::new(oa + (number << 12)));
            // SAFETY: no machine uses these tables.
            match unsafe { tables.map_to_with_table_flags(page, frame, flags, above, &mut self.frames) } {
                Ok(flush) => flush.ignore(),
                Err(_) => return false,
            }
        }
        true
    }

    #[inline(never)]
    fn protect_range(&mut self, va: u64, pages: u64) -> bool {
        let Some(tables) = &mut self.tables else { return false };
        let flags = PageTableFlags::PRESENT | PageTableFlags::NO_EXECUTE;
        for number in 0..pages {
            let page = Page::<Size4KiB>::containing_address(VirtAddr::new(va + (number << 12)));
            // SAFETY: no machine uses these tables.
            match unsafe { tables.update_flags(page, flags) } {
                Ok(flush) => flush.ignore(),
                Err(_) => return false,
            }
        }
        true
    }

    #[inline(never)]
    fn unmap_range(&mut self, va: u64, pages: u64) -> bool {
        let Some(tables) = &mut self.tables else { return false };
        for number in 0..pages {
            let page = Page::<Size4KiB>::containing_address(VirtAddr::new(va + (number << 12)));
            match tables.unmap(page) {
                Ok((frame, flush)) => {
                    black_box(frame);
                    flush.ignore();
                }
                Err(_) => return false,
            }
        }
        true
    }
}

impl Peer for Mapped {
    fn name(&self) -> &'static str {
        "x86_64 0.15.5 MappedPageTable"
    }

    fn reset(&mut self) {
        self.tables = None;
        self.frames.0.reset();
        self.root = self.frames.0.take().unwrap_or(0);
        self.arena.clear(self.root);
        let root = core::ptr::with_exposed_provenance_mut::<PageTable>(BASE + self.root as usize);
        // SAFETY: the frame is ours, cleared, and aligned; the reference before it is gone.
        let root = unsafe { &mut *root };
        // SAFETY: an empty root, and tables are reached at the arena's offset.
        self.tables = Some(unsafe { MappedPageTable::new(root, Offset) });
    }

    fn root(&self) -> u64 {
        self.root
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
        tables.translate_addr(VirtAddr::new(va)).map(PhysAddr::as_u64)
    }
}
