//! The processor itself, through KVM.
//!
//! The guest has no firmware and no devices: its registers are set so that it starts in long mode at the stub. An
//! address without memory is a device of ours that answers every load with a tag, so that an OA anywhere in the
//! physical address space can be checked.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use kvm_bindings::{CpuId, KVM_MAX_CPUID_ENTRIES, kvm_regs, kvm_segment, kvm_sregs, kvm_userspace_memory_region};
use kvm_ioctls::{VcpuExit, VcpuFd, VmFd};
use vm_memory::MmapRegion;

use super::layout::{self, CODE, DATA, Registers};
use super::stub::Entries;
use super::{calibrate, outcome, stub};
use crate::control::{self, Control};
use crate::machine::{Machine, Missing, Reserved};
use crate::{Features, Image, MachineError, Mmu, Outcome, Probe, X86_64Features, tag};

const NAME: &str = crate::names::KVM_X86_64;
/// How long a run may take. A full batch takes some tens of milliseconds.
const DEADLINE: Duration = Duration::from_secs(30);
/// The first VA of the upper half, and a few VAs that are not canonical.
const UPPER_HALF: u64 = 1 << 63;
/// EFER.LMA: long mode is active. The processor sets it itself when paging is turned on; here it is set with the rest.
const EFER_LMA: u64 = 1 << 10;

/// An x86-64 processor through `/dev/kvm`.
#[derive(Debug)]
pub(crate) struct Kvm {
    features: Features,
    x86: X86_64Features,
    cpuid: CpuId,
    /// Whether what users do in the upper half is the guest's affair.
    user_upper_half: bool,
}

impl Kvm {
    /// Opens KVM and asks what it offers to guests.
    pub(crate) fn find() -> Result<Self, Missing> {
        let missing = |reason: String| Missing {
            name: NAME,
            reason,
            remedy: "use a Linux host with virtualization enabled, and join the group that owns /dev/kvm",
        };
        let kvm = kvm_ioctls::Kvm::new().map_err(|error| missing(format!("/dev/kvm cannot be opened: {error}")))?;
        let cpuid = kvm
            .get_supported_cpuid(KVM_MAX_CPUID_ENTRIES)
            .map_err(|error| missing(format!("KVM does not tell its features: {error}")))?;
        let x86 = features(&cpuid);
        let mut machine = Self { features: Features::X86_64(x86.clone()), x86, cpuid, user_upper_half: true };
        machine.user_upper_half =
            calibrate::user_upper_half(&machine).map_err(|error| missing(format!("a first guest failed: {error}")))?;
        Ok(machine)
    }

    /// Runs the stub once, in a thread of its own: a guest that loops cannot be stopped, only left behind.
    fn run(&self, control: Control<'_>, entries: Entries, registers: Registers) -> Result<(), MachineError> {
        let guest = Guest { memory: Arc::clone(control.image.region()), cpuid: self.cpuid.clone(), entries, registers };
        let (sender, receiver) = mpsc::channel();
        thread::Builder::new().name("guest".to_owned()).spawn(move || sender.send(guest.run()))?;
        match receiver.recv_timeout(DEADLINE) {
            Ok(Ok(())) if control.done() => Ok(()),
            Ok(Ok(())) => Err(self.stopped(control, "the guest left without finishing")),
            Ok(Err(GuestError::Start(error))) => Err(MachineError::Start(error)),
            Ok(Err(GuestError::Stopped(reason))) => Err(self.stopped(control, &reason)),
            Err(RecvTimeoutError::Timeout) => Err(MachineError::Timeout { left: control.left() }),
            Err(RecvTimeoutError::Disconnected) => Err(self.stopped(control, "the guest's thread panicked")),
        }
    }

    fn stopped(&self, control: Control<'_>, reason: &str) -> MachineError {
        MachineError::Stopped { reason: reason.to_owned(), left: control.left() }
    }
}

impl Machine for Kvm {
    fn name(&self) -> &str {
        NAME
    }

    fn features(&self) -> &Features {
        &self.features
    }

    fn new_image(&self) -> io::Result<Image> {
        layout::new_image()
    }

    fn memory(&self) -> Range<u64> {
        layout::memory()
    }

    fn reserved(&self) -> &[Reserved] {
        &layout::RESERVED
    }

    fn reaches_any_oa_from(&self) -> Option<u64> {
        Some(layout::memory().end)
    }

    fn answers(&self, probe: &Probe) -> bool {
        self.user_upper_half || !probe.user || probe.va < UPPER_HALF
    }

    fn probe(&self, image: &mut Image, mmu: &Mmu, probes: &[Probe]) -> Result<Vec<Outcome>, MachineError> {
        layout::check_image(image)?;
        control::refuse_reserved(self, probes)?;
        let registers = Registers::new(mmu, &self.x86)?;
        control::check_root(self, registers.cr3)?;
        let control = Control::new(image, layout::CONTROL);
        control::if_answered(self, probes, |asked| {
            control::in_batches(
                control,
                control::Writes::Real,
                asked,
                || {
                    let entries = stub::install(control);
                    registers.store(control);
                    self.run(control, entries, registers)
                },
                |probe, record| outcome::decode(image, probe, record),
            )
        })
    }
}

