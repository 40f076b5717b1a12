//! What a format says about itself: the traits that emitted code implements.
//!
//! Everything here is small, branch-light and safe to implement. A wrong implementation makes wrong tables, and the
//! duty not to load or walk wrong tables lies with whoever claims that a root of this format stands in some memory
//! ([`Tree::from_root`](crate::Tree::from_root)) or builds a memory of raw addresses. The engine never trusts these
//! answers for its own memory safety beyond that claim: slot numbers are masked by the level's own index width.
//!
//! A [`Format`] is a value: it carries what the client decides at run time and is zero-sized when everything is bound at
//! compile time. Words are values in the processor's order; the engine swaps bytes where the format says so.

use core::fmt;
use core::hash::Hash;

use crate::emitted;
pub use crate::word::Word;

/// A page-table format under a client's binding.
pub trait Format: Copy + Eq + Hash + fmt::Debug + Send + Sync + 'static {
    /// An entry.
    type Word: Word;
    /// What a leaf says beside its OA.
    type Attributes: Attributes;
    /// Attributes to change, and what to.
    type Change: Change<Attributes = Self::Attributes>;
    /// A [`Change`](Self::Change) translated into bits, the same for all levels that hold leaves of one layout.
    type Patch: Copy;

    /// The name in the format file.
    const NAME: &'static str;

    /// Whether words stand in memory with the highest byte first.
    fn big_endian(self) -> bool;

    /// Whether `va` is one that this table translates: the bits above the translated ones hold what they must.
    fn is_canonical(self, va: u64) -> bool;

    /// The VA whose translated bits are those of `position`, with the bits above as they must be (ignored bits zero).
    fn extend(self, position: u64) -> u64;

    /// The highest OA, inclusive.
    fn output_last(self) -> u64;

    /// How a change of this kind is made in a table that is live.
    fn way(self, kind: ChangeKind) -> Way;

    /// The strictest way of all that `change` does.
    fn way_of(self, change: &Self::Change) -> Way;

    /// Whether a leaf can belong to all address spaces, so that flushes must reach those as well.
    fn has_global(self) -> bool {
        true
    }

    /// The start value for [`Level::limit`]: nothing is limited.
    fn no_limits(self) -> Self::Word;

    /// What a leaf below the table word `w` may still say, given `limits` from above, at levels that do not say it
    /// their own way ([`Level::limit`]).
    fn limit(self, limits: Self::Word, w: Self::Word) -> Self::Word {
        let _ = w;
        limits
    }

    /// Calls `visitor` with the level of the root. The one place where a root chosen at run time costs a branch.
    fn root<V: RootVisitor<Self>>(self, visitor: V) -> V::Output;
}

/// Something to be done at the root's level.
pub trait RootVisitor<F: Format> {
    /// What comes of it.
    type Output;

    /// Does it.
    fn visit<L: Level<Format = F>>(self) -> Self::Output;
}

