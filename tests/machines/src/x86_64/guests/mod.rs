//! Guests of a hypervisor in QEMU's emulation of x86-64.
//!
//! The hypervisor ([`stub`]) is in long mode, under tables of its own. For each probe it runs a guest that does the one
//! access and comes back: by an exception, or because nested tables refuse it. So a guest needs no handlers, nothing but a
//! page of code:
//!
//! - a guest of 32 bits has the tables under test as its own, in any mode that such a processor has;
//! - a guest of 64 bits, with tables made here, accesses one page that they lead to the guest-physical address that is
//!   probed; the tables under test are the nested ones.

mod control_block;
mod outcome;
mod places;
mod stub;

use std::io;
use std::ops::Range;

use control_block::Guest;

use super::layout::{self, setting};
use super::qemu::QemuX86_64;
use crate::control::{self, Control};
use crate::machine::{Machine, Missing, Reserved, Rights};
use crate::{Features, Image, MachineError, Mmu, NestedMmu, Outcome, Probe, X86Mmu};

/// What a guest's own tables, or those below it, must map: its code.
const CODE: Reserved = places::reserved(control::TEXT2, control::HEADER - control::TEXT2, Rights::UserText);
/// What nested tables must map beside it: the guest's own tables, of which walks count as stores.
const TABLES: Reserved = places::reserved(places::PML4, places::END - places::PML4, Rights::SupervisorData);

/// EFER: SCE, LME, SVME (AMD APM vol. 2, 3.1.7 "Extended Feature Enable Register").
const EFER: u64 = 0x1101;
const EFER_NXE: u64 = 1 << 11;
/// CR0 of the hypervisor: PE, MP, ET, NE, WP, PG.
const CR0: u64 = 0x8001_0033;
const CR4_PAE: u64 = 1 << 5;
const CR4_LA57: u64 = 1 << 12;

/// A hypervisor in an emulated PC.
#[derive(Debug)]
pub(crate) struct QemuGuests {
    pc: QemuX86_64,
    name: &'static str,
    reserved: &'static [Reserved],
}

impl QemuGuests {
    /// Starts the emulator once, for guests of 32 bits.
    pub(crate) fn find_protected() -> Result<Self, Missing> {
        Self::find(crate::names::QEMU_X86_GUESTS, &[CODE])
    }

    /// Starts the emulator once, for nested tables.
    pub(crate) fn find_nested() -> Result<Self, Missing> {
        Self::find(crate::names::QEMU_X86_NESTED, &[CODE, TABLES])
    }

    fn find(name: &'static str, reserved: &'static [Reserved]) -> Result<Self, Missing> {
        match QemuX86_64::find() {
            Ok(pc) => Ok(Self { pc, name, reserved }),
            Err(missing) => Err(Missing { name, ..missing }),
        }
    }

    /// Whether nested tables are under test.
    fn is_nested(&self) -> bool {
        self.name == crate::names::QEMU_X86_NESTED
    }

    /// How many bits an address has that is probed.
    fn va_bits(&self) -> u32 {
        // What a guest takes for physical has no more bits than physical addresses.
        if self.is_nested() { u32::from(self.pc.x86.oa_bits) } else { u32::BITS }
    }

    /// Writes all that stands in the control area but the probes.
    fn install(&self, control: Control<'_>, setup: &Setup) {
        stub::install(control, setup.guest.is_protected());
        places::write_host_tables(control);
        places::write_guest_tables(control);
        for user in [false, true] {
            setup.guest.write(control, user);
        }
        control.set(setting::CR0, CR0);
        control.set(setting::CR3, places::host_root(setup.five_levels));
        control.set(setting::CR4, CR4_PAE | if setup.five_levels { CR4_LA57 } else { 0 });
        control.set(setting::EFER, EFER | if setup.no_execute { EFER_NXE } else { 0 });
        control.set(places::WINDOW_SETTING, u64::from(!setup.guest.is_protected()));
    }
}

/// What a configuration means for hypervisor and guest.
struct Setup {
    root: u64,
    /// The hypervisor's own levels, and so those of nested tables.
    five_levels: bool,
    /// The hypervisor's own, and so that of nested tables.
    no_execute: bool,
    guest: Guest,
}

impl Setup {
    fn new(mmu: &Mmu, is_nested: bool) -> Result<Self, MachineError> {
        match mmu {
            Mmu::X86(mmu) if !is_nested => Ok(Self::protected(mmu)),
            Mmu::Nested(mmu) if is_nested => Ok(Self::nested(mmu)),
            _ => Err(MachineError::Unsupported(format!("{mmu:?}"))),
        }
    }

    fn protected(mmu: &X86Mmu) -> Self {
        Self { root: mmu.root, five_levels: false, no_execute: true, guest: Guest::protected(mmu) }
    }

    fn nested(mmu: &NestedMmu) -> Self {
        let NestedMmu { root, five_levels, no_execute } = *mmu;
        Self { root, five_levels, no_execute, guest: Guest::over_nested(root) }
    }
}

impl Machine for QemuGuests {
    fn name(&self) -> &str {
        self.name
    }

    fn features(&self) -> &Features {
        self.pc.features()
    }

    fn new_image(&self) -> io::Result<Image> {
        layout::new_image()
    }

    fn memory(&self) -> Range<u64> {
        layout::memory()
    }

    fn reserved(&self) -> &[Reserved] {
        self.reserved
    }

    /// Not at addresses of more bits than a guest can say.
    fn answers(&self, probe: &Probe) -> bool {
        probe.va >> self.va_bits() == 0
    }

    fn probe(&self, image: &mut Image, mmu: &Mmu, probes: &[Probe]) -> Result<Vec<Outcome>, MachineError> {
        layout::check_image(image)?;
        control::refuse_reserved(self, probes)?;
        let setup = Setup::new(mmu, self.is_nested())?;
        control::check_root(self, setup.root)?;
        let control = Control::new(image, layout::CONTROL);
        control::if_answered(self, probes, |asked| {
            control::in_batches(
                control,
                control::Writes::Real,
                asked,
                || {
                    self.install(control, &setup);
                    let pointers = Pointers::of(mmu, image);
                    self.pc.qemu.run(image, control)?;
                    pointers.unmark();
                    Ok(())
                },
                |probe, record| outcome::decode(image, probe, record, setup.guest.is_protected()),
            )
        })
    }
}

/// The four entries of the root of PAE, as they were before a run.
///
/// QEMU 7.2 marks them as used, in a bit that has to be zero; processors, which load them into registers, do not (Intel SDM
/// vol. 3A, 4.4.1 "PDPTE Registers", table 4-8).
struct Pointers<'a> {
    image: &'a Image,
    words: Vec<(u64, u64)>,
}

impl<'a> Pointers<'a> {
    const ACCESSED: u64 = 1 << 5;

    fn of(mmu: &Mmu, image: &'a Image) -> Self {
        let root = if let Mmu::X86(X86Mmu { pae: true, root, .. }) = mmu { Some(*root) } else { None };
        let words = root.into_iter().flat_map(|root| (0..4).map(move |slot| root + 8 * slot));
        Self { image, words: words.map(|address| (address, image.read_u64(address))).collect() }
    }

    /// Takes the mark back, and nothing else.
    fn unmark(self) {
        for (address, word) in self.words {
            if self.image.read_u64(address) == word | Self::ACCESSED {
                self.image.write_u64(address, word);
            }
        }
    }
}