/// What CPUID says (Intel SDM vol. 2A, "CPUID").
fn features(cpuid: &CpuId) -> X86_64Features {
    let leaf = |function: u32| {
        cpuid
            .as_slice()
            .iter()
            .find(|entry| entry.function == function && entry.index == 0)
            .copied()
            .unwrap_or_default()
    };
    let (extended, sizes, structured) = (leaf(0x8000_0001), leaf(0x8000_0008), leaf(7));
    layout::features(extended.edx, sizes.eax, structured.ebx, structured.ecx)
}

/// Why a guest did not finish.
enum GuestError {
    Start(io::Error),
    Stopped(String),
}

impl From<kvm_ioctls::Error> for GuestError {
    fn from(error: kvm_ioctls::Error) -> Self {
        Self::Start(error.into())
    }
}

/// A guest that has not started yet.
struct Guest {
    memory: Arc<MmapRegion>,
    cpuid: CpuId,
    entries: Entries,
    registers: Registers,
}

impl Guest {
    /// Runs the guest until it writes to the exit port.
    fn run(self) -> Result<(), GuestError> {
        let kvm = kvm_ioctls::Kvm::new()?;
        let vm = kvm.create_vm()?;
        self.give_memory(&vm)?;
        let mut vcpu = vm.create_vcpu(0)?;
        vcpu.set_cpuid2(&self.cpuid)?;
        self.set_registers(&vcpu)?;
        loop {
            match vcpu.run() {
                Ok(VcpuExit::IoOut(stub::EXIT_PORT, _)) => return Ok(()),
                Ok(VcpuExit::MmioRead(address, data)) => answer(address, data),
                // A tag takes every store; the load behind it shows where it went.
                Ok(VcpuExit::MmioWrite(..)) => {}
                // KVM can go on after a fetch from where no memory is, but cannot do the fetch.
                Ok(VcpuExit::InternalError) => self.skip(&vcpu)?,
                Ok(VcpuExit::Shutdown) => {
                    return Err(GuestError::Stopped("triple fault".to_owned()));
                }
                Ok(exit) => return Err(GuestError::Stopped(format!("{exit:?}"))),
                Err(error) if error.errno() == rustix::io::Errno::INTR.raw_os_error() => {}
                Err(error) => return Err(GuestError::Stopped(error.to_string())),
            }
        }
    }

    /// Ends the current probe as an undefined instruction does, unless the stub itself is what KVM cannot run.
    ///
    /// KVM may have queued just that exception, which then interrupts this before its first instruction and has the
    /// same effect.
    fn skip(&self, vcpu: &VcpuFd) -> Result<(), GuestError> {
        let mut registers = vcpu.get_regs()?;
        if stub::contains(registers.rip) {
            let reason = format!("KVM cannot run the instruction at {:#x}", registers.rip);
            return Err(GuestError::Stopped(reason));
        }
        registers.rip = self.entries.skip;
        registers.rsp = layout::CONTROL + layout::STACK_END;
        vcpu.set_regs(&registers)?;
        let mut special = vcpu.get_sregs()?;
        supervisor_segments(&mut special);
        vcpu.set_sregs(&special)?;
        Ok(())
    }

    fn give_memory(&self, vm: &VmFd) -> Result<(), GuestError> {
        let region = kvm_userspace_memory_region {
            slot: 0,
            flags: 0,
            guest_phys_addr: 0,
            memory_size: self.memory.size() as u64,
            userspace_addr: self.memory.as_ptr() as u64,
        };
        #[expect(unsafe_code, reason = "the one call that gives the guest memory of this process")]
        // SAFETY: the range is exactly one mapping of ours, readable and writable, and `self.memory` keeps it mapped
        // until `run`, which owns `self`, returns and has dropped the guest. What the guest stores there can surprise
        // nobody: this process reaches the mapping only through volatile and atomic accesses.
        unsafe {
            vm.set_user_memory_region(region)?;
        }
        Ok(())
    }

    /// Long mode, with the tables under test, at the entry of the stub. The stub loads its own descriptor tables.
    fn set_registers(&self, vcpu: &VcpuFd) -> Result<(), GuestError> {
        let mut special = vcpu.get_sregs()?;
        special.cr0 = self.registers.cr0;
        special.cr3 = self.registers.cr3;
        special.cr4 = self.registers.cr4;
        special.efer = self.registers.efer | EFER_LMA;
        supervisor_segments(&mut special);
        vcpu.set_sregs(&special)?;
        vcpu.set_regs(&kvm_regs { rip: self.entries.start, rflags: 2, ..kvm_regs::default() })?;
        Ok(())
    }
}

/// Flat segments, 64-bit code.
fn supervisor_segments(special: &mut kvm_sregs) {
    special.cs = segment(CODE, 0xb, true);
    let data = segment(DATA, 0x3, false);
    (special.ds, special.es, special.ss) = (data, data, data);
}

/// A flat segment of the supervisor.
fn segment(selector: u16, kind: u8, long: bool) -> kvm_segment {
    kvm_segment {
        base: 0,
        limit: u32::MAX,
        selector,
        type_: kind,
        present: 1,
        dpl: 0,
        db: u8::from(!long),
        s: 1,
        l: u8::from(long),
        g: 1,
        ..kvm_segment::default()
    }
}

/// Answers a load from where no memory is with the word that a tag would have there.
fn answer(address: u64, data: &mut [u8]) {
    let frame = tag::frame(address);
    let word = match address - frame {
        tag::ADDRESS => frame,
        tag::CHECK_WORD => frame ^ tag::CHECK,
        _ => 0,
    };
    let bytes = data.len().min(8);
    data[..bytes].copy_from_slice(&word.to_le_bytes()[..bytes]);
}
