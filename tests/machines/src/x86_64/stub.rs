//! The program that probes, in x86-64 instructions.
//!
//! It runs in long mode under the tables under test, with interrupts off. An access that goes through ends where `rbp`
//! points; from user mode, that is a breakpoint instruction. One that does not is an exception. Either way the handler
//! stores what it sees and goes on with the next probe; nothing ever returns from an exception.
//!
//! `r12` points to the probe, `r13` to its result, `r14` counts the probes left. Neither the accesses nor the code in
//! tags touch these, so they survive a visit to user mode.
//!
//! The supervisor uses only instructions that KVM's own interpreter knows (no software interrupts, for example), because
//! some hosts have no hardware for guests and interpret the supervisor.

use dynasmrt::{AssemblyOffset, DynamicLabel, DynasmApi, DynasmLabelApi, VecAssembler, dynasm};
use dynasmrt::{x64::X64Relocation, x86::X86Relocation};

use super::layout::{
    self, CODE, CODE32, CONTROL, DATA, GDT_POINTER, IDT_POINTER, STACK_END, TASK, USER_CODE, USER_DATA, VECTORS,
    setting,
};
use crate::control::{Control, DONE, HEADER, PROBE_BYTES, PROBES, RESULT_BYTES, RESULTS, TEXT2, USER, header};
use crate::tag;

/// A write to this port ends the run.
pub(crate) const EXIT_PORT: u16 = 0xf4;
/// Where the 32-bit boot code stands in the text.
pub(crate) const BOOT: u64 = 0xc00;
/// Bytes between the starts of two accesses in the access code.
const ACCESS_BYTES: usize = 32;

/// `EFER` (Intel SDM vol. 4, table 2-2).
const IA32_EFER: i32 = 0xc000_0080_u32.cast_signed();

/// VAs at which the stub can be entered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entries {
    /// Starts it.
    pub(crate) start: u64,
    /// Ends the current probe with the cause [`UNDEFINED`], with the stack empty.
    pub(crate) skip: u64,
}

/// Whether an address is in the stub's text.
pub(crate) fn contains(address: u64) -> bool {
    (CONTROL..CONTROL + HEADER).contains(&address)
}

/// Writes text and descriptor tables into the control area.
pub(crate) fn install(control: Control<'_>) -> Entries {
    let Text { text, handlers, skip } = text();
    assert!(text.len() as u64 <= BOOT, "the stub fits before the boot code");
    control.write(0, &text);
    control.write(BOOT, &boot());
    control.write(TEXT2, &accesses());
    layout::write_tables(control, &handlers);
    Entries { start: CONTROL, skip }
}

/// A field of the header, relative to the register that points to the header.
const fn field(offset: u64) -> i32 {
    offset as i32
}

/// A setting, relative to the header.
const fn setting_field(index: u64) -> i32 {
    field(header::SETTINGS + 8 * index)
}

/// The supervisor's text and the VAs of interest in it.
struct Text {
    text: Vec<u8>,
    handlers: Vec<u64>,
    skip: u64,
}

/// The supervisor's text: the loop at its start, the handlers behind it.
fn text() -> Text {
    let mut ops = VecAssembler::<X64Relocation>::new(0);
    let accesses = ops.new_dynamic_label();
    let next = ops.new_dynamic_label();
    emit_start(&mut ops);
    let arrived = ops.new_dynamic_label();
    let common = ops.new_dynamic_label();
    emit_loop(&mut ops, next, accesses, arrived);
    emit_accesses(&mut ops, accesses);
    // The supervisor needs no exception to end an access; it makes the frame of a breakpoint.
    dynasm!(ops
        ; .arch x64
        ; =>arrived
        ; push rbp
        ; push 0
        ; push BYTE layout::BREAKPOINT as i8
        ; jmp =>common
    );
    let skip = CONTROL + address(ops.offset());
    dynasm!(ops
        ; .arch x64
        ; push 0
        ; push 0
        ; push BYTE layout::UNDEFINED as i8
        ; jmp =>common
    );
    let mut handlers = Vec::new();
    for vector in 0..VECTORS {
        handlers.push(CONTROL + address(ops.offset()));
        emit_handler(&mut ops, vector, common);
    }
    emit_common(&mut ops, common, next);
    Text { text: ops.finalize().expect("every label is defined"), handlers, skip }
}

fn address(offset: AssemblyOffset) -> u64 {
    offset.0 as u64
}

