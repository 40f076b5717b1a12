//! A model made ready for looking at many words: what the walk asks of a word as masks and shifts.

use ptdsl::model::{Endian, Format, Layout, LayoutKind, Piece, Test};

/// The levels of a format, ready for the walk.
pub struct Words {
    /// As in `Format::levels`.
    pub levels: Vec<LevelWords>,
}

/// A level, ready for the walk.
pub struct LevelWords {
    /// lg2 of the bytes that a slot translates.
    pub shift: u32,
    /// How many bits of VA index a table.
    pub index_bits: u32,
    /// The bytes of a word.
    pub word_bytes: usize,
    big: bool,
    candidates: Vec<Candidate>,
}

/// A layout that a word of a level may have.
struct Candidate {
    layout: usize,
    refused_here: bool,
    identity: Check,
    refused: Vec<Check>,
    reserved: u128,
    reserved_value: u128,
    meaning: Meaning,
}

/// What a word of a layout says.
enum Meaning {
    Absent { defer: bool },
    Leaf(LeafWord),
    Table,
}

/// How the OA is read off a leaf.
pub struct LeafWord {
    output: Vec<Piece>,
    run: RunWord,
}

#[derive(Clone, Copy)]
enum RunWord {
    One,
    Own { lg2: u32 },
    Identical { lg2: u32 },
    InOnes { lowest: u32 },
}

/// What a word is.
#[derive(Clone, Copy)]
pub enum Class<'a> {
    /// No translation; `true` if the parent's other child decides.
    Absent(bool),
    /// Refused.
    Reserved,
    /// Ends the walk.
    Leaf(usize, &'a LeafWord),
    /// Points to tables.
    Table(usize),
}

impl Words {
    /// Prepares a format in which nothing is left to run time.
    pub fn new(format: &Format) -> Self {
        let levels = (0..format.levels.len()).map(|level| LevelWords::new(format, level)).collect();
        Self { levels }
    }
}

impl LevelWords {
    fn new(format: &Format, place: usize) -> Self {
        let level = &format.levels[place];
        let candidates = level
            .entries
            .iter()
            .filter_map(|entry| {
                let layout = format.layouts.get(entry.layout)?;
                Some(Candidate::new(layout, entry.layout, entry.refused))
            })
            .collect();
        Self {
            shift: level.shift,
            index_bits: level.index_bits,
            word_bytes: (level.word_bits / 8) as usize,
            big: level.endian == Endian::Big,
            candidates,
        }
    }

    /// The word that these bytes are.
    #[inline]
    pub fn word(&self, bytes: &[u8]) -> u128 {
        if let (Ok(eight), false) = (<[u8; 8]>::try_from(bytes), self.big) {
            return u128::from(u64::from_le_bytes(eight));
        }
        let join = |word: u128, byte: &u8| word << 8 | u128::from(*byte);
        if self.big { bytes.iter().fold(0, join) } else { bytes.iter().rev().fold(0, join) }
    }

    /// What a word is at this level. A word that no layout claims is reserved.
    #[inline]
    pub fn classify(&self, word: u128) -> Class<'_> {
        let found = self.candidates.iter().find(|candidate| candidate.identity.holds(word));
        let Some(candidate) = found else { return Class::Reserved };
        if candidate.refuses(word) {
            return Class::Reserved;
        }
        match &candidate.meaning {
            Meaning::Absent { defer } => Class::Absent(*defer),
            Meaning::Leaf(leaf) => Class::Leaf(candidate.layout, leaf),
            Meaning::Table => Class::Table(candidate.layout),
        }
    }
}

impl Candidate {
    fn new(layout: &Layout, place: usize, refused_here: bool) -> Self {
        let meaning = match layout.kind {
            LayoutKind::Absent | LayoutKind::Root => Meaning::Absent { defer: layout.defer },
            LayoutKind::Leaf => Meaning::Leaf(LeafWord::new(layout)),
            LayoutKind::Table => Meaning::Table,
        };
        Self {
            layout: place,
            refused_here,
            identity: Check::new(&layout.identity),
            refused: layout.refused.iter().map(Check::new).collect(),
            reserved: layout.reserved.fixed,
            reserved_value: layout.reserved_value & layout.reserved.fixed,
            meaning,
        }
    }

    #[inline]
    fn refuses(&self, word: u128) -> bool {
        self.refused_here
            || word & self.reserved != self.reserved_value
            || self.refused.iter().any(|check| check.holds(word))
    }
}

