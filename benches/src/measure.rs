//! The rounds: everybody does everything in turn, many times, so that what disturbs the machine disturbs all alike.

use std::hint::black_box;
use std::time::Instant;

use crate::{OA, PAGES, Peer, VA};

/// What is timed, in the order of the columns.
pub const COLUMNS: [&str; 6] = ["map", "translate", "translate dep.", "protect", "unmap", "remap"];

/// Medians of nanoseconds per page (or query), by column.
pub type Medians = [f64; COLUMNS.len()];

/// Times all `peers` in `rounds` rounds.
///
/// # Panics
///
/// If an operation fails that succeeded when it was verified.
#[must_use]
pub fn rounds(peers: &mut [Box<dyn Peer>], rounds: usize) -> Vec<Medians> {
    let order = shuffled();
    let mut samples = vec![vec![Vec::with_capacity(rounds); COLUMNS.len()]; peers.len()];
    for _ in 0..rounds {
        for (peer, samples) in peers.iter_mut().zip(&mut samples) {
            for (sample, column) in once(&mut **peer, &order).into_iter().zip(samples) {
                column.push(sample);
            }
        }
    }
    samples.into_iter().map(|columns| core::array::from_fn(|column| median(columns[column].clone()))).collect()
}

/// All operations once.
fn once(peer: &mut dyn Peer, order: &[u32]) -> Medians {
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

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// All pages once, in an order without a pattern.
fn shuffled() -> Vec<u32> {
    let mut order: Vec<u32> = (0..PAGES as u32).collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for last in (1..order.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        order.swap(last, (state % (last as u64 + 1)) as usize);
    }
    order
}
