//! Random operations against a plain map, judged by walkers that share nothing with the engine.

mod support;

use std::fmt::Debug;

use ptgen::{
    Arena, Change as _, Context, Error, Holes, Leaves, NoTlb, Partial, Protect, Tables, Tree, Unflushed, Unmap, Use,
    Va, VaRange,
};
use support::memory::Checked;
use support::model::Model;
use support::oracle::{Dump, Known};
use support::random::Random;
use support::{four_level, odd, three_level};

const BASE: u64 = 0x8000_0000;

struct Bench<'a, F: Known> {
    f: F,
    cx: Context<&'a Arena<'a, F::Word>, &'a Checked<'a, F::Word>, NoTlb>,
    tree: Tree<F>,
    model: Model<F::Attributes>,
    pending: Vec<Unflushed<F>>,
    random: Random,
    done: [usize; 3],
    failed: [usize; 3],
}

/// A range of positions with their VA.
#[derive(Clone, Copy, Debug)]
struct Target {
    start: u64,
    last: u64,
    range: VaRange,
}

impl<'a, F: Known> Bench<'a, F>
where
    F::Attributes: Debug,
{
    fn dump(&self) -> Dump<F::Attributes> {
        let arena = self.cx.memory;
        self.f.dump(&|address| arena.read(address).expect("a table in the arena").into(), self.tree.root().get())
    }

    /// Places that have something to do with each other, among them the ends of the address space and of its halves.
    fn target(&mut self) -> Target {
        let width = self.f.width();
        let whole = (1_u64 << width) - 1;
        let random = &mut self.random;
        let half = 1 << (width - 1);
        let span = (4 << 30).min(half);
        let base = random.pick(&[0, half - span / 2, half, whole - span + 1, span / 4 * 3]);
        let unit = random.pick(F::SIZES);
        let count = random.pick(&[1, 1, 2, 3, 16, 17, 40, 512, 520]);
        // More than a few MiB of what can only be pages takes its time.
        let most = if unit == 30 || random.chance(8) { 2 << 30 } else { 6 << 20 };
        let bytes = (count << unit).min(most);
        let slack = span.min(whole - base) >> unit;
        let start = base + (random.below(slack.max(1)) << unit);
        let near = random.pick(&[0, 0, 0, 4096, 8192, 65536]);
        let start = (start + near).min(whole - 4095);
        let in_halves = width > 32 && start < half;
        let last = (start + bytes - 1).min(if in_halves { half - 1 } else { whole });
        let last = if random.chance(4) { last.saturating_sub(4096).max(start + 4095) } else { last };
        let range = VaRange::inclusive(self.f.extend(start), self.f.extend(last));
        Target { start, last, range }
    }

    fn step(&mut self) {
        let kept_tables = self.dump();
        let quota = if self.random.chance(3) { self.random.below(5) as usize } else { usize::MAX };
        self.cx.frames.left.set(quota);
        let live = if self.random.chance(2) { Use::Live } else { Use::Offline };
        self.tree.set_use(live);
        let kind = self.random.pick(&[0, 0, 1, 2, 2]);
        let result = match kind {
            0 => self.map(),
            1 => self.unmap(&kept_tables),
            _ => self.protect(&kept_tables),
        };
        self.cx.frames.left.set(usize::MAX);
        let after = self.dump();
        match result {
            Ok(unflushed) => {
                self.done[kind] += 1;
                if live == Use::Offline {
                    assert!(unflushed.request().is_none());
                }
                self.pending.push(unflushed);
            }
            Err(error) => {
                self.failed[kind] += 1;
                assert_eq!(kept_tables, after, "{error}: tables changed");
                assert!(error != Error::OutOfFrames || quota != usize::MAX);
            }
        }
        assert_eq!(after.segments, self.model.segments);
        self.settle(&after);
        self.probe();
    }

    /// Gives back, one by one or together, and counts.
    fn settle(&mut self, dump: &Dump<F::Attributes>) {
        if self.random.chance(2) && self.pending.len() < 6 {
            return;
        }
        let mut all: Option<Unflushed<F>> = None;
        for unflushed in std::mem::take(&mut self.pending) {
            if self.random.chance(2) {
                unflushed.flush(&mut self.cx);
            } else {
                all = Some(match all {
                    Some(all) => all.merge(unflushed, &self.cx.memory),
                    None => unflushed,
                });
            }
        }
        if let Some(all) = all {
            all.flush(&mut self.cx);
        }
        assert_eq!(self.cx.frames.out(), dump.tables, "frames that are not tables");
    }

    /// Single translations agree with the map.
    fn probe(&mut self) {
        for _ in 0..20 {
            let target = self.target();
            let at = target.start + self.random.below(target.last - target.start + 1);
            let segment = self.model.segments.iter().find(|s| s.start <= at && at <= s.last);
            let va = Va::new(self.f.extend(at));
            let oa = self.tree.translate(&self.cx, va);
            assert_eq!(oa.ok().map(|oa| oa.get()), segment.map(|s| s.oa + (at - s.start)));
            let mapping = self.tree.lookup(&self.cx, va);
            assert_eq!(mapping.map(|m| m.attributes()).ok(), segment.map(|s| s.attributes));
        }
    }

    fn map(&mut self) -> Result<Unflushed<F>, Error> {
        let Target { start, last, range } = self.target();
        let attributes = F::some_attributes(self.random.next());
        let large = last - start > 6 << 20;
        let congruent = if large { 30 } else { self.random.pick(&[12, 16, 21, 30]) };
        let above = if self.f.width() == 32 { 0 } else { 1 << 33 };
        let mask = if above == 0 { 0x3fff_ffff } else { 0xf_ffff_ffff };
        let oa = above + (self.random.below(1 << 16) << congruent & mask);
        let oa = if large || self.random.chance(2) { oa | start & ((1 << congruent) - 1) & !0xfff } else { oa };
        let exactly = self.random.pick(F::SIZES);
        let leaves = if self.random.chance(3) { Leaves::Exactly(exactly) } else { Leaves::Largest };
        let result = self.tree.map(&mut self.cx, range, oa, &attributes, leaves);
        let occupied = self.model.first_mapped(start, last);
        let misaligned = matches!(leaves, Leaves::Exactly(lg2) if (start | (last + 1) | oa) & ((1 << lg2) - 1) != 0);
        match result {
            Ok(_) => {
                assert!(occupied.is_none() && !misaligned);
                self.model.map(start, last, oa, attributes);
                if let Leaves::Exactly(lg2) = leaves {
                    let leaves = self.dump().leaves;
                    assert!(leaves.contains(&(start, lg2)));
                }
            }
            Err(Error::Misaligned { .. }) => assert!(misaligned),
            Err(Error::Occupied { va }) if leaves == Leaves::Largest => {
                assert_eq!(va.get(), self.f.extend(occupied.expect("something is mapped")));
            }
            // An empty table is in the way of a leaf of one exact size.
            Err(Error::Occupied { .. }) => assert!(occupied.is_some() || leaves != Leaves::Exactly(12)),
            Err(Error::OutOfFrames) => assert!(occupied.is_none() && !misaligned),
            Err(error) => panic!("{error}"),
        }
        result
    }

    /// What both other operations may say.
    fn check_refusal(
        &self,
        error: Error,
        target: Target,
        holes: Holes,
        partial: Partial,
        before: &Dump<F::Attributes>,
    ) {
        let Target { start, last, .. } = target;
        match error {
            Error::Hole { va } => {
                assert_eq!(holes, Holes::Refuse);
                let hole = self.model.first_hole(start, last).expect("a hole");
                assert_eq!(va.get(), self.f.extend(hole));
            }
            Error::PartialLeaf { va, size_lg2 } => {
                assert_eq!(partial, Partial::Refuse);
                let leaf = before.leaves.iter().find(|(at, lg2)| self.f.extend(*at) == va.get() && *lg2 == size_lg2);
                let leaf = leaf.expect("such a leaf").0;
                let leaf_last = leaf + ((1 << size_lg2) - 1);
                assert!(leaf <= last && leaf_last >= start && (leaf < start || leaf_last > last));
            }
            Error::BreakBeforeMake { .. } => assert_eq!(self.tree.in_use(), Use::Live),
            Error::OutOfFrames => {}
            error => panic!("{error}"),
        }
    }

    fn unmap(&mut self, before: &Dump<F::Attributes>) -> Result<Unflushed<F>, Error> {
        let target = self.target();
        let Target { start, last, range } = target;
        let policy = Unmap {
            holes: self.random.pick(&[Holes::Skip, Holes::Refuse]),
            partial: self.random.pick(&[Partial::Split, Partial::Split, Partial::Refuse]),
            tables: self.random.pick(&[Tables::Free, Tables::Free, Tables::Keep]),
        };
        let result = self.tree.unmap(&mut self.cx, range, policy);
        match &result {
            Ok(_) => {
                assert!(policy.holes == Holes::Skip || self.model.first_hole(start, last).is_none());
                self.model.unmap(start, last);
            }
            Err(error) => self.check_refusal(*error, target, policy.holes, policy.partial, before),
        }
        result
    }

    fn protect(&mut self, before: &Dump<F::Attributes>) -> Result<Unflushed<F>, Error> {
        let target = self.target();
        let Target { start, last, range } = target;
        let policy = Protect {
            holes: self.random.pick(&[Holes::Skip, Holes::Refuse]),
            partial: self.random.pick(&[Partial::Split, Partial::Split, Partial::Refuse]),
        };
        let change = F::some_change(self.random.next());
        let result = self.tree.protect(&mut self.cx, range, &change, policy);
        match &result {
            Ok(_) => {
                assert!(policy.holes == Holes::Skip || self.model.first_hole(start, last).is_none());
                self.model.protect(start, last, |attributes| change.revise(attributes));
            }
            Err(error) => self.check_refusal(*error, target, policy.holes, policy.partial, before),
        }
        result
    }
}