/// Where a slot with a leaf leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The OA of the slot's first address.
    pub output: u64,
    /// lg2 of the bytes of the leaf, its whole run included.
    pub leaf_lg2: u32,
}

impl LeafWord {
    fn new(layout: &Layout) -> Self {
        let lowest = layout.output.iter().map(|piece| piece.value_low).min().unwrap_or(0);
        let run = match &layout.run {
            None => RunWord::One,
            Some(run) if run.in_ones => RunWord::InOnes { lowest },
            Some(run) if run.identical => RunWord::Identical { lg2: run.most_lg2 },
            Some(run) => RunWord::Own { lg2: run.most_lg2 },
        };
        Self { output: layout.output.clone(), run }
    }

    /// The OA that a word stores, of the whole run where all its slots hold the same, and lg2 of the bytes of the leaf.
    pub fn stored(&self, word: u128, shift: u32) -> (u64, u32) {
        let stored = gather(&self.output, word) as u64;
        let va = if matches!(self.run, RunWord::Own { .. }) { stored } else { 0 };
        self.read(word, va, shift).map_or((stored, shift), |reach| (reach.output, reach.leaf_lg2))
    }

    /// Where the slot of the address `va` leads; `None` if the word has another part of the run's OA than the slot is for.
    #[inline]
    pub fn read(&self, word: u128, va: u64, shift: u32) -> Option<Reach> {
        let stored = gather(&self.output, word) as u64;
        let (first, leaf_lg2) = match self.run {
            RunWord::One => return Some(Reach { output: stored, leaf_lg2: shift }),
            RunWord::Own { lg2 } => {
                let own = (ones(shift + lg2) & !ones(shift)) as u64;
                let placed = (stored ^ va) & own == 0;
                return placed.then_some(Reach { output: stored, leaf_lg2: shift + lg2 });
            }
            RunWord::Identical { lg2 } => (stored, shift + lg2),
            RunWord::InOnes { lowest } => {
                let lg2 = lowest + (stored >> lowest).trailing_ones() + 1;
                (stored & !(ones(lg2) as u64), lg2)
            }
        };
        let within = va & (ones(leaf_lg2) & !ones(shift)) as u64;
        Some(Reach { output: first | within, leaf_lg2 })
    }
}

/// The value that pieces of a word store.
#[inline]
pub fn gather(pieces: &[Piece], word: u128) -> u128 {
    pieces.iter().fold(0, |value, piece| value | (word >> piece.word_low & ones(piece.bits)) << piece.value_low)
}

/// So many ones.
#[inline]
pub fn ones(bits: u32) -> u128 {
    1u128.checked_shl(bits).unwrap_or(0).wrapping_sub(1)
}

/// A condition: a mask that decides nearly always, and what is left.
struct Check {
    mask: u128,
    value: u128,
    rest: Option<Test>,
}

impl Check {
    fn new(test: &Test) -> Self {
        let mut check = Self { mask: 0, value: 0, rest: None };
        let mut rest = Vec::new();
        check.add(test, &mut rest);
        check.rest = match rest.len() {
            0 => None,
            1 => rest.pop(),
            _ => Some(Test::All(rest)),
        };
        check
    }

    /// Takes the conjuncts that are masks into the mask, unless they contradict each other.
    fn add(&mut self, test: &Test, rest: &mut Vec<Test>) {
        match test {
            Test::Always => {}
            Test::All(all) => all.iter().for_each(|one| self.add(one, rest)),
            Test::Equal { mask, value } if (self.value ^ value) & self.mask & mask == 0 && value & !mask == 0 => {
                self.mask |= mask;
                self.value |= value;
            }
            other => rest.push(other.clone()),
        }
    }

    #[inline]
    fn holds(&self, word: u128) -> bool {
        word & self.mask == self.value && self.rest.as_ref().is_none_or(|rest| holds(rest, word))
    }
}

/// Whether a condition holds. Addresses bound at run time equal nothing: nothing is left to run time here.
pub fn holds(test: &Test, word: u128) -> bool {
    match test {
        Test::Always => true,
        Test::Never | Test::Address { .. } => false,
        Test::Equal { mask, value } => word & mask == *value,
        Test::Not(test) => !holds(test, word),
        Test::All(all) => all.iter().all(|one| holds(one, word)),
        Test::Any(any) => any.iter().any(|one| holds(one, word)),
    }
}
