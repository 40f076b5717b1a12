//! Going through the levels of a format, whatever they are.

use std::marker::PhantomData;

use ptgen::{Format, Level, RootVisitor};

/// Something to be done for each level.
pub trait EachLevel<F: Format> {
    /// Does it for one.
    fn level<L: Level<Format = F>>(&mut self, f: F);
}

/// Shows every level to `visitor`, from the root down.
pub fn each_level<F: Format, V: EachLevel<F>>(f: F, visitor: &mut V) {
    f.root(Down { f, visitor, format: PhantomData });
}

struct Down<'a, F, V> {
    f: F,
    visitor: &'a mut V,
    format: PhantomData<F>,
}

impl<F: Format, V: EachLevel<F>> RootVisitor<F> for Down<'_, F, V> {
    type Output = ();

    fn visit<L: Level<Format = F>>(self) {
        if L::IS_FLOOR {
            return;
        }
        self.visitor.level::<L>(self.f);
        self.visit::<L::Below>();
    }
}

/// What the levels of a format are like, as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The number of the level.
    pub number: u8,
    /// lg2 of the bytes that one slot translates.
    pub shift: u32,
    /// How many VA bits index a table.
    pub index_bits: u32,
    /// lg2 of the sizes of leaves.
    pub leaf_sizes: ptgen::Sizes,
}

/// The shapes of all levels, from the root down.
pub fn shapes<F: Format>(f: F) -> Vec<Shape> {
    struct Collect(Vec<Shape>);
    impl<F: Format> EachLevel<F> for Collect {
        fn level<L: Level<Format = F>>(&mut self, f: F) {
            self.0.push(Shape {
                number: L::NUMBER,
                shift: L::shift(f),
                index_bits: L::index_bits(f),
                leaf_sizes: L::leaf_sizes(f),
            });
        }
    }
    let mut collect = Collect(Vec::new());
    each_level(f, &mut collect);
    collect.0
}

/// The word as it stands in memory, or the word that stands so: bytes change their order where the format says so.
pub fn stored<F: Format>(f: F, word: F::Word) -> F::Word {
    use ptgen::Word as _;
    let value: u64 = word.into();
    if f.big_endian() { F::Word::truncate(value.swap_bytes() >> (64 - F::Word::BITS)) } else { word }
}
