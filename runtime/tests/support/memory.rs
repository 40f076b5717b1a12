//! Frames and memory that catch mistakes.

#![allow(unsafe_code, reason = "implements unsafe traits over an arena")]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use ptgen::{Arena, Frame, Frames, Memory, MemoryError, Oa, TableShape, Word};

/// What a frame holds before it is a table and after it has been one: a word that is not absent in any test format.
pub const POISON: u64 = 0xfdfd_fdfd_fdfd_fdfd;

/// Frames of an arena, poisoned before and after use, checked for being given back as they were taken, and refused from
/// a given number on.
pub struct Checked<'a, W: Word = u64> {
    arena: &'a Arena<'a, W>,
    pub left: Cell<usize>,
    out: RefCell<BTreeMap<u64, TableShape>>,
    pub log: RefCell<Vec<String>>,
}

impl<'a, W: Word> Checked<'a, W> {
    pub fn new(arena: &'a Arena<'a, W>) -> Self {
        Self { arena, left: Cell::new(usize::MAX), out: RefCell::default(), log: RefCell::default() }
    }

    /// How many frames are handed out.
    pub fn out(&self) -> usize {
        self.out.borrow().len()
    }

    fn poison(&self, frame: Oa, bytes_lg2: u32) {
        for at in (0..1 << bytes_lg2).step_by(1 << W::BYTES_LG2) {
            assert!(self.arena.write(frame + at, W::truncate(POISON)));
        }
    }
}

// SAFETY: the frames are the arena's.
unsafe impl<W: Word> Frames for &Checked<'_, W> {
    fn allocate(&mut self, shape: TableShape) -> Option<Frame> {
        self.left.set(self.left.get().checked_sub(1)?);
        let mut arena = self.arena;
        let frame = arena.allocate(shape).expect("the arena is large enough");
        assert!(frame.address().is_aligned(shape.align_lg2));
        self.poison(frame.address(), shape.bytes_lg2);
        assert!(self.out.borrow_mut().insert(frame.address().get(), shape).is_none());
        Some(frame)
    }

    fn free(&mut self, frame: Frame) {
        let (address, shape) = (frame.address(), frame.shape());
        let taken = self.out.borrow_mut().remove(&address.get());
        assert_eq!(taken, Some(shape), "{address} is given back twice, or not as it was taken");
        self.left.set(self.left.get().saturating_add(1));
        self.log.borrow_mut().push(format!("free {address}"));
        self.poison(address, shape.bytes_lg2);
        let mut arena = self.arena;
        arena.free(frame);
    }
}

/// Memory that calls somebody before every table it opens.
pub struct Watched<'a, F> {
    pub arena: &'a Arena<'a, u64>,
    pub opens: Cell<usize>,
    pub before: F,
}

impl<'a, F: Fn(usize)> Watched<'a, F> {
    pub fn new(arena: &'a Arena<'a, u64>, before: F) -> Self {
        Self { arena, opens: Cell::new(0), before }
    }
}

// SAFETY: the words are the arena's.
unsafe impl<F: Fn(usize)> Memory for Watched<'_, F> {
    unsafe fn with<W: Word, R>(
        &self,
        address: Oa,
        count_lg2: u32,
        use_words: impl FnOnce(&[W::Atomic]) -> R,
    ) -> Result<R, MemoryError> {
        (self.before)(self.opens.get());
        self.opens.set(self.opens.get() + 1);
        // SAFETY: the caller's promise.
        unsafe { self.arena.with::<W, R>(address, count_lg2, use_words) }
    }
}
