//! What ptgen costs beside hand-written loops and the published crates.
//!
//! Everybody works on the same fake physical memory ([`arena`]), with the same frame allocator, on the same range, and is
//! judged page by page by a walker that shares no code with any of them ([`judge`]) before anything is timed. A [`Peer`]
//! is one way to do the work; [`peers`] lists them all. `benches/ranges.rs` times them and prints ratios;
//! `tests/assembly.rs` pins what the machine code may cost.

#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

pub mod arena;
pub mod judge;
pub mod measure;
pub mod peers;
pub mod report;

/// Our own code for the format that everybody here edits, all of it decided at compile time.
#[ptgen::pagetable(format = "x86_64_4level")]
pub mod kernel {}

/// The first address of the range that everybody maps: aligned to 1 GiB, so that leaf tables are filled whole.
pub const VA: u64 = 0x1200_4000_0000;
/// What it is mapped to. One page off every larger alignment, so that nobody can use a large leaf.
pub const OA: u64 = 0x2_8000_1000;
/// How many pages of 4 KiB are mapped: 1 GiB.
pub const PAGES: u64 = 512 * 512;

/// One way to build and change the tables of x86-64 with four levels.
///
/// The operations are about pages of 4 KiB and say whether they succeeded. Implementations do not inline them into the
/// loops that time them.
pub trait Peer {
    /// What it is called in the table.
    fn name(&self) -> &'static str;

    /// Forgets all tables and starts with an empty root.
    fn reset(&mut self);

    /// The address of the root.
    fn root(&self) -> u64;

    /// Maps `pages` pages at `va` to `oa`: readable, writable, not executable.
    fn map(&mut self, va: u64, oa: u64, pages: u64) -> bool;

    /// Takes the right to write away.
    fn protect(&mut self, va: u64, pages: u64) -> bool;

    /// Unmaps.
    fn unmap(&mut self, va: u64, pages: u64) -> bool;

    /// What `va` is translated to.
    fn translate(&self, va: u64) -> Option<u64>;

    /// Translates the pages of [`VA`] that `order` names, independently of each other.
    fn throughput(&self, order: &[u32]) -> u64 {
        order.iter().fold(0, |sum, &page| sum ^ self.translate(VA + (u64::from(page) << 12)).unwrap_or(1))
    }

    /// The same, but each address depends on the result before it.
    fn latency(&self, order: &[u32]) -> u64 {
        // All results are whole pages, which the compiler does not know.
        order.iter().fold(0, |oa, &page| self.translate(VA + (u64::from(page) << 12) + (oa & 0xfff)).unwrap_or(1))
    }

    /// Whether the tables are expected to be gone after [`unmap`](Self::unmap).
    fn frees(&self) -> bool {
        false
    }
}
