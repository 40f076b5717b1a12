//! M4: a frame is no page.
//!
//! That a page cannot be given back as a table is for the compiler to say: `Frames::free` takes a `Frame`, and the address
//! of a page is none; the documentation of `Frame` has that as an example which must not compile. Here is the rest: what
//! comes back is what was asked for, as what it was asked for, and no page is among it.

use std::collections::BTreeMap;

use ptgen::{Accounted, Charge, Context, Leaves, Oa, PageTable, TableShape, Unmap};
use ptgen_simulator::{Event, Kind, Machine};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, data};

/// Tables below the root.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([(facts.levels.len() > 1, "the root is the only table")])
}

/// The shapes that are out, and how many of each.
#[derive(Debug, Default)]
struct Shapes(BTreeMap<(u8, u32, u32), usize>);

const fn key(shape: TableShape) -> (u8, u32, u32) {
    (shape.level, shape.bytes_lg2, shape.align_lg2)
}

impl Charge for Shapes {
    fn charge(&mut self, shape: TableShape) -> bool {
        *self.0.entry(key(shape)).or_default() += 1;
        true
    }

    fn uncharge(&mut self, shape: TableShape) {
        let count = self.0.get_mut(&key(shape)).filter(|count| **count > 0);
        *count.unwrap_or_else(|| panic!("{shape:?} comes back, which was not asked for")) -= 1;
    }
}

/// A page is mapped and unmapped. The frames that come back are those that were handed out, each of the level and the size
/// it was asked for; the page is none of them, and is the caller's to give back, apart from them, after the flush.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    let area = Area::new(machine, facts, facts.smallest(), 5);
    let mut shapes = Shapes::default();
    let expects = vec![machine.mapped(area.range(), area.oa, &data::<P>())];
    machine.run(expects, |table, cx| {
        let mut counted = Context::new(&cx.memory, Accounted::new(&mut cx.frames, &mut shapes), &mut cx.tlb);
        table.map(&mut counted, area.range(), area.oa, &data::<P>(), Leaves::Exactly(area.lg2))
    })?;
    let out = machine.log(|log| frames(log.events(), Kind::Alloc));
    assert_eq!(out.len(), facts.levels.len() - 1, "a table for each level");

    let expects = vec![machine.unmapped(area.range())];
    machine.begin(expects);
    let (table, cx) = machine.parts();
    let mut counted = Context::new(&cx.memory, Accounted::new(&mut cx.frames, &mut shapes), &mut cx.tlb);
    let unflushed = table.unmap(&mut counted, area.range(), Unmap::mapped())?;
    unflushed.flush(&mut counted);
    machine.assert_flushed();
    machine.end();
    let back = machine.log(|log| frames(log.events(), Kind::Free));
    assert_eq!(out, back, "what was handed out, each as what it was, once");
    assert!(shapes.0.values().all(|count| *count == 0), "{shapes:?}");

    machine.begin(Vec::new());
    machine.free_data(area.oa, 1 << area.lg2);
    machine.end();
    machine.log(|log| {
        log.assert_count(Kind::FreeData, 1);
        log.assert_count(Kind::Free, 0);
    });
    machine.assert_balanced();
    Ok(())
}

/// The frames in events of a kind, in order: where, and for which level.
fn frames(events: &[Event], kind: Kind) -> Vec<(Oa, u8)> {
    let mut all: Vec<_> = events
        .iter()
        .filter(|event| event.kind() == kind)
        .filter_map(|event| match event {
            Event::Alloc { level, address } | Event::Free { level, address } => Some((*address, *level)),
            _ => None,
        })
        .collect();
    all.sort_unstable();
    all
}