/// One level of a format. Implemented by types that are never built.
///
/// What has a default fits a level without leaves (all that concerns leaves), one without tables, one without runs, and
/// one whose emptied slots hold zero.
///
/// Predicates on words are exact: every word is exactly one of absent, table, leaf, or (if all three fail) reserved.
pub trait Level: Sized + 'static {
    /// The format.
    type Format: Format;
    /// The level below; [`Floor`] under the lowest.
    type Below: Level<Format = Self::Format>;

    /// The name in the manual.
    const NAME: &'static str;
    /// 0 for the lowest level, one more for each above.
    const NUMBER: u8;
    /// Whether this is [`Floor`], which has no tables.
    const IS_FLOOR: bool = false;
    /// Whether a word here can point to a table of [`Below`](Self::Below).
    const HAS_TABLES: bool;

    /// The lowest VA bit that indexes this level: lg2 of the bytes that one slot translates.
    fn shift(f: Self::Format) -> u32;

    /// How many VA bits index this level. A table has `2^index_bits` slots.
    fn index_bits(f: Self::Format) -> u32;

    /// lg2 of the bytes to which a table of this level is aligned.
    fn align_lg2(f: Self::Format) -> u32 {
        Self::index_bits(f) + <WordOf<Self> as Word>::BYTES_LG2
    }

    /// The sizes of leaves at this level, runs included; empty if there are none.
    fn leaf_sizes(f: Self::Format) -> Sizes {
        let _ = f;
        Sizes::default()
    }

    /// What an emptied slot holds.
    fn empty(f: Self::Format) -> WordOf<Self> {
        let _ = f;
        <WordOf<Self> as Word>::ZERO
    }

    /// Whether `w` is absent and carries nothing of the client's; bits that nobody looks at may be anything.
    fn is_empty(f: Self::Format, w: WordOf<Self>) -> bool {
        w == Self::empty(f)
    }

    /// Whether `w` holds no translation.
    fn is_absent(f: Self::Format, w: WordOf<Self>) -> bool;

    /// Whether `w` points to a table, with nothing wrong about it.
    fn is_table(f: Self::Format, w: WordOf<Self>) -> bool {
        let _ = (f, w);
        false
    }

    /// Whether `w` ends the walk, with nothing wrong about it.
    fn is_leaf(f: Self::Format, w: WordOf<Self>) -> bool {
        let _ = (f, w);
        false
    }

    /// The word that points to the table at `address` and limits nothing. `address` is aligned and within the OA width.
    fn table(f: Self::Format, address: u64) -> WordOf<Self> {
        let _ = address;
        Self::empty(f)
    }

    /// The address in a table word.
    fn table_address(f: Self::Format, w: WordOf<Self>) -> u64 {
        let _ = (f, w);
        0
    }

    /// What a leaf below the table word `w` may still say, given `limits` from above.
    fn limit(f: Self::Format, limits: WordOf<Self>, w: WordOf<Self>) -> WordOf<Self> {
        f.limit(limits, w)
    }

    /// What `va` is translated to by the leaf word `w` in its slot.
    fn output(f: Self::Format, w: WordOf<Self>, va: u64) -> u64 {
        Self::leaf_oa(f, w) | va & ((1 << Self::shift(f)) - 1)
    }

    /// The OA stored in the leaf word `w`: that of its own slot, or of the run's first slot where all slots of a run
    /// hold the same word.
    fn leaf_oa(f: Self::Format, w: WordOf<Self>) -> u64 {
        let _ = (f, w);
        0
    }

    /// lg2 of the bytes that the leaf of word `w` translates, its whole run included.
    fn leaf_lg2(f: Self::Format, w: WordOf<Self>) -> u32 {
        let _ = w;
        Self::shift(f)
    }

    /// Whether all slots of a run of `2^lg2` bytes hold the same word.
    fn run_is_identical(f: Self::Format, lg2: u32) -> bool {
        let _ = (f, lg2);
        false
    }

    /// What the leaf word `w` says below `limits`.
    fn attributes(f: Self::Format, w: WordOf<Self>, limits: WordOf<Self>) -> AttributesOf<Self> {
        let _ = (f, w, limits);
        AttributesOf::<Self>::default()
    }

    /// A leaf word of `2^lg2` bytes (one of [`leaf_sizes`](Self::leaf_sizes)) with an OA of zero.
    ///
    /// # Errors
    ///
    /// [`Unencodable`] names the attribute that no leaf word of this size can say.
    fn template(f: Self::Format, attributes: &AttributesOf<Self>, lg2: u32) -> Result<WordOf<Self>, Unencodable> {
        let _ = (f, attributes, lg2);
        Err(Unencodable::NO_LEAF)
    }

    /// `template` (of that size) with `oa`, which is aligned to the slot, or to the run where its words are identical.
    fn leaf(f: Self::Format, template: WordOf<Self>, lg2: u32, oa: u64) -> WordOf<Self> {
        let _ = (f, lg2, oa);
        template
    }

    /// A template of `2^lg2` bytes at this level that says what the leaf word `w` of this level says: how a run is
    /// taken apart.
    ///
    /// # Errors
    ///
    /// [`Unencodable`] names what would be lost.
    fn resize(f: Self::Format, w: WordOf<Self>, lg2: u32) -> Result<WordOf<Self>, Unencodable> {
        let _ = (f, w, lg2);
        Err(Unencodable::NO_LEAF)
    }

    /// A template of `2^lg2` bytes at the level *below* that says what the leaf word `w` of this level says: how a leaf
    /// is split.
    ///
    /// # Errors
    ///
    /// [`Unencodable`] names what would be lost.
    fn descend(f: Self::Format, w: WordOf<Self>, lg2: u32) -> Result<WordOf<Self>, Unencodable> {
        let _ = (f, w, lg2);
        Err(Unencodable::NO_LEAF)
    }

    /// `change` in terms of the bits of this level's leaves.
    ///
    /// # Errors
    ///
    /// [`Unencodable`] names the attribute that no leaf here can say.
    fn patch(f: Self::Format, change: &ChangeOf<Self>) -> Result<PatchOf<Self>, Unencodable> {
        let _ = (f, change);
        Err(Unencodable::NO_LEAF)
    }

    /// The leaf word `w`, changed.
    fn apply(f: Self::Format, patch: &PatchOf<Self>, w: WordOf<Self>) -> WordOf<Self> {
        let _ = (f, patch);
        w
    }

    /// The bits that the machine may set or clear by itself in a leaf word.
    fn hardware(f: Self::Format) -> WordOf<Self> {
        let _ = f;
        <WordOf<Self> as Word>::ZERO
    }

    /// What the bits of [`hardware`](Self::hardware) are when the machine has nothing left to record: ones where it
    /// sets bits, zeroes where it clears them (and zeroes elsewhere).
    fn hardware_done(f: Self::Format) -> WordOf<Self> {
        Self::hardware(f)
    }

    /// How many bits an absent word has for the client.
    fn payload_bits(f: Self::Format) -> u32 {
        Self::payload_mask(f).into().count_ones()
    }

    /// The bits of an absent word that are the client's.
    fn payload_mask(f: Self::Format) -> WordOf<Self> {
        let _ = f;
        <WordOf<Self> as Word>::ZERO
    }

    /// An absent word that carries the lowest [`payload_bits`](Self::payload_bits) bits of `payload`.
    fn absent(f: Self::Format, payload: u64) -> WordOf<Self> {
        let mask = Self::payload_mask(f);
        Self::empty(f) & !mask | WordOf::<Self>::truncate(emitted::deposit(payload, mask.into()))
    }

    /// What an absent word carries.
    fn payload(f: Self::Format, w: WordOf<Self>) -> u64 {
        emitted::extract(w.into(), Self::payload_mask(f).into())
    }
}

