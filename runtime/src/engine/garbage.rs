//! Tables that are linked nowhere any more, until no walk cache can hold them.
//!
//! They form a list. A walker that has one of them in its walk cache may still look into it, so what links the list is
//! written as absent words: the lowest slots say where the next table is. A table whose slots these are is the root of
//! a subtree; the children that the slots pointed to have become tables of the list themselves. So a subtree is added
//! with as many writes as it has levels, whatever is in it.

#![expect(unsafe_code, reason = "gives frames back")]

use crate::address::Oa;
use crate::engine::ownership::is_foreign;
use crate::engine::reserve::shape;
use crate::error::MemoryError;
use crate::format::{Format, Level, RootVisitor};
use crate::frames::{Frame, Frames};
use crate::memory::Memory;
use crate::tables::skips::{Landing, follow};
use crate::tables::span::low;
use crate::tables::table::Table;

/// The address of a table and, in the low four bits, its level's number plus one. Zero is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Link(u64);

const LEVEL_BITS: u32 = 4;

impl Link {
    const NONE: Self = Self(0);

    const fn to<L: Level>(address: Oa) -> Self {
        Self(address.get() | (L::NUMBER as u64 + 1))
    }

    const fn address(self) -> Oa {
        Oa::new(self.0 & !low(LEVEL_BITS))
    }

    const fn level(self) -> u64 {
        (self.0 & low(LEVEL_BITS)).wrapping_sub(1)
    }
}

/// How many slots of level `L` a link takes; `None` if its absent words cannot say one.
#[inline]
fn slots_of_link<L: Level>(f: L::Format) -> Option<u32> {
    let bits = (u64::BITS - f.table_last().leading_zeros()).max(LEVEL_BITS);
    let payload = L::payload_bits(f);
    if payload == 0 || L::align_lg2(f) < LEVEL_BITS {
        return None;
    }
    let slots = bits.div_ceil(payload);
    (slots.next_power_of_two().trailing_zeros() <= L::index_bits(f)).then_some(slots)
}

/// Whether tables at `L` and below can be unlinked: whether their absent words can hold the list.
#[inline]
pub(crate) fn can_unlink<L: Level>(f: L::Format) -> bool {
    L::IS_FLOOR || slots_of_link::<L>(f).is_some() && (!L::HAS_TABLES || can_unlink::<L::Below>(f))
}

/// A list of tables that are linked nowhere.
#[derive(Debug)]
pub(crate) struct Garbage {
    first: Link,
    last: Link,
}

impl Garbage {
    /// No tables.
    pub(crate) const NONE: Self = Self { first: Link::NONE, last: Link::NONE };

    /// Whether there are none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.first.0 == 0
    }

    /// Adds a table, which has just been unlinked, with all that is below it.
    pub(crate) fn add<L: Level, M: Memory>(
        &mut self,
        f: L::Format,
        memory: &M,
        table: Table<L>,
    ) -> Result<(), MemoryError> {
        let Some(slots) = slots_of_link::<L>(f) else { return Ok(()) };
        if L::HAS_TABLES {
            for slot in 0..slots as usize {
                let w = table.open(f, memory, |slots| slots.get(slot))?;
                if L::is_table(f, w) {
                    self.add(f, memory, Table::below::<L>(f, w))?;
                }
            }
        }
        write_link(f, memory, table, self.first)?;
        self.first = Link::to::<L>(table.address());
        if self.last == Link::NONE {
            self.last = self.first;
        }
        Ok(())
    }

    /// Both lists in one.
    pub(crate) fn join<F: Format, M: Memory>(self, f: F, memory: &M, other: Self) -> Self {
        if self.is_empty() {
            return other;
        }
        if other.is_empty() {
            return self;
        }
        memory.begin();
        memory.commit();
        // If the end of the list cannot be reached any more, neither can its tables, and the others are kept.
        match f.root(Extend { f, memory, at: self.last, next: other.first }) {
            Ok(()) => Self { first: self.first, last: other.last },
            Err(_) => other,
        }
    }

    /// Gives all frames back.
    #[inline]
    pub(crate) fn retire<F: Format, M: Memory, A: Frames>(self, f: F, memory: &M, frames: &mut A) {
        let mut link = self.first;
        if link != Link::NONE {
            memory.begin();
            memory.commit();
        }
        while link != Link::NONE {
            match f.root(Retire { f, memory, frames, link }) {
                Ok(next) => link = next,
                Err(_) => return,
            }
        }
    }
}

