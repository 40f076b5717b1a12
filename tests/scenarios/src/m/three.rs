//! M3: several tables in a page.

use std::cell::RefCell;

use ptgen::{
    Arena, ChangeKind, Context, Exchange, FlushRequest, FragmentPage, Fragments, Leaves, PageTable, Tlb, Unmap,
    VaRange, Way, Word,
};
use ptgen_simulator::Machine;

use super::WordOf;
use crate::facts::{Applies, Facts};
use crate::steps::{Outcome, data};

/// lg2 of how many of the largest tables a page has room for.
const ROOM_LG2: u32 = 2;
/// How many pages there may be.
const PAGES: usize = 16;

/// Tables below a root that has room for several.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    let several = facts.levels.get(1).is_some_and(|level| level.index_bits >= 4 || facts.levels.len() > 2);
    Applies::if_all([(
        several && facts.levels[0].has_leaf(),
        "there are no tables of pages below the root, or too few",
    )])
}

/// How many pages were out at each flush, with what was flushed, by request or by the instruction.
struct Purges<'a, W: Word> {
    arena: &'a Arena<'a, W>,
    big_endian: bool,
    list: &'a RefCell<Vec<(FlushRequest, usize)>>,
}

impl<W: Word> Tlb for Purges<'_, W> {
    const EXCHANGES: bool = true;

    fn flush(&mut self, request: &FlushRequest) {
        self.list.borrow_mut().push((*request, self.arena.frames()));
    }

    fn exchange(&mut self, exchange: &Exchange) -> Result<(), u64> {
        let in_order = |w: W| if self.big_endian { w.swap() } else { w };
        let now = in_order(self.arena.read(exchange.slot).expect("there is an entry"));
        if now.into() != exchange.old {
            return Err(now.into());
        }
        assert!(self.arena.write(exchange.slot, in_order(W::truncate(exchange.new))));
        self.flush(&exchange.request());
        Ok(())
    }
}

/// Tables are cut out of pages that have room for four of the largest. When one is unmapped, its page stays, as there are
/// others in it; when the last is, the page goes back, after the flush and not before.
///
/// These tables stand in a memory of their own, as the machine's frames are of one table each.
///
/// # Errors
///
/// None.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let format = machine.format();
    let word_lg2 = <WordOf<P> as Word>::BYTES_LG2;
    let most = facts.levels.iter().map(|level| level.index_bits).max().unwrap_or(0);
    let page_lg2 = most + word_lg2 + ROOM_LG2;
    let mut words = vec![WordOf::<P>::ZERO; PAGES << (page_lg2 - word_lg2)];
    let arena = Arena::new(0, &mut words);
    let mut pages = [FragmentPage::NONE; PAGES];
    let flushes = RefCell::new(Vec::new());
    let purges = Purges { arena: &arena, big_endian: facts.big_endian, list: &flushes };
    let mut cx = Context::new(&arena, Fragments::new(&mut pages, page_lg2, &arena), purges);
    let mut table = P::new_in(&mut cx, format)?;
    assert_eq!(arena.frames(), 1, "the root is in a page");

    let leaf = facts.smallest();
    let table_lg2 = facts.levels[0].shift + facts.levels[0].index_bits;
    let at = |number: u64| VaRange::new(format_va::<P>(format, number << table_lg2), 1 << leaf);
    // Tables of pages, one after the other, until one has begun a page of its own, which no other table is in.
    let mut number = 0;
    let alone = loop {
        let before = arena.frames();
        table.map(&mut cx, at(number), 0_u64, &data::<P>(), Leaves::Exactly(leaf))?.flush(&mut cx);
        number += 1;
        if number > 1 && arena.frames() > before {
            break number - 1;
        }
        assert!(arena.frames() <= before + facts.levels.len(), "tables share pages");
    };
    let before = arena.frames();
    table.map(&mut cx, at(number), 0_u64, &data::<P>(), Leaves::Exactly(leaf))?.flush(&mut cx);
    assert_eq!(arena.frames(), before, "the second in the same page");
    flushes.borrow_mut().clear();

    table.unmap(&mut cx, at(alone), Unmap::mapped())?.flush(&mut cx);
    assert_eq!(arena.frames(), before, "its neighbour is in the page");
    let unflushed = table.unmap(&mut cx, at(number), Unmap::mapped())?;
    assert_eq!(arena.frames(), before, "it is not flushed yet");
    unflushed.flush(&mut cx);
    assert_eq!(arena.frames(), before - 1, "the last one is back");
    for (request, out) in flushes.borrow().iter() {
        // The instruction purges each entry by itself, the page's included.
        assert!(request.tables || facts.way(ChangeKind::Unlink) == Way::Instruction, "{request:?}");
        assert_eq!(*out, before, "no page goes back before the flush");
    }
    assert!(flushes.borrow().iter().filter(|(request, _)| request.tables).count() >= 2);
    table.free(&mut cx)?;
    assert_eq!((arena.frames(), cx.frames.pages()), (0, 0), "every page is back");
    Ok(())
}

/// The VA at a position.
fn format_va<P: PageTable>(format: P::Format, position: u64) -> u64 {
    ptgen::Format::extend(format, position)
}
