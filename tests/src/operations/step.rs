//! Steps of a sequence, in numbers that fit every format.

use proptest::collection::vec;
use proptest::prelude::*;

/// Where an operation begins and how long it is, relative to the geometry of a format.
#[derive(Clone, Copy, Debug)]
pub struct Where {
    /// Which of the zones: the ends of the address space and the boundaries of each level.
    pub zone: u8,
    /// Which leaf size counts the next two.
    pub unit: u8,
    /// So many units past the start of the zone.
    pub start: u8,
    /// So many units long.
    pub units: u8,
    /// So many of the smallest leaves further.
    pub offset: u8,
    /// So many of the smallest leaves longer.
    pub more: u8,
}

/// One operation.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// `map`.
    Map {
        /// Where.
        at: Where,
        /// The OA, in units.
        oa: u16,
        /// The OA, further by so many of the smallest leaves.
        oa_offset: u8,
        /// The attributes.
        attributes: u16,
        /// Largest leaves, or the smallest ones.
        largest: bool,
    },
    /// `unmap`.
    Unmap {
        /// Where.
        at: Where,
        /// A hole is an error.
        refuse_holes: bool,
        /// A leaf that is hit in part is an error.
        refuse_parts: bool,
        /// Emptied tables stay.
        keep_tables: bool,
    },
    /// `protect`.
    Protect {
        /// Where.
        at: Where,
        /// The field and its value.
        change: u16,
        /// A hole is an error.
        refuse_holes: bool,
        /// A leaf that is hit in part is an error.
        refuse_parts: bool,
    },
    /// The tables become live, or offline.
    Live(bool),
    /// The machine sets what it may set in the word that translates an address.
    Touch {
        /// Where.
        at: Where,
    },
}

/// Sequences of at most `most` operations.
pub fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..=most)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (place(), any::<u16>(), small(), any::<u16>(), prop::bool::weighted(0.7)).prop_map(
            |(at, oa, oa_offset, attributes, largest)| Step::Map { at, oa, oa_offset, attributes, largest }
        ),
        3 => (place(), rare(), rare(), any::<bool>()).prop_map(|(at, refuse_holes, refuse_parts, keep_tables)| {
            Step::Unmap { at, refuse_holes, refuse_parts, keep_tables }
        }),
        3 => (place(), any::<u16>(), rare(), rare()).prop_map(|(at, change, refuse_holes, refuse_parts)| {
            Step::Protect { at, change, refuse_holes, refuse_parts }
        }),
        1 => any::<bool>().prop_map(Step::Live),
        2 => place().prop_map(|at| Step::Touch { at }),
    ]
}

fn place() -> impl Strategy<Value = Where> {
    (any::<u8>(), any::<u8>(), 0_u8..4, 0_u8..4, small(), small())
        .prop_map(|(zone, unit, start, units, offset, more)| Where { zone, unit, start, units, offset, more })
}

/// Mostly zero: most operations are aligned.
fn small() -> impl Strategy<Value = u8> {
    prop_oneof![3 => Just(0_u8), 1 => 0_u8..20]
}

fn rare() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.2)
}
