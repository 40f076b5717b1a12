//! All that is known of the simulated machine, and what happens to it store by store.

mod change;
mod frames;
mod late;
mod processors;
mod reach;
mod runs;
mod step;

use std::cell::RefCell;

use ptgen::{Exchange, FlushRequest, Oa, Scope, VaRange};
use ptgen_cells::{Observer, Store, StoreKind};

use crate::expect::Expect;
use crate::log::{Event, Log};
use crate::moment::{Hook, Moment};
use crate::oracle::{Oracle, Seen, low};
use crate::piece::Map;
use crate::violation::{Invariant, Violation};

use frames::{Place, Pool};
use processors::{Processors, THIS};

/// So many violations are kept.
const MOST: usize = 20;

/// What an operation wants of a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// It goes.
    Clears,
    /// What it says is still needed.
    Keeps,
}

/// A root that walkers start from.
#[derive(Debug)]
struct Root {
    address: u64,
    /// Its level (an index into the model's).
    level: usize,
    /// Whether a machine may be walking, and may hold what it has seen.
    live: bool,
    /// A bit for each processor that walks from here.
    cpus: u32,
    space: Option<u32>,
    /// What was translated to what before the operation that is under way.
    settled: Map,
    /// The first and the last position that it has translated otherwise so far.
    changed: Option<(u64, u64)>,
}

/// What is declared of a span.
#[derive(Debug)]
struct Declared {
    expect: Expect,
    root: usize,
    span: (u64, u64),
}

/// The state of the simulation.
pub(crate) struct State {
    pub(crate) oracle: Oracle,
    word_lg2: u32,
    base: u64,
    /// Where the first cell is in this process.
    cells: usize,
    /// What each word holds, in the order of memory.
    mirror: Vec<u64>,
    pool: Pool,
    roots: Vec<Root>,
    processors: Processors,
    /// How many readers may be in tables.
    pub(crate) readers: usize,
    /// Nothing may be allocated.
    pub(crate) banned: bool,
    /// An instruction replaces a live entry just now.
    purging: bool,
    pub(crate) log: Log,
    pub(crate) violations: Vec<Violation>,
    expects: Vec<Declared>,
    /// The tables are in use where they are not changed.
    pub(crate) elsewhere: bool,
    breaking: bool,
    /// More may be recorded in words than before: the machine does so while operations run, or what one slot of a run says
    /// is true of the whole.
    pub(crate) loose: bool,
    /// The words that an operation has changed, with what they held.
    journal: Vec<(usize, u64)>,
    out_before: [usize; 8],
    /// What decides whether the machine records something just before an exchange.
    chance: Option<u64>,
    /// What the machine has recorded in tables that only walk caches knew, during the operation.
    late: Vec<late::Late>,
}

impl State {
    /// A machine with `words` words of memory at `base`, poisoned, whose first cell is at `cells`.
    pub(crate) fn new(oracle: Oracle, word_lg2: u32, base: u64, cells: usize, words: usize, granule_lg2: u32) -> Self {
        let bytes = (words as u64) << word_lg2;
        let mut state = Self {
            oracle,
            word_lg2,
            base,
            cells,
            mirror: Vec::new(),
            pool: Pool::new(base, bytes, granule_lg2),
            roots: Vec::new(),
            processors: Processors::default(),
            readers: 0,
            banned: false,
            purging: false,
            log: Log::default(),
            violations: Vec::new(),
            expects: Vec::new(),
            elsewhere: false,
            breaking: false,
            loose: false,
            journal: Vec::new(),
            out_before: [0; 8],
            chance: None,
            late: Vec::new(),
        };
        state.loose = state.oracle.records_in_runs();
        state.mirror = vec![state.poison(); words];
        state
    }

    /// Notes that an invariant is broken.
    pub(crate) fn report(&mut self, invariant: Invariant, what: String) {
        if self.violations.len() < MOST {
            self.violations.push(Violation { invariant, what, at: self.log.events().len() });
        }
    }

    fn stored(&mut self, store: &Store) {
        let Some(offset) = store.cell.checked_sub(self.cells) else { return };
        let word = offset >> self.word_lg2;
        if word >= self.mirror.len() {
            return;
        }
        self.write(word, store.new, store.kind);
    }

