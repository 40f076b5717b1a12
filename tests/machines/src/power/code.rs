//! Instructions of the Power ISA as words (Power ISA 3.0B, Book I, appendix "Power ISA Instruction Set Sorted by Mnemonic").

/// A program under construction.
#[derive(Debug, Default)]
pub(super) struct Code {
    words: Vec<u32>,
    /// Where branches are whose goal is not known yet, and the number of the label.
    open: Vec<(usize, usize)>,
    labels: Vec<Option<usize>>,
}

/// A place in the program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label(usize);

const BRANCH: u32 = 18 << 26;

impl Code {
    pub(super) fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// The label is here.
    pub(super) fn here(&mut self, label: Label) {
        self.labels[label.0] = Some(self.words.len());
    }

    /// Where a label is, from the start of the program.
    pub(super) fn offset(&self, label: Label) -> u64 {
        4 * self.labels[label.0].expect("the label is in the program") as u64
    }

    /// The program.
    pub(super) fn finish(mut self) -> Vec<u8> {
        for (at, label) in std::mem::take(&mut self.open) {
            let goal = self.labels[label].expect("every label is in the program");
            let distance = 4 * (goal as i32 - at as i32);
            let reach = if self.words[at] & 0xfc00_0000 == BRANCH { 0x03ff_fffc } else { 0xfffc };
            self.words[at] |= distance.cast_unsigned() & reach;
        }
        self.words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    fn put(&mut self, word: u32) {
        self.words.push(word);
    }

    /// An instruction with a register, another one and 16 bits: D.
    fn d(&mut self, operation: u32, t: u32, a: u32, low: u32) {
        self.put(operation << 26 | t << 21 | a << 16 | low & 0xffff);
    }

    /// Likewise with three registers: X.
    fn x(&mut self, t: u32, a: u32, b: u32, extended: u32) {
        self.put(31 << 26 | t << 21 | a << 16 | b << 11 | extended << 1);
    }

    /// `addi`; of register 0, as if that were zero.
    pub(super) fn add(&mut self, t: u32, a: u32, number: i32) {
        self.d(14, t, a, number.cast_unsigned());
    }

    /// `or`: a register becomes another one.
    pub(super) fn copy(&mut self, t: u32, from: u32) {
        self.x(from, t, from, 444);
    }

    /// `addis`, `ori`, `sldi`, `oris`, `ori`: a register becomes this doubleword.
    pub(super) fn load_doubleword(&mut self, t: u32, doubleword: u64) {
        let part = |shift: u32| (doubleword >> shift) as u32 & 0xffff;
        self.d(15, t, 0, part(48));
        self.d(24, t, t, part(32));
        // `rldicr t, t, 32, 31`.
        self.put(30 << 26 | t << 21 | t << 16 | 31 << 6 | 1 << 2 | 1 << 1);
        self.d(25, t, t, part(16));
        self.d(24, t, t, part(0));
    }

    /// `rldicl`: a register becomes the upper half of another one.
    pub(super) fn upper_half(&mut self, t: u32, from: u32) {
        self.put(30 << 26 | from << 21 | t << 16 | 32 << 1 | 1 << 5 | 1 << 1);
    }

    /// `andi.`: whether any of these bits is one.
    pub(super) fn test_bits(&mut self, from: u32, bits: u64) {
        self.d(28, from, 0, bits as u32);
    }

    /// `cmpdi`.
    pub(super) fn compare(&mut self, a: u32, number: i32) {
        self.d(11, 1, a, number.cast_unsigned());
    }

    /// `b`.
    pub(super) fn branch(&mut self, label: Label) {
        self.open.push((self.words.len(), label.0));
        self.put(BRANCH);
    }

    /// `beq`: after a test, if none is.
    pub(super) fn branch_if_equal(&mut self, label: Label) {
        self.open.push((self.words.len(), label.0));
        self.d(16, 12, 2, 0);
    }

    /// `bne`.
    pub(super) fn branch_if_not_equal(&mut self, label: Label) {
        self.open.push((self.words.len(), label.0));
        self.d(16, 4, 2, 0);
    }

    /// `ld`.
    pub(super) fn load(&mut self, t: u32, a: u32, offset: u64) {
        self.d(58, t, a, offset as u32);
    }

    /// `ldbrx`: what stands at the sum of two registers (register 0: zero) with the lowest byte first.
    pub(super) fn load_little(&mut self, t: u32, a: u32, b: u32) {
        self.x(t, a, b, 532);
    }

    /// `stdbrx`.
    pub(super) fn store_little(&mut self, s: u32, a: u32, b: u32) {
        self.x(s, a, b, 660);
    }

    /// `mtspr`.
    pub(super) fn set_special(&mut self, special: u32, from: u32) {
        self.x(from, special & 31, special >> 5, 467);
    }

    /// `mfspr`.
    pub(super) fn get_special(&mut self, t: u32, special: u32) {
        self.x(t, special & 31, special >> 5, 339);
    }

    /// `rfid`.
    pub(super) fn return_from_interrupt(&mut self) {
        self.put(19 << 26 | 18 << 1);
    }

    /// `ptesync`, `isync`.
    pub(super) fn synchronise(&mut self) {
        self.x(2, 0, 0, 598);
        self.put(19 << 26 | 150 << 1);
    }

    /// `sc`.
    pub(super) fn call_system(&mut self) {
        self.put(17 << 26 | 2);
    }
}

/// A branch over this many bytes.
pub(super) fn branch_over(distance: i64) -> [u8; 4] {
    let distance = i32::try_from(distance).expect("within reach of a branch");
    (BRANCH | distance.cast_unsigned() & 0x03ff_fffc).to_be_bytes()
}
