//! Frames: what each is, handed out and taken back.

use std::collections::BTreeMap;

use ptgen::{Oa, TableShape};

use super::State;
use crate::log::Event;
use crate::oracle::{Limits, low};
use crate::violation::Invariant;

/// Where a table is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) root: usize,
    /// The first position that it translates.
    pub(super) position: u64,
    /// What the tables above take away.
    pub(super) limits: Limits,
}

/// A frame that is handed out.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) address: u64,
    pub(super) shape: TableShape,
    /// The level (an index into the model's).
    pub(super) level: usize,
    /// The number of its first word.
    pub(super) first: usize,
    /// The slots that have not been written since.
    unwritten: Bits,
    /// The slots that have not been cleaned since they were written; empty where nothing needs that.
    dirty: Bits,
    /// Where it is linked: nowhere, if a walker from a root does not get there.
    pub(super) places: Vec<Place>,
    /// How many roots own it; none if it was never shared.
    pub(super) owners: u32,
}

impl Frame {
    /// How many slots it has.
    pub(super) const fn slots(&self) -> usize {
        self.unwritten.len
    }

    /// Notes that a slot has been written. `clean` if nothing has to be cleaned.
    pub(super) fn written(&mut self, slot: usize, clean: bool) {
        self.unwritten.set(slot, false);
        if !clean {
            self.dirty.set(slot, true);
        }
    }

    /// The first slot that has not been written.
    pub(super) fn first_unwritten(&self) -> Option<usize> {
        self.unwritten.first()
    }

    /// The first slot that has not been cleaned.
    pub(super) fn first_dirty(&self) -> Option<usize> {
        self.dirty.first()
    }
}

/// A set of slots.
#[derive(Debug)]
struct Bits {
    words: Vec<u64>,
    count: usize,
    len: usize,
}

impl Bits {
    fn new(len: usize, value: bool) -> Self {
        let mut bits = Self { words: vec![0; len.div_ceil(64)], count: 0, len };
        if value {
            bits.words.fill(u64::MAX);
            bits.count = len;
        }
        bits
    }

    #[inline]
    fn set(&mut self, at: usize, value: bool) {
        let (word, bit) = (&mut self.words[at / 64], 1 << (at % 64));
        if (*word & bit != 0) != value {
            *word ^= bit;
            if value { self.count += 1 } else { self.count -= 1 }
        }
    }

    fn first(&self) -> Option<usize> {
        if self.count == 0 {
            return None;
        }
        let found = self.words.iter().position(|word| *word != 0)?;
        Some(found * 64 + self.words[found].trailing_zeros() as usize)
    }
}

/// All frames of the memory.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) frames: Vec<Option<Frame>>,
    spare: Vec<usize>,
    /// Frames that came back, by size and alignment.
    back: BTreeMap<(u32, u32), Vec<u64>>,
    next: u64,
    /// The frame (plus one) in which each granule is.
    granules: Vec<u32>,
    granule_lg2: u32,
    /// So many more allocations work.
    pub(super) left: Option<usize>,
    /// How many frames are handed out, by the number of the level.
    pub(super) out: [usize; 8],
}

impl Pool {
    pub(super) fn new(base: u64, bytes: u64, granule_lg2: u32) -> Self {
        let granules = usize::try_from(bytes >> granule_lg2).expect("memory fits") + 1;
        Self {
            frames: Vec::new(),
            spare: Vec::new(),
            back: BTreeMap::new(),
            next: base,
            granules: vec![0; granules],
            granule_lg2,
            left: None,
            out: [0; 8],
        }
    }

    /// There are smaller tables than there were: granules are as small as these.
    pub(super) fn refine(&mut self, base: u64, granule_lg2: u32) {
        if granule_lg2 >= self.granule_lg2 {
            return;
        }
        let granules = (self.granules.len() - 1) << (self.granule_lg2 - granule_lg2);
        self.granules = vec![0; granules + 1];
        self.granule_lg2 = granule_lg2;
        for id in 0..self.frames.len() {
            if let Some(Frame { address, shape, .. }) = self.frames[id] {
                self.mark(address - base, shape.bytes_lg2, u32::try_from(id + 1).expect("frames are few"));
            }
        }
    }