    fn write(&mut self, word: usize, new: u64, kind: StoreKind) {
        let old = std::mem::replace(&mut self.mirror[word], new);
        let Some(id) = self.pool.at((word as u64) << self.word_lg2) else {
            let address = self.base + ((word as u64) << self.word_lg2);
            self.report(
                Invariant::I1TableLifetime,
                format!("the word at {address:#x} is written, where there is no table (any more)"),
            );
            return;
        };
        let clean = !self.oracle.cleans();
        let frame = self.pool.frame_mut(id);
        let slot = word - frame.first;
        frame.written(slot, clean);
        if frame.places.is_empty() {
            let address = frame.address;
            self.log.private(Oa::new(address));
            if !self.processors.tables.is_empty() {
                self.check_held(id, slot, old, kind);
            }
            return;
        }
        if old != new {
            self.journal.push((word, old));
        }
        self.changed(id, slot, (old, new), kind);
    }

    /// A word of a table that is linked nowhere, but that a walk cache may still hold, says nothing new.
    fn check_held(&mut self, id: usize, slot: usize, old: u64, kind: StoreKind) {
        let Some(held) = self.processors.table(id).copied() else { return };
        let frame = self.pool.frame(id);
        let (level, raw, address) = (frame.level, self.mirror[frame.first + slot], frame.address);
        let position = held.first + ((slot as u64) << self.oracle.levels[level].shift);
        let va = self.oracle.va(position);
        match self.oracle.see(level, raw, position) {
            Seen::Absent if kind == StoreKind::Private => self.report(
                Invariant::I1TableLifetime,
                format!("the table at {address:#x}, which a walk cache may hold, is written by a plain store"),
            ),
            Seen::Absent => {
                let was_leaf = matches!(self.oracle.see(level, old, position), Seen::Leaf(_));
                if held.readers && was_leaf && self.is_kept(position) {
                    let what = format!("a reader may be in the table at {address:#x}, and finds nothing for {va:#x}");
                    self.report(Invariant::I4Equivalence, what);
                }
            }
            Seen::Reserved => self.illegal(id, slot, position),
            Seen::Leaf(_) | Seen::Table { .. } => self.report(
                Invariant::I1TableLifetime,
                format!("the table at {address:#x}, which a walk cache may hold for {va:#x}, is given a new entry"),
            ),
        }
    }

    /// Whether there is a table at an address, which is about to be looked into.
    pub(crate) fn opened(&mut self, address: u64) {
        let there = address.checked_sub(self.base).and_then(|offset| self.pool.at(offset));
        if there.is_none() {
            self.report(
                Invariant::I1TableLifetime,
                format!("{address:#x} is looked into, where there is no table (any more)"),
            );
        }
    }

    /// From now on, tables may be those of a larger format, which `oracle` knows: there are levels above the root. Nothing
    /// may have been mapped before. The smallest of the tables has `2^granule_lg2` bytes.
    pub(crate) fn enlarge(&mut self, oracle: Oracle, granule_lg2: u32) {
        self.pool.refine(self.base, granule_lg2);
        let is_new = self.roots.iter().all(|root| root.settled.is_free(0, u64::MAX)) && self.stale() == 0;
        assert!(is_new, "what is known of translations is known in terms of the smaller format");
        let known = std::mem::replace(&mut self.oracle, oracle);
        let moved =
            |level: usize| self.oracle.level_of(known.levels[level].number).expect("it has all levels and more");
        self.roots.iter_mut().for_each(|root| root.level = moved(root.level));
        self.pool.frames.iter_mut().flatten().for_each(|frame| frame.level = moved(frame.level));
        self.loose |= self.oracle.records_in_runs();
    }

    /// Walkers start from the table at an address.
    pub(crate) fn load(&mut self, address: u64, space: Option<u32>, cpus: u32, live: bool) {
        let known = self.roots.iter().position(|root| root.address == address);
        if let Some(known) = known {
            let root = &mut self.roots[known];
            (root.space, root.cpus, root.live) = (space, cpus, live);
            return;
        }
        let root = self.roots.len();
        let level = self.oracle.root_level();
        self.roots.push(Root { address, level, live, cpus, space, settled: Map::default(), changed: None });
        let Some(id) = self.table_at(level, address) else {
            self.report(Invariant::I11Coherence, format!("{address:#x} is loaded as a root, but there is none"));
            return;
        };
        let mut found = Vec::new();
        self.link(id, Place { root, position: 0, limits: 0 }, &mut found);
        for piece in found {
            self.roots[root].settled.put(piece.first, piece.last, piece.to);
        }
    }

