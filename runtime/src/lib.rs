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
mod broken;
mod careful;
mod clean;
mod commit;
mod context;
mod delegate;
mod edit;
mod emitted;
mod entry;
mod error;
mod exchange;
mod families;
mod floor;
mod flush;
mod format;
mod frames;
mod garbage;
mod job;
mod lock;
mod look;
mod map;
mod memory;
mod operations;
mod ownership;
mod page_table;
mod pieces;
mod plan;
mod prepare;
mod progress;
mod protect;
mod range_mut;
mod reader;
mod records;
mod request;
mod reservation;
mod reserve;
mod span;
mod split;
mod table;
mod temporary;
pub mod tlb;
mod translate;
mod tree;
mod undo;
mod unlink;
mod unmap;
mod walk;
mod word;

pub use address::{Oa, Va, VaRange};
pub use batch::Batch;
pub use context::Context;
pub use entry::{Entry, EntryKind};
pub use error::{Error, Fault, FaultKind, MemoryError, MemoryReason};
pub use floor::Floor;
pub use flush::{Exchange, FlushRequest, Flushed, NoTlb, Scope, Tlb, Unflushed};
pub use format::{
    Access, AttributeInfo, AttributeKind, Attributes, AttributesOf, Bits, Change, ChangeKind, ChangeOf, Format, Level,
    LevelInfo, PatchOf, RootVisitor, Sizes, Unencodable, Way, WordOf,
};
pub use frames::{
    Accounted, Bump, Charge, FragmentPage, Fragments, Frame, Frames, NoFrames, Owners, Quota, Shared, Stack,
    TableShape, Tally,
};
pub use map::Leaves;
#[cfg(all(feature = "vm-memory", not(any(ptgen_loom, ptgen_watched))))]
pub use memory::VmMemory;
#[cfg(not(ptgen_loom))]
pub use memory::{Arena, DirectMap, Identity, Window};
pub use memory::{Guest, Memory};
pub use operations::{
    Applied, Apply, Cause, Harvest, Hide, Holds, Join, Occupant, Pin, Records, SharedTable, Stopped, Verdict, Visited,
};
pub use page_table::PageTable;
pub use prepare::Prepare;
pub use protect::Protect;
pub use range_mut::RangeMut;
pub use reader::{Reader, Reading};
pub use request::{Plan, Request};
pub use reservation::Reservation;
pub use temporary::{LocalMap, LocalMaps, LocalSlots, Nest, Reserved, ReservedMap, RingMap, RingMaps, Stale};
pub use tlb::{Callback, Inside, Others, ReaderSlot, Readers, Recorder, Threshold, WithReaders};
pub use translate::Mapping;
pub use tree::{Tree, Use};
pub use unmap::{Holes, Partial, Tables, Unmap};
pub use walk::{Flow, Visit, Visitor, WithoutTables};
pub use word::Word;

#[cfg(feature = "macros")]
pub use ptgen_macros::pagetable;

/// A format has at most so many levels: [`Level::NUMBER`] is below it.
pub const MAX_LEVELS: usize = 8;

/// What emitted code needs of the core library, under a path that no client can hide.
#[doc(hidden)]
pub mod __ {
    pub use core;

    pub use crate::emitted::{Codes, check, patch, strictest, tile};
    pub use crate::families::{change, change_and_join, set_present, set_valid, split};
    pub use crate::{__builders as builders, __families as families, __page_table as page_table};
}
