//! The walker that judges everybody: written from the manual's tables, slow and simple, for four levels of x86-64.

use crate::arena::Arena;
use crate::{OA, PAGES, Peer, VA};

const PRESENT: u64 = 1 << 0;
const WRITE: u64 = 1 << 1;
const LARGE: u64 = 1 << 7;
const NO_EXECUTE: u64 = 1 << 63;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// What an address is translated to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The output address.
    pub oa: u64,
    /// Whether all entries on the way allow writes.
    pub write: bool,
    /// Whether all entries on the way allow instruction fetches.
    pub execute: bool,
}

/// Walks the tables at `root`.
///
/// # Errors
///
/// Says where the tables leave the arena, or where a large leaf is met: nobody was asked for one.
pub fn walk(arena: Arena, root: u64, va: u64) -> Result<Option<Seen>, String> {
    let mut seen = Seen { oa: 0, write: true, execute: true };
    let mut table = root;
    for level in (0..4).rev() {
        let index = va >> (12 + 9 * level) & 511;
        let word = arena.read(table + 8 * index).ok_or(format!("{va:#x}: table {table:#x} outside the arena"))?;
        if word & PRESENT == 0 {
            return Ok(None);
        }
        if level > 0 && word & LARGE != 0 {
            return Err(format!("{va:#x}: a large leaf at level {level}"));
        }
        seen.write &= word & WRITE != 0;
        seen.execute &= word & NO_EXECUTE == 0;
        table = word & ADDRESS;
    }
    seen.oa = table + (va & 0xfff);
    Ok(Some(seen))
}

/// What stands in the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Unmapped,
    /// All pages, writable.
    Writable,
    /// All pages, read only.
    ReadOnly,
}

/// Runs every operation of `peer` once and looks at each page after each of them.
///
/// # Errors
///
/// Says what went wrong first.
pub fn verify(arena: Arena, peer: &mut dyn Peer) -> Result<(), String> {
    peer.reset();
    expect(arena, peer, "new", State::Unmapped)?;
    succeed(peer.map(VA, OA, PAGES), "map")?;
    expect(arena, peer, "map", State::Writable)?;
    succeed(peer.protect(VA, PAGES), "protect")?;
    expect(arena, peer, "protect", State::ReadOnly)?;
    succeed(peer.unmap(VA, PAGES), "unmap")?;
    expect(arena, peer, "unmap", State::Unmapped)?;
    let tables = arena.read(peer.root() + 8 * (VA >> 39)).is_some_and(|word| word & PRESENT != 0);
    if peer.frees() == tables && peer.frees() {
        return Err("unmap: tables are left".into());
    }
    succeed(peer.map(VA, OA, PAGES), "second map")?;
    expect(arena, peer, "second map", State::Writable)
}

fn succeed(succeeded: bool, what: &str) -> Result<(), String> {
    if succeeded { Ok(()) } else { Err(format!("{what} failed")) }
}

/// Compares every page, one page before the range and one after, and the peer's own translation of each.
fn expect(arena: Arena, peer: &dyn Peer, after: &str, state: State) -> Result<(), String> {
    for page in 0..PAGES + 2 {
        let va = VA + (page << 12) - (1 << 12);
        let inside = (1..=PAGES).contains(&page) && state != State::Unmapped;
        let oa = OA + (page << 12) - (1 << 12);
        let wanted = inside.then_some(Seen { oa, write: state == State::Writable, execute: false });
        let found = walk(arena, peer.root(), va).map_err(|error| format!("{after}: {error}"))?;
        if found != wanted {
            return Err(format!("{after}: {va:#x} leads to {found:x?}, not {wanted:x?}"));
        }
        let translated = peer.translate(va);
        if translated != wanted.map(|seen| seen.oa) {
            return Err(format!("{after}: `translate` says {translated:x?} of {va:#x}, not {wanted:x?}"));
        }
    }
    Ok(())
}