/// The word of a level.
pub type WordOf<L> = <<L as Level>::Format as Format>::Word;
/// The attributes of a level's format.
pub type AttributesOf<L> = <<L as Level>::Format as Format>::Attributes;
/// The changes of a level's format.
pub type ChangeOf<L> = <<L as Level>::Format as Format>::Change;
/// The patches of a level's format.
pub type PatchOf<L> = <<L as Level>::Format as Format>::Patch;

/// A [`Patch`](Format::Patch) of a format whose attributes are each bits of their own: some cleared, then some set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits<W> {
    /// The bits to clear.
    pub clear: W,
    /// The bits to set afterwards.
    pub set: W,
}

/// What a leaf says beside its OA, for code that does not know the format.
pub trait Attributes: Copy + Eq + fmt::Debug + Default + Send + Sync + 'static {
    /// What there is, in the order of the format file.
    const FIELDS: &'static [AttributeInfo];

    /// The value of `FIELDS[index]`: 0 or 1, the number, or the number written for the choice. 0 past the end.
    fn get(&self, index: usize) -> u64;

    /// Sets `FIELDS[index]`. Returns whether the attribute has such a value; if not, nothing changes.
    fn set(&mut self, index: usize, value: u64) -> bool;

    /// Whether a leaf with these (effective) attributes lets such an access through, user mode or not, as far as the
    /// word decides it; modes of the processor may forbid more.
    fn permits(&self, access: Access, user: bool) -> bool;

    /// Read and write for the kernel, global, accessed and dirty, of the first memory type; likewise below.
    fn kernel_data() -> Self;
    /// Read only, for the kernel.
    fn kernel_rodata() -> Self;
    /// Read and execute, for the kernel.
    fn kernel_text() -> Self;
    /// Read and write, for user mode, not global.
    fn user_data() -> Self;
    /// Read only, for user mode, not global.
    fn user_rodata() -> Self;
    /// Read and execute, for user mode, not global.
    fn user_text() -> Self;
}

