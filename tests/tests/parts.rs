//! Tables of which only a part is there: readers see the slots that are not there as holes, and nobody changes anything
//! below such a word. The words are put together by hand (z/Architecture Principles of Operation, "Region-Table Entries").

use ptgen::{
    Arena, Context, Error, FaultKind, Flow, Join, Leaves, NoTlb, PageTable as _, Protect, Unmap, Use, Va, Visit,
};

#[ptgen::pagetable(format = "s390x", parameters(bits = 42))]
mod s390x {}

const BASE: u64 = 0x10_0000;
/// Words of the arena: a root, a table of segments, and some tables of pages.
const WORDS: usize = 0x3000;

const PAGE: u64 = 0x1000;
const SEGMENT: u64 = 1 << 20;
const REGION: u64 = 1 << 31;

/// Where pages are mapped: in each quarter of the first region's table of segments, and in the second region.
const MAPPED: [u64; 5] = [3 * PAGE, 600 * SEGMENT, 1100 * SEGMENT, 2047 * SEGMENT + PAGE, REGION];

type Cx<'a, 'b> = Context<&'a Arena<'b, u64>, &'a Arena<'b, u64>, NoTlb>;

fn attributes() -> s390x::Attributes {
    s390x::Attributes::kernel_data()
}

/// Maps pages, and makes a part of the first region's table: the quarters from `first` to `last`.
fn tables(cx: &mut Cx<'_, '_>, arena: &Arena<'_, u64>, (first, last): (u64, u64)) -> s390x::PageTable {
    let mut table = s390x::PageTable::new(cx).expect("there are frames");
    table.set_use(Use::Offline);
    for va in MAPPED {
        let leaves = Leaves::Exactly(12);
        table.map(cx, va..va + PAGE, va + PAGE, &attributes(), leaves).expect("it is free").flush(cx);
    }
    let word = arena.read(table.root()).expect("the root is there").swap_bytes();
    assert_eq!(word & 0xfff, 0x007, "a whole table");
    arena.write(table.root(), (word & !0xc3 | first << 6 | last).swap_bytes());
    table
}

fn all_words(arena: &Arena<'_, u64>) -> Vec<Option<u64>> {
    (0..WORDS as u64).map(|word| arena.read(BASE + 8 * word)).collect()
}

#[test]
fn readers_see_what_is_not_there_as_holes() {
    for first in 0..4 {
        for last in 0..4 {
            let mut words = vec![0; WORDS];
            let arena = Arena::new(BASE, &mut words);
            let mut cx = Context::new(&arena, &arena, NoTlb);
            let table = tables(&mut cx, &arena, (first, last));
            let there = |va: u64| va >= REGION || (first..=last).contains(&(va / (512 * SEGMENT)));
            for va in MAPPED {
                let (translated, found) = (table.translate(&arena, va), table.lookup(&arena, va));
                assert_eq!(translated.map(|oa| oa.get()).ok(), there(va).then_some(va + PAGE), "{va:#x}");
                assert_eq!(found.is_ok(), there(va), "{va:#x}");
                if let Err(fault) = translated {
                    assert_eq!((fault.kind, fault.level), (FaultKind::Absent, 1));
                    assert_eq!(found.map(drop), Err(fault));
                }
            }
            let (mut seen, mut next) = (Vec::new(), 0);
            let mut see = |visit: Visit<s390x::Format>| {
                let (start, last) = match visit {
                    Visit::Leaf(leaf) => (leaf.va, leaf.last()),
                    Visit::Hole(hole) => (hole.start(), hole.last()),
                    Visit::Table { .. } => return Flow::Continue,
                    Visit::Reserved { .. } => panic!("{visit:?}"),
                };
                if let Visit::Leaf(_) = visit {
                    seen.push(start.get());
                }
                assert_eq!(start.get(), next, "all there is is shown once");
                next = last.get() + 1;
                Flow::Continue
            };
            table.walk(&arena, 0..2 * REGION, &mut see).expect("what is there can be read");
            assert_eq!(next, 2 * REGION);
            assert_eq!(seen, MAPPED.into_iter().filter(|va| there(*va)).collect::<Vec<_>>());
        }
    }
}

#[test]
fn what_is_not_there_needs_no_memory() {
    let mut words = vec![0; WORDS];
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let table = tables(&mut cx, &arena, (0, 3));
    // Of the table of segments, the second quarter is the last page of the memory.
    let end = BASE + 8 * WORDS as u64;
    let segments = arena.read(table.root()).expect("the root is there").swap_bytes() & !0xfff;
    for slot in 0..512 {
        let word = arena.read(segments + 8 * (512 + slot)).expect("the table is there");
        assert!(arena.write(end - PAGE + 8 * slot, word));
    }
    arena.write(table.root(), ((end - 2 * PAGE) | 1 << 6 | 4 | 1).swap_bytes());
    assert_eq!(table.translate(&arena, MAPPED[1]).map(|oa| oa.get()), Ok(MAPPED[1] + PAGE));
    assert_eq!(table.translate(&arena, MAPPED[2]).map_err(|fault| fault.kind), Err(FaultKind::Absent));
    let mut leaves = 0;
    let mut see = |visit: Visit<s390x::Format>| {
        leaves += usize::from(matches!(visit, Visit::Leaf(_)));
        Flow::Continue
    };
    table.walk(&arena, 0..REGION, &mut see).expect("nothing else is read");
    assert_eq!(leaves, 1);
}

#[test]
fn nothing_below_is_changed() {
    let mut words = vec![0; WORDS];
    let arena = Arena::new(BASE, &mut words);
    let mut cx = Context::new(&arena, &arena, NoTlb);
    let mut table = tables(&mut cx, &arena, (0, 1));
    let (before, frames) = (all_words(&arena), arena.frames());
    let refused = Error::PartialTable { va: Va::new(0) };
    let change = s390x::Change::new().write(false);
    // A page that is there, one that is not, the whole table, and more than that.
    for (start, last) in [(MAPPED[0], MAPPED[0] + PAGE), (MAPPED[3], MAPPED[3] + PAGE), (0, REGION), (0, 2 * REGION)] {
        let range = start..last;
        let cx = &mut cx;
        let leaves = Leaves::Exactly(12);
        assert_eq!(table.map(cx, range.clone(), 0, &attributes(), leaves).map(drop), Err(refused), "{range:x?}");
        assert_eq!(table.unmap(cx, range.clone(), Unmap::everything()).map(drop), Err(refused), "{range:x?}");
        assert_eq!(table.unmap(cx, range.clone(), Unmap::mapped()).map(drop), Err(refused), "{range:x?}");
        assert_eq!(table.protect(cx, range.clone(), &change, Protect::everything()).map(drop), Err(refused));
        assert_eq!(table.join(cx, range.clone(), Join::up_to(31)).map(drop), Err(refused), "{range:x?}");
        assert_eq!(all_words(&arena), before, "{range:x?}");
        assert_eq!(arena.frames(), frames);
    }
    // Elsewhere all is as it was.
    table.unmap(&mut cx, REGION..REGION + PAGE, Unmap::mapped()).expect("that table is whole").flush(&mut cx);
    assert!(arena.frames() < frames);
    assert_eq!(table.translate(&arena, MAPPED[0]).map(|oa| oa.get()), Ok(MAPPED[0] + PAGE));
}
