//! Waits for readers and machines, as small as can be: each says when it starts to walk and when it has finished.

use std::sync::Arc;

use loom::thread;
use ptgen_loom::{FlushRequest, Tlb};
use ptgen_loom_atomics::{AtomicU64, Ordering, fence};

/// Whether somebody is walking.
#[derive(Clone, Debug)]
pub struct Reader(Arc<AtomicU64>);

impl Reader {
    /// One that is not.
    pub fn new() -> Self {
        Self(Arc::new(AtomicU64::new(0)))
    }

    /// Walks.
    pub fn walking<R>(&self, walk: impl FnOnce() -> R) -> R {
        self.0.store(1, Ordering::Relaxed);
        // Either the writer sees that this reader walks, or this reader sees what the writer has unlinked.
        fence(Ordering::SeqCst);
        let found = walk();
        self.0.store(0, Ordering::Release);
        found
    }

    /// Returns when it is not.
    fn wait(&self) {
        fence(Ordering::SeqCst);
        while self.0.load(Ordering::Acquire) != 0 {
            thread::yield_now();
        }
    }
}

/// Waits for a reader before tables are given back.
#[derive(Debug)]
pub struct Waits(pub Reader);

impl Tlb for Waits {
    fn flush(&mut self, _request: &FlushRequest) {}

    fn wait_for_readers(&mut self) {
        self.0.wait();
    }
}

/// A flush: a machine that was walking has finished, and walks anew.
#[derive(Debug)]
pub struct Flushes(pub Reader);

impl Tlb for Flushes {
    fn flush(&mut self, _request: &FlushRequest) {
        self.0.wait();
    }
}
