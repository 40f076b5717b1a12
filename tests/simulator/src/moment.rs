//! Something else, in the midst of what is going on.
//!
//! What is simulated runs on one thread. Interrupts and other processors come at moments that a scenario chooses: just
//! before a table is looked into, say, which is between the load of the word that leads there and the loads of its slots.

#![expect(unsafe_code, reason = "a borrowed closure is kept for as long as it is borrowed")]

use std::cell::Cell;
use std::mem;
use std::ptr::NonNull;

use ptgen::Oa;

/// When something else may come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A table is going to be looked into, or to be written.
    Opens(Oa),
    /// A flush is going to be made.
    Flushes,
    /// The code under test waits for somebody else's store.
    Waits,
}

type Kept = NonNull<dyn FnMut(Moment)>;

/// What is to be called at each moment.
#[derive(Default)]
pub(crate) struct Hook(Cell<Option<Kept>>);

impl Hook {
    /// Calls `hook` at each moment while `action` runs. While it is being called, it is not called.
    pub(crate) fn during<R>(&self, hook: &mut dyn FnMut(Moment), action: impl FnOnce() -> R) -> R {
        struct Restore<'h>(&'h Hook, Option<Kept>);
        impl Drop for Restore<'_> {
            fn drop(&mut self) {
                self.0.0.set(self.1);
            }
        }
        let hook = NonNull::from(hook);
        // SAFETY: both are a pointer to a value and to its functions. The longer lifetime is not relied on: before the
        // borrow ends, `Restore` has taken the pointer out.
        let kept = unsafe { mem::transmute::<NonNull<dyn FnMut(Moment) + '_>, Kept>(hook) };
        let _restore = Restore(self, self.0.replace(Some(kept)));
        action()
    }

    /// It is this moment.
    pub(crate) fn call(&self, moment: Moment) {
        let Some(mut hook) = self.0.take() else { return };
        // SAFETY: `during`, which has set it, is still running, and so the closure is borrowed for it alone; it has been
        // taken out, so that nobody calls it a second time meanwhile.
        let call = unsafe { hook.as_mut() };
        call(moment);
        self.0.set(Some(hook));
    }
}
