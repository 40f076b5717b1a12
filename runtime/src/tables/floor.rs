//! What is below the lowest level.

use core::fmt;
use core::marker::PhantomData;

use crate::format::{AttributesOf, ChangeOf, Format, Level, PatchOf, Sizes, Unencodable, WordOf};
use crate::tables::word::Word;

/// The level under the lowest one. It has no tables, and no word here means anything.
pub struct Floor<F> {
    format: PhantomData<fn() -> F>,
}

impl<F> fmt::Debug for Floor<F> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Floor")
    }
}

const NOTHING: Unencodable = Unencodable { attribute: "level" };

impl<F: Format> Level for Floor<F> {
    type Format = F;
    type Below = Self;

    const NAME: &'static str = "floor";
    const NUMBER: u8 = 0;
    const IS_FLOOR: bool = true;
    const HAS_TABLES: bool = false;

    fn shift(_: F) -> u32 {
        0
    }

    fn index_bits(_: F) -> u32 {
        0
    }

    fn align_lg2(_: F) -> u32 {
        0
    }

    fn leaf_sizes(_: F) -> Sizes {
        Sizes(0)
    }

    fn empty(_: F) -> WordOf<Self> {
        WordOf::<Self>::ZERO
    }

    fn is_empty(_: F, _: WordOf<Self>) -> bool {
        false
    }

    fn is_absent(_: F, _: WordOf<Self>) -> bool {
        false
    }

    fn is_table(_: F, _: WordOf<Self>) -> bool {
        false
    }

    fn is_leaf(_: F, _: WordOf<Self>) -> bool {
        false
    }

    fn table(_: F, _: u64) -> WordOf<Self> {
        WordOf::<Self>::ZERO
    }

    fn table_address(_: F, _: WordOf<Self>) -> u64 {
        0
    }

    fn limit(_: F, limits: WordOf<Self>, _: WordOf<Self>) -> WordOf<Self> {
        limits
    }

    fn output(_: F, _: WordOf<Self>, _: u64) -> u64 {
        0
    }

    fn leaf_oa(_: F, _: WordOf<Self>) -> u64 {
        0
    }

    fn leaf_lg2(_: F, _: WordOf<Self>) -> u32 {
        0
    }

    fn run_is_identical(_: F, _: u32) -> bool {
        false
    }

    fn attributes(_: F, _: WordOf<Self>, _: WordOf<Self>) -> AttributesOf<Self> {
        AttributesOf::<Self>::default()
    }

    fn template(_: F, _: &AttributesOf<Self>, _: u32) -> Result<WordOf<Self>, Unencodable> {
        Err(NOTHING)
    }

    fn leaf(_: F, template: WordOf<Self>, _: u32, _: u64) -> WordOf<Self> {
        template
    }

    fn resize(_: F, _: WordOf<Self>, _: u32) -> Result<WordOf<Self>, Unencodable> {
        Err(NOTHING)
    }

    fn descend(_: F, _: WordOf<Self>, _: u32) -> Result<WordOf<Self>, Unencodable> {
        Err(NOTHING)
    }

    fn patch(_: F, _: &ChangeOf<Self>) -> Result<PatchOf<Self>, Unencodable> {
        Err(NOTHING)
    }

    fn apply(_: F, _: &PatchOf<Self>, w: WordOf<Self>) -> WordOf<Self> {
        w
    }

    fn hardware(_: F) -> WordOf<Self> {
        WordOf::<Self>::ZERO
    }

    fn payload_bits(_: F) -> u32 {
        0
    }

    fn absent(_: F, _: u64) -> WordOf<Self> {
        WordOf::<Self>::ZERO
    }

    fn payload(_: F, _: WordOf<Self>) -> u64 {
        0
    }
}
