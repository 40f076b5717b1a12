//! Machines nobody here wrote, as judges of page tables.
//!
//! A [`Machine`] takes an image of physical memory with page tables in it, the configuration of an [`Mmu`], and a list
//! of [`Probe`]s. It starts a processor (KVM) or an emulator (QEMU) on that memory, turns translation on, tries every
//! access, and says what became of it: one [`Outcome`] a probe. This package knows nothing of the formats under test;
//! the tables are words in memory, and what they mean is the machine's opinion alone.
//!
//! # How to ask
//!
//! ```no_run
//! use ptgen_machines::{Access, Outcome, Probe, X86_64Mmu, available};
//!
//! # fn build_tables(_: &ptgen_machines::Image, _: &[ptgen_machines::Reserved]) -> u64 { 0 }
//! for machine in &available().machines {
//!     println!("{}: {:?}", machine.name(), machine.features());
//!     let mut image = machine.new_image()?;
//!     let usable = machine.memory();           // where tables and pages may stand
//!     image.tag(usable.start);                 // a page that can be probed
//!     let root = build_tables(&image, machine.reserved());
//!     let probes = [Probe::supervisor(0xffff_8000_0000_0000, Access::Read)];
//!     let outcomes = machine.probe(&mut image, &X86_64Mmu::four_levels(root).into(), &probes)?;
//!     assert_eq!(outcomes, [Outcome::Reached(usable.start)]);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! 1. [`available`] finds the machines that run here, and says of the others how to get them.
//! 2. [`Machine::new_image`] gives zeroed memory at the right place. It is sparse and large enough for leaves of 1 GiB.
//!    Tables and pages go anywhere in [`Machine::memory`].
//! 3. Each 4 KiB frame that probes should reach gets a tag ([`Image::tag`]): by it the machine knows where it arrived.
//!    An OA outside the memory needs none where [`Machine::reaches_any_oa_from`] says so.
//! 4. On x86-64 the program that probes runs under the very tables it probes, so they must also map what
//!    [`Machine::reserved`] lists. On RISC-V it runs in M-mode and on AArch64 at EL2, untranslated: nothing is reserved.
//! 5. After [`Machine::probe`] the image holds the memory as the machine left it: accessed and dirty bits that it set
//!    can be read there.
//!
//! # What an outcome proves
//!
//! | access | x86-64, RISC-V | AArch64 |
//! |---|---|---|
//! | read | loads the tag of the frame | `AT S1E1R`, `AT S1E0R`: the machine's own walk |
//! | write | stores into the frame, then loads the tag; the store is looked up in the memory afterwards | `AT S1E1W`, `AT S1E0W` |
//! | fetch | jumps into the frame, where instructions load the frame's address and trap | the same |
//!
//! Each is tried at both privilege levels. Faults are as precise as the machine's own report: x86-64 tells absent,
//! permission and reserved apart, AArch64 also names the level, RISC-V says "page fault".
//!
//! Some machines cannot judge everything, and say so: [`Machine::answers`] of single probes (which come back as
//! [`Outcome::Unanswered`]), [`Features`] of what they are lax about: QEMU 7.2 ignores reserved bits of RISC-V entries
//! where the hart has Svnapot or Svpbmt, and takes blocks of 512 GiB on AArch64 without LPA2. Both are found out by
//! trial when the machine is looked for.
//!
//! What the emulators do *not* model: caches of table entries, TLB conflicts, break-before-make, the demand that the
//! entries of a run agree.
//!
//! # The machines
//!
//! | machine | needs | walks |
//! |---|---|---|
//! | KVM x86-64 | `/dev/kvm` | 4 levels, 5 where the host offers them |
//! | QEMU x86-64 | `qemu-system-x86_64` (Debian package `qemu-system-x86`) | 4 and 5 levels, 1 GiB pages, protection keys |
//! | QEMU x86 guests | `qemu-system-x86_64` | PAE and two levels, in guests of a hypervisor of ours |
//! | QEMU x86 nested | `qemu-system-x86_64` | nested paging, 4 and 5 levels, under guests of the same hypervisor |
//! | QEMU RISC-V | `qemu-system-riscv64` (`qemu-system-misc`) | Sv39, Sv48, Sv57, Svnapot, Svpbmt |
//! | QEMU RISC-V 32 | `qemu-system-riscv32` (`qemu-system-misc`) | Sv32; both also guest stages |
//! | QEMU LoongArch | `qemu-system-loongarch64` (`qemu-system-misc`) | pages of 16 KiB and more, through a handler that refills the TLB |
//! | QEMU AArch64 | `qemu-system-aarch64` (`qemu-system-arm`) | stage 1, all granules, LPA2 |
//! | QEMU AArch32 | `qemu-system-aarch64` (`qemu-system-arm`) | short and long descriptors, 31 or 32 bits |
//! | QEMU VT-d | `qemu-system-x86_64` | second stage, 3 and 4 levels |
//! | QEMU AMD-Vi | `qemu-system-x86_64` | host tables, 1 to 6 levels |
//! | QEMU POWER9 | `qemu-system-ppc64` (`qemu-system-ppc`) | radix trees, base pages of 4 and 64 KiB |
//! | QEMU s390x | `qemu-system-s390x` (`qemu-system-misc`) | 2 to 5 levels, leaves of 1 MiB and 2 GiB |
//! | QEMU SMMUv3 | `qemu-system-aarch64` | stage 1, all granules, the lower half |
//!
//! Behind an IOMMU a device reads and writes; there are no fetches and no users ([`Machine::does`]). An IOMMU can also go on
//! running while its tables change ([`Machine::session`]): QEMU's units remember translations, so that a flush that is
//! missing can be seen.
//!
//! Memory is shared through Linux's `memfd`, so this package runs on Linux only.

mod aarch64;
mod arm32;
mod control;
mod error;
mod features;
mod image;
mod iommu;
mod loongarch;
mod machine;
mod mmu;
mod power;
mod probe;
mod qemu;
mod riscv;
mod s390x;
mod tag;
mod x86_64;

pub use error::MachineError;
pub use features::{
    AArch64Features, AmdViFeatures, Arm32Features, Features, PowerFeatures, RiscVFeatures, S390xFeatures, SmmuFeatures,
    VtDFeatures, X86_64Features,
};
pub use image::Image;
pub use iommu::{Invalidation, Session};
pub use machine::{Available, Machine, Missing, Reserved, Rights, available, available_of, machines_for_tests, names};
pub use mmu::{
    AArch64Mmu, AArch64Stage2Mmu, AmdViMmu, Arm32Descriptors, Arm32Mmu, Granule, Half, LoongArchMmu, Mmu, NestedMmu,
    PowerMmu, Quadrant, RiscVMmu, RiscVMode, S390xMmu, VtDMmu, X86_64Mmu, X86Mmu,
};
pub use probe::{Access, Fault, FaultKind, Outcome, Probe};