    /// No walker starts from the table any more. What it led to may still be held.
    pub(crate) fn unload(&mut self, address: u64) {
        let Some(root) = self.roots.iter().position(|root| root.address == address) else { return };
        if let Some(id) = self.table_at(self.roots[root].level, address) {
            let mut removed = Vec::new();
            self.unlink(id, Place { root, position: 0, limits: 0 }, &mut removed);
            let known = &self.roots[root];
            if known.live {
                let (cpus, space) = (known.cpus, known.space);
                for piece in removed {
                    let global = self.oracle.said(piece.to.set).global;
                    let piece = piece.whole();
                    let leaf = processors::StaleLeaf { piece, root, cpus, space, global, owed: false, absent: false };
                    self.processors.hold(leaf);
                }
            }
        }
        self.roots[root].address = u64::MAX;
        self.roots[root].settled = Map::default();
    }

    /// A flush.
    pub(crate) fn flush(&mut self, request: &FlushRequest) {
        self.log.add(Event::Flush(*request));
        self.check_cleaned("when what it held is flushed");
        self.processors.flush(&self.oracle, request);
    }

    /// Everything that is stale is dropped, and nothing is logged.
    pub(crate) fn forget_all(&mut self) {
        self.processors.leaves.clear();
        self.processors.tables.clear();
    }

    /// How many stretches TLBs and walk caches may hold that the tables do not say any more.
    pub(crate) const fn stale(&self) -> usize {
        self.processors.leaves.len() + self.processors.tables.len()
    }

    /// Whoever was reading the tables has left them.
    pub(crate) fn wait(&mut self) {
        self.log.add(Event::Wait);
        self.processors.wait();
    }

    /// An instruction has replaced a live entry and purged what TLBs held.
    pub(crate) fn replace(&mut self, word: usize, new: u64, exchange: &Exchange) {
        self.log.add(Event::Replace { slot: exchange.slot, range: exchange.range });
        self.purging = true;
        self.write(word, new, StoreKind::Exchange);
        self.purging = false;
        let mut request = FlushRequest::new(exchange.range, ptgen::Sizes(u64::MAX));
        request.tables = true;
        request.scope = Scope::Everywhere;
        self.processors.flush(&self.oracle, &request);
    }

    /// The word number of an address, if it is one of the memory.
    pub(crate) fn word_at(&self, address: u64) -> Option<usize> {
        let offset = address.checked_sub(self.base)?;
        let word = usize::try_from(offset >> self.word_lg2).ok()?;
        (offset & low(self.word_lg2) == 0 && word < self.mirror.len()).then_some(word)
    }

    /// The order in which the bytes of a word at `level` stand in memory.
    pub(crate) fn raw(&self, level: u8, word: u64) -> u64 {
        self.oracle.level_of(level).map_or(word, |level| self.oracle.in_order(level, word))
    }

    /// The number of the word that translates `va` (of the first root), and what it is to hold after the machine has
    /// recorded an access in it; none if there is no leaf, or nothing left to record.
    pub(crate) fn recording(&mut self, va: u64, write: bool) -> Option<(usize, u64)> {
        let (level, word) = self.leaf_word(va)?;
        self.oracle.recorded(level, self.mirror[word], write).map(|new| (word, new))
    }

    /// The address of the leaf word that translates `va` (of the first root), the word, and what it is when software's
    /// bits are `bits`; none if there is no leaf.
    pub(crate) fn marked(&mut self, va: u64, bits: u64) -> Option<(u64, u64, u64)> {
        let (level, word) = self.leaf_word(va)?;
        let (raw, software) = (self.mirror[word], self.oracle.software());
        let new = self.oracle.in_order(level, self.oracle.in_order(level, raw) & !software | bits & software);
        Some((self.base + ((word as u64) << self.word_lg2), raw, new))
    }

    /// The level of the leaf word that translates `va` (of the first root), and its number.
    fn leaf_word(&mut self, va: u64) -> Option<(usize, usize)> {
        let (position, _) = self.oracle.positions(va, va)?;
        let first = self.roots.first()?;
        let mut id = self.table_at(first.level, first.address)?;
        let mut place = Place { root: 0, position: 0, limits: 0 };
        loop {
            let frame = self.pool.frame(id);
            let (level, first) = (frame.level, frame.first);
            let slot = usize::try_from((position - place.position) >> self.oracle.levels[level].shift).ok()?;
            let raw = self.mirror[first + slot];
            match self.oracle.see(level, raw, position) {
                Seen::Table { layout, own } => {
                    (id, place) = {
                        let start = position & !low(self.oracle.levels[level].shift);
                        self.child(level, raw, place, start, layout, own)?
                    }
                }
                Seen::Leaf(_) => return Some((level, first + slot)),
                Seen::Absent | Seen::Reserved => return None,
            }
        }
    }

