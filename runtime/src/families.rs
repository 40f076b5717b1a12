//! The methods `set_memory_…` and `set_direct_map_…` of the tables of a format, and what they do.
//!
//! They are what kernels call them, for pages of the smallest size: `pages` of them from `va` on. Which of them a format
//! has is said by its expansion, a name each; a format without the attribute is without the method. Each is one of the
//! operations of [`Tree`] with the usual policy: a hole in the range is an error (but nothing in a direct map, which has
//! holes), and leaves that are only partly in it are split. What has to be flushed is the value returned, which is why
//! there are no variants `…_noflush`.

use crate::address::{Va, VaRange};
use crate::context::Context;
use crate::error::Error;
use crate::flush::{Tlb, Unflushed};
use crate::format::{Format, Level, RootVisitor};
use crate::frames::Frames;
use crate::memory::Memory;
use crate::operations::protect::Protect;
use crate::operations::{Hide, Join};
use crate::tables::span::all_sizes;
use crate::tree::Tree;

/// The range of `pages` smallest leaves from `va` on; reversed if there are not so many addresses, so that every operation
/// refuses it.
pub fn pages<F: Format>(tree: &Tree<F>, va: Va, pages: u64) -> VaRange {
    VaRange::blocks(va, pages, tree.format().root(Smallest(tree.format())))
}

/// lg2 of the smallest leaf.
struct Smallest<F>(F);

impl<F: Format> RootVisitor<F> for Smallest<F> {
    type Output = u32;

    fn visit<L: Level<Format = F>>(self) -> u32 {
        all_sizes::<L>(self.0).smallest().unwrap_or(0)
    }
}

/// Changes attributes of pages.
///
/// # Errors
///
/// Those of [`Tree::protect`].
#[cfg_attr(debug_assertions, track_caller)]
pub fn change<F: Format, M: Memory, A: Frames, T: Tlb>(
    tree: &mut Tree<F>,
    cx: &mut Context<M, A, T>,
    (va, count): (Va, u64),
    change: &F::Change,
) -> Result<Unflushed<F>, Error> {
    tree.protect(cx, pages(tree, va, count), change, Protect::mapped())
}

/// Changes attributes of pages, flushes that, and joins the leaves as far as that can be done.
///
/// # Errors
///
/// Those of [`Tree::protect`]. That leaves cannot be joined is none.
#[cfg_attr(debug_assertions, track_caller)]
pub fn change_and_join<F: Format, M: Memory, A: Frames, T: Tlb>(
    tree: &mut Tree<F>,
    cx: &mut Context<M, A, T>,
    place: (Va, u64),
    what: &F::Change,
) -> Result<Unflushed<F>, Error> {
    change(tree, cx, place, what)?.flush(cx);
    let joined = tree.join(cx, pages(tree, place.0, place.1), Join::default());
    Ok(joined.unwrap_or_else(|_| Unflushed::nothing(tree.format())))
}

/// Hides pages, or shows them again.
///
/// # Errors
///
/// Those of [`Tree::hide`], [`Tree::show`].
#[cfg_attr(debug_assertions, track_caller)]
pub fn set_present<F: Format, M: Memory, A: Frames, T: Tlb>(
    tree: &mut Tree<F>,
    cx: &mut Context<M, A, T>,
    (va, count): (Va, u64),
    is_present: bool,
) -> Result<Unflushed<F>, Error> {
    let range = pages(tree, va, count);
    if is_present { tree.show(cx, range, Hide::mapped()) } else { tree.hide(cx, range, Hide::mapped()) }
}

/// Hides pages of a direct map, or shows them again and joins the leaves as far as that can be done. What is as it should
/// be stays so, and so do holes.
///
/// # Errors
///
/// Those of [`Tree::hide`], [`Tree::show`]. That leaves cannot be joined is none.
#[cfg_attr(debug_assertions, track_caller)]
pub fn set_valid<F: Format, M: Memory, A: Frames, T: Tlb>(
    tree: &mut Tree<F>,
    cx: &mut Context<M, A, T>,
    (va, count): (Va, u64),
    is_valid: bool,
) -> Result<Unflushed<F>, Error> {
    let range = pages(tree, va, count);
    if !is_valid {
        return tree.hide(cx, range, Hide::everything());
    }
    // What a TLB holds of these leaves, if anything, is what they say now: they may be joined before the flush.
    let shown = tree.show(cx, range, Hide::everything())?;
    Ok(match tree.join(cx, range, Join::default()) {
        Ok(joined) => shown.merge(joined, &cx.memory),
        Err(_) => shown,
    })
}

/// Splits leaves until there are only pages.
///
/// # Errors
///
/// Those of [`Tree::split`].
#[cfg_attr(debug_assertions, track_caller)]
pub fn split<F: Format, M: Memory, A: Frames, T: Tlb>(
    tree: &mut Tree<F>,
    cx: &mut Context<M, A, T>,
    (va, count): (Va, u64),
) -> Result<Unflushed<F>, Error> {
    tree.split(cx, pages(tree, va, count), tree.format().root(Smallest(tree.format())))
}

