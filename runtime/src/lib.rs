//! Page tables of any format: what the code that the attribute `pagetable` emits links against.
//!
//! The attribute turns the description of a format into small types that know its bits ([`Format`], [`Level`]). The
//! algorithms are here, written once over these traits and compiled for each format: [`Tree`] and its operations.
//! They work on table memory that is reached through a [`Memory`], take frames from a [`Frames`], and say in an
//! [`Unflushed`] what a [`Tlb`] may still hold.
//!
//! No `std`, no `alloc`. All `unsafe` of the project is in this package.
#![cfg_attr(feature = "macros", doc = "\n")]
#![cfg_attr(feature = "macros", doc = include_str!("example.md"))]
#![no_std]

mod address;
mod alarm;
mod atomic;
mod batch;
mod context;
mod delegate;
mod emitted;
mod engine;
mod error;
mod families;
mod flush;
mod format;
mod frames;
mod memory;
mod operations;
mod page_table;
mod range_mut;
mod reading;
mod tables;
mod temporary;
pub mod tlb;
mod tree;

pub use address::{Oa, Va, VaRange};
pub use batch::Batch;
pub use context::Context;
pub use error::{Error, Fault, FaultKind, MemoryError, MemoryReason};
pub use flush::{Exchange, FlushRequest, Flushed, NoTlb, Scope, Tlb, Unflushed};
pub use format::{
    Access, AttributeInfo, AttributeKind, Attributes, AttributesOf, Bits, Change, ChangeKind, ChangeOf, Format, Level,
    LevelInfo, PatchOf, RootVisitor, Sizes, Unencodable, Way, WordOf,
};
pub use frames::{
    Accounted, Bump, Charge, FragmentPage, Fragments, Frame, Frames, NoFrames, Owners, Quota, Shared, Stack,
    TableShape, Tally,
};
#[cfg(all(feature = "vm-memory", not(any(ptgen_loom, ptgen_watched))))]
pub use memory::VmMemory;
#[cfg(not(ptgen_loom))]
pub use memory::{Arena, DirectMap, Identity, Window};
pub use memory::{Guest, Memory};
pub use operations::map::Leaves;
pub use operations::prepare::Prepare;
pub use operations::protect::Protect;
pub use operations::request::{Plan, Request};
pub use operations::reservation::Reservation;
pub use operations::unmap::{Holes, Partial, Tables, Unmap};
pub use operations::{
    Applied, Apply, Cause, Harvest, Hide, Holds, Join, Occupant, Pin, Records, SharedTable, Stopped, Verdict, Visited,
};
pub use page_table::PageTable;
pub use range_mut::RangeMut;
pub use reading::reader::{Reader, Reading};
pub use reading::translate::Mapping;
pub use reading::walk::{Flow, Visit, Visitor, WithoutTables};
pub use tables::entry::{Entry, EntryKind};
pub use tables::floor::Floor;
pub use tables::word::Word;
pub use temporary::{LocalMap, LocalMaps, LocalSlots, Nest, Reserved, ReservedMap, RingMap, RingMaps, Stale};
pub use tlb::{Callback, Inside, Others, ReaderSlot, Readers, Recorder, Threshold, WithReaders};
pub use tree::{Tree, Use};

#[cfg(feature = "macros")]
pub use ptgen_macros::pagetable;

/// A format has at most so many levels: [`Level::NUMBER`] is below it.
pub const MAX_LEVELS: usize = 8;

/// What emitted code needs of the core library, under a path that no client can hide.
#[doc(hidden)]
pub mod __ {
    pub use core;

    pub use crate::emitted::{
        Codes, check, ones_below, ones_lg2, ones_oa, ones_output, patch, patch_or, strictest, tile,
    };
    pub use crate::families::{change, change_and_join, set_present, set_valid, split};
    pub use crate::{__builders as builders, __families as families, __page_table as page_table};
}
