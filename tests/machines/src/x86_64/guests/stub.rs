//! The hypervisor, in x86-64 instructions, and what its guests do.
//!
//! `r12` points to the probe, `r13` to its result, `r14` counts the probes left. A guest shares the registers that its
//! control block does not have: `rdi` is the address of a frame, `esi` the value to store, `rbp` where an access that went
//! through ends, at an undefined instruction. It finds the two words of a tag in `rax` and `rdx`, whose upper halves are in
//! `rcx` and `rbx` if the guest has 32 bits.

use dynasmrt::{AssemblyOffset, DynamicLabel, DynasmApi, DynasmLabelApi, VecAssembler, dynasm};
use dynasmrt::{x64::X64Relocation, x86::X86Relocation};

use super::super::layout::{self, CONTROL, DATA, STACK_END};
use super::super::stub::{BOOT, EXIT_PORT, boot};
use super::control_block::{exit, save};
use super::places::{BLOCK, ENTRY, HOST_STATE, WINDOW, WINDOW_ENTRY, WINDOW_SETTING};
use crate::control::{Control, DONE, HEADER, PROBE_BYTES, PROBES, RESULT_BYTES, RESULTS, TEXT2, USER, header};
use crate::tag;

/// Bytes between the starts of two accesses.
const ACCESS_BYTES: usize = 32;
/// Where an access ends that went through.
pub(super) const ARRIVED: u64 = CONTROL + TEXT2 + 3 * ACCESS_BYTES as u64;

/// VM_HSAVE_PA (AMD APM vol. 2, "SVM Related MSRs").
const VM_HSAVE_PA: i32 = 0xc001_0117_u32.cast_signed();

/// Writes the hypervisor, the code that starts it, and the guest's.
pub(super) fn install(control: Control<'_>, is_protected: bool) {
    let text = text();
    assert!(text.len() as u64 <= BOOT, "the stub fits before the boot code");
    control.write(0, &text);
    control.write(BOOT, &boot());
    control.write(TEXT2, &if is_protected { accesses32() } else { accesses64() });
    layout::write_tables(control, &[]);
}

fn text() -> Vec<u8> {
    let mut ops = VecAssembler::<X64Relocation>::new(0);
    let next = ops.new_dynamic_label();
    emit_start(&mut ops);
    emit_loop(&mut ops, next);
    emit_store(&mut ops, next);
    ops.finalize().expect("every label is defined")
}

/// A field of the header, relative to the register that points to it.
const fn field(offset: u64) -> i32 {
    offset as i32
}

fn emit_start(ops: &mut VecAssembler<X64Relocation>) {
    dynasm!(ops
        ; .arch x64
        ; mov esp, (CONTROL + STACK_END) as i32
        ; mov eax, i32::from(DATA)
        ; mov ds, ax
        ; mov es, ax
        ; mov ss, ax
        ; mov ecx, VM_HSAVE_PA
        ; mov eax, (CONTROL + HOST_STATE) as i32
        ; xor edx, edx
        ; wrmsr
        ; mov r12d, (CONTROL + PROBES) as i32
        ; mov r13d, (CONTROL + RESULTS) as i32
        ; mov r14, [(CONTROL + HEADER + header::COUNT) as i32]
    );
}

/// Takes the next probe and runs a guest, or ends.
fn emit_loop(ops: &mut VecAssembler<X64Relocation>, next: DynamicLabel) {
    dynasm!(ops
        ; .arch x64
        ; =>next
        ; mov ebx, (CONTROL + HEADER) as i32
        ; mov [rbx + field(header::LEFT)], r14
        ; test r14, r14
        ; jz >done
        ; mov rdi, [r12]
        ; mov ecx, [r12 + 8]
        ; mov esi, [r12 + 12]
        ; mov eax, (CONTROL + BLOCK) as i32
        ; test ecx, USER as i32
        ; jz >supervisor
        ; add eax, 0x1000
        ; supervisor:
        ; and ecx, 3
        ; imul ecx, ecx, ACCESS_BYTES as i32
        ; add ecx, (CONTROL + TEXT2) as i32
        ; mov [rax + save::RIP as i32], rcx
        ; xor edx, edx
        ; mov [rax + save::RAX as i32], rdx
        ; mov ecx, 2
        ; mov [rax + save::RFLAGS as i32], rcx
        // Over nested tables, the guest's own lead the window to the frame.
        ; test DWORD [rbx + field(header::SETTINGS + 8 * WINDOW_SETTING)], 1
        ; jz >direct
        ; or rdi, ENTRY as i32
        ; mov ecx, WINDOW_ENTRY as i32
        ; mov [rcx], rdi
        ; mov edi, WINDOW as i32
        ; direct:
        ; mov ebp, ARRIVED as i32
        ; xor ebx, ebx
        ; xor ecx, ecx
        // vmrun rax
        ; .u8 0x0f
        ; .u8 0x01
        ; .u8 0xd8
        ; jmp >store
        ; done:
        ; mov eax, DONE as i32
        ; mov [rbx + field(header::STATE)], rax
        ; mov dx, EXIT_PORT.cast_signed()
        ; xor eax, eax
        ; out dx, al
        ; forever:
        ; hlt
        ; jmp <forever
        ; store:
    );
}

