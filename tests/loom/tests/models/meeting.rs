//! Operations of two threads that meet in what their ranges share: a leaf that is half in each, or a slot whose table is
//! still to be made. Every operation against every other.

use loom::thread;
use ptgen_loom::{Applied, Apply, Error, Hide, Leaves, Oa, Pin, Protect, RangeMut, Unmap};

use crate::memory::Tables;
use crate::tiny::{Attributes, Change, Format, LARGE, PAGE};
use crate::{Cx, context, explore, leaves, reader, shared_tree};

const OA: u64 = 0x40_0000;
const WRITE: Attributes = Attributes { write: true, accessed: false, dirty: false };
const READ: Attributes = Attributes { write: false, ..WRITE };

/// An operation on one page, and what is there afterwards.
#[derive(Clone, Copy)]
struct Operation {
    name: &'static str,
    run: fn(&mut RangeMut<'static, Format>, &mut Cx, u64),
    leaves: Option<Attributes>,
}

fn change(range: &mut RangeMut<'static, Format>, cx: &mut Cx, va: u64, what: Applied<Format>, policy: Apply) {
    let function = |_: &_| Ok::<_, Error>(what);
    range.apply(cx, va..va + PAGE, policy, function).expect("nothing is in the way").flush(cx);
}

/// What can be done to a page that is a part of a leaf.
const TO_A_LEAF: [Operation; 5] = [
    Operation {
        name: "protect",
        run: |range, cx, va| {
            let change = Change::write(false);
            range.protect(cx, va..va + PAGE, &change, Protect::mapped()).expect("it is mapped").flush(cx);
        },
        leaves: Some(READ),
    },
    Operation {
        name: "unmap",
        run: |range, cx, va| range.unmap(cx, va..va + PAGE, Unmap::mapped()).expect("it is mapped").flush(cx),
        leaves: None,
    },
    Operation {
        name: "hide",
        run: |range, cx, va| range.hide(cx, va..va + PAGE, Hide::mapped()).expect("it is mapped").flush(cx),
        leaves: None,
    },
    Operation {
        name: "split",
        run: |range, cx, va| range.split(cx, va..va + PAGE, 12).expect("it can be split").flush(cx),
        leaves: Some(WRITE),
    },
    Operation {
        name: "apply",
        run: |range, cx, va| {
            change(range, cx, va, Applied::Change(Change::write(false)), Apply::existing(12).split_larger());
        },
        leaves: Some(READ),
    },
];

/// What can be done to a page that is a part of nothing.
const TO_NOTHING: [Operation; 3] = [
    Operation {
        name: "map",
        run: |range, cx, va| {
            range.map(cx, va..va + PAGE, OA + va, &WRITE, Leaves::Largest).expect("nothing is there").flush(cx);
        },
        leaves: Some(WRITE),
    },
    Operation {
        name: "populate",
        run: |range, cx, va| {
            range.populate(cx, va..va + PAGE, 12, Pin::Plain).expect("nothing is in the way").flush(cx);
        },
        leaves: None,
    },
    Operation {
        name: "apply",
        run: |range, cx, va| {
            change(range, cx, va, Applied::Set { oa: Oa::new(OA + va), attributes: READ }, Apply::create(12));
        },
        leaves: Some(READ),
    },
];

/// One thread does `first` to the first page while another does `second` to the second one.
fn meet(f: Format, is_mapped: bool, first: Operation, second: Operation) {
    let tables = Tables::new(6);
    let mut cx = context(&tables, 0..3);
    let tree = shared_tree(&mut cx, f);
    if f.breaks {
        tree.set_use(ptgen_loom::Use::Elsewhere);
    }
    if is_mapped {
        tree.map(&mut cx, 0..LARGE, OA, &WRITE, Leaves::Largest).expect("nothing is there").flush(&mut cx);
    }
    let root = tree.root();
    let (mut lower, mut upper) = tree.range_mut().split_at(PAGE).expect("it is inside");
    let shared = tables.clone();
    let other = thread::spawn(move || (second.run)(&mut upper, &mut context(&shared, 3..6), PAGE));
    (first.run)(&mut lower, &mut cx, 0);
    other.join().expect("it ends");
    let found = leaves(&reader(f, root), &cx.memory);
    let expected = [(0, first.leaves), (PAGE, second.leaves)];
    let expected = expected.iter().filter_map(|&(va, leaf)| leaf.map(|leaf| (va, OA + va, leaf)));
    assert_eq!(found, expected.collect::<Vec<_>>(), "{} beside {}", first.name, second.name);
    assert_eq!(tables.out(), 3, "{} beside {}", first.name, second.name);
}

fn meet_all(f: Format, is_mapped: bool, operations: &[Operation]) {
    for (number, first) in operations.iter().copied().enumerate() {
        for second in operations[number..].iter().copied() {
            println!("{} beside {}", first.name, second.name);
            explore(move || meet(f, is_mapped, first, second));
        }
    }
}

#[test]
fn changes_meet_in_a_leaf() {
    meet_all(Format::default(), true, &TO_A_LEAF);
}

#[test]
fn changes_meet_in_a_leaf_that_has_to_go_first() {
    meet_all(Format { breaks: true }, true, &TO_A_LEAF);
}

#[test]
fn tables_are_made_for_both() {
    meet_all(Format::default(), false, &TO_NOTHING);
}
