//! IO2: a new root above the old one.

use ptgen::{FlushRequest, Leaves, Oa, PageTable, Tlb, Tree, Unmap, VaRange};
use ptgen_simulator::{Kind, Machine};

use crate::facts::{Applies, Facts};
use crate::steps::{Outcome, data};

/// A value of the format that has one level more.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([(facts.grows, "no root of one level more translates the same VA")])
}

/// Devices and readers walk from the root while it gets one above. No word of any table changes, nothing is flushed, and
/// who goes on from the old root finds all there was, at every moment, and what is mapped below it from then on.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let larger = machine.will_grow();
    let page = facts.smallest();
    let end = facts.levels.last().map_or(0, |level| level.shift + level.index_bits);
    let data = data::<P>();
    // The first page, the last one, and one in the middle.
    let pages = [0, (1_u64 << (end - page)) - 1, 1 << (end - page - 1)];
    let parts = pages.map(|number| (VaRange::new(machine.va(number << page), 1 << page), (8 + (number & 7)) << page));
    for (range, oa) in parts {
        let expects = vec![machine.mapped(range, oa, &data)];
        machine.run(expects, |table, cx| table.map(cx, range, oa, &data, Leaves::Exactly(page)))?;
    }
    let (old, judge) = (machine.table().root(), machine.judge());
    let (reader, memory) = (machine.reader(), machine.cx().memory.clone());
    let finds = |reader: &Tree<P::Format>| {
        for (range, oa) in parts {
            assert_eq!(reader.translate(&memory, range.start()).map(Oa::get), Ok(oa), "a reader finds what there is");
        }
    };
    let words = machine.words();

    let mut moments = 0;
    machine.begin(Vec::new());
    let (table, cx) = machine.parts();
    let mut beside = |_| {
        moments += 1;
        finds(&reader);
    };
    let grown = judge.during(&mut beside, || table.tree_mut().grow(cx, larger));
    if let Err(error) = grown {
        machine.failed();
        machine.check();
        finds(&reader);
        return Err(error);
    }
    machine.end();
    assert!(moments > 0, "somebody looks");
    machine.log(|log| {
        log.assert_count(Kind::Alloc, 1);
        assert_eq!(log.stores(), 0, "no word of a table has changed");
        log.assert_count(Kind::Flush, 0);
        log.assert_count(Kind::Free, 0);
    });
    machine.grown();
    machine.check();
    assert_ne!(machine.table().root(), old);
    finds(&reader);
    finds(&machine.reader());
    let now = machine.words();
    assert!(words.iter().all(|word| now.contains(word)), "every table is as it was");

    let result = goes_on(machine, (&reader, page, end));
    finds(&reader);
    // Nobody starts from the old root any more; the devices were told.
    machine.unload(old);
    let mut request = FlushRequest::new(machine.whole(), facts.sizes);
    (request.tables, request.global) = (true, true);
    machine.cx().tlb.flush(&request);
    finds(&machine.reader());
    result
}

/// Something is mapped behind the end of the old root, and something below it, where both roots find it.
fn goes_on<P: PageTable>(machine: &mut Machine<'_, P>, (reader, page, end): (&Tree<P::Format>, u32, u32)) -> Outcome {
    let (data, new, memory) = (data::<P>(), machine.table().root(), machine.cx().memory.clone());
    let map = |machine: &mut Machine<'_, P>, expects, range: VaRange, oa| {
        machine.run(expects, |table, cx| table.map(cx, range, oa, &data, Leaves::Exactly(page)))
    };
    let behind = VaRange::new(machine.va(1 << end), 1 << page);
    map(machine, vec![machine.mapped(behind, 1 << page, &data).under(new)], behind, 1 << page)?;
    assert!(reader.translate(&memory, behind.start()).is_err(), "the old root does not have it");
    let inside = VaRange::new(machine.va(2 << page), 1 << page);
    let expects = vec![machine.mapped(inside, 2 << page, &data), machine.mapped(inside, 2 << page, &data).under(new)];
    map(machine, expects, inside, 2 << page)?;
    assert_eq!(reader.translate(&memory, inside.start()).map(Oa::get), Ok(2 << page));
    let gone = vec![machine.unmapped(inside), machine.unmapped(inside).under(new)];
    machine.run(gone, |table, cx| table.unmap(cx, inside, Unmap::mapped()))?;
    let gone = vec![machine.unmapped(behind).under(new)];
    machine.run(gone, |table, cx| table.unmap(cx, behind, Unmap::mapped()))
}
