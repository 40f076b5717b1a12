//! Machines that nobody here wrote, as judges of what emitted code builds and reads.
//!
//! [`judge`] has emitted code build a random address space in a machine's memory, change parts of it, and then has the
//! machine's own MMU try thousands of addresses. What the machine finds must be what `lookup` and the attributes say;
//! afterwards, what the machine recorded in the tables must be seen, be all that changed, and survive a change of rights.
//! [`judge_words`] does the same with words that no operation would write. [`judge_flushes`] changes tables under an IOMMU
//! that remembers translations, and has it forget what changes ask for and no more.
//!
//! What words do not decide (modes of the processor) is written down once for each architecture, with the manual cited:
//! [`X86_64`], [`RiscV`], [`AArch64`], [`Arm32`], [`LoongArch`], behind the trait [`Processor`]. Units in front of
//! devices are such processors, too: [`VtD`], [`AmdVi`], [`Smmu`].

mod aarch64;
mod arm32;
mod attempt;
mod flushes;
mod ground;
mod iommu;
mod judge;
mod judged;
mod loongarch;
mod memory;
mod places;
mod power;
mod processor;
mod random;
mod record;
mod reference;
mod riscv;
mod s390x;
mod space;
mod tally;
mod words;
mod x86_64;

pub use aarch64::{AArch64, Stage};
pub use arm32::Arm32;
pub use flushes::{Flushes, judge_flushes};
pub use iommu::{AmdVi, Smmu, VtD};
pub use judge::{Subject, judge};
pub use judged::judge_all;
pub use loongarch::LoongArch;
pub use power::Power;
pub use processor::{Expected, Leaf, Processor, Word};
pub use random::seed;
pub use reference::Reference;
pub use riscv::RiscV;
pub use s390x::S390x;
pub use tally::Tally;
pub use words::judge_words;
pub use x86_64::{Nested, X86, X86_64};
