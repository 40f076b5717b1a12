//! V8: a device that walks the same tables.

use std::cell::RefCell;
use std::rc::Rc;

use ptgen::{Accounted, ChangeKind, Charge, Context, Exchange, FlushRequest, PageTable, TableShape, Tlb, Unmap, Way};
use ptgen_simulator::Machine;

use crate::facts::{Applies, Facts};
use crate::steps::{Area, Outcome, Steps, data};

/// Tables that can go.
#[must_use]
pub fn applies(facts: &Facts) -> Applies {
    Applies::if_all([(facts.levels.len() > 1, "the root is the only table")])
}

/// What happened, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Processors were flushed.
    Processors(FlushRequest),
    /// The device was told.
    Device(FlushRequest),
    /// The processors' instruction replaced an entry.
    Replaced(Exchange),
    /// A frame went back.
    Freed(u8),
}

/// Who notes it.
#[derive(Clone, Default)]
struct Notes(Rc<RefCell<Vec<Step>>>);

impl Notes {
    fn note(&self, step: Step) {
        self.0.borrow_mut().push(step);
    }
}

impl Charge for Notes {
    fn charge(&mut self, _shape: TableShape) -> bool {
        true
    }

    fn uncharge(&mut self, shape: TableShape) {
        self.note(Step::Freed(shape.level));
    }
}

/// The processors' TLBs.
struct Processors<T>(T, Notes);

impl<T: Tlb> Tlb for Processors<T> {
    const EXCHANGES: bool = T::EXCHANGES;

    fn flush(&mut self, request: &FlushRequest) {
        self.0.flush(request);
        self.1.note(Step::Processors(*request));
    }

    fn wait_for_readers(&mut self) {
        self.0.wait_for_readers();
    }

    fn exchange(&mut self, exchange: &Exchange) -> Result<(), u64> {
        self.0.exchange(exchange)?;
        self.1.note(Step::Replaced(*exchange));
        Ok(())
    }
}

/// The device's.
struct Device(Notes);

impl Tlb for Device {
    fn flush(&mut self, request: &FlushRequest) {
        self.0.note(Step::Device(*request));
    }
}

/// A page and its tables go. Processors are flushed, and the device is told the same, before any table goes back. Where the
/// processors' instruction takes the entries out, the device is told of each.
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
    machine.map_leaf(&area, &data::<P>())?;
    let tables = machine.frames().iter().sum::<usize>() - 1;

    let notes = Notes::default();
    let expects = vec![machine.unmapped(area.range())];
    machine.begin(expects);
    let (table, cx) = machine.parts();
    let both = (Processors(cx.tlb.clone(), notes.clone()), Device(notes.clone()));
    let mut shared = Context::new(cx.memory.clone(), Accounted::new(cx.frames.clone(), notes.clone()), both);
    let unflushed = table.unmap(&mut shared, area.range(), Unmap::mapped());
    let by_instruction = facts.way(ChangeKind::Unlink) == Way::Instruction;
    let early = |step: &Step| !by_instruction || matches!(step, Step::Freed(_));
    assert!(!notes.0.borrow().iter().any(early), "nothing is flushed or given back before the caller says so");
    unflushed.expect("it is mapped").flush(&mut shared);
    machine.assert_flushed();
    machine.end();

    let steps = notes.0.borrow();
    if by_instruction {
        let (told, freed) = steps.split_at(2 * (tables + 1));
        for (number, pair) in told.chunks(2).enumerate() {
            let [Step::Replaced(exchange), Step::Device(request)] = pair else {
                panic!("expected the device to be told of each: {steps:?}");
            };
            assert!(request.range == exchange.range && request.range.contains(area.va), "{pair:?}");
            // The page comes first, then the tables above it.
            assert_eq!(request.tables, number > 0, "{pair:?}");
            assert!(request.leaf_sizes.has(area.lg2), "{pair:?}");
        }
        assert!(freed.iter().all(|step| matches!(step, Step::Freed(_))), "{steps:?}");
        assert_eq!(freed.len(), tables, "every table goes back");
        machine.assert_balanced();
        return Ok(());
    }
    let [Step::Processors(first), Step::Device(second), freed @ ..] = &steps[..] else {
        panic!("expected both to be flushed first: {steps:?}");
    };
    assert_eq!(first, second, "both are told the same");
    assert!(first.tables && first.range.contains(area.va), "{first:?}");
    assert!(freed.iter().all(|step| matches!(step, Step::Freed(_))), "{steps:?}");
    assert_eq!(freed.len(), tables, "every table goes back");
    machine.assert_balanced();
    Ok(())
}
