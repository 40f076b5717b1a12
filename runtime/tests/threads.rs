//! Threads that change parts of one tree at once, beside readers and a machine.
//!
//! Each writer has ranges of its own, which begin and end in the midst of large leaves, of runs and of tables, and a
//! plain map of what it did. After every round a walker that shares nothing with the engine compares the tables with
//! the maps.

#![allow(unsafe_code, reason = "memory of its own, that threads share")]

mod support;

use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use std::thread;

use ptgen::{
    Attributes as _, Change as _, Context, DirectMap, Error, FaultKind, Flow, FlushRequest, Frame, Frames, Leaves,
    Memory, MemoryError, Oa, Protect, RangeMut, TableShape, Tlb, Tree, Unmap, Va, VaRange, Visit, Word,
};
use support::memory::POISON;
use support::oracle::Known;
use support::random::Random;
use support::{four_level, three_level};

const BASE: u64 = 0x10_0000;
const FRAMES: usize = 64;
const PAGES: u64 = 4096;
const SPACE: u64 = PAGES << 12;
const LARGE: u64 = 2 << 20;
const RUN: u64 = 64 << 10;
const WRITERS: usize = 4;
/// How many ranges there are.
const PARTS: usize = 40;
/// How often a writer changes something in a round.
const STEPS: usize = 24;
const ROUNDS: usize = 24;
const READERS: usize = 2;
const MACHINE: usize = READERS;

/// What a machine makes of a word.
enum Seen {
    Nothing,
    Table(u64),
    /// A leaf, and whether it may be written to.
    Leaf(bool),
}

/// A format that the test's machine knows.
trait Subject: Known<Word = u64> {
    /// What the machine sets when it writes.
    const RECORDS: u64;
    /// The shifts of the levels.
    const SHIFTS: &'static [u32];
    fn see(w: u64, shift: u32) -> Seen;
    fn writable(attributes: &Self::Attributes) -> bool;
    fn is_dirty(attributes: &Self::Attributes) -> bool;
}

impl Subject for four_level::Format {
    const RECORDS: u64 = 0x60;
    const SHIFTS: &'static [u32] = &[39, 30, 21, 12];

    fn see(w: u64, shift: u32) -> Seen {
        match w {
            POISON => panic!("a machine has looked into a frame that is no table"),
            w if w & 1 == 0 => Seen::Nothing,
            w if shift == 12 || w & 0x80 != 0 => Seen::Leaf(w & 2 != 0),
            w => Seen::Table(w & 0x3fff_ffff_f000),
        }
    }

    fn writable(attributes: &Self::Attributes) -> bool {
        attributes.write
    }

    fn is_dirty(attributes: &Self::Attributes) -> bool {
        attributes.dirty
    }
}

impl Subject for three_level::Format {
    const RECORDS: u64 = 0xc0;
    const SHIFTS: &'static [u32] = &[30, 21, 12];

    fn see(w: u64, _: u32) -> Seen {
        match w {
            POISON => panic!("a machine has looked into a frame that is no table"),
            w if w & 1 == 0 => Seen::Nothing,
            w if w & 0xe != 0 => Seen::Leaf(w & 4 != 0),
            w => Seen::Table(w >> 10 << 12),
        }
    }

    fn writable(attributes: &Self::Attributes) -> bool {
        attributes.write
    }

    fn is_dirty(attributes: &Self::Attributes) -> bool {
        attributes.dirty
    }
}

/// Frames that all threads take from and give to. A frame is poisoned when it comes back.
struct Stock<'a> {
    words: &'a [AtomicU64],
    left: Mutex<Vec<u64>>,
    out: AtomicUsize,
}

