//! The same paths by hand, for four levels of x86-64 and nothing else.
//!
//! They promise what ptgen promises: words that the format forbids translate nothing; changes look first, at everything,
//! then take what they need, and store last; new tables are filled before they are linked. A large leaf in the way of a
//! change is refused, which is off the paths that are compared.
#![expect(
    unsafe_code,
    reason = "imitates hand-written code: tables are reached through the addresses in their entries"
)]

use core::cell::Cell;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use ptgen::{Fault, FaultKind, Oa};
use ptgen_benches::arena::Pool;
use ptgen_benches::kernel::{Attributes, MemoryType};

const PRESENT: u64 = 1 << 0;
const WRITE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const ACCESSED: u64 = 1 << 5;
const DIRTY: u64 = 1 << 6;
const LARGE: u64 = 1 << 7;
const SOFTWARE: u64 = 0x7f << 52 | 7 << 9;
const GLOBAL: u64 = 1 << 8;
const NO_EXECUTE: u64 = 1 << 63;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
const LAST_OA: u64 = 0x000f_ffff_ffff_ffff;
const TABLE: u64 = PRESENT | WRITE | USER | ACCESSED | DIRTY;

/// Tables, where they are seen, and where new ones come from.
pub struct Tables {
    /// The address of the root.
    pub root: u64,
    /// What to add to an address to see what is there.
    pub offset: usize,
    /// New tables.
    pub pool: Pool,
}

/// Why a change was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The range is not one of whole pages that can be translated, or the OA not one that can be said.
    Range,
    /// No leaf can say the attributes.
    Attributes,
    /// Something is there, or not there, or is a large leaf.
    At(u64),
    /// No frames.
    Frames,
}

/// What has to be flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flush {
    /// From here,
    pub va: u64,
    /// so many pages,
    pub pages: u64,
    /// and the walk caches as well.
    pub tables: bool,
}

impl Tables {
    /// The table at `address`.
    #[inline(always)]
    fn table(&self, address: u64) -> &[AtomicU64; 512] {
        let place = (address as usize).wrapping_add(self.offset);
        // SAFETY: addresses come from the root and from entries, all of them of tables in the arena.
        unsafe { &*core::ptr::with_exposed_provenance(place) }
    }

    /// The frame at `address`, which is in no table yet.
    #[inline(always)]
    fn new_table(&self, address: u64) -> &[Cell<u64>; 512] {
        let place = (address as usize).wrapping_add(self.offset);
        // SAFETY: the address comes from the pool, and nobody else knows of it.
        unsafe { &*core::ptr::with_exposed_provenance(place) }
    }

    #[inline(always)]
    fn entry(&self, table: u64, va: u64, level: u32) -> &AtomicU64 {
        &self.table(table)[index(va, level)]
    }

    /// The leaf table for `va`, or the lowest level (from 2 on) whose table is there, and that table. Refused where there
    /// is something else.
    #[inline(always)]
    fn leaf_table(&self, va: u64) -> Result<Result<u64, (u32, u64)>, Refused> {
        let mut table = self.root;
        for level in [3, 2, 1] {
            let entry = self.entry(table, va, level).load(Acquire);
            if entry & (PRESENT | LARGE) != PRESENT {
                return if entry == 0 { Ok(Err((level, table))) } else { Err(Refused::At(va)) };
            }
            table = entry & ADDRESS;
        }
        Ok(Ok(table))
    }
}

#[inline(always)]
fn index(va: u64, level: u32) -> usize {
    (va >> (12 + 9 * level) & 511) as usize
}

#[inline(always)]
fn is_canonical(va: u64) -> bool {
    ((va << 16).cast_signed() >> 16).cast_unsigned() == va
}

/// Translates.
#[inline(never)]
pub fn hand_translate(tables: &Tables, va: u64) -> Result<Oa, Fault> {
    let fault = |kind, level| Err(Fault { kind, level });
    if !is_canonical(va) {
        return fault(FaultKind::NotCanonical, 3);
    }
    let mut table = tables.root;
    for level in [3_u8, 2, 1, 0] {
        let entry = tables.entry(table, va, u32::from(level)).load(Acquire);
        let low = (1 << (12 + 9 * level)) - 1;
        if level > 0 && entry & (PRESENT | LARGE) == PRESENT {
            table = entry & ADDRESS;
            continue;
        }
        let must_be_zero = if level > 0 { low & ADDRESS & !0x1fff } else { 0 };
        if entry & PRESENT != 0 && level < 3 && entry & must_be_zero == 0 {
            return Ok(Oa::new(entry & ADDRESS & !low | va & low));
        }
        return fault(if entry & PRESENT == 0 { FaultKind::Absent } else { FaultKind::Reserved }, level);
    }
    fault(FaultKind::Absent, 0)
}