/// Sets the tables, the stack and the pointers.
fn emit_start(ops: &mut VecAssembler<X64Relocation>) {
    dynasm!(ops
        ; .arch x64
        ; mov ebx, (CONTROL + HEADER) as i32
        ; mov esp, (CONTROL + STACK_END) as i32
        ; mov eax, (CONTROL + GDT_POINTER) as i32
        ; lgdt [rax]
        ; mov eax, (CONTROL + IDT_POINTER) as i32
        ; lidt [rax]
        ; mov eax, i32::from(TASK)
        ; ltr ax
        ; mov eax, i32::from(DATA)
        ; mov ds, ax
        ; mov es, ax
        ; mov ss, ax
        // PKRU can be written only if protection keys are on.
        ; test DWORD [rbx + setting_field(setting::CR4)], layout::CR4_PKE as i32
        ; jz >keys_off
        ; xor ecx, ecx
        ; xor edx, edx
        ; mov eax, [rbx + setting_field(setting::PKRU)]
        ; wrpkru
        ; keys_off:
        ; mov r12d, (CONTROL + PROBES) as i32
        ; mov r13d, (CONTROL + RESULTS) as i32
        ; mov r14, [rbx + field(header::COUNT)]
    );
}

/// Takes the next probe and starts its access, or ends.
fn emit_loop(ops: &mut VecAssembler<X64Relocation>, next: DynamicLabel, accesses: DynamicLabel, arrived: DynamicLabel) {
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
        // A frame without a tag is full of zeros: `add [rax], al`, which this makes a fault elsewhere.
        ; xor eax, eax
        ; xor edx, edx
        ; mov r8d, ecx
        ; and r8d, 3
        ; imul r8d, r8d, ACCESS_BYTES as i32
        ; test ecx, USER as i32
        ; jnz >user
        ; lea rbp, [=>arrived]
        ; lea r9, [=>accesses]
        ; add r9, r8
        ; jmp r9
        ; user:
        ; mov ebp, (CONTROL + TEXT2) as i32 + 3 * ACCESS_BYTES as i32
        ; lea r9, [r8 + (CONTROL + TEXT2) as i32]
        ; push i32::from(USER_DATA)
        ; push 0
        // RFLAGS: only the bit that is always set; interrupts stay off.
        ; push 2
        ; push i32::from(USER_CODE)
        ; push r9
        ; iretq
        ; done:
        ; mov eax, DONE as i32
        ; mov [rbx + field(header::STATE)], rax
        ; mov dx, EXIT_PORT.cast_signed()
        ; xor eax, eax
        ; out dx, al
        ; forever:
        ; hlt
        ; jmp <forever
    );
}

/// The three accesses, at equal distances, and `arrived`, where they end. `rdi` is the VA of a frame, `esi` the value
/// to store, `rbp` the address of `arrived`.
fn emit_accesses(ops: &mut VecAssembler<X64Relocation>, start: DynamicLabel) {
    dynasm!(ops
        ; .arch x64
        ; .align ACCESS_BYTES
        ; =>start
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
    );
}

/// The accesses once more, for users.
fn accesses() -> Vec<u8> {
    let mut ops = VecAssembler::<X64Relocation>::new(0);
    let start = ops.new_dynamic_label();
    emit_accesses(&mut ops, start);
    dynasm!(ops
        ; .arch x64
        ; int3
    );
    ops.finalize().expect("every label is defined")
}

/// The entry of one vector: makes all frames alike.
fn emit_handler(ops: &mut VecAssembler<X64Relocation>, vector: u64, common: DynamicLabel) {
    // Vectors with an error code (Intel SDM vol. 3A, table 7-1).
    let has_error_code = matches!(vector, 8 | 10..=14 | 17 | 21 | 29 | 30);
    if !has_error_code {
        dynasm!(ops ; .arch x64 ; push 0);
    }
    dynasm!(ops
        ; .arch x64
        ; push BYTE vector as i8
        ; jmp =>common
    );
}

/// Stores the result and goes on. The stack holds the vector, the error code and the interrupted `rip`.
fn emit_common(ops: &mut VecAssembler<X64Relocation>, common: DynamicLabel, next: DynamicLabel) {
    dynasm!(ops
        ; .arch x64
        ; =>common
        ; pop rcx
        ; mov [r13], rcx
        ; pop rcx
        ; mov [r13 + 8], rcx
        ; mov [r13 + 16], rax
        ; mov [r13 + 24], rdx
        ; mov rcx, cr2
        ; mov [r13 + 32], rcx
        ; pop rcx
        ; mov [r13 + 40], rcx
        ; mov esp, (CONTROL + STACK_END) as i32
        ; add r12, PROBE_BYTES as i32
        ; add r13, RESULT_BYTES as i32
        ; dec r14
        ; jmp =>next
    );
}

