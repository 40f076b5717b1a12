//! A flush, as small as can be: a machine says when it starts to walk and when it has finished, and the flush waits.

use std::sync::Arc;

use loom::thread;
use ptgen_loom::{FlushRequest, Tlb};
use ptgen_loom_atomics::{AtomicU64, Ordering, fence};

/// Whether a machine is walking.
#[derive(Clone, Debug)]
pub struct Walks(Arc<AtomicU64>);

impl Walks {
    /// It is not.
    pub fn new() -> Self {
        Self(Arc::new(AtomicU64::new(0)))
    }

    /// It is while `walk` runs.
    pub fn walking<R>(&self, walk: impl FnOnce() -> R) -> R {
        self.0.store(1, Ordering::Relaxed);
        // Either the flush sees that it walks, or it sees what was stored before the flush.
        fence(Ordering::SeqCst);
        let found = walk();
        self.0.store(0, Ordering::Release);
        found
    }
}

/// A flush: a machine that was walking has finished, and walks anew.
#[derive(Debug)]
pub struct Flushes(pub Walks);

impl Tlb for Flushes {
    fn flush(&mut self, _request: &FlushRequest) {
        fence(Ordering::SeqCst);
        while self.0.0.load(Ordering::Acquire) != 0 {
            thread::yield_now();
        }
    }
}
