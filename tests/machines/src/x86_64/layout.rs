//! Where things are in an x86-64 machine's memory, and the descriptor tables that the processor wants.

use std::io;
use std::ops::Range;

use crate::control::{self, Control};
use crate::{Image, MachineError, Mmu, Reserved, Rights, X86_64Features, X86_64Mmu};

/// Physical memory: from 0, so that it is also what a PC has.
const BYTES: u64 = 2 << 30;
/// The control area. Its VAs are its physical addresses: the 32-bit code that turns paging on stands in it.
pub(crate) const CONTROL: u64 = 0x20_0000;

/// The global descriptor table.
pub(crate) const GDT: u64 = control::PRIVATE;
/// The task-state segment.
const TSS: u64 = control::PRIVATE + 0x100;
/// Operand of `lidt`.
pub(crate) const IDT_POINTER: u64 = control::PRIVATE + 0x200;
/// Operand of `lgdt`.
pub(crate) const GDT_POINTER: u64 = control::PRIVATE + 0x210;
/// The end of the stack.
pub(crate) const STACK_END: u64 = control::PRIVATE + 0x2000;
/// The interrupt descriptor table.
const IDT: u64 = control::PRIVATE + 0x2000;

/// Selector of the supervisor's 64-bit code segment.
pub(crate) const CODE: u16 = 0x08;
/// Selector of the supervisor's data segment.
pub(crate) const DATA: u16 = 0x10;
/// Selector of the users' data segment.
pub(crate) const USER_DATA: u16 = 0x18 | 3;
/// Selector of the users' 64-bit code segment.
pub(crate) const USER_CODE: u16 = 0x20 | 3;
/// Selector of the 32-bit code segment that the boot code uses.
pub(crate) const CODE32: u16 = 0x28;
/// Selector of the task-state segment.
pub(crate) const TASK: u16 = 0x30;

/// Vectors that exceptions use.
pub(crate) const VECTORS: u64 = 32;
/// The breakpoint exception, by which probes end.
pub(crate) const BREAKPOINT: u64 = 3;

/// The exception for an undefined instruction.
pub(crate) const UNDEFINED: u64 = 6;

/// Indices of the settings in the header.
pub(crate) mod setting {
    pub(crate) const CR3: u64 = 0;
    pub(crate) const CR4: u64 = 1;
    pub(crate) const EFER: u64 = 2;
    pub(crate) const CR0: u64 = 3;
    pub(crate) const PKRU: u64 = 4;
}

/// CR0: PE, MP, ET, NE, PG (Intel SDM vol. 3A, 2.5).
const CR0: u64 = 0x8000_0033;
const CR0_WP: u64 = 1 << 16;
const CR4_PAE: u64 = 1 << 5;
const CR4_LA57: u64 = 1 << 12;
const CR4_SMEP: u64 = 1 << 20;
const CR4_SMAP: u64 = 1 << 21;
/// CR4.PKE: protection keys of user pages.
pub(crate) const CR4_PKE: u64 = 1 << 22;
/// EFER: SCE, LME.
const EFER: u64 = 0x101;
const EFER_NXE: u64 = 1 << 11;

/// The descriptor table: null, 64-bit code, data, user data, user 64-bit code, 32-bit code. All are flat, present and
/// already accessed (Intel SDM vol. 3A, 3.4.5).
pub(crate) const DESCRIPTORS: [u64; 6] = [
    0,
    0x00af_9b00_0000_ffff,
    0x00cf_9300_0000_ffff,
    0x00cf_f300_0000_ffff,
    0x00af_fb00_0000_ffff,
    0x00cf_9b00_0000_ffff,
];

/// New memory.
pub(crate) fn new_image() -> io::Result<Image> {
    Image::new(0, BYTES)
}

/// Refuses other memory.
pub(crate) fn check_image(image: &Image) -> Result<(), MachineError> {
    if image.base() == 0 && image.bytes() == BYTES {
        Ok(())
    } else {
        Err(MachineError::WrongImage(format!("{image:?}")))
    }
}

/// What is left for tables and pages.
pub(crate) fn memory() -> Range<u64> {
    CONTROL + control::BYTES..BYTES
}

/// What the tables must map.
pub(crate) const RESERVED: [Reserved; 3] = [
    identity(0, control::TEXT2, Rights::SupervisorText),
    identity(control::TEXT2, control::HEADER - control::TEXT2, Rights::UserText),
    identity(control::HEADER, control::BYTES - control::HEADER, Rights::SupervisorData),
];

const fn identity(offset: u64, bytes: u64, rights: Rights) -> Reserved {
    Reserved { va: CONTROL + offset, oa: CONTROL + offset, bytes, rights }
}