// SAFETY: an address is in the list once, and the words are initialized.
unsafe impl Frames for &Stock<'_> {
    fn allocate(&mut self, shape: TableShape) -> Option<Frame> {
        assert_eq!((shape.bytes_lg2, shape.align_lg2), (12, 12));
        let address = self.left.lock().unwrap().pop()?;
        self.out.fetch_add(1, Ordering::Relaxed);
        // SAFETY: it is out of the list now.
        Some(unsafe { Frame::new(Oa::new(address), shape) })
    }

    fn free(&mut self, frame: Frame) {
        let first = usize::try_from((frame.address().get() - BASE) / 8).unwrap();
        for word in &self.words[first..first + 512] {
            word.store(POISON, Ordering::Relaxed);
        }
        let mut left = self.left.lock().unwrap();
        assert!(!left.contains(&frame.address().get()), "{} comes back twice", frame.address());
        left.push(frame.address().get());
        self.out.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Who is walking: odd while it does.
struct Walkers([AtomicU64; READERS + 1]);

impl Walkers {
    fn walking<R>(&self, who: usize, walk: impl FnOnce() -> R) -> R {
        /// Says that it has finished, be it by a panic.
        struct Ends<'a>(&'a AtomicU64);
        impl Drop for Ends<'_> {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::Release);
            }
        }
        self.0[who].fetch_add(1, Ordering::Relaxed);
        let _ends = Ends(&self.0[who]);
        fence(Ordering::SeqCst);
        walk()
    }

    fn wait(&self, who: impl IntoIterator<Item = usize>) {
        fence(Ordering::SeqCst);
        for who in who {
            let number = self.0[who].load(Ordering::Acquire);
            while number % 2 == 1 && self.0[who].load(Ordering::Acquire) == number {
                thread::yield_now();
            }
        }
    }
}

impl Tlb for &Walkers {
    fn flush(&mut self, _: &FlushRequest) {
        self.wait([MACHINE]);
    }

    fn wait_for_readers(&mut self) {
        self.wait(0..READERS);
    }
}

/// Memory that lets others go first now and then before a table is opened: there are few processors for many threads.
#[derive(Clone, Copy)]
struct Jostled(DirectMap);

thread_local! {
    static OPENED: Cell<u32> = const { Cell::new(0) };
}

// SAFETY: the words are those of the memory inside.
unsafe impl Memory for Jostled {
    unsafe fn with<W: Word, R>(
        &self,
        address: Oa,
        count_lg2: u32,
        use_words: impl FnOnce(&[W::Atomic]) -> R,
    ) -> Result<R, MemoryError> {
        let opened = OPENED.get().wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        OPENED.set(opened);
        if opened >> 29 == 0 {
            thread::yield_now();
        }
        // SAFETY: the caller's promise.
        unsafe { self.0.with::<W, R>(address, count_lg2, use_words) }
    }
}

type Cx<'a> = Context<Jostled, &'a Stock<'a>, &'a Walkers>;

/// What a page is mapped to, and whether it can be written to.
type Page = Option<(u64, bool)>;

/// What parts hold, by their first VA.
type Written = Vec<(u64, Vec<Page>)>;

/// A range that one writer may change, and what is in it.
struct Part<'t, F: Subject> {
    range: RangeMut<'t, F>,
    start: u64,
    pages: Vec<Page>,
    /// Whether nothing is unmapped here.
    keeps: bool,
}