    /// The machine has recorded something in a word.
    pub(crate) fn recorded(&mut self, word: usize, new: u64) {
        let Some(id) = self.pool.at((word as u64) << self.word_lg2) else { return };
        let old = std::mem::replace(&mut self.mirror[word], new);
        let frame = self.pool.frame(id);
        let (level, slot, count) = (frame.level, word - frame.first, frame.places.len());
        let shift = self.oracle.levels[level].shift;
        for number in 0..count {
            let place = self.pool.frame(id).places[number];
            let position = place.position + ((slot as u64) << shift);
            let seen = (self.oracle.see(level, old, position), self.oracle.see(level, new, position));
            let (Seen::Leaf(old), Seen::Leaf(new)) = seen else { continue };
            if number == 0 {
                let va = self.oracle.va(position);
                self.log.add(Event::Touch { level: self.oracle.levels[level].number, va });
            }
            let (old, new) = (self.piece(id, place, position, old), self.piece(id, place, position, new));
            let settled = &mut self.roots[place.root].settled;
            if settled.at(position) == Some(old.to) {
                settled.clear(position, position | low(shift));
                settled.put(position, position | low(shift), new.to);
            }
        }
    }

    /// From now on, the machine sometimes records something just before an exchange.
    pub(crate) const fn interfere(&mut self, seed: u64) {
        self.chance = Some(seed | 1);
        self.loose = true;
    }

    /// No more.
    pub(crate) fn settle(&mut self) {
        self.chance = None;
        self.loose = self.oracle.records_in_runs();
    }

    fn before_exchange(&mut self, cell: usize, now: u64) -> Option<u64> {
        let chance = self.chance.as_mut()?;
        *chance ^= *chance << 13;
        *chance ^= *chance >> 7;
        *chance ^= *chance << 17;
        if *chance % 3 != 0 {
            return None;
        }
        let write = *chance >> 20 & 1 != 0;
        let word = cell.checked_sub(self.cells)? >> self.word_lg2;
        let id = self.pool.at((word as u64) << self.word_lg2).filter(|_| word < self.mirror.len())?;
        let frame = self.pool.frame(id);
        let is_live = frame.places.iter().any(|place| self.roots[place.root].live);
        let new = self.oracle.recorded(frame.level, now, write).filter(|_| is_live)?;
        self.recorded(word, new);
        Some(new)
    }

    /// Whether nothing of a range is translated under the first root.
    pub(crate) fn is_free(&self, range: VaRange) -> bool {
        let span = self.oracle.positions(range.start().get(), range.last().get());
        span.is_none_or(|(first, last)| self.roots[0].settled.is_free(first, last))
    }

    /// How many frames are handed out, by the number of the level.
    pub(crate) const fn out(&self) -> [usize; 8] {
        self.pool.out
    }

    /// So many more allocations work; all, if none is said.
    pub(crate) const fn limit(&mut self, allocations: Option<usize>) {
        self.pool.left = allocations;
    }

    /// Whether allocations are limited.
    pub(crate) const fn limits(&self) -> bool {
        self.pool.left.is_some()
    }

    /// How many tables walkers get to, by the number of the level.
    pub(crate) fn reachable(&self) -> [usize; 8] {
        let mut counts = [0; 8];
        for frame in self.pool.frames.iter().flatten().filter(|frame| !frame.places.is_empty()) {
            counts[usize::from(frame.shape.level)] += 1;
        }
        counts
    }

    /// Every word of every table that walkers get to, by address.
    pub(crate) fn words(&self) -> Vec<(u64, u64)> {
        let mut words = Vec::new();
        for frame in self.pool.frames.iter().flatten().filter(|frame| !frame.places.is_empty()) {
            for slot in 0..frame.slots() {
                words.push((frame.address + ((slot as u64) << self.word_lg2), self.mirror[frame.first + slot]));
            }
        }
        words.sort_unstable();
        words
    }
}

/// Only this processor.
pub(crate) const ONLY_THIS: u32 = THIS;

/// The state where the observer finds it.
pub(crate) struct Shared(pub(crate) RefCell<State>, pub(crate) Hook);

impl Observer for Shared {
    fn stored(&self, store: &Store) {
        self.0.borrow_mut().stored(store);
    }

    fn before_exchange(&self, cell: usize, now: u64) -> Option<u64> {
        self.0.borrow_mut().before_exchange(cell, now)
    }

    fn waits(&self) {
        self.1.call(Moment::Waits);
    }
}
