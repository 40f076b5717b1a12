//! U8: what a reader finds changes between its looking at an entry and its following it.
//!
//! No format has entries of two words, which could be read by halves. Readers that really run beside are in the package
//! `ptgen-loom`.

use std::mem::ManuallyDrop;

use ptgen::{Fault, FaultKind, Flow, Flushed, Leaves, PageTable, Tree, Unflushed, Unmap, Use, VaRange, Visit};
use ptgen_simulator::{Expect, Machine, Moment};

use crate::facts::{Applies, Facts};
use crate::steps::{Area, CxOf, Outcome, data};
use crate::window::SimOf;

/// A slot that can hold a table, and a leaf.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([(facts.large().is_some(), "no leaf is a table's worth of others")])
}

/// A slot holds nothing, then a table, then a leaf, then a table with all its parts, and nothing again, as often as one
/// likes, while a reader is on its way through it. At whichever moment the slot changes, once or several times, the reader
/// follows no leaf as if it were a table, finds each VA once and in order, and finds there what was there at some time.
///
/// # Errors
///
/// Out of frames.
///
/// # Panics
///
/// If an expectation is not met.
pub fn run<P: PageTable>(machine: &mut Machine<'_, P>, facts: &Facts) -> Outcome {
    machine.set_readers(1);
    if !facts.splits_live() {
        machine.set_use(Use::Elsewhere);
    }
    let large = facts.large().expect("it applies").shift;
    let place = Place { page: facts.smallest(), slot: Area::new(machine, facts, large, 3) };
    // What stays, on both sides.
    for number in [2, 4] {
        let beside = Area::new(machine, facts, large, number);
        let expects = vec![machine.mapped(beside.range(), beside.oa, &data::<P>())];
        machine
            .run(expects, |table, cx| table.map(cx, beside.range(), beside.oa, &data::<P>(), Leaves::Exactly(large)))?;
    }
    // Once is enough where it is only about the frames of the writer.
    let (states, most, looks): (&[State], usize, &[Look<P>]) = if machine.limits_allocations() {
        (&[State::Nothing], 1, &[walk::<P>])
    } else {
        (&[State::Nothing, State::Page, State::Leaf, State::Parts], 4, &[walk::<P>, translate::<P>, lookup::<P>])
    };
    for state in states {
        for changes in 1..=most {
            for look in looks {
                beside(machine, &place, (*state, changes), *look)?;
            }
        }
    }
    Ok(())
}

/// Where it happens.
#[derive(Clone, Copy)]
struct Place {
    /// lg2 of the smallest leaf.
    page: u32,
    slot: Area,
}

impl Place {
    /// The page that there is at times, and that the reader asks for.
    const fn one(&self) -> Area {
        let mut one = self.slot.sub(self.page, 3);
        one.oa += 64 << self.slot.lg2;
        one
    }
}

/// What the slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Nothing,
    /// A table with one page.
    Page,
    Leaf,
    /// A table with all the leaf's parts.
    Parts,
}

/// Who changes the slot, while somebody is reading.
struct Writer<'a, 'm, P: PageTable> {
    table: &'a mut P,
    cx: &'a mut CxOf<'m, P>,
    place: Place,
    state: State,
    /// What has been flushed, but whose tables readers may still be in. What is dropped while a panic unwinds may say
    /// nothing.
    left: ManuallyDrop<Vec<Flushed<P::Format>>>,
}

impl<P: PageTable> Writer<'_, '_, P> {
    /// The slot comes to hold what is next.
    fn step(&mut self) -> Outcome {
        let Place { page, slot } = self.place;
        let (one, data) = (self.place.one(), data::<P>());
        let (table, cx) = (&mut *self.table, &mut *self.cx);
        match self.state {
            State::Nothing => {
                let made = table.map(cx, one.range(), one.oa, &data, Leaves::Exactly(page))?;
                self.flush(made, State::Page);
            }
            State::Page => {
                let gone = table.unmap(cx, slot.range(), Unmap::everything())?;
                self.flush(gone, State::Nothing);
                let made = self.table.map(self.cx, slot.range(), slot.oa, &data, Leaves::Exactly(slot.lg2))?;
                self.flush(made, State::Leaf);
            }
            State::Leaf => {
                let split = table.tree_mut().split(cx, one.range(), page)?;
                self.flush(split, State::Parts);
            }
            State::Parts => {
                let gone = table.unmap(cx, slot.range(), Unmap::everything())?;
                self.flush(gone, State::Nothing);
            }
        }
        Ok(())
    }

    fn flush(&mut self, unflushed: Unflushed<P::Format>, state: State) {
        self.left.push(unflushed.issue(&mut self.cx.tlb));
        self.state = state;
    }

    /// Readers have left: tables are given back.
    fn retire(&mut self) {
        for flushed in self.left.drain(..) {
            flushed.retire(self.cx);
        }
    }
}

