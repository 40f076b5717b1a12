//! What the tests of all machines share: building tables by hand, and comparing outcomes.

#![allow(dead_code, reason = "each test uses its part")]

use ptgen_machines::{Access, FaultKind, Image, Machine, Mmu, Outcome, Probe};

/// Tables under construction, eight bytes an entry and 512 entries a table.
pub struct Tables<'a> {
    pub image: &'a Image,
    pub root: u64,
    /// Number of levels.
    pub levels: u32,
    /// Bits of a VA that select entries.
    pub va_bits: u32,
    /// The next free frame.
    pub free: u64,
    /// The word of an entry that points to the table at an address.
    pub pointer: fn(u64) -> u64,
    /// The address in such a word.
    pub target: fn(u64) -> u64,
    /// Whether a word is such an entry.
    pub is_pointer: fn(u64) -> bool,
}

impl Tables<'_> {
    /// Takes a zeroed frame.
    pub fn frame(&mut self) -> u64 {
        let frame = self.free;
        self.free += 4096;
        frame
    }

    /// Takes a frame and tags it.
    pub fn page(&mut self) -> u64 {
        let frame = self.frame();
        self.image.tag(frame);
        frame
    }

    /// The address of the entry for `va` at `level` (0 holds pages), with tables down to there.
    pub fn slot(&mut self, va: u64, level: u32) -> u64 {
        let va = va & ((1 << self.va_bits) - 1);
        let mut table = self.root;
        let mut at = self.levels - 1;
        loop {
            let slot = table + 8 * (va >> (12 + 9 * at) & 0x1ff);
            if at == level {
                return slot;
            }
            let word = self.image.read_u64(slot);
            if (self.is_pointer)(word) {
                table = (self.target)(word);
            } else {
                assert_eq!(word, 0, "level {at} of {va:#x} is in use");
                table = self.frame();
                self.image.write_u64(slot, (self.pointer)(table));
            }
            at -= 1;
        }
    }

    /// Writes the entry for `va` at `level`.
    pub fn set(&mut self, va: u64, level: u32, word: u64) {
        let slot = self.slot(va, level);
        self.image.write_u64(slot, word);
    }
}

/// What one access should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Reach this OA.
    At(u64),
    /// Reach something that has no tag.
    Untagged,
    /// Fault.
    Fault(FaultKind),
    /// Not be asked.
    Unanswered,
    /// Fault at this level.
    FaultAt(FaultKind, i8),
}

impl Expect {
    pub fn agrees(&self, outcome: &Outcome) -> bool {
        match (self, outcome) {
            (Self::At(oa), Outcome::Reached(reached)) => oa == reached,
            (Self::Untagged, Outcome::Untagged) | (Self::Unanswered, Outcome::Unanswered) => true,
            (Self::Fault(kind), Outcome::Fault(fault)) => *kind == fault.kind,
            (Self::FaultAt(kind, level), Outcome::Fault(fault)) => *kind == fault.kind && Some(*level) == fault.level,
            _ => false,
        }
    }
}

/// A VA and what must become of a supervisor's read, write and fetch, then of a user's.
pub struct Case {
    pub what: &'static str,
    pub va: u64,
    pub expect: [Expect; 6],
}

impl Case {
    /// Where `rights` has a letter (`rwx`, supervisor's then user's) the access reaches `oa`, elsewhere it is `denied`.
    pub fn rights(what: &'static str, va: u64, oa: u64, rights: &str, denied: Expect) -> Self {
        let letters: Vec<char> = rights.chars().filter(|it| *it != ' ').collect();
        let expect = std::array::from_fn(|index| if letters[index] == '-' { denied } else { Expect::At(oa) });
        Self { what, va, expect }
    }

    /// Every access does the same.
    pub fn all(what: &'static str, va: u64, expect: Expect) -> Self {
        Self { what, va, expect: [expect; 6] }
    }
}

/// Runs the cases and complains of every difference at once.
pub fn check(machine: &dyn Machine, image: &mut Image, mmu: &Mmu, cases: &[Case]) {
    let mut probes = Vec::new();
    for case in cases {
        for user in [false, true] {
            probes.extend(Access::ALL.map(|access| Probe { va: case.va, access, user }));
        }
    }
    let outcomes = machine.probe(image, mmu, &probes).unwrap_or_else(|error| panic!("{}: {error}", machine.name()));
    assert_eq!(outcomes.len(), probes.len());
    let mut differences = Vec::new();
    let mut unanswered = 0;
    for (index, (probe, outcome)) in probes.iter().zip(&outcomes).enumerate() {
        let case = &cases[index / 6];
        let expect = if machine.answers(probe) {
            case.expect[index % 6]
        } else {
            unanswered += 1;
            Expect::Unanswered
        };
        if !expect.agrees(outcome) {
            differences.push(format!(
                "{}: {:?} of {:#x} by {}: {outcome}, expected {expect:x?}",
                case.what,
                probe.access,
                probe.va,
                if probe.user { "a user" } else { "the supervisor" },
            ));
        }
    }
    if unanswered > 0 {
        println!("NOT RUN: {unanswered} probes of {}, which cannot tell", machine.name());
    }
    assert!(differences.is_empty(), "{} under {mmu:?}:\n{}", machine.name(), differences.join("\n"));
}

/// Numbers that look random and are always the same (xorshift64).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}
