//! What a scenario may want to know of a format before it says whether it applies.

use ptgen::{
    AttributeInfo, AttributeKind, Attributes, ChangeKind, Format, Level, RootVisitor, Sizes, Way, Word, WordOf,
};

/// Whether a scenario applies to a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applies {
    /// It does.
    Yes,
    /// It does not, for this reason, which is a fact of the format.
    No(String),
}

impl Applies {
    /// It does if every one of these facts holds; if not, the first that does not is the reason.
    #[must_use]
    pub fn if_all<const N: usize>(facts: [(bool, &str); N]) -> Self {
        match facts.into_iter().find(|(holds, _)| !holds) {
            Some((_, otherwise)) => Self::No(otherwise.to_owned()),
            None => Self::Yes,
        }
    }
}

/// One level of a format, the numbers of which are decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LevelFacts {
    /// The number; 0 for the lowest.
    pub number: u8,
    /// lg2 of the bytes that a slot translates.
    pub shift: u32,
    /// lg2 of the number of slots.
    pub index_bits: u32,
    /// The sizes of leaves, runs included.
    pub sizes: Sizes,
    /// How many bits of an absent word are the client's.
    pub payload_bits: u32,
    /// How many bits of a table word are software's.
    pub table_software_bits: u32,
    /// Whether the machine records something in leaves.
    pub records: bool,
    /// Whether an absent word has room for all that a leaf says.
    pub hides: bool,
}

impl LevelFacts {
    /// Whether a slot alone can hold a leaf.
    #[must_use]
    pub const fn has_leaf(&self) -> bool {
        self.sizes.has(self.shift)
    }

    /// The sizes of runs, from the smallest.
    #[must_use]
    pub fn runs(&self) -> Vec<u32> {
        self.sizes.iter().filter(|lg2| *lg2 > self.shift).collect()
    }
}

/// A format with all that is decided at compile time or at run time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The levels, from the lowest up to the root's.
    pub levels: Vec<LevelFacts>,
    /// The sizes of all leaves.
    pub sizes: Sizes,
    /// What leaves say.
    pub attributes: &'static [AttributeInfo],
    /// Whether words have their highest byte first.
    pub big_endian: bool,
    /// Whether walkers do not look into caches.
    pub cleans: bool,
    /// Whether another value of the format has one level more, and translates the same VA by the tables below it.
    pub grows: bool,
    /// How each kind of change is made in a live table.
    ways: Vec<(ChangeKind, Way)>,
    /// The highest OA.
    pub output_last: u64,
    /// Names of attributes of which leaves of the smallest size can say more than one value.
    sayable: Vec<&'static str>,
}

/// Every kind of change.
const KINDS: [ChangeKind; 10] = [
    ChangeKind::Fill,
    ChangeKind::Clear,
    ChangeKind::Unlink,
    ChangeKind::Relax,
    ChangeKind::Restrict,
    ChangeKind::Output,
    ChangeKind::Size,
    ChangeKind::MemoryType,
    ChangeKind::Global,
    ChangeKind::Other,
];

impl Facts {
    /// Those of a format.
    #[must_use]
    pub fn of<F: Format>(f: F) -> Self {
        let (mut levels, sayable) = f.root(Collect { f });
        levels.reverse();
        let sizes = levels.iter().fold(Sizes::default(), |sizes, level| sizes.or(level.sizes));
        Self {
            levels,
            sizes,
            attributes: F::Attributes::FIELDS,
            big_endian: f.big_endian(),
            cleans: f.cleans(),
            grows: false,
            ways: KINDS.into_iter().map(|kind| (kind, f.way(kind))).collect(),
            output_last: f.output_last(),
            sayable,
        }
    }

    /// How a change of this kind is made in a live table.
    ///
    /// # Panics
    ///
    /// Never: every kind is listed.
    #[must_use]
    pub fn way(&self, kind: ChangeKind) -> Way {
        self.ways.iter().find(|(known, _)| *known == kind).map(|(_, way)| *way).expect("every kind is listed")
    }

    /// Whether tables of `smaller` can stand below a root of this: everything is the same but for one level more, and VA
    /// mean the same.
    #[must_use]
    pub fn is_one_level_above<F: Format>(&self, (f, smaller): (F, &Self), own: F) -> bool {
        let geometry = |levels: &[LevelFacts]| -> Vec<_> {
            levels.iter().map(|level| (level.number, level.shift, level.index_bits)).collect()
        };
        let count = smaller.levels.len();
        let last = smaller.levels.last().map_or(0, |level| u64::MAX >> (u64::BITS - level.shift - level.index_bits));
        let same = |position| f.extend(position) == own.extend(position);
        self.levels.len() == count + 1
            && geometry(&self.levels[..count]) == geometry(&smaller.levels)
            && [0, last >> 1, (last >> 1) + 1, last].into_iter().all(same)
    }

    /// Whether leaves of the smallest size can say this attribute, and its opposite.
    #[must_use]
    pub fn says(&self, name: &str) -> bool {
        self.sayable.contains(&name)
    }