/// The 32-bit code that an emulated processor arrives at: reports CPUID, then enters long mode.
///
/// Paging is off until the end, and the segments are flat. With no root it only reports.
pub(crate) fn boot() -> Vec<u8> {
    let header = (CONTROL + HEADER) as i32;
    let report = |index: u64| header + field(header::REPORTS + 8 * index);
    let value = |index: u64| header + setting_field(index);
    let mut ops = VecAssembler::<X86Relocation>::new(0);
    dynasm!(ops
        ; .arch x86
        ; mov eax, 0x8000_0001_u32.cast_signed()
        ; cpuid
        ; mov [report(0)], edx
        ; mov eax, 0x8000_0008_u32.cast_signed()
        ; cpuid
        ; mov [report(1)], eax
        ; mov eax, 7
        ; xor ecx, ecx
        ; cpuid
        ; mov [report(2)], ebx
        ; mov [report(3)], ecx
        ; mov eax, [value(setting::CR3)]
        ; test eax, eax
        ; jz >report_only
        ; mov cr3, eax
        ; mov eax, [value(setting::CR4)]
        ; mov cr4, eax
        ; mov ecx, IA32_EFER
        ; mov eax, [value(setting::EFER)]
        ; xor edx, edx
        ; wrmsr
        ; mov eax, (CONTROL + GDT_POINTER) as i32
        ; lgdt [eax]
        ; mov eax, [value(setting::CR0)]
        ; mov cr0, eax
        // jmp CODE:CONTROL, a far jump with a 32-bit offset.
        ; .u8 0xea
        ; .u32 CONTROL as u32
        ; .u16 CODE
        ; report_only:
        ; mov DWORD [header + field(header::STATE)], DONE as i32
        ; mov dx, EXIT_PORT.cast_signed()
        ; xor eax, eax
        ; out dx, al
        ; forever:
        ; hlt
        ; jmp <forever
    );
    ops.finalize().expect("every label is defined")
}

/// Bytes of the firmware.
const ROM_BYTES: usize = 0x1_0000;
/// Where a 64 KiB firmware stands: it ends with the address space, 16 bytes after the first instruction.
const ROM: u64 = 0x1_0000_0000 - ROM_BYTES as u64;

/// A firmware of two dozen bytes: from the reset vector in real mode to [`BOOT`] in protected mode.
///
/// At reset the code segment's base is that of the firmware, so offsets into the firmware are also offsets into the
/// segment (Intel SDM vol. 3A, 11.1.4 "First Instruction Executed").
pub(crate) fn rom() -> Vec<u8> {
    const TABLE: usize = 0xff00;
    const POINTER: usize = 0xff40;
    const CODE16: usize = 0xff80;
    const RESET: usize = 0xfff0;
    let mut rom = vec![0; ROM_BYTES];
    let mut put = |at: usize, bytes: &[u8]| rom[at..at + bytes.len()].copy_from_slice(bytes);
    for (index, descriptor) in layout::DESCRIPTORS.iter().enumerate() {
        put(TABLE + 8 * index, &descriptor.to_le_bytes());
    }
    put(POINTER, &(8 * layout::DESCRIPTORS.len() as u16 - 1).to_le_bytes());
    put(POINTER + 2, &(ROM as u32 + TABLE as u32).to_le_bytes());
    let mut code = Vec::new();
    // lgdt cs:[POINTER], with a 32-bit base
    code.extend_from_slice(&[0x66, 0x2e, 0x0f, 0x01, 0x16]);
    code.extend_from_slice(&(POINTER as u16).to_le_bytes());
    // mov eax, cr0; or al, 1; mov cr0, eax
    code.extend_from_slice(&[0x0f, 0x20, 0xc0, 0x0c, 0x01, 0x0f, 0x22, 0xc0]);
    // mov ax, DATA; mov ds, ax; mov es, ax; mov ss, ax
    code.push(0xb8);
    code.extend_from_slice(&DATA.to_le_bytes());
    code.extend_from_slice(&[0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0]);
    // jmp CODE32:BOOT, with a 32-bit offset
    code.extend_from_slice(&[0x66, 0xea]);
    code.extend_from_slice(&((CONTROL + BOOT) as u32).to_le_bytes());
    code.extend_from_slice(&CODE32.to_le_bytes());
    put(CODE16, &code);
    // jmp CODE16, relative to the next instruction
    put(RESET, &[0xe9]);
    let distance = (CODE16 as i32 - (RESET as i32 + 3)) as i16;
    put(RESET + 1, &distance.to_le_bytes());
    rom
}