fn write_link<L: Level, M: Memory>(f: L::Format, memory: &M, table: Table<L>, link: Link) -> Result<(), MemoryError> {
    let count = slots_of_link::<L>(f).unwrap_or(0);
    let bits = L::payload_bits(f);
    table.open(f, memory, |slots| {
        for number in 0..count {
            slots.set(number as usize, L::absent(f, link.0.unbounded_shr(number * bits) & low(bits)));
        }
    })
}

fn read_link<L: Level, M: Memory>(f: L::Format, memory: &M, table: Table<L>) -> Result<Link, MemoryError> {
    let count = slots_of_link::<L>(f).unwrap_or(0);
    let bits = L::payload_bits(f);
    table.open(f, memory, |slots| {
        Link((0..count).fold(0, |link, number| {
            link | (L::payload(f, slots.get(number as usize)) & low(bits)).unbounded_shl(number * bits)
        }))
    })
}

/// Gives back the tables from `table` on down.
pub(crate) fn free_subtree<L: Level, M: Memory, A: Frames>(
    f: L::Format,
    memory: &M,
    frames: &mut A,
    table: Table<L>,
) -> Result<(), MemoryError> {
    if L::IS_FLOOR {
        return Ok(());
    }
    if L::HAS_TABLES {
        let mut slot = 0;
        loop {
            let child = table.open(f, memory, |slots| {
                (slot..slots.len()).find_map(|slot| {
                    let w = slots.get_acquire(slot);
                    (L::is_table(f, w) || L::SKIPS && L::is_skip(f, w)).then_some((slot, w))
                })
            })?;
            let Some((at, w)) = child else { break };
            // What other roots have as well, the last of them gives back.
            if !is_foreign::<L>(f, w) || frames.unshare(Oa::new(L::table_address(f, w))) {
                if L::SKIPS && L::is_skip(f, w) {
                    follow::<L, _>(f, w, 0, FreeAt { f, memory, frames }).unwrap_or(Ok(()))?;
                } else {
                    free_subtree(f, memory, frames, Table::<L::Below>::below::<L>(f, w))?;
                }
            }
            slot = at + 1;
        }
    }
    // SAFETY: the frame was allocated for a table of this level. It is linked nowhere any more, and the caller has
    // flushed what could still have it, or has been told that nobody does.
    frames.free(unsafe { Frame::new(table.address(), shape::<L>(f)) });
    Ok(())
}

/// Gives back the table behind a pointer that skips levels.
struct FreeAt<'a, F, M, A> {
    f: F,
    memory: &'a M,
    frames: &'a mut A,
}

impl<F: Format, M: Memory, A: Frames> Landing<F> for FreeAt<'_, F, M, A> {
    type Output = Result<(), MemoryError>;

    fn land<L: Level<Format = F>>(self, table: Table<L>) -> Self::Output {
        free_subtree(self.f, self.memory, self.frames, table)
    }
}

struct Retire<'a, F, M, A> {
    f: F,
    memory: &'a M,
    frames: &'a mut A,
    link: Link,
}

impl<F: Format, M: Memory, A: Frames> RootVisitor<F> for Retire<'_, F, M, A> {
    type Output = Result<Link, MemoryError>;

    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        if L::IS_FLOOR {
            return Ok(Link::NONE);
        }
        if u64::from(L::NUMBER) != self.link.level() {
            return self.visit::<L::Below>();
        }
        let table = Table::<L>::at(self.link.address());
        let next = read_link(self.f, self.memory, table)?;
        // The words of the link are absent, and point to nothing.
        free_subtree(self.f, self.memory, self.frames, table)?;
        Ok(next)
    }
}

struct Extend<'a, F, M> {
    f: F,
    memory: &'a M,
    at: Link,
    next: Link,
}

impl<F: Format, M: Memory> RootVisitor<F> for Extend<'_, F, M> {
    type Output = Result<(), MemoryError>;

    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        if L::IS_FLOOR {
            return Ok(());
        }
        if u64::from(L::NUMBER) != self.at.level() {
            return self.visit::<L::Below>();
        }
        write_link(self.f, self.memory, Table::<L>::at(self.at.address()), self.next)
    }
}