impl<F: Subject> Part<'_, F> {
    /// Some pages, often at the ends of the range, where the neighbours are.
    fn some_pages(&self, random: &mut Random) -> std::ops::Range<usize> {
        let all = self.pages.len() as u64;
        let count = if random.chance(3) { all } else { random.below(all.min(24)) + 1 };
        let first = match random.below(3) {
            0 => 0,
            1 => all - count,
            _ => random.below(all - count + 1),
        };
        usize::try_from(first).unwrap()..usize::try_from(first + count).unwrap()
    }

    fn step(&mut self, cx: &mut Cx<'_>, random: &mut Random) {
        let pages = self.some_pages(random);
        let start = self.start + ((pages.start as u64) << 12);
        let range = VaRange::new(start, (pages.len() as u64) << 12);
        let kind = if self.keeps { 2 } else { random.below(3) };
        let write = random.chance(2);
        let taken = self.pages[pages.clone()].iter().position(Option::is_some);
        let unflushed = match kind {
            0 => {
                // The low bits say which VA it is for.
                let oa = start + SPACE * random.below(8);
                let mut attributes = F::Attributes::kernel_data();
                assert!(attributes.set(index::<F>("write"), u64::from(write)));
                let leaves = if random.chance(4) { Leaves::Exactly(12) } else { Leaves::Largest };
                let mapped = self.range.map(cx, range, oa, &attributes, leaves);
                if let Some(taken) = taken {
                    let va = Va::new(start + ((taken as u64) << 12));
                    assert_eq!(mapped.unwrap_err(), Error::Occupied { va });
                    return;
                }
                for (page, slot) in (0..).zip(&mut self.pages[pages]) {
                    *slot = Some((oa + (page << 12), write));
                }
                mapped.unwrap()
            }
            1 => {
                self.pages[pages].fill(None);
                let policy = if random.chance(3) { Unmap::everything().keep_tables() } else { Unmap::everything() };
                self.range.unmap(cx, range, policy).unwrap()
            }
            _ => {
                for page in self.pages[pages].iter_mut().flatten() {
                    page.1 = write;
                }
                let mut change = F::Change::default();
                assert!(change.set(index::<F>("write"), u64::from(write)));
                self.range.protect(cx, range, &change, Protect::everything()).unwrap()
            }
        };
        unflushed.flush(cx);
    }
}

fn index<F: Subject>(name: &str) -> usize {
    F::Attributes::FIELDS.iter().position(|field| field.name == name).unwrap()
}

/// Walks as a machine does and records a write, in the word that it has just read.
fn touch<F: Subject>(words: &[AtomicU64], root: u64, va: u64, touched: &[AtomicBool]) {
    let mut table = root;
    for &shift in F::SHIFTS {
        let cell = &words[usize::try_from((table - BASE) / 8 + (va >> shift & 511)).unwrap()];
        let w = cell.load(Ordering::Acquire);
        match F::see(w, shift) {
            Seen::Nothing | Seen::Leaf(false) => return,
            Seen::Table(address) => table = address,
            Seen::Leaf(true) => {
                if cell.compare_exchange(w, w | F::RECORDS, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                    let first = va >> shift << shift;
                    for page in (first >> 12)..(first + (1 << shift)) >> 12 {
                        touched[usize::try_from(page).unwrap()].store(true, Ordering::Relaxed);
                    }
                }
                return;
            }
        }
    }
}

/// Translates, and walks. What is found is what somebody wrote, and what is `kept` is always found.
fn read<F: Subject>(tree: &Tree<F>, memory: &Jostled, random: &mut Random, kept: &[bool]) {
    let is_kept = |va: u64| kept[usize::try_from(va >> 12).unwrap()];
    for _ in 0..20 {
        let va = random.below(SPACE);
        match tree.translate(memory, va) {
            Ok(oa) => assert_eq!(oa.get() % SPACE, va, "{va:#x} is translated to {oa}"),
            Err(fault) => assert!(fault.kind == FaultKind::Absent && !is_kept(va), "{va:#x} was gone: {fault:?}"),
        }
    }
    let start = random.below(PAGES / 2) << 12;
    let mut next = start;
    let mut visitor = |visit: Visit<F>| {
        let (first, last) = match visit {
            Visit::Table { .. } => return Flow::Continue,
            Visit::Leaf(leaf) => {
                assert_eq!(leaf.oa.get() % SPACE, leaf.va.get(), "{leaf:?}");
                (leaf.va.get(), leaf.last().get())
            }
            Visit::Hole(hole) => {
                let (first, last) = (hole.start().get(), hole.last().get());
                let gone = (first..last).step_by(4096).find(|&va| is_kept(va));
                assert!(gone.is_none(), "{gone:x?} was gone");
                (first, last)
            }
            Visit::Reserved { va, word, .. } => panic!("{word:#x} at {va}"),
        };
        // A run may be one only in part while it is being changed.
        assert!(first <= next && last >= next, "{first:#x} to {last:#x} at {next:#x}");
        next = last + 1;
        Flow::Continue
    };
    tree.walk(memory, start..SPACE, &mut visitor).unwrap();
    assert_eq!(next, SPACE);
}

