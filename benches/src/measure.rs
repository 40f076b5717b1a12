//! The rounds: everybody does everything in turn, many times, so that what disturbs the machine disturbs all alike.

use std::hint::black_box;
use std::time::Instant;

use crate::{OA, PAGES, Peer, VA};

/// What is timed, in the order of the columns.
pub const COLUMNS: [&str; 6] = ["map", "translate", "translate dep.", "protect", "unmap", "remap"];

/// Nanoseconds per page (or query), by column.
pub type Times = [f64; COLUMNS.len()];

/// Which of a column's samples stands for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistic {
    /// The one in the middle.
    Median,
    /// The lowest: for machines that do other things meanwhile.
    Best,
}

/// Times all `peers` in `rounds` rounds.
///
/// # Panics
///
/// If an operation fails that succeeded when it was verified.
#[must_use]
pub fn rounds(peers: &mut [Box<dyn Peer>], rounds: usize, statistic: Statistic) -> Vec<Times> {
    let mut order: Vec<u32> = (0..PAGES as u32).collect();
    Random::default().shuffle(&mut order);
    let mut samples = vec![vec![Vec::with_capacity(rounds); COLUMNS.len()]; peers.len()];
    let mut turns: Vec<usize> = (0..peers.len()).collect();
    let mut random = Random::default();
    for _ in 0..rounds {
        // Nobody always finds the caches as the same predecessor leaves them.
        random.shuffle(&mut turns);
        for &peer in &turns {
            for (sample, column) in once(&mut *peers[peer], &order).into_iter().zip(&mut samples[peer]) {
                column.push(sample);
            }
        }
    }
    let chosen = |samples: &mut Vec<f64>| {
        samples.sort_by(f64::total_cmp);
        samples[if statistic == Statistic::Median { samples.len() / 2 } else { 0 }]
    };
    samples.iter_mut().map(|columns| core::array::from_fn(|column| chosen(&mut columns[column]))).collect()
}

/// All operations once.
fn once(peer: &mut dyn Peer, order: &[u32]) -> Times {
    peer.reset();
    let map = timed(PAGES, || assert!(peer.map(VA, OA, PAGES)));
    let throughput = timed(order.len() as u64, || _ = black_box(peer.throughput(order)));
    let latency = timed(order.len() as u64, || _ = black_box(peer.latency(order)));
    let protect = timed(PAGES, || assert!(peer.protect(VA, PAGES)));
    let unmap = timed(PAGES, || assert!(peer.unmap(VA, PAGES)));
    let remap = timed(PAGES, || assert!(peer.map(VA, OA, PAGES)));
    [map, throughput, latency, protect, unmap, remap]
}

fn timed(count: u64, work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_nanos() as f64 / count as f64
}

/// Numbers without a pattern, the same ones every time.
struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, (self.next() % (last as u64 + 1)) as usize);
        }
    }
}