/// Attributes to change, for code that does not know the format. The default changes nothing.
pub trait Change: Copy + fmt::Debug + Default + Send + Sync + 'static {
    /// The attributes.
    type Attributes: Attributes;

    /// Lets it set attribute `index` of [`Attributes::FIELDS`] to `value`. Returns whether the attribute has such a
    /// value; if not, nothing changes.
    fn set(&mut self, index: usize, value: u64) -> bool;

    /// `attributes`, changed.
    #[must_use]
    fn revise(&self, attributes: &Self::Attributes) -> Self::Attributes;
}

/// One attribute of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttributeInfo {
    /// Its name.
    pub name: &'static str,
    /// Which values it has.
    pub kind: AttributeKind,
}

/// The values of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeKind {
    /// 0 or 1.
    Flag,
    /// Any number of so many bits.
    Number(u32),
    /// Names and the numbers written for them.
    Choice(&'static [(&'static str, u64)]),
}

/// A level in numbers, for code that does not know the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelInfo {
    /// The name in the manual.
    pub name: &'static str,
    /// [`Level::NUMBER`].
    pub number: u8,
    /// [`Level::shift`].
    pub shift: u32,
    /// [`Level::index_bits`].
    pub index_bits: u32,
    /// [`Level::leaf_sizes`], as far as they are decided at compile time: all that there may be.
    pub leaf_sizes: Sizes,
}

/// What is done to memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// A load.
    Read,
    /// A store.
    Write,
    /// An instruction fetch.
    Execute,
}

/// An attribute that a word cannot say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Unencodable {
    /// Its name.
    pub attribute: &'static str,
}

impl Unencodable {
    /// What a level without leaves says.
    pub const NO_LEAF: Self = Self { attribute: "leaf" };
}

/// A kind of change to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// Absent to present.
    Fill,
    /// Leaf to absent.
    Clear,
    /// Table to absent.
    Unlink,
    /// More rights.
    Relax,
    /// Fewer rights.
    Restrict,
    /// Another OA.
    Output,
    /// Leaf to table, run to its members, and back, with the same translation.
    Size,
    /// Another memory type.
    MemoryType,
    /// Global or not.
    Global,
    /// Every other field.
    Other,
}

/// How a change is made in a table that is live. Ordered by strictness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// One store; a stale copy in a TLB is harmless, no flush.
    Lazy,
    /// One store, then a flush.
    Live,
    /// An instruction of the client's exchanges the word.
    Instruction,
    /// Absent, flush, new.
    Break,
}

/// A set of leaf sizes, by lg2 of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Sizes(pub u64);

impl Sizes {
    /// The set with only `2^lg2` bytes.
    #[must_use]
    pub const fn one(lg2: u32) -> Self {
        Self(1 << lg2)
    }

    /// Whether `2^lg2` bytes is in the set.
    #[must_use]
    pub const fn has(self, lg2: u32) -> bool {
        lg2 < 64 && self.0 >> lg2 & 1 != 0
    }

    /// Whether there are no sizes.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The sizes in either set.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The largest size of at most `2^lg2` bytes.
    #[must_use]
    pub const fn largest_up_to(self, lg2: u32) -> Option<u32> {
        let below = self.up_to(lg2).0;
        if below == 0 { None } else { Some(63 - below.leading_zeros()) }
    }

    /// The sizes in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The sizes of at most `2^lg2` bytes.
    #[must_use]
    pub const fn up_to(self, lg2: u32) -> Self {
        if lg2 >= 63 { self } else { Self(self.0 & ((2 << lg2) - 1)) }
    }

    /// The smallest size.
    #[must_use]
    pub const fn smallest(self) -> Option<u32> {
        if self.0 == 0 { None } else { Some(self.0.trailing_zeros()) }
    }

    /// The sizes, from the smallest.
    pub fn iter(self) -> impl Iterator<Item = u32> {
        (0..64).filter(move |&lg2| self.has(lg2))
    }
}