/// Everything that threads share.
struct Scene<'a, F: Subject> {
    f: F,
    root: Oa,
    memory: Jostled,
    words: &'a [AtomicU64],
    stock: &'a Stock<'a>,
    walkers: &'a Walkers,
}

impl<F: Subject> Scene<'_, F> {
    /// Unmaps everything and maps some of it again: large leaves, runs, pages. Returns what is mapped.
    fn refill(&self, tree: &mut Tree<F>, random: &mut Random) -> Vec<Page> {
        let mut cx = Context::new(self.memory, self.stock, self.walkers);
        tree.unmap(&mut cx, 0..SPACE, Unmap::everything()).unwrap().flush(&mut cx);
        let mut clean = F::Attributes::kernel_data();
        assert!(clean.set(index::<F>("accessed"), 0) && clean.set(index::<F>("dirty"), 0));
        let mut pages = vec![None; usize::try_from(PAGES).unwrap()];
        for start in (0..SPACE).step_by(usize::try_from(LARGE).unwrap()) {
            let piece = random.pick(&[0, 0, LARGE, LARGE, RUN, 0x3000]);
            let mut at = start;
            while piece > 0 && at + piece <= start + LARGE {
                tree.map(&mut cx, at..at + piece, at, &clean, Leaves::Largest).unwrap().flush(&mut cx);
                for va in (at..at + piece).step_by(4096) {
                    pages[usize::try_from(va >> 12).unwrap()] = Some((va, true));
                }
                at += if piece == 0x3000 { 0x8000 } else { piece };
            }
        }
        pages
    }

    /// Lets everybody at it for a while. Returns what the writers think is mapped, by the first VA of each part.
    fn round(&self, hands: [Vec<Part<'_, F>>; WRITERS], kept: &[bool], seed: u64, touched: &[AtomicBool]) -> Written {
        let done = &AtomicBool::new(false);
        thread::scope(|scope| {
            for who in 0..READERS {
                scope.spawn(move || self.keep_reading(who, seed, kept, done));
            }
            scope.spawn(move || {
                let mut random = Random::new(seed + 20);
                while !done.load(Ordering::Relaxed) {
                    let va = random.below(SPACE);
                    self.walkers.walking(MACHINE, || touch::<F>(self.words, self.root.get(), va, touched));
                }
            });
            let write = |(number, parts)| scope.spawn(move || self.write(parts, seed + number));
            let threads: Vec<_> = (30..).zip(hands).map(write).collect();
            // Readers end whatever happens.
            let ended: Vec<_> = threads.into_iter().map(thread::ScopedJoinHandle::join).collect();
            done.store(true, Ordering::Relaxed);
            ended.into_iter().flat_map(|ended| ended.expect("no writer panics")).collect()
        })
    }

    fn keep_reading(&self, who: usize, seed: u64, kept: &[bool], done: &AtomicBool) {
        // SAFETY: the tables are there until all readers have ended, and this only reads.
        let tree = unsafe { Tree::from_root(self.f, self.root) };
        let mut random = Random::new(seed + 10 + who as u64);
        while !done.load(Ordering::Relaxed) {
            self.walkers.walking(who, || read(&tree, &self.memory, &mut random, kept));
        }
    }

    fn write(&self, mut parts: Vec<Part<'_, F>>, seed: u64) -> Written {
        let mut random = Random::new(seed);
        let mut cx = Context::new(self.memory, self.stock, self.walkers);
        // Few places to divide at can leave a writer without a part.
        for _ in 0..if parts.is_empty() { 0 } else { STEPS } {
            let number = usize::try_from(random.below(parts.len() as u64)).unwrap();
            parts[number].step(&mut cx, &mut random);
        }
        parts.into_iter().map(|part| (part.start, part.pages)).collect()
    }

    /// Compares the tables with what the writers think. `touched` are pages to which the machine has written.
    fn compare(&self, written: &Written, kept: &[bool], touched: &[AtomicBool]) {
        let word = |address: u64| self.words[usize::try_from((address - BASE) / 8).unwrap()].load(Ordering::Relaxed);
        let dump = self.f.dump(&word, self.root.get());
        let mut found = vec![None; kept.len()];
        for segment in &dump.segments {
            for va in (segment.start..=segment.last).step_by(4096) {
                let page = usize::try_from(va >> 12).unwrap();
                found[page] = Some((segment.oa + (va - segment.start), F::writable(&segment.attributes)));
                let recorded = touched[page].load(Ordering::Relaxed) && kept[page];
                assert!(F::is_dirty(&segment.attributes) || !recorded, "{va:#x} has lost its dirty bit");
            }
        }
        for (start, pages) in written {
            for (page, expected) in (usize::try_from(start >> 12).unwrap()..).zip(pages) {
                assert_eq!(found[page], *expected, "page {page:#x}");
            }
        }
        assert_eq!(dump.tables, self.stock.out.load(Ordering::Relaxed), "frames that are no tables");
    }
}

