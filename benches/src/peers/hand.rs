//! The hand-written loops: one walk from the root per leaf table, then a loop over its slots.
//!
//! They do what somebody in a hurry writes, in several styles: no flush value, no returned frames, no rollback, and on
//! failure a changed prefix stays. Missing tables are made on the way down; a large leaf is refused.
#![expect(
    unsafe_code,
    reason = "imitates hand-written code: tables are reached through the addresses in their entries"
)]

use core::cell::Cell;
use core::hint::black_box;
use core::marker::PhantomData;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

use crate::Peer;
use crate::arena::{Arena, Pool};

const PRESENT: u64 = 1 << 0;
const WRITE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const ACCESSED: u64 = 1 << 5;
const DIRTY: u64 = 1 << 6;
const LARGE: u64 = 1 << 7;
const NO_EXECUTE: u64 = 1 << 63;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

const READ_WRITE: u64 = PRESENT | WRITE | NO_EXECUTE;
const READ_ONLY: u64 = PRESENT | NO_EXECUTE;

/// A slot of a leaf table.
pub trait Slot: 'static {
    /// Reads it.
    fn get(&self) -> u64;
    /// Writes it.
    fn set(&self, word: u64);
}

impl Slot for Cell<u64> {
    fn get(&self) -> u64 {
        self.get()
    }

    fn set(&self, word: u64) {
        self.set(word);
    }
}

impl Slot for AtomicU64 {
    fn get(&self) -> u64 {
        self.load(Relaxed)
    }

    fn set(&self, word: u64) {
        self.store(word, Relaxed);
    }
}

/// How leaf tables are treated.
pub trait Style: 'static {
    /// What a slot is seen as.
    type Slot: Slot;
    /// The name of the row.
    const NAME: &'static str;
    /// Whether a slot is looked at before it is filled or cleared.
    const CHECKS: bool = true;
    /// Whether a new leaf table is filled before it is linked, without being cleared where it is filled whole.
    const BUILDS: bool = false;
    /// Whether every page is walked to from the root.
    const PER_PAGE: bool = false;
    /// Whether emptied leaf tables are freed.
    const FREES: bool = false;
    /// What a leaf holds at first beside its address.
    const FLAGS: u64 = READ_WRITE;

    /// Makes a leaf read only. Returns whether there was one.
    #[inline(always)]
    fn protect(slot: &Self::Slot) -> bool {
        let old = slot.get();
        if Self::CHECKS && old & PRESENT == 0 {
            return false;
        }
        slot.set(old & ADDRESS | READ_ONLY);
        true
    }
}

/// Plain stores, no checks.
pub struct LeafFill;
/// Plain stores, every word checked.
pub struct Checked;
/// Every word checked, loads and stores atomic. The row to compare with.
pub struct Atomic;
/// As [`Atomic`], and accessed and dirty bits survive, also where they are set meanwhile; here they are set.
pub struct Keeping;
/// As [`Keeping`], but the bits are not set yet, so that every word needs the exchange.
pub struct Exchanging;
/// As [`Atomic`] where tables exist; new leaf tables are filled with plain stores, then linked.
pub struct Building;
/// As [`Checked`], and emptied leaf tables are freed.
pub struct Freeing;
/// As [`Checked`], but from the root for every page.
pub struct PerPage;

impl Style for LeafFill {
    type Slot = Cell<u64>;
    const NAME: &'static str = "hand: leaf-fill";
    const CHECKS: bool = false;
}

impl Style for Checked {
    type Slot = Cell<u64>;
    const NAME: &'static str = "hand: checked";
}

impl Style for Atomic {
    type Slot = AtomicU64;
    const NAME: &'static str = super::BASELINE;
}

impl Style for Keeping {
    type Slot = AtomicU64;
    const NAME: &'static str = "hand: chk+atomic, A/D kept, set";
    const FLAGS: u64 = READ_WRITE | ACCESSED | DIRTY;

    #[inline(always)]
    fn protect(slot: &AtomicU64) -> bool {
        protect_keeping(slot)
    }
}

impl Style for Exchanging {
    type Slot = AtomicU64;
    const NAME: &'static str = "hand: chk+atomic, A/D kept, clear";

    #[inline(always)]
    fn protect(slot: &AtomicU64) -> bool {
        protect_keeping(slot)
    }
}

