//! Slots that two ranges share, while the leaf in them goes through absent.
//!
//! A leaf of which one thread owns one part and another thread another part is split by whoever comes first. Where that
//! has to go through absent, the slot holds a word meanwhile that says so: an absent one whose payload is all ones. Who
//! meets it waits until it is gone. So nobody takes the absent word for a hole, and nothing is installed twice. What
//! waits does so in a loop: a flush that takes the help of other processors must not need those that wait.

use crate::atomic::spin_loop;
use crate::format::{Level, WordOf};
use crate::range_mut::Target;
use crate::tables::span::{Span, index, low, slot_last};
use crate::tables::table::Slots;

/// The word of a locked slot; none if absent words cannot say that.
#[inline]
pub(crate) fn locked<L: Level>(f: L::Format) -> Option<WordOf<L>> {
    let bits = L::payload_bits(f);
    (bits > 0).then(|| L::absent(f, low(bits)))
}

/// The word for `at`, with everything that was written before it was, once the slot is not locked.
#[inline(always)]
pub(crate) fn read_unlocked<L: Level>(target: &Target<L::Format>, slots: &Slots<'_, L>, at: u64) -> WordOf<L> {
    let f = target.f;
    let w = slots.get_acquire(index::<L>(f, at));
    if !L::is_absent(f, w) || L::is_empty(f, w) { w } else { wait(target, slots, at) }
}

#[cold]
fn wait<L: Level>(target: &Target<L::Format>, slots: &Slots<'_, L>, at: u64) -> WordOf<L> {
    let f = target.f;
    let slot = Span { first: at & !low(L::shift(f)), last: slot_last::<L>(f, at) };
    loop {
        let w = slots.get_acquire(index::<L>(f, at));
        if target.owns(slot) || locked::<L>(f) != Some(w) {
            return w;
        }
        spin_loop();
    }
}