/// The methods that an expansion lists, on the newtype around tables. With a memory type comes the choice that it is.
#[doc(hidden)]
#[macro_export]
macro_rules! __families {
    ($table:ident($format:ident, $change:ident) $($what:ident $(($choice:path))?),*) => {
        impl $table {
            $($crate::__families! { @$what $format $change $($choice)? })*
        }
    };

    (@ro $format:ident $change:ident) => {
        $crate::__families! { @change set_memory_ro $format $change::new().write(false),
            "Takes the right to write away.\n\nNothing else changes: a page that is dirty stays so, and after \
             [`set_memory_rw`](Self::set_memory_rw) every word is what it was. Where a page that is dirty and must not \
             be written means something else to the machine (a shadow stack, say), change `dirty` as well, with \
             `protect`."
        }
    };
    (@ro_each $format:ident $change:ident) => {
        $crate::__families! { @change set_memory_ro $format $change::new().write(false).user_write(false),
            "Takes the right to write away, from each mode that has it.\n\n[`set_memory_rw`](Self::set_memory_rw) gives it \
             back to the kernel alone."
        }
    };
    (@rw $format:ident $change:ident) => {
        $crate::__families! { @change set_memory_rw $format $change::new().write(true),
            "Gives the right to write."
        }
    };
    (@x $format:ident $change:ident) => {
        $crate::__families! { @change set_memory_x $format $change::new().execute(true),
            "Gives the right to fetch instructions; on a machine where the modes have rights of their own, to the kernel."
        }
    };
    (@nx $format:ident $change:ident) => {
        $crate::__families! { @change set_memory_nx $format $change::new().execute(false),
            "Takes the right to fetch instructions away; on a machine where the modes have rights of their own, from the \
             kernel."
        }
    };
    (@global $format:ident $change:ident) => {
        $crate::__families! { @change set_memory_global $format $change::new().global(true),
            "Makes the translations belong to all address spaces."
        }
    };
    (@nonglobal $format:ident $change:ident) => {
        $crate::__families! { @change set_memory_nonglobal $format $change::new().global(false),
            "Makes the translations belong to one address space."
        }
    };
    (@encrypted $format:ident $change:ident) => {
        $crate::__families! { @change set_memory_encrypted $format $change::new().encrypted(true),
            "Makes the machine encrypt what is stored. What is there already has to be copied by whoever needs it, and \
             cached data flushed before."
        }
    };
    (@decrypted $format:ident $change:ident) => {
        $crate::__families! { @change set_memory_decrypted $format $change::new().encrypted(false),
            "Makes the machine store without encryption. What is there already has to be copied by whoever needs it, and \
             cached data flushed before."
        }
    };

    (@rox $format:ident $change:ident) => {
        $crate::__families! { @by change_and_join set_memory_rox $format (&$change::new().write(false).execute(true)),
            "Takes the right to write away and gives the right to fetch instructions; then joins the leaves into larger \
             ones, as large as can be, neighbours included.\n\nLeaves are joined only after a flush of their change, so \
             that one is issued here. Where leaves cannot be joined (because live ones would have to go through an empty \
             slot, say) they stay as they are. [`set_memory_ro`](Self::set_memory_ro) says what becomes of `dirty`."
        }
    };
    (@rox_each $format:ident $change:ident) => {
        $crate::__families! { @by change_and_join set_memory_rox $format
            (&$change::new().write(false).user_write(false).execute(true)),
            "Takes the right to write away, from each mode that has it, and gives the right to fetch instructions; then joins \
             the leaves into larger ones, as large as can be, neighbours included.\n\nLeaves are joined only after a flush \
             of their change, so that one is issued here. Where leaves cannot be joined (because live ones would have to go \
             through an empty slot, say) they stay as they are."
        }
    };
    (@np $format:ident $change:ident) => {
        $crate::__families! { @by set_present set_memory_np $format (false),
            "Takes the pages away from the machine. Their words keep what they say, the memory type, `global`, what the \
             machine has recorded and software's bits included. A page that is away already is a hole."
        }
    };
    (@p $format:ident $change:ident) => {
        $crate::__families! { @by set_present set_memory_p $format (true),
            "Brings back what [`set_memory_np`](Self::set_memory_np) took away: every word is what it was. A page that is \
             there already is a hole."
        }
    };
    (@small $format:ident $change:ident) => {
        $crate::__families! { @by split set_memory_4k $format (),
            "Splits leaves until there are only pages; what they say does not change. Holes do not matter. Nothing keeps \
             the pages from being joined later: whoever wants that marks them with a software bit and lets it veto."
        }
    };
    (@direct_map $format:ident $change:ident) => {
        $crate::__families! { @by set_valid set_direct_map_invalid $format (false),
            "Takes the pages out of the direct map. Their words keep all that they say. Pages that are out already and \
             holes stay as they are."
        }
        $crate::__families! { @by set_valid set_direct_map_default $format (true),
            "Brings the pages back into the direct map: every word is what it was. Then joins the leaves into larger ones \
             as far as that can be done, neighbours included, so that a direct map does not stay in pieces. Pages that \
             are there and holes stay as they are."
        }
        /// [`set_direct_map_default`](Self::set_direct_map_default) if `valid`, otherwise
        /// [`set_direct_map_invalid`](Self::set_direct_map_invalid).
        ///
        /// # Errors
        ///
        /// As for these.
        #[cfg_attr(debug_assertions, track_caller)]
        pub fn set_direct_map_valid<M: $crate::Memory, A: $crate::Frames, T: $crate::Tlb>(
            &mut self,
            cx: &mut $crate::Context<M, A, T>,
            va: impl $crate::__::core::convert::Into<$crate::Va>,
            pages: $crate::__::core::primitive::u64,
            valid: $crate::__::core::primitive::bool,
        ) -> $crate::__::core::result::Result<$crate::Unflushed<$format>, $crate::Error> {
            $crate::__::set_valid(&mut self.0, cx, ($crate::__::core::convert::Into::into(va), pages), valid)
        }
    };

    (@uc $format:ident $change:ident $choice:path) => {
        $crate::__families! { @change set_memory_uc $format $change::new().memory_type($choice),
            "Makes the memory uncached, by the type that the manual calls so. (Where there are several such types, Linux \
             may mean another one by this name: see [`set_memory_type`](Self::set_memory_type).)"
        }
    };
    (@wc $format:ident $change:ident $choice:path) => {
        $crate::__families! { @change set_memory_wc $format $change::new().memory_type($choice),
            "Makes the memory uncached with stores that may be combined."
        }
    };
    (@wt $format:ident $change:ident $choice:path) => {
        $crate::__families! { @change set_memory_wt $format $change::new().memory_type($choice),
            "Makes the memory cached with stores that go through."
        }
    };
    (@wb $format:ident $change:ident $choice:path) => {
        $crate::__families! { @change set_memory_wb $format $change::new().memory_type($choice),
            "Makes the memory cached, which is the usual."
        }
    };
    (@memory_type $format:ident $change:ident $choice:path) => {
        /// Sets the memory type of the `pages` pages of the smallest size from `va` on, whatever it was. Caches are
        /// not touched. Nothing is flushed: see the returned value.
        ///
        /// # Errors
        ///
        /// The error says what is in the way: a hole, an address that is not translated or not aligned to a
        /// page, a type that cannot be said or not without going through an empty slot, no frame for a split. Nothing has
        /// been changed then.
        #[cfg_attr(debug_assertions, track_caller)]
        pub fn set_memory_type<M: $crate::Memory, A: $crate::Frames, T: $crate::Tlb>(
            &mut self,
            cx: &mut $crate::Context<M, A, T>,
            va: impl $crate::__::core::convert::Into<$crate::Va>,
            pages: $crate::__::core::primitive::u64,
            memory_type: $choice,
        ) -> $crate::__::core::result::Result<$crate::Unflushed<$format>, $crate::Error> {
            let place = ($crate::__::core::convert::Into::into(va), pages);
            $crate::__::change(&mut self.0, cx, place, &$change::new().memory_type(memory_type))
        }
    };

    (@change $name:ident $format:ident $what:expr, $doc:literal) => {
        $crate::__families! { @by change $name $format (&$what), $doc }
    };

    (@by $does:ident $name:ident $format:ident ($($what:expr)?), $doc:literal) => {
        #[doc = $doc]
        ///
        /// It concerns the `pages` pages of the smallest size from `va` on. What TLBs may still hold is returned and
        /// has to be flushed.
        ///
        /// # Errors
        ///
        /// The error says what is in the way: a hole where none may be, an address that is not translated or not aligned
        /// to a page, something that no word can say, a change that has to go through an empty slot, no frame for a
        /// split. Nothing has been changed then.
        #[cfg_attr(debug_assertions, track_caller)]
        pub fn $name<M: $crate::Memory, A: $crate::Frames, T: $crate::Tlb>(
            &mut self,
            cx: &mut $crate::Context<M, A, T>,
            va: impl $crate::__::core::convert::Into<$crate::Va>,
            pages: $crate::__::core::primitive::u64,
        ) -> $crate::__::core::result::Result<$crate::Unflushed<$format>, $crate::Error> {
            $crate::__::$does(&mut self.0, cx, ($crate::__::core::convert::Into::into(va), pages) $(, $what)?)
        }
    };
}