    /// The frame in which a byte (counted from the start of the memory) is.
    #[inline]
    pub(super) fn at(&self, offset: u64) -> Option<usize> {
        let granule = usize::try_from(offset >> self.granule_lg2).ok()?;
        (self.granules.get(granule).copied()? as usize).checked_sub(1)
    }

    pub(super) fn frame(&self, id: usize) -> &Frame {
        self.frames[id].as_ref().expect("the frame is handed out")
    }

    pub(super) fn frame_mut(&mut self, id: usize) -> &mut Frame {
        self.frames[id].as_mut().expect("the frame is handed out")
    }

    fn mark(&mut self, offset: u64, bytes_lg2: u32, mark: u32) {
        let first = usize::try_from(offset >> self.granule_lg2).expect("memory fits");
        let count = 1_usize << (bytes_lg2 - self.granule_lg2);
        self.granules[first..first + count].fill(mark);
    }
}

impl State {
    /// Hands out a frame.
    pub(crate) fn allocate(&mut self, shape: TableShape) -> Option<u64> {
        if self.banned {
            self.report(
                Invariant::I9Context,
                format!("a table of level {} is allocated where that is forbidden", shape.level),
            );
        }
        let address = self.take(shape);
        let level = shape.level;
        match address {
            Some(address) => self.log.add(Event::Alloc { level, address: Oa::new(address) }),
            None => self.log.add(Event::AllocFailed { level }),
        }
        address
    }

    fn take(&mut self, shape: TableShape) -> Option<u64> {
        let Some(level) = self.oracle.level_of(shape.level) else {
            self.report(
                Invariant::I12Balance,
                format!("a table is allocated for level {}, which is none", shape.level),
            );
            return None;
        };
        if let Some(left) = &mut self.pool.left {
            *left = left.checked_sub(1)?;
        }
        let pool = &mut self.pool;
        let key = (shape.bytes_lg2, shape.align_lg2.max(shape.bytes_lg2.min(pool.granule_lg2)));
        let address = match pool.back.get_mut(&key).and_then(Vec::pop) {
            Some(address) => address,
            None => {
                let start = pool.next.checked_add(low(key.1))? & !low(key.1);
                let end = start.checked_add(1 << shape.bytes_lg2)?;
                if end > self.base + ((self.mirror.len() as u64) << self.word_lg2) {
                    return None;
                }
                pool.next = end;
                start
            }
        };
        let id = pool.spare.pop().unwrap_or_else(|| {
            pool.frames.push(None);
            pool.frames.len() - 1
        });
        let offset = address - self.base;
        pool.mark(offset, shape.bytes_lg2, u32::try_from(id + 1).expect("frames are few"));
        let slots = 1 << (shape.bytes_lg2 - self.word_lg2);
        pool.frames[id] = Some(Frame {
            address,
            shape,
            level,
            first: usize::try_from(offset >> self.word_lg2).expect("memory fits"),
            unwritten: Bits::new(slots, true),
            dirty: Bits::new(slots, false),
            places: Vec::new(),
            owners: 0,
        });
        pool.out[usize::from(shape.level)] += 1;
        Some(address)
    }