impl Style for Building {
    type Slot = AtomicU64;
    const NAME: &'static str = "hand: build, then link";
    const BUILDS: bool = true;
}

impl Style for Freeing {
    type Slot = Cell<u64>;
    const NAME: &'static str = "hand: chk + free PT";
    const FREES: bool = true;
}

impl Style for PerPage {
    type Slot = Cell<u64>;
    const NAME: &'static str = "hand: walk per page";
    const PER_PAGE: bool = true;
}

/// A plain store where the machine has nothing left to set, an exchange where it has.
#[inline(always)]
fn protect_keeping(slot: &AtomicU64) -> bool {
    let mut old = slot.load(Relaxed);
    loop {
        if old & PRESENT == 0 {
            return false;
        }
        let new = old & (ADDRESS | ACCESSED | DIRTY) | READ_ONLY;
        if old & (ACCESSED | DIRTY) == ACCESSED | DIRTY {
            slot.store(new, Relaxed);
            return true;
        }
        match slot.compare_exchange_weak(old, new, Relaxed, Relaxed) {
            Ok(_) => return true,
            Err(seen) => old = seen,
        }
    }
}

/// Tables edited in one style.
pub struct Hand<S> {
    arena: Arena,
    pool: Pool,
    root: u64,
    style: PhantomData<S>,
}

impl<S: Style> Hand<S> {
    /// Without tables: start with [`Peer::reset`].
    #[must_use]
    pub fn new(arena: Arena) -> Self {
        Self { arena, pool: Pool::default(), root: 0, style: PhantomData }
    }

