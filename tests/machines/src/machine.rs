//! The interface that all machines share, and how to find those that run here.

use std::fmt;
use std::io;
use std::ops::Range;

use crate::aarch64::QemuAArch64;
use crate::arm32::QemuArm32;
use crate::iommu::{QemuIommu, Session};
use crate::loongarch::QemuLoongArch;
use crate::power::QemuPower;
use crate::riscv::QemuRiscV;
use crate::s390x::QemuS390x;
use crate::x86_64::{Kvm, QemuGuests, QemuX86_64};
use crate::{Access, Features, Image, MachineError, Mmu, Outcome, Probe};

/// Something with an MMU that walks tables.
pub trait Machine: fmt::Debug + Send + Sync {
    /// The name by which reports call it.
    fn name(&self) -> &str;

    /// What its processor can do.
    fn features(&self) -> &Features;

    /// New zeroed memory with the base and size that this machine has.
    ///
    /// # Errors
    /// If the operating system gives no such memory.
    fn new_image(&self) -> io::Result<Image>;

    /// The physical addresses that tables and probed pages may use: a range aligned to 1 GiB at its end, and containing
    /// at least one whole aligned GiB.
    fn memory(&self) -> Range<u64>;

    /// What the tables under test must map beside what is tested. The ranges are outside [`memory`](Self::memory), and
    /// a probe must not hit them.
    fn reserved(&self) -> &[Reserved];

    /// Whether such accesses exist. A device behind an IOMMU does not fetch, and has one kind of rights.
    fn does(&self, _access: Access, _user: bool) -> bool {
        true
    }

    /// From where on a read or write reports its OA although there is no memory, if it does.
    fn reaches_any_oa_from(&self) -> Option<u64> {
        None
    }

    /// Whether this machine's answer to a probe counts.
    ///
    /// Probes whose answer does not count come back as [`Outcome::Unanswered`]. There are some under KVM on hosts
    /// without hardware for guests: they run a guest's users among the host's own mappings, so the upper half is not the
    /// guest's there. Whether a host is like that is tried once, not assumed. And there are some on RISC-V, where an
    /// emulator mixes up the probed VAs with the addresses of the probing program.
    fn answers(&self, _probe: &Probe) -> bool {
        true
    }

    /// Walks the tables in `image` for each of `probes`, in order, and leaves the memory as the machine did.
    ///
    /// The processor's TLB is empty at first and is not flushed between probes. An IOMMU's is: what QEMU's units remember
    /// they refuse without a report.
    ///
    /// # Errors
    /// If the machine does not start or does not finish, or if the arguments do not fit it.
    fn probe(&self, image: &mut Image, mmu: &Mmu, probes: &[Probe]) -> Result<Vec<Outcome>, MachineError>;

    /// Starts the machine on `image`, to be probed again and again while it goes on running. Only IOMMUs can.
    ///
    /// # Errors
    /// If the machine does not start, or cannot do that.
    fn session<'a>(&self, _image: &'a Image, mmu: &Mmu) -> Result<Session<'a>, MachineError> {
        Err(MachineError::Unsupported(format!("a session with {mmu:?}")))
    }
}

/// A range that the tables under test must map, because the probing program lives there.
///
/// `va`, `oa` and `bytes` are multiples of 4 KiB. The mapping must not allow less than `rights`; its accessed and dirty
/// bits may be clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// Where it must appear.
    pub va: u64,
    /// The memory that must appear there.
    pub oa: u64,
    /// How much of it.
    pub bytes: u64,
    /// What must be allowed.
    pub rights: Rights,
}

/// What the probing program does with a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// The supervisor fetches; users must have no access (SMEP).
    SupervisorText,
    /// The supervisor loads and stores; users must have no access (SMAP).
    SupervisorData,
    /// Users fetch.
    UserText,
}

impl Rights {
    /// Whether stores are needed.
    pub fn write(self) -> bool {
        self == Self::SupervisorData
    }

    /// Whether fetches are needed.
    pub fn fetch(self) -> bool {
        self != Self::SupervisorData
    }

    /// Whether it is for users.
    pub fn user(self) -> bool {
        self == Self::UserText
    }
}

/// The machines that run here, and those that do not.
#[derive(Debug)]
pub struct Available {
    /// Machines that answered.
    pub machines: Vec<Box<dyn Machine>>,
    /// Machines that did not.
    pub missing: Vec<Missing>,
}

impl Available {
    /// The machine of that name.
    pub fn machine(&self, name: &str) -> Option<&dyn Machine> {
        self.machines.iter().find(|machine| machine.name() == name).map(AsRef::as_ref)
    }
}

/// A machine that does not run here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Its name.
    pub name: &'static str,
    /// What happened when it was tried.
    pub reason: String,
    /// How to get it.
    pub remedy: &'static str,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.name, self.reason, self.remedy)
    }
}