    /// Takes a frame back. Returns the number of its first word and how many there are, for these to be poisoned.
    pub(crate) fn free(&mut self, address: u64, shape: TableShape) -> Option<(usize, usize)> {
        let found = address.checked_sub(self.base).and_then(|offset| self.pool.at(offset));
        let Some(id) = found.filter(|id| self.pool.frame(*id).address == address) else {
            self.report(
                Invariant::I12Balance,
                format!("{address:#x} is freed as a table of level {}, but is none", shape.level),
            );
            return None;
        };
        self.log.add(Event::Free { level: shape.level, address: Oa::new(address) });
        let frame = self.pool.frame(id);
        let (known, place) = (frame.shape, frame.places.first().copied());
        if (known.bytes_lg2, known.align_lg2) != (shape.bytes_lg2, shape.align_lg2) {
            self.report(Invariant::I12Balance, format!("{address:#x} is freed as {shape:?}, but is {known:?}"));
        }
        if known.level != shape.level {
            self.report(
                Invariant::I12Balance,
                format!(
                    "{address:#x} is freed as a table of level {}, but is one of level {}",
                    shape.level, known.level
                ),
            );
        }
        if let Some(place) = place {
            let va = self.oracle.va(place.position);
            self.report(
                Invariant::I1TableLifetime,
                format!("the table at {address:#x} is freed while it is linked for {va:#x}"),
            );
        } else if let Some(held) = self.processors.table(id) {
            let what = if held.cpus == 0 { "a reader may be in it" } else { "a walk cache may hold it" };
            let va = self.oracle.va(held.first);
            self.report(
                Invariant::I1TableLifetime,
                format!("the table at {address:#x} (for {va:#x}) is freed while {what}"),
            );
        }
        self.forget(id);
        let frame = self.pool.frames[id].take().expect("the frame is handed out");
        let (pool, bytes_lg2) = (&mut self.pool, frame.shape.bytes_lg2);
        pool.spare.push(id);
        pool.mark(address - self.base, bytes_lg2, 0);
        pool.out[usize::from(frame.shape.level)] -= 1;
        let key = (bytes_lg2, frame.shape.align_lg2.max(bytes_lg2.min(pool.granule_lg2)));
        pool.back.entry(key).or_default().push(address);
        let poison = self.poison();
        self.mirror[frame.first..frame.first + frame.slots()].fill(poison);
        Some((frame.first, frame.slots()))
    }

    /// What freed words hold.
    pub(crate) const fn poison(&self) -> u64 {
        0xfdfd_fdfd_fdfd_fdfd & low(8 << self.word_lg2)
    }

    /// Drops all that refers to a frame.
    fn forget(&mut self, id: usize) {
        self.processors.tables.retain(|table| table.frame != Some(id));
    }

    /// One owner more: the first time, the one that had it and the new one. Whether there is such a table.
    pub(crate) fn share(&mut self, address: u64) -> bool {
        let found = address.checked_sub(self.base).and_then(|offset| self.pool.at(offset));
        found.is_some_and(|id| {
            let owners = &mut self.pool.frame_mut(id).owners;
            *owners = (*owners + 1).max(2);
            true
        })
    }

    /// How many owners are counted.
    pub(crate) fn owners(&self, address: u64) -> u32 {
        let found = address.checked_sub(self.base).and_then(|offset| self.pool.at(offset));
        found.map_or(0, |id| self.pool.frame(id).owners)
    }

    /// One owner less; whether it was the last.
    pub(crate) fn unshare(&mut self, address: u64) -> bool {
        let found = address.checked_sub(self.base).and_then(|offset| self.pool.at(offset));
        let Some(id) = found else {
            self.report(Invariant::I12Balance, format!("{address:#x} has an owner less, but is no table"));
            return false;
        };
        let owners = &mut self.pool.frame_mut(id).owners;
        let was_shared = *owners > 0;
        *owners = owners.saturating_sub(1);
        was_shared && *owners == 0
    }

    /// Words have been written back from the cache.
    pub(crate) fn clean(&mut self, address: u64, bytes: u64) {
        self.log.add(Event::Clean { address: Oa::new(address), bytes });
        let (word, mut at) = (1 << self.word_lg2, address & !low(self.word_lg2));
        while at < address.saturating_add(bytes) {
            let Some(offset) = at.checked_sub(self.base) else { return };
            if let Some(id) = self.pool.at(offset) {
                let frame = self.pool.frame_mut(id);
                let slot = usize::try_from((at - frame.address) >> self.word_lg2).expect("tables fit");
                frame.dirty.set(slot, false);
            }
            at += word;
        }
    }
}
