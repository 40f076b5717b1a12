//! What TLBs and walk caches may hold that the tables no longer say.
//!
//! What the tables say now, any processor may hold at any time; that needs no record. What they said before, it may hold
//! until a flush covers it. Both together are all that could be in there: a set, not a sample.

use ptgen::{FlushRequest, Scope};

use crate::oracle::{Oracle, low};
use crate::piece::{Piece, push};

/// The processor that runs the code under test.
pub(super) const THIS: u32 = 1;

/// Leaves that some processor may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct StaleLeaf {
    /// Whole leaves.
    pub(super) piece: Piece,
    /// The root under which they were.
    pub(super) root: usize,
    /// A bit for each processor that may hold them.
    pub(super) cpus: u32,
    pub(super) space: Option<u32>,
    pub(super) global: bool,
    /// A flush has to follow. If not, they are harmless.
    pub(super) owed: bool,
    /// What is held is that there is nothing; `piece` is what is there now.
    pub(super) absent: bool,
}

/// An entry that points to a table, or pointed to none, that some walk cache may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct StaleTable {
    /// The frame, unless what is held is that there is none.
    pub(super) frame: Option<usize>,
    /// The positions that are translated through it.
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) cpus: u32,
    pub(super) space: Option<u32>,
    /// A reader may be in the table.
    pub(super) readers: bool,
    pub(super) owed: bool,
}

#[derive(Debug, Default)]
pub(super) struct Processors {
    pub(super) leaves: Vec<StaleLeaf>,
    pub(super) tables: Vec<StaleTable>,
}

impl Processors {
    /// Adds leaves that may be held from now on.
    pub(super) fn hold(&mut self, leaf: StaleLeaf) {
        let same = |held: &StaleLeaf| {
            (held.root, held.cpus, held.space, held.global, held.absent)
                == (leaf.root, leaf.cpus, leaf.space, leaf.global, leaf.absent)
                && held.piece.size_lg2 == leaf.piece.size_lg2
        };
        for held in self.leaves.iter_mut().rev() {
            let there = same(held) && held.piece.first <= leaf.piece.first && held.piece.last >= leaf.piece.last;
            if there && held.piece.at(leaf.piece.first) == leaf.piece.to && held.owed >= leaf.owed {
                return;
            }
        }
        if let Some(last) = self.leaves.last_mut()
            && same(last)
            && last.owed == leaf.owed
            && last.piece.last.wrapping_add(1) == leaf.piece.first
            && last.piece.at(leaf.piece.first) == leaf.piece.to
        {
            last.piece.last = leaf.piece.last;
            return;
        }
        self.leaves.push(leaf);
    }

    /// Whether some walk cache may hold a pointer to the frame, or some reader may be in it.
    pub(super) fn table(&self, frame: usize) -> Option<&StaleTable> {
        self.tables.iter().find(|table| table.frame == Some(frame))
    }

    /// Drops what a flush covers, and only that.
    pub(super) fn flush(&mut self, oracle: &Oracle, request: &FlushRequest) {
        if request.range.is_empty() {
            return;
        }
        let Some((first, last)) = oracle.positions(request.range.start().get(), request.range.last().get()) else {
            return;
        };
        let told = match request.scope {
            Scope::Local => THIS,
            Scope::Everywhere => u32::MAX,
        };
        let in_space = |space: Option<u32>| request.space.is_none() || space.is_none() || space == request.space;
        let mut kept = Vec::with_capacity(self.leaves.len());
        for leaf in self.leaves.drain(..) {
            let reaches = if leaf.global { request.global } else { in_space(leaf.space) };
            let size = leaf.piece.size_lg2;
            if !reaches || !request.leaf_sizes.has(size) || leaf.piece.first > last || leaf.piece.last < first {
                kept.push(leaf);
                continue;
            }
            // Each leaf that has a part in the range goes as a whole.
            let (start, end) = (first & !low(size), last | low(size));
            let parts = [
                start.checked_sub(1).and_then(|end| leaf.piece.cut(0, end)),
                end.checked_add(1).and_then(|start| leaf.piece.cut(start, u64::MAX)),
            ];
            kept.extend(parts.into_iter().flatten().map(|piece| StaleLeaf { piece, ..leaf }));
            let cpus = leaf.cpus & !told;
            if cpus != 0 {
                let piece = leaf.piece.cut(start, end).unwrap_or(leaf.piece);
                kept.push(StaleLeaf { piece, cpus, ..leaf });
            }
        }
        self.leaves = kept;
        if request.tables {
            for table in &mut self.tables {
                if in_space(table.space) && table.first <= last && table.last >= first {
                    table.cpus &= !told;
                }
            }
            self.forget();
        }
    }

    /// Readers have gone.
    pub(super) fn wait(&mut self) {
        for table in &mut self.tables {
            table.readers = false;
        }
        self.forget();
    }

    fn forget(&mut self) {
        self.tables.retain(|table| table.cpus != 0 || table.readers);
    }

    /// The stale leaves that a processor may hold beside `piece`, as pieces.
    pub(super) fn beside(&self, root: usize, piece: &Piece) -> Vec<Piece> {
        let mut found = Vec::new();
        for leaf in &self.leaves {
            let same = leaf.root == root || leaf.global;
            if same && !leaf.absent && leaf.piece.first <= piece.last && leaf.piece.last >= piece.first {
                push(&mut found, leaf.piece);
            }
        }
        found
    }
}
