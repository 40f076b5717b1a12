//! The few instructions of LoongArch that the stub is made of (Reference Manual vol. 1, "Appendix B: Table of instruction
//! encoding").

/// A general register by number.
pub(crate) type Register = u32;

/// Always zero.
pub(crate) const ZERO: Register = 0;

/// Text, word by word. Places in it are numbers of words.
#[derive(Debug, Default)]
pub(crate) struct Text {
    words: Vec<u32>,
}

impl Text {
    /// The bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// The place of the next instruction.
    pub(crate) fn here(&self) -> usize {
        self.words.len()
    }

    fn put(&mut self, word: u32) {
        self.words.push(word);
    }

    fn two(&mut self, code: u32, to: Register, from: Register, immediate: u32) {
        self.put(code | (immediate & 0xfff) << 10 | from << 5 | to);
    }

    fn three(&mut self, code: u32, to: Register, one: Register, other: Register) {
        self.put(code | other << 10 | one << 5 | to);
    }

    /// `lu12i.w`, `ori`: a register becomes this value, sign-extended.
    pub(crate) fn li_half(&mut self, to: Register, value: u32) {
        self.put(0x1400_0000 | value >> 12 << 5 | to);
        self.two(0x0380_0000, to, to, value);
    }

    /// `lu12i.w`, `ori`, `lu32i.d`, `lu52i.d`: a register becomes this value.
    pub(crate) fn li(&mut self, to: Register, value: u64) {
        let part = |low: u32, bits: u32| (value >> low) as u32 & ((1 << bits) - 1);
        self.li_half(to, value as u32);
        self.put(0x1600_0000 | part(32, 20) << 5 | to);
        self.two(0x0300_0000, to, to, part(52, 12));
    }

    /// `addi.d` of a number that is not negative.
    pub(crate) fn addi(&mut self, to: Register, from: Register, number: u32) {
        self.two(0x02c0_0000, to, from, number);
    }

    /// `andi`
    pub(crate) fn andi(&mut self, to: Register, from: Register, bits: u32) {
        self.two(0x0340_0000, to, from, bits);
    }

    /// `add.d`
    pub(crate) fn add(&mut self, to: Register, one: Register, other: Register) {
        self.three(0x0010_8000, to, one, other);
    }

    /// `sub.d`
    pub(crate) fn sub(&mut self, to: Register, one: Register, other: Register) {
        self.three(0x0011_8000, to, one, other);
    }

    /// `or`
    pub(crate) fn or(&mut self, to: Register, one: Register, other: Register) {
        self.three(0x0015_0000, to, one, other);
    }

    /// `slli.d`
    pub(crate) fn slli(&mut self, to: Register, from: Register, by: u32) {
        self.put(0x0041_0000 | by << 10 | from << 5 | to);
    }

    /// `bstrpick.d`: the bits from `high` to `low`.
    pub(crate) fn pick(&mut self, to: Register, from: Register, high: u32, low: u32) {
        self.put(0x00c0_0000 | high << 16 | low << 10 | from << 5 | to);
    }

    /// `bstrins.d`: the bits from `high` to `low` become the lowest of `from`.
    pub(crate) fn insert(&mut self, to: Register, from: Register, high: u32, low: u32) {
        self.put(0x0080_0000 | high << 16 | low << 10 | from << 5 | to);
    }

    /// `ld.d`
    pub(crate) fn load(&mut self, to: Register, base: Register, offset: u32) {
        self.two(0x28c0_0000, to, base, offset);
    }

    /// `ld.wu`
    pub(crate) fn load_half(&mut self, to: Register, base: Register, offset: u32) {
        self.two(0x2a80_0000, to, base, offset);
    }

    /// `st.d`
    pub(crate) fn store(&mut self, what: Register, base: Register, offset: u32) {
        self.two(0x29c0_0000, what, base, offset);
    }

    /// `st.b`
    pub(crate) fn store_byte(&mut self, what: Register, base: Register, offset: u32) {
        self.two(0x2900_0000, what, base, offset);
    }