/// What a reader does.
type Look<P> = fn(&Tree<<P as PageTable>::Format>, &SimOf<'_, P>, &Place);

/// A reader looks while the slot changes: at its first moment, then at its second, and so on, until it has no more.
fn beside<P: PageTable>(
    machine: &mut Machine<'_, P>,
    place: &Place,
    (state, changes): (State, usize),
    look: Look<P>,
) -> Outcome {
    let (judge, reader, memory) = (machine.judge(), machine.reader(), machine.cx().memory.clone());
    for moment in 1.. {
        let mut moments = 0;
        judge.begin(vec![Expect::anything(place.slot.range())]);
        let (table, cx) = machine.parts();
        let mut writer = Writer::<P> { table, cx, place: *place, state: State::Nothing, left: ManuallyDrop::default() };
        let mut result = Ok(());
        while result.is_ok() && writer.state != state {
            result = writer.step();
        }
        writer.retire();
        let mut change = |at| {
            moments += usize::from(matches!(at, Moment::Opens(_)));
            if moments == moment && result.is_ok() {
                result = (0..changes).try_for_each(|_| writer.step());
            }
        };
        judge.during(&mut change, || look(&reader, &memory, place));
        writer.retire();
        let gone = writer.table.unmap(writer.cx, place.slot.range(), Unmap::everything());
        gone.expect("to unmap takes no frames").flush(writer.cx);
        judge.assert_flushed();
        judge.end();
        judge.assert_balanced();
        result?;
        if moments < moment {
            // The root, which the slot may be one of, and the table below the slot where there is one.
            let least = usize::from(matches!(state, State::Page | State::Parts));
            assert!(moments > least, "a reader looks into every table on its way");
            return Ok(());
        }
    }
    Ok(())
}

/// What a VA of the slot may be translated to.
fn is_known(place: &Place, va: u64, oa: u64) -> bool {
    let one = place.one();
    oa == place.slot.oa + (va - place.slot.va) || one.range().contains(va) && oa == one.oa + (va - one.va)
}

/// A fault may be that nothing is there, and no other.
fn is_absence(fault: &Fault) -> bool {
    fault.kind == FaultKind::Absent
}

fn translate<P: PageTable>(reader: &Tree<P::Format>, memory: &SimOf<'_, P>, place: &Place) {
    let va = place.one().va + 8;
    match reader.translate(memory, va) {
        Ok(oa) => assert!(is_known(place, va, oa.get()), "{va:#x} has never been translated to {oa}"),
        Err(fault) => assert!(is_absence(&fault), "{fault:?}"),
    }
}

fn lookup<P: PageTable>(reader: &Tree<P::Format>, memory: &SimOf<'_, P>, place: &Place) {
    let va = place.one().va + 8;
    match reader.lookup(memory, va) {
        Ok(leaf) => {
            assert!(is_known(place, va, leaf.translate(va).get()), "{leaf:?} has never been there");
            assert!(leaf.size_lg2 <= place.slot.lg2, "{leaf:?} is larger than the slot");
            assert_eq!(leaf.attributes(), data::<P>());
        }
        Err(fault) => assert!(is_absence(&fault), "{fault:?}"),
    }
}

/// All of the slot with two pages before and behind.
fn walk<P: PageTable>(reader: &Tree<P::Format>, memory: &SimOf<'_, P>, place: &Place) {
    let Place { page, slot } = *place;
    let range = VaRange::new(slot.va - (2 << page), (1 << slot.lg2) + (4 << page));
    let mut next = range.start().get();
    let mut visitor = |visit: Visit<P::Format>| {
        let (first, last) = match visit {
            Visit::Leaf(leaf) => {
                let first = leaf.va.get().max(range.start().get());
                let oa = leaf.translate(first).get();
                let known = if slot.range().contains(first) {
                    is_known(place, first, oa)
                } else {
                    oa == slot.oa.wrapping_add(first.wrapping_sub(slot.va))
                };
                assert!(known, "{leaf:?} has never been there");
                // Slots of a run may go one by one: a hole, and then the run of which that was a part.
                let is_begun = leaf.size_lg2 > page && (first..=leaf.last().get()).contains(&next);
                (if is_begun { next } else { first }, leaf.last().get().min(range.last().get()))
            }
            Visit::Hole(hole) => (hole.start().get(), hole.last().get()),
            Visit::Table { .. } => return Flow::Continue,
            Visit::Reserved { va, word, .. } => panic!("{va} has never been {word:?}"),
        };
        assert_eq!(first, next, "each VA once, and in order");
        next = last + 1;
        Flow::Continue
    };
    reader.walk(memory, range, &mut visitor).expect("tables are there");
    assert_eq!(next, range.last().get() + 1, "to the end");
}