/// Translates, and says what the leaf says, within the limits of the tables above it.
#[inline(never)]
pub fn hand_translate_attributes(tables: &Tables, va: u64) -> Option<(u64, Attributes)> {
    if !is_canonical(va) {
        return None;
    }
    let mut table = tables.root;
    let (mut allowed, mut forbidden) = (WRITE | USER, 0);
    for level in [3_u32, 2, 1, 0] {
        let entry = tables.entry(table, va, level).load(Acquire);
        let low = (1 << (12 + 9 * level)) - 1;
        if level > 0 && entry & (PRESENT | LARGE) == PRESENT {
            (allowed, forbidden) = (allowed & entry, forbidden | entry);
            table = entry & ADDRESS;
            continue;
        }
        let must_be_zero = if level > 0 { low & ADDRESS & !0x1fff } else { 0 };
        if entry & PRESENT == 0 || level == 3 || entry & must_be_zero != 0 {
            return None;
        }
        let says = allowed & entry;
        // The highest bit of the memory type gives way to the bit that tells large leaves.
        let pat = entry >> if level == 0 { 5 } else { 10 } & 4;
        let attributes = Attributes {
            write: says & WRITE != 0,
            user: says & USER != 0,
            execute: (forbidden | entry) & NO_EXECUTE == 0,
            global: entry & GLOBAL != 0,
            accessed: entry & ACCESSED != 0,
            dirty: entry & DIRTY != 0,
            memory_type: MemoryType::from_number(entry >> 3 & 3 | pat),
            software: entry & SOFTWARE,
        };
        return Some((entry & ADDRESS & !low | va & low, attributes));
    }
    None
}

/// The last address of the range, if it is one of whole pages that can be translated.
#[inline(always)]
fn last(va: u64, pages: u64) -> Result<u64, Refused> {
    let last = va.wrapping_add((pages << 12) - 1);
    let is_split = (va ^ last) >> 47 != 0;
    if pages == 0 || va & 0xfff != 0 || !is_canonical(va) || !is_canonical(last) || is_split {
        return Err(Refused::Range);
    }
    Ok(last)
}

/// How many of `left` pages from `va` on are in one leaf table.
#[inline(always)]
fn in_table(va: u64, left: u64) -> u64 {
    left.min(512 - index(va, 0) as u64)
}

/// Maps.
#[inline(never)]
pub fn hand_map(
    tables: &mut Tables,
    (va, pages, oa): (u64, u64, u64),
    attributes: &Attributes,
) -> Result<Flush, Refused> {
    let end = oa.checked_add((pages << 12) - 1);
    if last(va, pages).is_err() || oa & 0xfff != 0 || end.is_none_or(|end| end > LAST_OA) {
        return Err(Refused::Range);
    }
    let number = attributes.memory_type.number();
    if number > 7 || attributes.software & !SOFTWARE != 0 {
        return Err(Refused::Attributes);
    }
    let flag = |is_set: bool, bit: u64| if is_set { bit } else { 0 };
    let template = PRESENT
        | flag(attributes.write, WRITE)
        | flag(attributes.user, USER)
        | flag(attributes.accessed, ACCESSED)
        | flag(attributes.dirty, DIRTY)
        | flag(attributes.global, GLOBAL)
        | flag(!attributes.execute, NO_EXECUTE)
        | (number & 3) << 3
        | (number & 4) << 5
        | attributes.software;

    let needed = plan_map(tables, va, pages)?;
    if needed > tables.pool.left() {
        return Err(Refused::Frames);
    }
    let (mut at, mut left, mut oa) = (va, pages, oa);
    while left > 0 {
        let count = in_table(at, left);
        let first = index(at, 0);
        match tables.leaf_table(at)? {
            Ok(table) => {
                for slot in &tables.table(table)[first..first + count as usize] {
                    slot.store(oa | template, Relaxed);
                    oa += 1 << 12;
                }
            }
            Err((level, above)) => {
                build(tables, at, (level, above), (first, count as usize), (oa, template))?;
                oa += count << 12;
            }
        }
        (at, left) = (at + (count << 12), left - count);
    }
    Ok(Flush { va, pages, tables: needed > 0 })
}