/// Divides all there is at random places. Says which pages are always mapped, too.
fn divide<'t, F: Subject>(
    tree: &'t mut Tree<F>,
    pages: &[Page],
    random: &mut Random,
) -> ([Vec<Part<'t, F>>; WRITERS], Vec<bool>) {
    let mut starts: Vec<u64> = (1..PARTS).map(|_| random.below(PAGES - 1) + 1).collect();
    starts.push(0);
    starts.sort_unstable();
    starts.dedup();
    let mut hands = [const { Vec::new() }; WRITERS];
    let mut kept = vec![false; pages.len()];
    let (mut rest, mut end) = (Some(tree.range_mut()), pages.len());
    for (number, start) in starts.into_iter().enumerate().rev() {
        let whole = rest.take().expect("what is below the last part");
        let range = if start == 0 {
            whole
        } else {
            let (below, above) = whole.split_at(start << 12).unwrap();
            rest = Some(below);
            above
        };
        let first = usize::try_from(start).unwrap();
        let keeps = random.chance(4);
        for page in first..end {
            kept[page] = keeps && pages[page].is_some();
        }
        hands[number % WRITERS].push(Part { range, start: start << 12, pages: pages[first..end].to_vec(), keeps });
        end = first;
    }
    (hands, kept)
}

fn run<F: Subject>(f: F, seed: u64) {
    println!("{} with seed {seed}", F::NAME);
    let words: Vec<AtomicU64> = (0..FRAMES * 512).map(|_| AtomicU64::new(POISON)).collect();
    let start = words.as_ptr().expose_provenance();
    // SAFETY: tables are in the words, from `BASE` on, which others access through atomics only.
    let direct = unsafe { DirectMap::new(start.wrapping_sub(usize::try_from(BASE).unwrap())) };
    let memory = Jostled(direct);
    let left = (0..FRAMES as u64).rev().map(|frame| BASE + (frame << 12)).collect();
    let stock = Stock { words: &words, left: Mutex::new(left), out: AtomicUsize::new(0) };
    let walkers = Walkers([const { AtomicU64::new(0) }; READERS + 1]);
    let mut cx = Context::new(memory, &stock, &walkers);
    let mut tree = Tree::new(&mut cx, f).unwrap();
    let scene = Scene { f, root: tree.root(), memory, words: &words, stock: &stock, walkers: &walkers };
    let (mut random, mut recorded) = (Random::new(seed), 0);
    for _ in 0..ROUNDS {
        let touched: Vec<AtomicBool> = (0..PAGES).map(|_| AtomicBool::new(false)).collect();
        let before = scene.refill(&mut tree, &mut random);
        let (hands, kept) = divide(&mut tree, &before, &mut random);
        let written = scene.round(hands, &kept, random.next() >> 8, &touched);
        scene.compare(&written, &kept, &touched);
        recorded += touched.iter().filter(|page| page.load(Ordering::Relaxed)).count();
    }
    assert!(recorded > ROUNDS, "the machine came too late: {recorded}");
    tree.free(&mut cx).unwrap();
    assert_eq!(stock.out.load(Ordering::Relaxed), 0, "frames are lost");
}

#[test]
fn large_leaves() {
    run(four_level::Format::default(), 1);
}

#[test]
fn runs() {
    run(three_level::Format::default(), 2);
}
