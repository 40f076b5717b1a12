//! Kernels of a distribution, booted in QEMU: page tables that nobody here built.
//!
//! A kernel runs until it panics because there is no root file system (or waits for one, where a processor that panicked
//! translates nothing); by then it has built the tables that it would live
//! with. The machine is stopped, and tells what it holds in its registers, what its memory holds, and what it makes of
//! addresses. This package knows nothing of ptgen: what a walk of that memory finds is compared elsewhere.
//!
//! ```no_run
//! use ptgen_kernels::{Architecture, find};
//!
//! let kernel = find(Architecture::Riscv64)?;
//! let mut stopped = kernel.boot("rv64", "no5lvl")?;
//! let satp = stopped.register("satp")?;
//! let memory = stopped.memory()?;
//! println!("{satp:#x}, {} from {:#x} on", memory.file.display(), memory.base);
//! assert_eq!(stopped.physical(&[0xffff_ffff_8000_0000])?.len(), 1);
//! # Ok::<(), ptgen_kernels::Error>(())
//! ```
//!
//! The kernels are not part of the repository: `.ci/kernels` fetches the distribution's packages and takes the kernels out
//! of them. They are looked for in the folder that `PTGEN_KERNELS` names, else in `target/kernels`, a folder for each
//! [`Architecture`].

mod gdb;
mod kernel;
mod listing;
mod qmp;
mod stopped;

pub use kernel::{Architecture, Kernel, find};
pub use listing::{Mapping, info_mem, info_tlb};
pub use stopped::{Memory, Stopped};

/// What went wrong, in words.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