/// Stores the result and goes on. `rax` points to the control block again.
fn emit_store(ops: &mut VecAssembler<X64Relocation>, next: DynamicLabel) {
    dynasm!(ops
        ; .arch x64
        ; shl rcx, 32
        ; or rcx, [rax + save::RAX as i32]
        ; mov [r13 + 16], rcx
        ; shl rbx, 32
        ; or rbx, rdx
        ; mov [r13 + 24], rbx
        ; mov rcx, [rax + exit::CODE as i32]
        ; mov [r13], rcx
        ; mov rcx, [rax + exit::INFO1 as i32]
        ; mov [r13 + 8], rcx
        ; mov rcx, [rax + exit::INFO2 as i32]
        ; mov [r13 + 32], rcx
        ; mov rcx, [rax + save::RIP as i32]
        ; mov [r13 + 40], rcx
        ; add r12, PROBE_BYTES as i32
        ; add r13, RESULT_BYTES as i32
        ; dec r14
        ; jmp =>next
    );
}

/// Three accesses, at equal distances, and where they end.
fn accesses64() -> Vec<u8> {
    let mut ops = VecAssembler::<X64Relocation>::new(0);
    dynasm!(ops
        ; .arch x64
        ; mov rax, [rdi + tag::ADDRESS as i32]
        ; mov rdx, [rdi + tag::CHECK_WORD as i32]
        ; jmp rbp
        ; .align ACCESS_BYTES
        ; mov [rdi + tag::SCRATCH as i32], rsi
        ; mov rax, [rdi + tag::ADDRESS as i32]
        ; mov rdx, [rdi + tag::CHECK_WORD as i32]
        ; jmp rbp
        ; .align ACCESS_BYTES
        ; add rdi, tag::X86_64_CODE as i32
        ; jmp rdi
        ; .align ACCESS_BYTES
        ; ud2
    );
    debug_assert_eq!(ops.offset(), AssemblyOffset(3 * ACCESS_BYTES + 2));
    ops.finalize().expect("no label is used")
}

/// The same in 32 bits.
fn accesses32() -> Vec<u8> {
    let mut ops = VecAssembler::<X86Relocation>::new(0);
    dynasm!(ops
        ; .arch x86
        ; mov eax, [edi + tag::ADDRESS as i32]
        ; mov ecx, [edi + tag::ADDRESS as i32 + 4]
        ; mov edx, [edi + tag::CHECK_WORD as i32]
        ; mov ebx, [edi + tag::CHECK_WORD as i32 + 4]
        ; jmp ebp
        ; .align ACCESS_BYTES
        ; mov [edi + tag::SCRATCH as i32], esi
        ; mov eax, [edi + tag::ADDRESS as i32]
        ; mov ecx, [edi + tag::ADDRESS as i32 + 4]
        ; mov edx, [edi + tag::CHECK_WORD as i32]
        ; mov ebx, [edi + tag::CHECK_WORD as i32 + 4]
        ; jmp ebp
        ; .align ACCESS_BYTES
        ; add edi, tag::X86_CODE as i32
        ; jmp edi
        ; .align ACCESS_BYTES
        ; ud2
    );
    debug_assert_eq!(ops.offset(), AssemblyOffset(3 * ACCESS_BYTES + 2));
    ops.finalize().expect("no label is used")
}
