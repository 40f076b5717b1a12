//! The crates `page_table_multiarch` and `page_table_entry`, with their range operations.

use core::hint::black_box;
use std::cell::RefCell;
use std::mem::ManuallyDrop;

use memory_addr::{PhysAddr, VirtAddr};
use page_table_multiarch::x86_64::X64PageTable;
use page_table_multiarch::{MappingFlags, PagingHandler};

use crate::Peer;
use crate::arena::{Arena, BASE, Pool};

thread_local! {
    /// The crate's handler has no `self`.
    static POOL: RefCell<Pool> = RefCell::default();
}

struct Handler;

impl PagingHandler for Handler {
    fn alloc_frames(count: usize, _align: usize) -> Option<PhysAddr> {
        let frame = POOL.with_borrow_mut(Pool::take)?;
        (count == 1).then_some(PhysAddr::from(frame as usize))
    }

    fn dealloc_frames(address: PhysAddr, _count: usize) {
        POOL.with_borrow_mut(|pool| pool.give(address.as_usize() as u64));
    }

    #[inline]
    fn phys_to_virt(address: PhysAddr) -> VirtAddr {
        VirtAddr::from(BASE + address.as_usize())
    }
}

/// Tables edited by the crate.
pub struct Multiarch {
    /// Never dropped: the frames are taken back all at once.
    tables: Option<ManuallyDrop<X64PageTable<Handler>>>,
}

impl Multiarch {
    /// Without tables: start with [`Peer::reset`].
    #[must_use]
    pub fn new(_: Arena) -> Self {
        Self { tables: None }
    }

    #[inline(never)]
    fn map_range(&mut self, va: u64, oa: u64, pages: u64) -> bool {
        let Some(tables) = &mut self.tables else { return false };
        let offset = va - oa;
        let flags = MappingFlags::READ | MappingFlags::WRITE;
        let at = |va: VirtAddr| PhysAddr::from(va.as_usize() - offset as usize);
        tables.cursor().map_region(VirtAddr::from(va as usize), at, (pages << 12) as usize, flags, true).is_ok()
    }

    #[inline(never)]
    fn protect_range(&mut self, va: u64, pages: u64) -> bool {
        let Some(tables) = &mut self.tables else { return false };
        let flags = MappingFlags::READ;
        tables.cursor().protect_region(VirtAddr::from(va as usize), (pages << 12) as usize, flags).is_ok()
    }

    #[inline(never)]
    fn unmap_range(&mut self, va: u64, pages: u64) -> bool {
        let Some(tables) = &mut self.tables else { return false };
        tables.cursor().unmap_region(VirtAddr::from(va as usize), (pages << 12) as usize).is_ok()
    }
}

impl Peer for Multiarch {
    fn name(&self) -> &'static str {
        "page_table_multiarch 0.6.2"
    }

    fn reset(&mut self) {
        POOL.with_borrow_mut(Pool::reset);
        self.tables = X64PageTable::try_new().ok().map(ManuallyDrop::new);
    }

    fn root(&self) -> u64 {
        self.tables.as_ref().map_or(0, |tables| tables.root_paddr().as_usize() as u64)
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
        tables.query(VirtAddr::from(va as usize)).ok().map(|(oa, ..)| oa.as_usize() as u64)
    }
}