    /// The table at `address`, all slots of which are seen as `T`.
    ///
    /// # Safety
    ///
    /// `address` is that of a frame of the arena, and one thread uses the arena.
    #[inline(always)]
    unsafe fn table<T: Slot>(&self, address: u64) -> &'static [T; 512] {
        // SAFETY: slots are cells of eight bytes; the caller vouches for the rest.
        unsafe { self.arena.table(address) }
    }

    /// The leaf table for `va`, or why there is none.
    #[inline(always)]
    fn leaf_table(&self, va: u64) -> Option<u64> {
        let mut table = self.root;
        for level in [3, 2, 1] {
            // SAFETY: the root is a frame of the arena, and so is what our table entries point to.
            let entry = unsafe { self.table::<Cell<u64>>(table) }[index(va, level)].get();
            if entry & (PRESENT | LARGE) != PRESENT {
                return None;
            }
            table = entry & ADDRESS;
        }
        Some(table)
    }

    /// The table of level `lowest` for `va`; missing tables are made.
    #[inline(always)]
    fn table_or_new(&mut self, va: u64, lowest: u32) -> Option<u64> {
        let mut table = self.root;
        for level in [3, 2, 1] {
            if level == lowest {
                break;
            }
            // SAFETY: the root is a frame of the arena, and so is what our table entries point to.
            let slot = &unsafe { self.table::<Cell<u64>>(table) }[index(va, level)];
            let entry = slot.get();
            if entry & PRESENT == 0 {
                let new = self.pool.take()?;
                // SAFETY: the pool gives frames of the arena.
                unsafe { self.table::<Cell<u64>>(new) }.iter().for_each(|slot| slot.set(0));
                slot.set(new | PRESENT | WRITE | USER);
                table = new;
            } else if entry & LARGE != 0 {
                return None;
            } else {
                table = entry & ADDRESS;
            }
        }
        Some(table)
    }

    /// The slots of the table at `table` from `va` on: `left` of them, or those that the table has.
    #[inline(always)]
    fn stretch(&self, table: u64, va: u64, left: u64) -> &'static [S::Slot] {
        let first = index(va, 0);
        let count = if S::PER_PAGE { 1 } else { left.min(512 - first as u64) as usize };
        // SAFETY: `table` comes from one of our table entries.
        let slots = unsafe { self.table::<S::Slot>(table) };
        &slots[first..first + count]
    }

    #[inline(never)]
    fn map_range(&mut self, mut va: u64, mut oa: u64, mut left: u64) -> bool {
        while left > 0 {
            if S::BUILDS {
                match self.build(va, oa, left) {
                    Some(true) => {
                        (va, oa, left) = (va + (512 << 12), oa + (512 << 12), left - 512);
                        continue;
                    }
                    Some(false) => {}
                    None => return false,
                }
            }
            let Some(table) = self.table_or_new(va, 0) else { return false };
            let stretch = self.stretch(table, va, left);
            for slot in stretch {
                if S::CHECKS && slot.get() != 0 {
                    return false;
                }
                slot.set(oa | S::FLAGS);
                oa += 1 << 12;
            }
            va += (stretch.len() as u64) << 12;
            left -= stretch.len() as u64;
        }
        true
    }

    /// Makes the whole leaf table for `va` if it is missing and will be full. Returns whether it did.
    #[inline(always)]
    fn build(&mut self, va: u64, oa: u64, left: u64) -> Option<bool> {
        let above = self.table_or_new(va, 1)?;
        // SAFETY: the table is ours.
        let slots = unsafe { self.table::<Cell<u64>>(above) };
        let link = &slots[index(va, 1)];
        if link.get() != 0 || index(va, 0) != 0 || left < 512 {
            return Some(false);
        }
        let new = self.pool.take()?;
        // SAFETY: the pool gives frames of the arena.
        let slots = unsafe { self.table::<Cell<u64>>(new) };
        for (slot, number) in slots.iter().zip(0..) {
            slot.set((oa + (number << 12)) | S::FLAGS);
        }
        link.set(new | PRESENT | WRITE | USER);
        Some(true)
    }

    #[inline(never)]
    fn protect_range(&mut self, mut va: u64, mut left: u64) -> bool {
        while left > 0 {
            let Some(table) = self.leaf_table(va) else { return false };
            let stretch = self.stretch(table, va, left);
            for slot in stretch {
                if !S::protect(slot) {
                    return false;
                }
            }
            va += (stretch.len() as u64) << 12;
            left -= stretch.len() as u64;
        }
        true
    }

    #[inline(never)]
    fn unmap_range(&mut self, mut va: u64, mut left: u64) -> bool {
        while left > 0 {
            let Some(table) = self.leaf_table(va) else { return false };
            let stretch = self.stretch(table, va, left);
            for slot in stretch {
                if S::CHECKS && slot.get() & PRESENT == 0 {
                    return false;
                }
                slot.set(0);
            }
            if S::FREES {
                self.free_if_empty(table, va);
            }
            va += (stretch.len() as u64) << 12;
            left -= stretch.len() as u64;
        }
        true
    }

    /// Frees the leaf table for `va` if it is empty: looks at all slots, then walks to the entry above once more.
    #[inline(always)]
    fn free_if_empty(&mut self, table: u64, va: u64) {
        // SAFETY: `table` comes from one of our table entries.
        if unsafe { self.table::<Cell<u64>>(table) }.iter().any(|slot| slot.get() != 0) {
            return;
        }
        let mut above = self.root;
        for level in [3, 2] {
            // SAFETY: the root is a frame of the arena, and so is what our table entries point to.
            above = unsafe { self.table::<Cell<u64>>(above) }[index(va, level)].get() & ADDRESS;
        }
        self.pool.give(table);
        // SAFETY: as before.
        let slots = unsafe { self.table::<Cell<u64>>(above) };
        slots[index(va, 1)].set(0);
    }

    #[inline(never)]
    fn translate_one(&self, va: u64) -> Option<u64> {
        let mut table = self.root;
        for level in [3, 2, 1, 0] {
            // SAFETY: the root is a frame of the arena, and so is what our table entries point to.
            let entry = unsafe { self.table::<S::Slot>(table) }[index(va, level)].get();
            if entry & PRESENT == 0 {
                return None;
            }
            let low = (1 << (12 + 9 * level)) - 1;
            if level == 0 || (level < 3 && entry & LARGE != 0) {
                return Some(entry & ADDRESS & !low | va & low);
            }
            table = entry & ADDRESS;
        }
        None
    }
}

fn index(va: u64, level: u32) -> usize {
    (va >> (12 + 9 * level) & 511) as usize
}

impl<S: Style> Peer for Hand<S> {
    fn name(&self) -> &'static str {
        S::NAME
    }

    fn reset(&mut self) {
        self.pool.reset();
        self.root = self.pool.take().unwrap_or(0);
        self.arena.clear(self.root);
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

    fn translate(&self, va: u64) -> Option<u64> {
        self.translate_one(va)
    }
}