/// The names of all machines.
pub mod names {
    /// The processor itself.
    pub const KVM_X86_64: &str = "KVM x86-64";
    /// QEMU's emulation of x86-64.
    pub const QEMU_X86_64: &str = "QEMU x86-64";
    /// QEMU's emulation of 32-bit x86, as guests of a hypervisor.
    pub const QEMU_X86_GUESTS: &str = "QEMU x86 guests";
    /// QEMU's emulation of nested paging.
    pub const QEMU_X86_NESTED: &str = "QEMU x86 nested";
    /// QEMU's emulation of RISC-V, 64 bits.
    pub const QEMU_RISC_V: &str = "QEMU RISC-V";
    /// QEMU's emulation of RISC-V, 32 bits.
    pub const QEMU_RISC_V_32: &str = "QEMU RISC-V 32";
    /// QEMU's emulation of LoongArch64.
    pub const QEMU_LOONGARCH: &str = "QEMU LoongArch";
    /// QEMU's emulation of AArch64.
    pub const QEMU_AARCH64: &str = "QEMU AArch64";
    /// QEMU's emulation of AArch32.
    pub const QEMU_ARM32: &str = "QEMU AArch32";
    /// QEMU's VT-d unit.
    pub const QEMU_VT_D: &str = "QEMU VT-d";
    /// QEMU's AMD-Vi unit.
    pub const QEMU_AMD_VI: &str = "QEMU AMD-Vi";
    /// QEMU's SMMUv3.
    pub const QEMU_SMMU: &str = "QEMU SMMUv3";
    /// QEMU's emulation of POWER9.
    pub const QEMU_POWER: &str = "QEMU POWER9";
    /// QEMU's emulation of s390x.
    pub const QEMU_S390X: &str = "QEMU s390x";
    /// All of them.
    pub const ALL: [&str; 14] = [
        KVM_X86_64,
        QEMU_X86_64,
        QEMU_X86_GUESTS,
        QEMU_X86_NESTED,
        QEMU_RISC_V,
        QEMU_RISC_V_32,
        QEMU_LOONGARCH,
        QEMU_AARCH64,
        QEMU_ARM32,
        QEMU_VT_D,
        QEMU_AMD_VI,
        QEMU_SMMU,
        QEMU_POWER,
        QEMU_S390X,
    ];
}

type Find = fn() -> Result<Box<dyn Machine>, Missing>;

/// How to find each machine.
const FINDERS: [(&str, Find); 14] = [
    (names::KVM_X86_64, || Ok(Box::new(Kvm::find()?))),
    (names::QEMU_X86_64, || Ok(Box::new(QemuX86_64::find()?))),
    (names::QEMU_X86_GUESTS, || Ok(Box::new(QemuGuests::find_protected()?))),
    (names::QEMU_X86_NESTED, || Ok(Box::new(QemuGuests::find_nested()?))),
    (names::QEMU_RISC_V, || Ok(Box::new(QemuRiscV::find()?))),
    (names::QEMU_RISC_V_32, || Ok(Box::new(QemuRiscV::find_narrow()?))),
    (names::QEMU_LOONGARCH, || Ok(Box::new(QemuLoongArch::find()?))),
    (names::QEMU_AARCH64, || Ok(Box::new(QemuAArch64::find()?))),
    (names::QEMU_ARM32, || Ok(Box::new(QemuArm32::find()?))),
    (names::QEMU_VT_D, || Ok(Box::new(QemuIommu::vt_d()?))),
    (names::QEMU_AMD_VI, || Ok(Box::new(QemuIommu::amd_vi()?))),
    (names::QEMU_SMMU, || Ok(Box::new(QemuIommu::smmu()?))),
    (names::QEMU_POWER, || Ok(Box::new(QemuPower::find()?))),
    (names::QEMU_S390X, || Ok(Box::new(QemuS390x::find()?))),
];

/// Tries every machine. Each is started once or twice to see what it can do, some tenths of a second together.
pub fn available() -> Available {
    available_of(&names::ALL)
}

/// Tries the machines of these [`names`].
///
/// # Panics
/// If there is no machine of such a name anywhere.
pub fn available_of(names: &[&str]) -> Available {
    let mut found = Available { machines: Vec::new(), missing: Vec::new() };
    for name in names {
        let (_, find) = FINDERS.iter().find(|(known, _)| known == name).expect("the name of a machine");
        match find() {
            Ok(machine) => found.machines.push(machine),
            Err(missing) => found.missing.push(missing),
        }
    }
    found
}

/// The machines of these [`names`] that a test can use, with one rule for those that are missing.
///
/// Each missing machine is named on standard output (`NOT RUN: …`). Where tests have to be complete, that is where the
/// environment has the variable `CI`, a missing emulator fails the test; a missing `/dev/kvm` does not, as it is no
/// matter of installing something.
///
/// # Panics
/// As said; that is what it is for.
pub fn machines_for_tests(names: &[&str]) -> Vec<Box<dyn Machine>> {
    let Available { machines, missing } = available_of(names);
    for missing in missing {
        println!("NOT RUN: {missing}");
        let complete = std::env::var_os("CI").is_some();
        assert!(!complete || missing.name == names::KVM_X86_64, "NOT RUN, although CI is set: {missing}");
    }
    machines
}
