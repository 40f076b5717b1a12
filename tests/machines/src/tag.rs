//! The tag block: what a probe finds at the start of a 4 KiB frame, and by which it knows the frame.
//!
//! A read loads the frame's own address and a check word; a write stores into the scratch word; a fetch jumps to a few
//! instructions that load the frame's address into a register and trap back. There is one such sequence for each
//! architecture, at an offset of its own, so that one block serves every machine.

use crate::loongarch;
use dynasmrt::{DynasmApi, VecAssembler, dynasm};
use dynasmrt::{aarch64::Aarch64Relocation, riscv::RiscvRelocation, x64::X64Relocation, x86::X86Relocation};

/// Bytes of a frame.
pub(crate) const FRAME: u64 = 4096;
/// The check word is this, exclusive-or the address of the frame.
pub(crate) const CHECK: u64 = 0x7074_6765_6e54_4147;

/// Offset of the frame's own address.
pub(crate) const ADDRESS: u64 = 0;
/// Offset of the check word.
pub(crate) const CHECK_WORD: u64 = 8;
/// Offset of the word that a write probe stores to.
pub(crate) const SCRATCH: u64 = 24;
/// Offset of the x86-64 instructions.
pub(crate) const X86_64_CODE: u64 = 32;
/// Offset of the RISC-V instructions.
pub(crate) const RISCV_CODE: u64 = 48;
/// Offset of the AArch64 instructions.
pub(crate) const AARCH64_CODE: u64 = 64;
/// Offset of the A32 instructions.
pub(crate) const ARM32_CODE: u64 = 84;
/// Offset of the instructions of s390x.
pub(crate) const S390X_CODE: u64 = 96;
/// Offset of the instructions of POWER.
pub(crate) const POWER_CODE: u64 = 112;
/// Offset of the instructions of 32-bit x86.
pub(crate) const X86_CODE: u64 = 208;
/// Offset of the instructions of LoongArch.
pub(crate) const LOONGARCH_CODE: u64 = 224;
/// Bytes of a tag block.
const BYTES: usize = 240;

/// The frame that contains `address`.
pub(crate) const fn frame(address: u64) -> u64 {
    address & !(FRAME - 1)
}

/// The tag block of the frame at `frame`.
pub(crate) fn block(frame: u64) -> [u8; BYTES] {
    let mut block = [0; BYTES];
    let mut put = |at: u64, bytes: &[u8]| {
        let at = at as usize;
        block[at..at + bytes.len()].copy_from_slice(bytes);
    };
    put(ADDRESS, &frame.to_le_bytes());
    put(CHECK_WORD, &(frame ^ CHECK).to_le_bytes());
    put(X86_64_CODE, &x86_64_code(frame));
    put(X86_CODE, &x86_code(frame));
    put(RISCV_CODE, &riscv_code(frame));
    put(AARCH64_CODE, &aarch64_code(frame));
    put(ARM32_CODE, &arm32_code(frame));
    put(S390X_CODE, &crate::s390x::tag_code(frame));
    put(POWER_CODE, &crate::power::tag_code(frame));
    put(LOONGARCH_CODE, &loongarch::tag_code((frame / FRAME) as u32));
    block
}

/// Loads the address of the frame into `rax` and goes to where `rbp` points.
fn x86_64_code(frame: u64) -> Vec<u8> {
    let mut ops = VecAssembler::<X64Relocation>::new(0);
    dynasm!(ops
        ; .arch x64
        ; mov rax, QWORD frame.cast_signed()
        ; jmp rbp
    );
    ops.finalize().expect("no label is used")
}

/// Loads the address of the frame into `eax` and `ecx` and goes to where `ebp` points.
fn x86_code(frame: u64) -> Vec<u8> {
    let mut ops = VecAssembler::<X86Relocation>::new(0);
    dynasm!(ops
        ; .arch x86
        ; mov eax, (frame as u32).cast_signed()
        ; mov ecx, ((frame >> 32) as u32).cast_signed()
        ; jmp ebp
    );
    ops.finalize().expect("no label is used")
}

/// Loads the *number* of the frame, as 32 bits, into `a0` and calls the environment.
fn riscv_code(frame: u64) -> Vec<u8> {
    let number = (frame / FRAME) as u32;
    // `addi` sign-extends, so the upper part is rounded; both wrap in 32 bits, which is all that is read.
    let upper = (number.wrapping_add(0x800) & 0xffff_f000).cast_signed();
    let lower = (((number & 0xfff) << 20).cast_signed()) >> 20;
    let mut ops = VecAssembler::<RiscvRelocation>::new(0);
    dynasm!(ops
        ; .arch riscv64i
        ; lui x10, upper
        ; addi x10, x10, lower
        ; ecall
    );
    ops.finalize().expect("no label is used")
}

/// Loads the address of the frame into `x0` and calls the supervisor, which from EL1 is itself.
fn aarch64_code(frame: u64) -> Vec<u8> {
    let part = |shift: u32| ((frame >> shift) & 0xffff) as u32;
    let mut ops = VecAssembler::<Aarch64Relocation>::new(0);
    dynasm!(ops
        ; .arch aarch64
        ; movz x0, part(0)
        ; movk x0, part(16), lsl #16
        ; movk x0, part(32), lsl #32
        ; movk x0, part(48), lsl #48
        ; svc #0
    );
    ops.finalize().expect("no label is used")
}

/// Loads the *number* of the frame into `r0` and calls the supervisor (Arm DDI 0487, the A32 instructions MOV, MOVT, SVC).
fn arm32_code(frame: u64) -> [u8; 12] {
    let number = (frame / FRAME) as u32;
    let part = |half: u32| (half >> 12 & 0xf) << 16 | half & 0xfff;
    let words = [0xe300_0000 | part(number & 0xffff), 0xe340_0000 | part(number >> 16), 0xef00_0000_u32];
    let mut bytes = [0; 12];
    for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::{RISCV_CODE, X86_64_CODE, block};

    #[test]
    fn the_block_names_its_frame() {
        let block = block(0x1234_5000);
        assert_eq!(block[..8], 0x1234_5000_u64.to_le_bytes());
        // mov rax, imm64; jmp rbp
        let code = X86_64_CODE as usize;
        assert_eq!(block[code..code + 2], [0x48, 0xb8]);
        assert_eq!(block[code + 2..code + 10], 0x1234_5000_u64.to_le_bytes());
        assert_eq!(block[code + 10..code + 12], [0xff, 0xe5]);
    }

    #[test]
    fn the_number_of_a_frame_survives_sign_extension() {
        // Frame number 0x80fff: `lui a0, 0x81; addi a0, a0, -1`.
        let block = block(0x80ff_f000);
        let code = RISCV_CODE as usize;
        assert_eq!(block[code..code + 4], 0x0008_1537_u32.to_le_bytes());
        assert_eq!(block[code + 4..code + 8], 0xfff5_0513_u32.to_le_bytes());
    }
}
