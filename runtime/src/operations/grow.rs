//! One more level above the root.
//!
//! What the old root translates the new one translates through its first slot. No table that there is is touched, so
//! whoever walks from the old root, machine or reader, goes on, and finds what it found.

use crate::address::Oa;
use crate::context::Context;
use crate::engine::clean::clean_new;
use crate::engine::reserve::{Need, Reserve};
use crate::error::Error;
use crate::format::{Format, Level, RootVisitor};
use crate::frames::Frames;
use crate::memory::Memory;
use crate::tables::span::{va, whole};
use crate::tree::Tree;

impl<F: Format> Tree<F> {
    /// Puts a new root above the old one, for tables of the format `larger`, which is as this one but for one more level
    /// (decided at run time), and whose VA are those of this one with zeroes above them. The new root is empty but for the
    /// old one in its first slot. Readers of the old root go on; machines do, too, until they are told about the new one,
    /// which is [`root`](Self::root) from now on. There is nothing to flush: no entry has changed.
    ///
    /// # Errors
    ///
    /// [`Error::NotCanonical`] names an address that would mean something else under `larger`, where signs are extended,
    /// say; [`Error::NotOneLevelMore`] if `larger` has not one level more, or has a table of another shape in the place of
    /// the root; [`Error::OutOfFrames`]; [`Error::OutOfRange`]; [`Error::Memory`]. Nothing has been changed then.
    pub fn grow<M: Memory, A: Frames, T>(&mut self, cx: &mut Context<M, A, T>, larger: F) -> Result<(), Error> {
        let smaller = self.format();
        let (old, checked) = (smaller.root(Geometry(smaller)), smaller.root(Extension { f: smaller, larger }));
        checked?;
        let Context { memory, frames, .. } = cx;
        memory.begin();
        let root = larger.root(NewRoot { larger, old, address: self.root(), memory: &*memory, frames })?;
        self.set_root(larger, root);
        Ok(())
    }
}

/// What a level's tables are like.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Shape {
    number: u8,
    shift: u32,
    index_bits: u32,
    align_lg2: u32,
}

impl Shape {
    fn of<L: Level>(f: L::Format) -> Self {
        let (shift, index_bits) = (L::shift(f), L::index_bits(f));
        Self { number: L::NUMBER, shift, index_bits, align_lg2: L::align_lg2(f) }
    }
}

/// The shape of the root.
struct Geometry<F>(F);

impl<F: Format> RootVisitor<F> for Geometry<F> {
    type Output = Shape;

    fn visit<L: Level<Format = F>>(self) -> Shape {
        Shape::of::<L>(self.0)
    }
}

/// Whether the VA below a root mean the same in a larger format.
struct Extension<F> {
    f: F,
    larger: F,
}

impl<F: Format> RootVisitor<F> for Extension<F> {
    type Output = Result<(), Error>;

    fn visit<L: Level<Format = F>>(self) -> Result<(), Error> {
        let Self { f, larger } = self;
        let last = whole::<L>(f).last;
        let ends = [0, last >> 1, (last >> 1) + 1, last];
        match ends.into_iter().find(|&at| f.extend(at) != larger.extend(at)) {
            Some(at) => Err(Error::NotCanonical { va: va(f, at) }),
            None => Ok(()),
        }
    }
}

/// Makes the new root.
struct NewRoot<'a, F, M, A> {
    larger: F,
    old: Shape,
    address: Oa,
    memory: &'a M,
    frames: &'a mut A,
}

impl<F: Format, M: Memory, A: Frames> RootVisitor<F> for NewRoot<'_, F, M, A> {
    type Output = Result<Oa, Error>;

    fn visit<L: Level<Format = F>>(self) -> Self::Output {
        let Self { larger: f, old, address, memory, frames } = self;
        if !L::HAS_TABLES || Shape::of::<L::Below>(f) != old {
            return Err(Error::NotOneLevelMore);
        }
        if address.get() > f.table_last() {
            return Err(Error::OutOfRange { oa: address, last: Oa::new(f.table_last()) });
        }
        let mut need = Need::default();
        need.add::<L>(1);
        let mut reserve = Reserve::take_all(f, memory, frames, &need)?;
        memory.commit();
        let root = reserve.take::<L, M>(f, memory)?;
        let (empty, word) = (L::empty(f), L::table(f, address.get()));
        root.open(f, memory, |slots| {
            slots.fill(0, slots.len() - 1, |_| empty);
            slots.set(0, word);
        })?;
        clean_new(f, memory, &root);
        Ok(root.address())
    }
}