    /// `csrrd`
    pub(crate) fn read(&mut self, to: Register, csr: u32) {
        self.put(0x0400_0000 | csr << 10 | to);
    }

    /// `csrwr`: the register gets what was there before.
    pub(crate) fn write(&mut self, from: Register, csr: u32) {
        self.put(0x0400_0020 | csr << 10 | from);
    }

    /// `csrxchg`: likewise, of the bits in `mask`, which is not one of the registers 0 and 1.
    pub(crate) fn exchange(&mut self, from: Register, mask: Register, csr: u32) {
        self.put(0x0400_0000 | csr << 10 | mask << 5 | from);
    }

    /// `lddir`
    pub(crate) fn lddir(&mut self, to: Register, table: Register, level: u32) {
        self.put(0x0640_0000 | level << 10 | table << 5 | to);
    }

    /// `ldpte`
    pub(crate) fn ldpte(&mut self, table: Register, odd: u32) {
        self.put(0x0644_0000 | odd << 10 | table << 5);
    }

    /// `tlbfill`
    pub(crate) fn tlbfill(&mut self) {
        self.put(0x0648_3400);
    }

    /// `invtlb 0, zero, zero`: everything.
    pub(crate) fn invtlb(&mut self) {
        self.put(0x0649_8000);
    }

    /// `ertn`
    pub(crate) fn ertn(&mut self) {
        self.put(0x0648_3800);
    }

    /// `syscall 0`
    pub(crate) fn syscall(&mut self) {
        self.put(0x002b_0000);
    }

    /// `jirl zero, to, 0`
    pub(crate) fn jump(&mut self, to: Register) {
        self.put(0x4c00_0000 | to << 5);
    }

    /// `b`, whose target is said later by [`land`](Self::land).
    pub(crate) fn branch(&mut self) -> usize {
        self.put(0x5000_0000);
        self.here() - 1
    }

    /// `beqz`, likewise.
    pub(crate) fn if_zero(&mut self, register: Register) -> usize {
        self.put(0x4000_0000 | register << 5);
        self.here() - 1
    }

    /// `bnez`, likewise.
    pub(crate) fn if_not_zero(&mut self, register: Register) -> usize {
        self.put(0x4400_0000 | register << 5);
        self.here() - 1
    }

    /// Lets the branch at `from` go to `to`.
    pub(crate) fn land(&mut self, from: usize, to: usize) {
        let distance = (to as i64 - from as i64) as u32;
        let highest = if self.words[from] >> 26 == 0b01_0100 { distance >> 16 & 0x3ff } else { distance >> 16 & 0x1f };
        self.words[from] |= (distance & 0xffff) << 10 | highest;
    }
}

#[cfg(test)]
mod tests {
    use super::{Text, ZERO};

    /// The words are those of the tables in the manual's appendix, put together by hand.
    #[test]
    fn encodings_are_those_of_the_manual() {
        let mut text = Text::default();
        text.lddir(12, 13, 3);
        text.ldpte(12, 1);
        text.pick(13, 12, 12, 11);
        text.insert(12, ZERO, 6, 5);
        text.exchange(12, 13, 0x8e);
        let back = text.branch();
        text.land(back, 0);
        let on = text.if_not_zero(12);
        let target = on + 2;
        text.land(on, target);
        let words = [
            0b0000_0110_0100_0000_0000_1101_1010_1100,
            0b0000_0110_0100_0100_0000_0101_1000_0000,
            0b0000_0000_1100_1100_0010_1101_1000_1101,
            0b0000_0000_1000_0110_0001_0100_0000_1100,
            0b0000_0100_0000_0010_0011_1001_1010_1100,
            0b0101_0011_1111_1111_1110_1111_1111_1111,
            0b0100_0100_0000_0000_0000_1001_1000_0000,
        ];
        let bytes: Vec<u8> = words.iter().flat_map(|word: &u32| word.to_le_bytes()).collect();
        assert_eq!(text.bytes(), bytes);
    }
}
