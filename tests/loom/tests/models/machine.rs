//! A machine that walks tables and records what it does, as the format lets it.

use crate::flushes::Walks;
use crate::memory::Tables;
use crate::tiny::{Bottom, Format, LEAF, Middle, PRESENT, Top, WRITE};
use ptgen_loom::{Format as _, Level, Oa};
use ptgen_loom_atomics::Ordering;

/// A leaf that a machine has found.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    slot: Oa,
    pub word: u64,
}

/// Walks to the leaf for `va`, if there is one. Loads that depend on each other are in order for machines.
pub fn find(tables: &Tables, f: Format, root: Oa, va: u64) -> Option<Found> {
    let shifts = [Top::shift(f), Middle::shift(f), Bottom::shift(f)];
    let mut table = root;
    for shift in shifts {
        let slot = table + 8 * (va >> shift & 1);
        let word = tables.slot(slot).load(Ordering::Acquire);
        if word & PRESENT == 0 {
            return None;
        }
        if word & LEAF != 0 {
            return Some(Found { slot, word });
        }
        assert!(f.is_table(word), "the machine has read {word:#x} at {slot}");
        table = Oa::new(f.table_address(word));
    }
    panic!("the tables do not end");
}

/// Writes to `va` if that is allowed, and records `bits` in the leaf. Returns whether it did.
pub fn write(tables: &Tables, f: Format, root: Oa, va: u64, bits: u64) -> bool {
    // Where another has come between, it walks again. Three times is enough for what these models do.
    (0..3).any(|_| write_once(tables, f, root, va, bits))
}

/// As [`write`], with flushes that wait for its walks.
pub fn write_between_flushes(tables: &Tables, f: Format, root: Oa, va: u64, bits: u64, walks: &Walks) -> bool {
    (0..3).any(|_| walks.walking(|| write_once(tables, f, root, va, bits)))
}

/// Writes to `va`, and records `bits` in the leaf unless they are recorded. Returns whether it did.
pub fn record_if_clear(tables: &Tables, f: Format, root: Oa, va: u64, bits: u64) -> bool {
    (0..3).any(|_| match find(tables, f, root, va) {
        Some(found) if found.word & bits == 0 => tables.slot(found.slot).record(found.word, bits),
        _ => false,
    })
}

fn write_once(tables: &Tables, f: Format, root: Oa, va: u64, bits: u64) -> bool {
    match find(tables, f, root, va) {
        Some(found) if found.word & WRITE != 0 => tables.slot(found.slot).record(found.word, bits),
        _ => false,
    }
}
