//! Table memory of loom's atomics, and frames in it.
//!
//! Beside its words a frame has a cell with nothing in it, whose only purpose is that loom watches who uses it when: a
//! frame is *changed* when it is handed out and when it comes back, and *looked at* whenever it is opened as a table.
//! Loom refuses an execution in which these are not ordered: a reader that finds a table without having seen it being
//! made, and a table that is given back while a reader may still look into it.

#![expect(unsafe_code, reason = "implements the unsafe traits of table memory, with safe means")]

use std::collections::BTreeSet;
use std::sync::Mutex;

use loom::cell::UnsafeCell;
use ptgen_loom::{Frame, Frames, Memory, MemoryError, MemoryReason, Oa, TableShape, Word};
use ptgen_loom_atomics::{AtomicU64, Ordering};
use std::sync::Arc;

/// A word that is neither absent nor leaf nor table: what frames hold that are no tables.
pub const POISON: u64 = 0xfdfd_fdfd_fdfd_fdfd;

const BASE: u64 = 0x10_0000;
const FRAME_LG2: u32 = 4;
const SLOTS_LG2: u32 = 1;

/// The memory.
#[derive(Debug)]
pub struct Tables {
    words: Vec<[AtomicU64; 1 << SLOTS_LG2]>,
    lives: Vec<Life>,
    out: Mutex<BTreeSet<u64>>,
}

/// What loom watches a frame's life by.
#[derive(Debug)]
struct Life(UnsafeCell<()>);

// SAFETY: there is nothing in it, and nobody uses the pointer that loom hands out.
unsafe impl Sync for Life {}
// SAFETY: likewise.
unsafe impl Send for Life {}

impl Tables {
    /// So many frames.
    pub fn new(frames: usize) -> Arc<Self> {
        let words = || [AtomicU64::new(POISON), AtomicU64::new(POISON)];
        Arc::new(Self {
            words: (0..frames).map(|_| words()).collect(),
            lives: (0..frames).map(|_| Life(UnsafeCell::new(()))).collect(),
            out: Mutex::default(),
        })
    }

    fn frame(&self, address: Oa) -> Option<usize> {
        let frame = usize::try_from(address.get().checked_sub(BASE)? >> FRAME_LG2).ok()?;
        (frame < self.words.len()).then_some(frame)
    }

    /// How many frames are handed out.
    pub fn out(&self) -> usize {
        self.out.lock().expect("nobody panics with it").len()
    }

    /// The slot at `address`.
    pub fn slot(&self, address: Oa) -> &AtomicU64 {
        let frame = self.frame(address).expect("an address in the memory");
        self.lives[frame].0.with(|_| ());
        &self.words[frame][usize::from(address.get() & 8 != 0)]
    }
}

/// The memory as the engine is given it.
#[derive(Clone, Debug)]
pub struct Reach(pub Arc<Tables>);

// SAFETY: 1. the address determines the words; 2. whoever has a frame that no table points to is the only one to open
// it, and loom would say if it were not so.
unsafe impl Memory for Reach {
    unsafe fn with<W: Word, R>(
        &self,
        address: Oa,
        count_lg2: u32,
        use_words: impl FnOnce(&[W::Atomic]) -> R,
    ) -> Result<R, MemoryError> {
        let fail = |reason| MemoryError { address, reason };
        let frame = self.0.frame(address).filter(|_| count_lg2 == SLOTS_LG2).ok_or(fail(MemoryReason::Outside))?;
        let words = W::cells_of::<u64>(&self.0.words[frame]).ok_or(fail(MemoryReason::WordWidth))?;
        self.0.lives[frame].0.with(|_| ());
        Ok(use_words(words))
    }
}

/// Frames of one thread.
#[derive(Debug)]
pub struct Pool {
    tables: Arc<Tables>,
    left: Vec<usize>,
}

impl Pool {
    /// The frames of these numbers, which no other pool has.
    pub fn new(tables: &Arc<Tables>, frames: std::ops::Range<usize>) -> Self {
        Self { tables: tables.clone(), left: frames.rev().collect() }
    }
}

// SAFETY: a frame is in one pool once, and poisoned before it is handed out again.
unsafe impl Frames for Pool {
    fn allocate(&mut self, shape: TableShape) -> Option<Frame> {
        assert_eq!((shape.bytes_lg2, shape.align_lg2), (FRAME_LG2, FRAME_LG2));
        let frame = self.left.pop()?;
        self.tables.lives[frame].0.with_mut(|_| ());
        let address = Oa::new(BASE + ((frame as u64) << FRAME_LG2));
        assert!(self.tables.out.lock().expect("nobody panics with it").insert(address.get()), "{address} twice");
        // SAFETY: it is handed out now, and to nobody else before it comes back.
        Some(unsafe { Frame::new(address, shape) })
    }

    fn free(&mut self, frame: Frame) {
        let address = frame.address();
        assert!(self.tables.out.lock().expect("nobody panics with it").remove(&address.get()), "{address} is not out");
        let number = self.tables.frame(address).expect("an address in the memory");
        self.tables.lives[number].0.with_mut(|_| ());
        for word in &self.tables.words[number] {
            word.store(POISON, Ordering::Relaxed);
        }
        self.left.push(number);
    }
}