/// Values of the control registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registers {
    pub(crate) cr0: u64,
    pub(crate) cr3: u64,
    pub(crate) cr4: u64,
    pub(crate) efer: u64,
    pub(crate) pkru: u32,
}

impl Registers {
    /// The registers for a configuration, if the processor has what it asks for.
    pub(crate) fn new(mmu: &Mmu, features: &X86_64Features) -> Result<Self, MachineError> {
        let Mmu::X86_64(mmu) = mmu else {
            return Err(MachineError::Unsupported(format!("{mmu:?}")));
        };
        check_features(mmu, features)?;
        let bit = |condition: bool, bit: u64| if condition { bit } else { 0 };
        Ok(Self {
            cr0: CR0 | bit(mmu.write_protect, CR0_WP),
            cr3: mmu.root,
            cr4: CR4_PAE
                | bit(mmu.five_levels, CR4_LA57)
                | bit(mmu.smep, CR4_SMEP)
                | bit(mmu.smap, CR4_SMAP)
                | bit(mmu.protection_keys.is_some(), CR4_PKE),
            efer: EFER | bit(mmu.no_execute, EFER_NXE),
            pkru: mmu.protection_keys.unwrap_or(0),
        })
    }

    /// Writes the registers where the boot code and the stub look for them.
    pub(crate) fn store(&self, control: Control<'_>) {
        control.set(setting::CR0, self.cr0);
        control.set(setting::CR3, self.cr3);
        control.set(setting::CR4, self.cr4);
        control.set(setting::EFER, self.efer);
        control.set(setting::PKRU, u64::from(self.pkru));
    }
}

fn check_features(mmu: &X86_64Mmu, features: &X86_64Features) -> Result<(), MachineError> {
    let asked = [
        (mmu.five_levels, features.five_levels, "five levels"),
        (mmu.no_execute, features.no_execute, "the no-execute bit"),
        (mmu.smep, features.smep, "SMEP"),
        (mmu.smap, features.smap, "SMAP"),
        (mmu.protection_keys.is_some(), features.protection_keys, "protection keys"),
    ];
    for (wanted, offered, what) in asked {
        if wanted && !offered {
            return Err(MachineError::Unsupported(what.to_owned()));
        }
    }
    Ok(())
}

/// Writes the descriptor tables. `handlers` are the VAs of the exception handlers.
pub(crate) fn write_tables(control: Control<'_>, handlers: &[u64]) {
    let put = |offset: u64, word: u64| control.write(offset, &word.to_le_bytes());
    for (index, descriptor) in (0..).zip(DESCRIPTORS) {
        put(GDT + 8 * index, descriptor);
    }
    // A 64-bit TSS takes two slots (Intel SDM vol. 3A, 8.2.3). Only its stack pointer for CPL 0 is used.
    let tss = CONTROL + TSS;
    let low = 0x67 | (tss & 0xff_ffff) << 16 | 0x89 << 40 | (tss >> 24 & 0xff) << 56;
    put(GDT + u64::from(TASK), low);
    put(GDT + u64::from(TASK) + 8, tss >> 32);
    control.write(TSS, &[0; 0x68]);
    control.write(TSS + 4, &(CONTROL + STACK_END).to_le_bytes());
    for (vector, handler) in (0..).zip(handlers) {
        // An interrupt gate; users may call the one for breakpoints (Intel SDM vol. 3A, 7.14.1).
        let level = if vector == BREAKPOINT { 3 } else { 0 };
        let low = handler & 0xffff | u64::from(CODE) << 16 | (0x8e | level << 5) << 40 | (handler >> 16 & 0xffff) << 48;
        put(IDT + 16 * vector, low);
        put(IDT + 16 * vector + 8, handler >> 32);
    }
    let pointer = |at: u64, base: u64, bytes: u64| {
        control.write(at, &(bytes as u16 - 1).to_le_bytes());
        control.write(at + 2, &(CONTROL + base).to_le_bytes());
    };
    pointer(IDT_POINTER, IDT, VECTORS * 16);
    pointer(GDT_POINTER, GDT, u64::from(TASK) + 16);
}

/// Reads the features from CPUID: `edx` of leaf 0x8000_0001, `eax` of leaf 0x8000_0008, `ebx` and `ecx` of leaf 7.
pub(crate) fn features(extended: u32, sizes: u32, ebx: u32, ecx: u32) -> X86_64Features {
    X86_64Features {
        five_levels: ecx >> 16 & 1 != 0,
        gigabyte_pages: extended >> 26 & 1 != 0,
        no_execute: extended >> 20 & 1 != 0,
        protection_keys: ecx >> 3 & 1 != 0,
        smep: ebx >> 7 & 1 != 0,
        smap: ebx >> 20 & 1 != 0,
        oa_bits: (sizes & 0xff) as u8,
        va_bits: (sizes >> 8 & 0xff) as u8,
    }
}
