//! How a change is made: looked at, counted, stored, flushed where it must be, undone where it fails.
//!
//! An operation is an [`edit`] (or a map) that a [`job`] carries out: [`plan`], [`reserve`], [`commit`].

pub(crate) mod broken;
pub(crate) mod careful;
pub(crate) mod clean;
pub(crate) mod commit;
pub(crate) mod edit;
pub(crate) mod exchange;
pub(crate) mod garbage;
pub(crate) mod job;
pub(crate) mod lock;
pub(crate) mod ownership;
pub(crate) mod pieces;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod records;
pub(crate) mod reserve;
pub(crate) mod split;
pub(crate) mod undo;
pub(crate) mod unlink;
