//! What processors do with leaves and faults beside what the words say.

use ptgen::{Attributes, FaultKind};
use ptgen_machines::{Access, Fault, FaultKind as Kind, Image, Mmu, Outcome, Probe};

/// What a machine should answer to a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// It arrives at this OA.
    Reached(u64),
    /// It is refused for this reason, at this level where the machine says at which; levels have the machine's numbers.
    Refused(Kind, Option<i8>),
}

impl Expected {
    /// Whether the answer of `processor` is the expected one.
    #[must_use]
    pub fn agrees<R: Processor>(self, processor: &R, outcome: &Outcome) -> bool {
        match (self, outcome) {
            (Self::Reached(oa), Outcome::Reached(found)) => oa == *found,
            (Self::Refused(kind, level), Outcome::Fault(Fault { kind: found, level: at, .. })) => {
                let same = kind == *found && (level.is_none() || at.is_none() || level == *at);
                same || processor.may_say(kind, *found)
            }
            _ => false,
        }
    }
}

/// What emitted code says of the leaf that translates an address.
#[derive(Clone, Copy, Debug)]
pub struct Leaf<A> {
    /// Its word.
    pub word: u64,
    /// What it says, within the limits of the tables above.
    pub attributes: A,
}

impl<A: Attributes> Leaf<A> {
    /// Whether the words let the access through.
    #[must_use]
    pub fn permits(&self, access: Access, user: bool) -> bool {
        let access = match access {
            Access::Read => ptgen::Access::Read,
            Access::Write => ptgen::Access::Write,
            Access::Fetch => ptgen::Access::Execute,
        };
        self.attributes.permits(access, user)
    }

    /// The flag of that name. A format without it leaves nothing to forbid: it counts as set.
    #[must_use]
    pub fn says(&self, name: &str) -> bool {
        super::random::flag(&self.attributes, name).unwrap_or(true)
    }
}

/// A word on the way of a walk.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    /// The number of its level in the format.
    pub level: u8,
    /// Its bits.
    pub bits: u64,
    /// Whether the format forbids it.
    pub is_reserved: bool,
    /// Whether it points to a table.
    pub is_table: bool,
}

/// A processor in some mode: what words do not decide, and how it tells its faults.
pub trait Processor {
    /// The configuration for tables at `root`.
    fn mmu(&self, root: u64) -> Mmu;

    /// Writes into new memory what the machine needs there beside the tables.
    fn prepare(&self, image: &Image) {
        let _ = image;
    }

    /// The bits above the translated ones of which any one, flipped, makes a VA one that nothing translates; none, if all
    /// are translated.
    fn untranslated_bits(&self) -> u64;

    /// The last VA that the machine can be asked about.
    fn va_last(&self) -> u64 {
        u64::MAX
    }

    /// Whether an access to `va` is up to these tables, be it translated or not.
    fn concerns(&self, va: u64) -> bool {
        let _ = va;
        true
    }

    /// The address from which on there is neither memory nor a device, if the machine refuses accesses there.
    fn nothing_from(&self) -> Option<u64> {
        None
    }

    /// Why an access through this leaf is refused, if it is.
    fn refuses<A: Attributes>(&self, leaf: &Leaf<A>, probe: &Probe) -> Option<Kind>;

    /// Why nothing can be concluded from what the machine makes of an access through this leaf.
    fn unsure<A: Attributes>(&self, leaf: &Leaf<A>, probe: &Probe) -> Option<&'static str> {
        let _ = (leaf, probe);
        None
    }

    /// What the machine calls this fault of emitted code.
    fn fault(&self, fault: FaultKind) -> Kind;

    /// Whether a refusal for the reason `expected` may be reported as `found`, since the machine looks in another order.
    fn may_say(&self, expected: Kind, found: Kind) -> bool {
        let _ = (expected, found);
        false
    }

    /// The last OA that the machine has, if that is fewer than the format has.
    fn last_oa(&self) -> u64 {
        u64::MAX
    }

    /// What the machine calls the level of this number, in faults at leaves and on the way there.
    fn level(&self, number: u8) -> Option<i8> {
        let _ = number;
        None
    }

    /// What becomes of a word that points to a table when it is used.
    fn followed(&self, table: u64) -> u64 {
        table
    }

    /// What becomes of a leaf word when it is used.
    fn used(&self, leaf: u64) -> u64 {
        leaf
    }

    /// What becomes of a leaf word when something is stored through it, beside [`used`](Self::used).
    fn stored(&self, leaf: u64) -> u64 {
        leaf
    }

    /// Whether a probe of this kind that arrives has to be recorded so.
    fn must_record(&self, access: Access) -> bool {
        let _ = access;
        true
    }

    /// Whether leaves may be recorded as used although the program did not access them.
    fn speculates(&self) -> bool {
        false
    }

    /// Whether the machine looks at the bits of a VA that belong to levels that are skipped.
    fn looks_at_skipped_bits(&self) -> bool {
        true
    }

    /// Why nothing can be concluded from what a machine makes of this word; `None` where the manual, and this machine,
    /// are certain.
    fn uncertain(&self, word: &Word) -> Option<&'static str> {
        let _ = word;
        None
    }

    /// Whether the machine goes on behind this word, which the format forbids, and refuses the access only in the end, for
    /// whatever reason there is then.
    fn overlooks(&self, word: &Word) -> bool {
        let _ = word;
        false
    }
}