fn run<F: Known>(f: F, seed: u64, steps: usize) {
    let mut words = vec![F::Word::from(0); 4096 * 512];
    let arena = Arena::new(BASE, &mut words);
    let frames = Checked::new(&arena);
    let mut cx = Context::new(&arena, &frames, NoTlb);
    let tree = Tree::new(&mut cx, f).unwrap();
    let random = Random::new(seed);
    let model = Model::new();
    let mut bench = Bench { f, cx, tree, model, pending: Vec::new(), random, done: [0; 3], failed: [0; 3] };
    for _ in 0..steps {
        bench.step();
    }
    println!("{:?} done, {:?} refused", bench.done, bench.failed);
    assert!(bench.done.iter().all(|&count| count > steps / 50), "{:?}", bench.done);
    let Bench { tree, mut cx, pending, .. } = bench;
    for unflushed in pending {
        unflushed.flush(&mut cx);
    }
    tree.free(&mut cx).unwrap();
    assert_eq!(frames.out(), 0);
}

#[test]
fn four_levels() {
    for seed in 1..=2 {
        run(four_level::Format::default(), seed, 300);
    }
}

#[test]
fn runs() {
    for seed in 1..=2 {
        run(three_level::Format::default(), seed, 300);
    }
}

#[test]
fn root_chosen_at_run_time_and_break_before_make() {
    for seed in 1..=2 {
        run(three_level::Format { four: true, breaks: true, ..three_level::Format::default() }, seed, 300);
    }
}

#[test]
fn runs_of_any_size_and_words_of_32_bits() {
    for seed in 1..=2 {
        run(odd::Format::default(), seed, 300);
    }
}