    /// Whether a live leaf may become a table, and back, without being absent meanwhile.
    #[must_use]
    pub fn splits_live(&self) -> bool {
        self.way(ChangeKind::Size) < Way::Break
    }

    /// Whether a live leaf may be split and be given rights without being absent meanwhile.
    #[must_use]
    pub fn changes_live(&self) -> bool {
        self.splits_live() && self.way(ChangeKind::Relax) < Way::Break
    }

    /// Whether so many stretches of `2^lg2` bytes are translated, one after the other.
    #[must_use]
    pub fn has_stretches(&self, lg2: u32, count: u64) -> bool {
        let top = self.levels.last().map_or(0, |level| level.shift + level.index_bits);
        lg2 < top && count <= 1 << (top - lg2)
    }

    /// Whether absent words of the lowest level have room for all that a leaf says.
    #[must_use]
    pub fn hides(&self) -> bool {
        self.levels.first().is_some_and(|level| level.hides)
    }

    /// lg2 of the smallest leaf.
    ///
    /// # Panics
    ///
    /// If the format has no leaves.
    #[must_use]
    pub fn smallest(&self) -> u32 {
        self.sizes.smallest().expect("formats have leaves")
    }

    /// The lowest level above another one with leaves where a slot alone can be a leaf: 2 MiB, usually.
    #[must_use]
    pub fn large(&self) -> Option<&LevelFacts> {
        self.above(1).map(|[_, large]| large)
    }

    /// The lowest two levels next to each other both of which have leaves, or those above.
    fn above(&self, least: usize) -> Option<[&LevelFacts; 2]> {
        let pairs = self.levels.windows(2).skip(least - 1);
        pairs.map(|pair| [&pair[0], &pair[1]]).find(|[low, high]| low.has_leaf() && high.has_leaf())
    }

    /// The lowest three levels above each other in all of which a slot alone can be a leaf: 4 KiB, 2 MiB and 1 GiB,
    /// usually.
    #[must_use]
    pub fn three(&self) -> Option<[&LevelFacts; 3]> {
        let triples = self.levels.windows(3).map(|levels| [&levels[0], &levels[1], &levels[2]]);
        triples.into_iter().find(|levels| levels.iter().all(|level| level.has_leaf()))
    }
}

/// Collects the levels from the root down, and what leaves of the smallest size can say.
struct Collect<F> {
    f: F,
}

impl<F: Format> RootVisitor<F> for Collect<F> {
    type Output = (Vec<LevelFacts>, Vec<&'static str>);

    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        let f = self.f;
        if L::IS_FLOOR {
            return (Vec::new(), Vec::new());
        }
        let level = LevelFacts {
            number: L::NUMBER,
            shift: L::shift(f),
            index_bits: L::index_bits(f),
            sizes: L::leaf_sizes(f),
            payload_bits: L::payload_bits(f),
            table_software_bits: L::table_software(f).into().count_ones(),
            records: L::hardware(f) != F::Word::ZERO,
            hides: hides::<L>(f),
        };
        let (below, mut sayable) = self.visit::<L::Below>();
        if sayable.is_empty()
            && let Some(lg2) = level.sizes.smallest()
        {
            sayable = sayable_at::<L>(f, lg2);
        }
        let mut levels = vec![level];
        levels.extend(below);
        (levels, sayable)
    }
}

/// Whether all that leaves of a level say is in bits that an absent word has for the client: leaves that differ in one
/// attribute do not differ elsewhere.
fn hides<L: Level>(f: L::Format) -> bool {
    let room = L::payload_mask(f);
    let Some(lg2) = L::leaf_sizes(f).smallest() else { return false };
    let mut words = Vec::new();
    for (index, info) in <L::Format as Format>::Attributes::FIELDS.iter().enumerate() {
        for value in values(info.kind) {
            let mut attributes = <L::Format as Format>::Attributes::kernel_data();
            if attributes.set(index, value) {
                words.extend(L::template(f, &attributes, lg2));
            }
        }
    }
    let fixed = |w: WordOf<L>| w & !room;
    let same = words.iter().all(|w| fixed(*w) == fixed(words[0]));
    same && words.first().is_some_and(|w| L::is_absent(f, *w & room | L::vacant(f) & !room))
}

/// Some values of an attribute: all, if they have names.
fn values(kind: AttributeKind) -> Vec<u64> {
    match kind {
        AttributeKind::Flag => vec![0, 1],
        AttributeKind::Number(bits) => vec![0, 1, (1 << bits) - 1],
        AttributeKind::Choice(names) => names.iter().map(|(_, value)| *value).collect(),
    }
}

/// The attributes of which leaves of this size can say two values.
fn sayable_at<L: Level>(f: L::Format, lg2: u32) -> Vec<&'static str> {
    let fields = <L::Format as Format>::Attributes::FIELDS.iter().enumerate();
    let two = fields.filter(|(index, info)| {
        let said = values(info.kind).into_iter().filter(|value| {
            let mut attributes = <L::Format as Format>::Attributes::kernel_data();
            attributes.set(*index, *value) && L::template(f, &attributes, lg2).is_ok()
        });
        said.count() > 1
    });
    two.map(|(_, info)| info.name).collect()
}
