//! Ways to issue flushes, and to put them together.
//!
//! What a change of tables asks for is a [`FlushRequest`]; a [`Tlb`] sees to it. For the processor that the
//! code runs on there is a module for each architecture, compiled only there. [`steps`] decides, the same everywhere,
//! which instructions a request takes.

#[cfg(target_arch = "aarch64")]
pub mod aarch64;
#[cfg(target_arch = "loongarch64")]
pub mod loongarch;
#[cfg(target_arch = "riscv64")]
pub mod riscv;
pub mod steps;
#[cfg(target_arch = "x86_64")]
pub mod x86_64;

mod callback;
mod instructions;
mod others;
mod readers;
mod recorder;
mod threshold;

pub use callback::Callback;
pub use instructions::Granule;
pub use others::Others;
pub use readers::{Inside, ReaderSlot, Readers, WithReaders};
pub use recorder::Recorder;
pub use threshold::Threshold;

#[cfg(doc)]
use crate::{FlushRequest, Tlb};
