//! Instructions of the z/Architecture as bytes (Principles of Operation, chapters 5 "Program Execution" for the formats, 7
//! and 10 for the instructions).

/// A program under construction.
#[derive(Debug, Default)]
pub(super) struct Code {
    bytes: Vec<u8>,
    /// Where branches are whose goal is not known yet: the offset of the instruction, and the number of the label.
    open: Vec<(usize, usize)>,
    labels: Vec<Option<usize>>,
}

/// A place in the program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label(usize);

/// Where an instruction finds its operand: a displacement of 12 bits above a register; register 0 means zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct At(pub(super) u8, pub(super) u64);

/// When a branch is taken: a bit for each condition code, that of 0 the highest.
pub(super) const ALWAYS: u8 = 0b1111;
pub(super) const ZERO: u8 = 0b1000;
pub(super) const NOT_ZERO: u8 = 0b0111;

impl Code {
    pub(super) fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// The label is here.
    pub(super) fn here(&mut self, label: Label) {
        self.labels[label.0] = Some(self.bytes.len());
    }

    /// Where a label is, from the start of the program.
    pub(super) fn offset(&self, label: Label) -> u64 {
        self.labels[label.0].expect("the label is in the program") as u64
    }

    /// The program.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        for (at, label) in std::mem::take(&mut self.open) {
            let goal = self.labels[label].expect("every label is in the program") as i64;
            let halfwords = i16::try_from((goal - at as i64) / 2).expect("the program is short");
            self.bytes[at + 2..at + 4].copy_from_slice(&halfwords.to_be_bytes());
        }
        self.bytes.clone()
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// An instruction with a register, a halfword and four bits of operation after the first eight: RI.
    fn ri(&mut self, high: u8, r: u8, low: u8, halfword: u16) {
        let [a, b] = halfword.to_be_bytes();
        self.put(&[high, r << 4 | low, a, b]);
    }

    /// Likewise with a word: RIL.
    fn ril(&mut self, high: u8, r: u8, low: u8, word: u32) {
        self.put(&[high, r << 4 | low]);
        self.put(&word.to_be_bytes());
    }

    /// Two registers, or one and an index of zero, and storage: RSY, RXY.
    fn rsy(&mut self, high: u8, r: u8, r3: u8, at: At, low: u8) {
        let At(base, displacement) = at;
        assert!(displacement < 4096, "a displacement of 12 bits");
        let displacement = displacement as u16;
        self.put(&[high, r << 4 | r3, base << 4 | (displacement >> 8) as u8, displacement as u8, 0, low]);
    }

    /// `LLILF`: a register becomes this word.
    pub(super) fn load_word(&mut self, r: u8, word: u64) {
        self.ril(0xc0, r, 0xf, u32::try_from(word).expect("a word"));
    }

    /// The place of the word of a [`load_word`](Self::load_word) that was just put.
    pub(super) fn patch_word(&self) -> usize {
        self.bytes.len() - 4
    }

    /// Sets the word at such a place.
    pub(super) fn set_word(&mut self, place: usize, word: u64) {
        let word = u32::try_from(word).expect("a word");
        self.bytes[place..place + 4].copy_from_slice(&word.to_be_bytes());
    }

    /// `LLIHF`, `IILF`: a register becomes this doubleword.
    pub(super) fn load_doubleword(&mut self, r: u8, doubleword: u64) {
        self.ril(0xc0, r, 0xe, (doubleword >> 32) as u32);
        self.ril(0xc0, r, 0x9, doubleword as u32);
    }

    /// `LG`.
    pub(super) fn load(&mut self, r: u8, at: At) {
        self.rsy(0xe3, r, 0, at, 0x04);
    }

    /// `LLGH`.
    pub(super) fn load_halfword(&mut self, r: u8, at: At) {
        self.rsy(0xe3, r, 0, at, 0x91);
    }

    /// `STG`.
    pub(super) fn store(&mut self, r: u8, at: At) {
        self.rsy(0xe3, r, 0, at, 0x24);
    }

    /// `LRVG`: what stands there with the lowest byte first.
    pub(super) fn load_little(&mut self, r: u8, at: At) {
        self.rsy(0xe3, r, 0, at, 0x0f);
    }

    /// `STRVG`.
    pub(super) fn store_little(&mut self, r: u8, at: At) {
        self.rsy(0xe3, r, 0, at, 0x2f);
    }

    /// `LCTLG`: one control register.
    pub(super) fn load_control(&mut self, r: u8, at: At) {
        self.rsy(0xeb, r, r, at, 0x2f);
    }

    /// `SRLG`.
    pub(super) fn shift_right(&mut self, r: u8, from: u8, bits: u64) {
        self.rsy(0xeb, r, from, At(0, bits), 0x0c);
    }

    /// `LGR`.
    pub(super) fn copy(&mut self, r: u8, from: u8) {
        self.put(&[0xb9, 0x04, 0, r << 4 | from]);
    }

    /// `LTGR`: whether a register is zero.
    pub(super) fn test(&mut self, r: u8) {
        self.put(&[0xb9, 0x02, 0, r << 4 | r]);
    }

    /// `TMLL`: whether any of these bits is one.
    pub(super) fn test_bits(&mut self, r: u8, bits: u16) {
        self.ri(0xa7, r, 0x1, bits);
    }

    /// `OIHH`: sets bits of the highest halfword.
    pub(super) fn set_highest(&mut self, r: u8, bits: u16) {
        self.ri(0xa5, r, 0x8, bits);
    }

    /// `LGHI`.
    pub(super) fn load_number(&mut self, r: u8, number: i16) {
        self.ri(0xa7, r, 0x9, number.cast_unsigned());
    }

    /// `AGHI`.
    pub(super) fn add(&mut self, r: u8, number: i16) {
        self.ri(0xa7, r, 0xb, number.cast_unsigned());
    }

    /// `BRC`.
    pub(super) fn branch(&mut self, when: u8, label: Label) {
        self.open.push((self.bytes.len(), label.0));
        self.ri(0xa7, when, 0x4, 0);
    }

    /// `LPSWE`.
    pub(super) fn load_psw(&mut self, at: At) {
        let At(base, displacement) = at;
        self.put(&[0xb2, 0xb2, base << 4 | (displacement >> 8) as u8, displacement as u8]);
    }

    /// `PTLB`.
    pub(super) fn purge_tlb(&mut self) {
        self.put(&[0xb2, 0x0d, 0, 0]);
    }

    /// `SVC`.
    pub(super) fn call_supervisor(&mut self, number: u8) {
        self.put(&[0x0a, number]);
    }
}