/// Looks whether all is free, and counts the tables that are missing.
#[inline(always)]
fn plan_map(tables: &Tables, mut at: u64, mut left: u64) -> Result<u64, Refused> {
    let (mut needed, mut behind) = (0, 0);
    while left > 0 {
        let count = in_table(at, left);
        let first = index(at, 0);
        match tables.leaf_table(at)? {
            Ok(table) => {
                for slot in &tables.table(table)[first..first + count as usize] {
                    if slot.load(Relaxed) != 0 {
                        return Err(Refused::At(at));
                    }
                }
            }
            // One table of each level below, unless the stretch before has counted it.
            Err((level, _)) => {
                needed += 1;
                for upper in 1..level {
                    let here = at >> (12 + 9 * (upper + 1));
                    needed += u64::from(behind == 0 || here != (behind - 1) >> (12 + 9 * (upper + 1)));
                }
                behind = at + (count << 12);
            }
        }
        (at, left) = (at + (count << 12), left - count);
    }
    Ok(needed)
}

/// Makes a leaf table with `count` leaves from `first` on, and the tables between it and `above`, and links them.
fn build(
    tables: &mut Tables,
    va: u64,
    (level, above): (u32, u64),
    (first, count): (usize, usize),
    (mut oa, template): (u64, u64),
) -> Result<(), Refused> {
    let mut below = tables.pool.take().ok_or(Refused::Frames)?;
    let slots = tables.new_table(below);
    slots[..first].iter().for_each(|slot| slot.set(0));
    for slot in &slots[first..first + count] {
        slot.set(oa | template);
        oa += 1 << 12;
    }
    slots[first + count..].iter().for_each(|slot| slot.set(0));
    for upper in 1..level {
        let table = tables.pool.take().ok_or(Refused::Frames)?;
        let slots = tables.new_table(table);
        slots.iter().for_each(|slot| slot.set(0));
        slots[index(va, upper)].set(below | TABLE);
        below = table;
    }
    tables.entry(above, va, level).store(below | TABLE, Release);
    Ok(())
}

/// Calls `use_slots` with the slots of every leaf table in the range; all of them must be there.
#[inline(always)]
fn for_each_stretch(
    tables: &Tables,
    mut at: u64,
    mut left: u64,
    mut use_slots: impl FnMut(&[AtomicU64]) -> bool,
) -> Result<(), Refused> {
    while left > 0 {
        let count = in_table(at, left);
        let first = index(at, 0);
        let Ok(table) = tables.leaf_table(at)? else { return Err(Refused::At(at)) };
        if !use_slots(&tables.table(table)[first..first + count as usize]) {
            return Err(Refused::At(at));
        }
        (at, left) = (at + (count << 12), left - count);
    }
    Ok(())
}

/// Whether all slots hold leaves.
#[inline(always)]
fn are_leaves(slots: &[AtomicU64]) -> bool {
    slots.iter().all(|slot| slot.load(Relaxed) & PRESENT != 0)
}

/// Takes the right to write away.
#[inline(never)]
pub fn hand_protect(tables: &mut Tables, (va, pages): (u64, u64)) -> Result<Flush, Refused> {
    last(va, pages)?;
    for_each_stretch(tables, va, pages, are_leaves)?;
    for_each_stretch(tables, va, pages, |slots| {
        slots.iter().for_each(|slot| slot.store(slot.load(Relaxed) & !WRITE, Relaxed));
        true
    })?;
    Ok(Flush { va, pages, tables: false })
}

/// Unmaps, and keeps the tables.
#[inline(never)]
pub fn hand_unmap(tables: &mut Tables, (va, pages): (u64, u64)) -> Result<Flush, Refused> {
    last(va, pages)?;
    for_each_stretch(tables, va, pages, are_leaves)?;
    for_each_stretch(tables, va, pages, |slots| {
        slots.iter().for_each(|slot| slot.store(0, Relaxed));
        true
    })?;
    Ok(Flush { va, pages, tables: false })
}
