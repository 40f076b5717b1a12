//! What a format says about itself: the traits that emitted code implements.
//!
//! Everything here is small, branch-light and safe to implement. A wrong implementation makes wrong tables, and the
//! duty not to load or walk wrong tables lies with whoever claims that a root of this format stands in some memory
//! ([`Tree::from_root`](crate::Tree::from_root)) or builds a memory of raw addresses. The engine never trusts these
//! answers for its own memory safety beyond that claim: slot numbers are masked by the level's own index width.
//!
//! A [`Format`] is a value: it carries what the client decides at run time and is zero-sized when everything is bound at
//! compile time. Words are values in the processor's order; the engine swaps bytes where the format says so.

mod attributes;
mod sizes;
mod update;

use core::fmt;
use core::hash::Hash;

use crate::emitted;
pub use crate::tables::word::Word;
pub use attributes::{Access, AttributeInfo, AttributeKind, Attributes, Change, Unencodable};
pub use sizes::{LevelInfo, Sizes};
pub use update::{ChangeKind, Way};

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
    #[inline]
    fn big_endian(self) -> bool {
        false
    }

    /// Whether `va` is one that this table translates: the bits above the translated ones hold what they must.
    fn is_canonical(self, va: u64) -> bool;

    /// The VA whose translated bits are those of `position`, with the bits above as they must be (ignored bits zero).
    fn extend(self, position: u64) -> u64;

    /// The highest OA, inclusive.
    fn output_last(self) -> u64;

    /// The highest address that a word can give a table, inclusive: its last byte.
    #[inline]
    fn table_last(self) -> u64 {
        self.output_last()
    }

    /// How a change of this kind is made in a table that is live.
    fn way(self, kind: ChangeKind) -> Way;

    /// The strictest way of all that `change` does.
    fn way_of(self, change: &Self::Change) -> Way;

    /// Whether a leaf can belong to all address spaces, so that flushes must reach those as well.
    fn has_global(self) -> bool {
        true
    }

    /// The start value for [`Level::limit`]: nothing is limited.
    #[inline]
    fn no_limits(self) -> Self::Word {
        !Self::Word::ZERO
    }

    /// Whether machines may walk the tables without looking into the caches, so that what is stored in tables has to be
    /// cleaned out of the caches before a machine sees it.
    #[inline]
    fn cleans(self) -> bool {
        false
    }

    /// Calls `visitor` with the level of the root. The one place where a root chosen at run time costs a branch.
    fn root<V: RootVisitor<Self>>(self, visitor: V) -> V::Output;

    // From here on: what holds at every level that does not say it its own way. Each is the default of the function of
    // [`Level`] with the same name, which has the documentation.

    /// [`Level::is_absent`].
    #[inline]
    fn is_absent(self, w: Self::Word) -> bool {
        let _ = w;
        false
    }

    /// [`Level::is_table`], of levels that have tables.
    #[inline]
    fn is_table(self, w: Self::Word) -> bool {
        let _ = w;
        false
    }

    /// [`Level::table`].
    #[inline]
    fn table(self, address: u64) -> Self::Word {
        let _ = address;
        Self::Word::ZERO
    }

    /// [`Level::table_address`].
    #[inline]
    fn table_address(self, w: Self::Word) -> u64 {
        let _ = w;
        0
    }

    /// [`Level::child`].
    #[inline]
    fn child(self, w: Self::Word) -> u8 {
        let _ = w;
        0
    }

    /// [`Level::table_software`], of levels that have tables.
    #[inline]
    fn table_software(self) -> Self::Word {
        Self::Word::ZERO
    }

    /// [`Level::limit`].
    #[inline]
    fn limit(self, limits: Self::Word, w: Self::Word) -> Self::Word {
        let _ = w;
        limits
    }

    /// [`Level::attributes`].
    #[inline]
    fn attributes(self, w: Self::Word, limits: Self::Word) -> Self::Attributes {
        let _ = (w, limits);
        Self::Attributes::default()
    }

    /// [`Level::template`].
    ///
    /// # Errors
    ///
    /// [`Unencodable`] names the attribute that no leaf word of this size can say.
    #[inline]
    fn template(self, attributes: &Self::Attributes, lg2: u32) -> Result<Self::Word, Unencodable> {
        let _ = (attributes, lg2);
        Err(Unencodable::NO_LEAF)
    }

    /// [`Level::leaf`].
    #[inline]
    fn leaf(self, template: Self::Word, lg2: u32, oa: u64) -> Self::Word {
        let _ = (lg2, oa);
        template
    }

    /// [`Level::resize`].
    ///
    /// # Errors
    ///
    /// [`Unencodable`] names what would be lost.
    #[inline]
    fn resize(self, w: Self::Word, lg2: u32) -> Result<Self::Word, Unencodable> {
        let _ = (w, lg2);
        Err(Unencodable::NO_LEAF)
    }

    /// [`Level::patch`].
    ///
    /// # Errors
    ///
    /// [`Unencodable`] names the attribute that no leaf can say.
    #[inline]
    fn patch(self, change: &Self::Change) -> Result<Self::Patch, Unencodable> {
        let _ = change;
        Err(Unencodable::NO_LEAF)
    }

    /// [`Level::apply`].
    #[inline]
    fn apply(self, patch: &Self::Patch, w: Self::Word) -> Self::Word {
        let _ = patch;
        w
    }

    /// [`Level::changes_fit`].
    #[inline]
    fn changes_fit(self) -> bool {
        false
    }

    /// [`Level::hardware`].
    #[inline]
    fn hardware(self) -> Self::Word {
        Self::Word::ZERO
    }

    /// [`Level::payload_mask`].
    #[inline]
    fn payload_mask(self) -> Self::Word {
        Self::Word::ZERO
    }
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
/// What has a default fits a level without leaves or runs, whose emptied slots hold zero, and which says everything else
/// as the [`Format`] says it for all levels.
///
/// Predicates on words are exact: every word is exactly one of absent, table, leaf, or (if all three fail) reserved. Where
/// words can [skip](Self::SKIPS) levels, or point to [parts](Self::HAS_PARTS) of tables, one of these is another kind, and
/// no table in this sense.
pub trait Level: Sized + 'static {
    /// The format.
    type Format: Format;
    /// The level below; [`Floor`](crate::Floor) under the lowest.
    type Below: Level<Format = Self::Format>;

    /// The numbers below, where they do not depend on what is decided at run time.
    const INFO: LevelInfo = LevelInfo::UNSAID;
    /// The name in the manual.
    const NAME: &'static str = Self::INFO.name;
    /// 0 for the lowest level, one more for each above.
    const NUMBER: u8 = Self::INFO.number;
    /// Whether this is [`Floor`](crate::Floor), which has no tables.
    const IS_FLOOR: bool = false;
    /// Whether a word here can point to a table of [`Below`](Self::Below).
    const HAS_TABLES: bool = !<Self::Below as Level>::IS_FLOOR;

    /// Whether a word here can point to a table further down than [`Below`](Self::Below).
    const SKIPS: bool = false;

    /// Whether a word here can point to a table of which only a part is there.
    const HAS_PARTS: bool = false;

    /// The lowest VA bit that indexes this level: lg2 of the bytes that one slot translates.
    #[inline]
    fn shift(f: Self::Format) -> u32 {
        let _ = f;
        Self::INFO.shift
    }

    /// How many VA bits index this level. A table has `2^index_bits` slots.
    #[inline]
    fn index_bits(f: Self::Format) -> u32 {
        let _ = f;
        Self::INFO.index_bits
    }

    /// lg2 of the bytes to which a table of this level is aligned.
    #[inline]
    fn align_lg2(f: Self::Format) -> u32 {
        Self::index_bits(f) + <WordOf<Self> as Word>::BYTES_LG2
    }

    /// How many bits behind a table belong to each of its slots, a multiple of 8: software's, which the engine leaves alone.
    #[inline]
    fn companion_bits(f: Self::Format) -> u32 {
        let _ = f;
        0
    }

    /// The sizes of leaves at this level, runs included; empty if there are none.
    #[inline]
    fn leaf_sizes(f: Self::Format) -> Sizes {
        let _ = f;
        Self::INFO.leaf_sizes
    }

    /// What an emptied slot holds.
    #[inline]
    fn empty(f: Self::Format) -> WordOf<Self> {
        let _ = f;
        <WordOf<Self> as Word>::ZERO
    }

    /// Whether `w` is absent and carries nothing of the client's; bits that nobody looks at may be anything.
    #[inline]
    fn is_empty(f: Self::Format, w: WordOf<Self>) -> bool {
        w == Self::empty(f)
    }

    /// Whether `w` holds no translation.
    #[inline]
    fn is_absent(f: Self::Format, w: WordOf<Self>) -> bool {
        f.is_absent(w)
    }

    /// Whether `w` points to a table of the level below, with nothing wrong about it.
    #[inline]
    fn is_table(f: Self::Format, w: WordOf<Self>) -> bool {
        Self::HAS_TABLES && f.is_table(w)
    }

    /// Whether `w` ends the walk, with nothing wrong about it.
    #[inline]
    fn is_leaf(f: Self::Format, w: WordOf<Self>) -> bool {
        let _ = (f, w);
        false
    }

    /// Whether `w` points to a table further down than the level below, with nothing wrong about it. The skipped bits of a VA
    /// have to be zero.
    #[inline]
    fn is_skip(f: Self::Format, w: WordOf<Self>) -> bool {
        let _ = (f, w);
        false
    }

    /// The number of the level of the table that `w` points to, a word that [skips](Self::is_skip) levels.
    #[inline]
    fn child(f: Self::Format, w: WordOf<Self>) -> u8 {
        f.child(w)
    }

    /// Whether `w` points to a table of the level below of which only a part is there, with nothing wrong about it. Readers
    /// see the slots that are not there as holes, and what would change anything below is refused
    /// ([`Error::PartialTable`](crate::Error::PartialTable)). The engine builds no such tables.
    #[inline]
    fn is_part(f: Self::Format, w: WordOf<Self>) -> bool {
        let _ = (f, w);
        false
    }

    /// The first slot that is there of the table to which `w` points, a [part](Self::is_part).
    #[inline]
    fn part_first(f: Self::Format, w: WordOf<Self>) -> u64 {
        let _ = (f, w);
        0
    }

    /// The last slot that is there of the table to which `w` points, a [part](Self::is_part).
    #[inline]
    fn part_last(f: Self::Format, w: WordOf<Self>) -> u64 {
        let _ = (f, w);
        u64::MAX
    }

    /// The word that points to the table at `address` and limits nothing. `address` is aligned and within the OA width.
    #[inline]
    fn table(f: Self::Format, address: u64) -> WordOf<Self> {
        f.table(address)
    }

    /// The leaf word `w` that takes the place of the table word `table`, with what that says for the leaves below, which
    /// cannot.
    #[inline]
    fn leaf_for(f: Self::Format, w: WordOf<Self>, table: WordOf<Self>) -> WordOf<Self> {
        let _ = (f, table);
        w
    }

    /// Zero, if `change` asks leaves below the table word `w` for nothing that the table says otherwise, in place of the
    /// leaves, which cannot.
    ///
    /// # Errors
    ///
    /// [`Unencodable`] names what the table says.
    #[inline]
    fn changes_below(f: Self::Format, w: WordOf<Self>, change: &ChangeOf<Self>) -> Result<WordOf<Self>, Unencodable> {
        let _ = (f, w, change);
        Ok(<WordOf<Self> as Word>::ZERO)
    }

    /// The address in a table word.
    #[inline]
    fn table_address(f: Self::Format, w: WordOf<Self>) -> u64 {
        f.table_address(w)
    }

    /// The bits of a table word that the machine ignores and leaves to software. The engine uses the two lowest: the first
    /// says that the table is pinned, the second that it is another root's.
    #[inline]
    fn table_software(f: Self::Format) -> WordOf<Self> {
        if Self::HAS_TABLES { f.table_software() } else { <WordOf<Self> as Word>::ZERO }
    }

    /// What a leaf below the table word `w` may still say, given `limits` from above.
    #[inline]
    fn limit(f: Self::Format, limits: WordOf<Self>, w: WordOf<Self>) -> WordOf<Self> {
        f.limit(limits, w)
    }

    /// What `va` is translated to by the leaf word `w` in its slot.
    #[inline]
    fn output(f: Self::Format, w: WordOf<Self>, va: u64) -> u64 {
        Self::leaf_oa(f, w) | va & ((1 << Self::shift(f)) - 1)
    }

    /// The OA stored in the leaf word `w`: that of its own slot, or of the run's first slot where all slots of a run
    /// hold the same word.
    #[inline]
    fn leaf_oa(f: Self::Format, w: WordOf<Self>) -> u64 {
        let _ = (f, w);
        0
    }

    /// lg2 of the bytes that the leaf of word `w` translates, its whole run included.
    #[inline]
    fn leaf_lg2(f: Self::Format, w: WordOf<Self>) -> u32 {
        let _ = w;
        Self::shift(f)
    }

    /// Whether all slots of a run of `2^lg2` bytes hold the same word.
    #[inline]
    fn run_is_identical(f: Self::Format, lg2: u32) -> bool {
        let _ = (f, lg2);
        false
    }

    /// What the leaf word `w` says below `limits`.
    #[inline]
    fn attributes(f: Self::Format, w: WordOf<Self>, limits: WordOf<Self>) -> AttributesOf<Self> {
        f.attributes(w, limits)
    }

    /// A leaf word of `2^lg2` bytes (one of [`leaf_sizes`](Self::leaf_sizes)) with an OA of zero.
    ///
    /// # Errors
    ///
    /// [`Unencodable`] names the attribute that no leaf word of this size can say.
    #[inline]
    fn template(f: Self::Format, attributes: &AttributesOf<Self>, lg2: u32) -> Result<WordOf<Self>, Unencodable> {
        f.template(attributes, lg2)
    }

    /// `template` (of that size) with `oa`, which is aligned to the slot, or to the run where its words are identical.
    #[inline]
    fn leaf(f: Self::Format, template: WordOf<Self>, lg2: u32, oa: u64) -> WordOf<Self> {
        f.leaf(template, lg2, oa)
    }

    /// A template of `2^lg2` bytes at this level that says what the leaf word `w` of this level says: how a run is
    /// taken apart.
    ///
    /// # Errors
    ///
    /// [`Unencodable`] names what would be lost.
    #[inline]
    fn resize(f: Self::Format, w: WordOf<Self>, lg2: u32) -> Result<WordOf<Self>, Unencodable> {
        f.resize(w, lg2)
    }

    /// A template of `2^lg2` bytes at the level *below* that says what the leaf word `w` of this level says: how a leaf
    /// is split.
    ///
    /// # Errors
    ///
    /// [`Unencodable`] names what would be lost.
    #[inline]
    fn descend(f: Self::Format, w: WordOf<Self>, lg2: u32) -> Result<WordOf<Self>, Unencodable> {
        let _ = (f, w, lg2);
        Err(Unencodable::NO_LEAF)
    }

    /// `change` in terms of the bits of this level's leaves.
    ///
    /// # Errors
    ///
    /// [`Unencodable`] names the attribute that no leaf here can say.
    #[inline]
    fn patch(f: Self::Format, change: &ChangeOf<Self>) -> Result<PatchOf<Self>, Unencodable> {
        f.patch(change)
    }

    /// The leaf word `w`, changed.
    #[inline]
    fn apply(f: Self::Format, patch: &PatchOf<Self>, w: WordOf<Self>) -> WordOf<Self> {
        f.apply(patch, w)
    }

    /// Whether every leaf word that a patch of this level is applied to is still a leaf word, with nothing wrong about it.
    /// Where this is false, a patch can ask for what a leaf cannot say beside what it says already.
    #[inline]
    fn changes_fit(f: Self::Format) -> bool {
        f.changes_fit()
    }

    /// The bits that the machine may set or clear by itself in a leaf word.
    #[inline]
    fn hardware(f: Self::Format) -> WordOf<Self> {
        f.hardware()
    }

    /// What the bits of [`hardware`](Self::hardware) are when the machine has nothing left to record: ones where it
    /// sets bits, zeroes where it clears them (and zeroes elsewhere).
    #[inline]
    fn hardware_done(f: Self::Format) -> WordOf<Self> {
        Self::hardware(f)
    }

    /// What the slot of the leaf word `w` holds while the size of the leaf changes in a live table of a format whose rule
    /// for that is [`Way::Break`]: an absent word, or a leaf word of the same translation that no TLB keeps.
    #[inline]
    fn held(f: Self::Format, w: WordOf<Self>) -> WordOf<Self> {
        let _ = w;
        Self::empty(f)
    }

    /// An absent word with room for the client that carries nothing: of the kind of absent words that has the most room, which
    /// need not be the one that an emptied slot holds.
    #[inline]
    fn vacant(f: Self::Format) -> WordOf<Self> {
        Self::empty(f)
    }

    /// Whether the absent word `w` is of the kind that has the most room for the client.
    #[inline]
    fn has_room(f: Self::Format, w: WordOf<Self>) -> bool {
        let _ = (f, w);
        true
    }

    /// How many bits an absent word has for the client.
    #[inline]
    fn payload_bits(f: Self::Format) -> u32 {
        Self::payload_mask(f).into().count_ones()
    }

    /// The bits of a [vacant](Self::vacant) word that are the client's.
    #[inline]
    fn payload_mask(f: Self::Format) -> WordOf<Self> {
        f.payload_mask()
    }

    /// An absent word that carries the lowest [`payload_bits`](Self::payload_bits) bits of `payload`.
    #[inline]
    fn absent(f: Self::Format, payload: u64) -> WordOf<Self> {
        let mask = Self::payload_mask(f);
        Self::vacant(f) & !mask | WordOf::<Self>::truncate(emitted::deposit(payload, mask.into()))
    }

    /// What an absent word carries; zero if it is of a kind with less room than others.
    #[inline]
    fn payload(f: Self::Format, w: WordOf<Self>) -> u64 {
        if Self::has_room(f, w) { emitted::extract(w.into(), Self::payload_mask(f).into()) } else { 0 }
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
