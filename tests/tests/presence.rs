//! The methods that take pages away and bring them back, split them and join them: `set_memory_{np,p,4k,rox}` and
//! `set_direct_map_…`. What becomes of translations is told by the reference walker, what becomes of words by the words.

use std::collections::BTreeMap;

use ptdsl::model;
use ptdsl::walk::{self, Outcome, Value};
use ptgen::{Arena, Attributes, Context, Error, Format as _, Leaves, NoTlb, PageTable, Use, Va};

const BASE: u64 = 0x80_0000;
/// Where 2 MiB are mapped, counted from the lowest address of the range.
const START: u64 = 0x4000_0000;
const PAGES: u64 = 512;
const OA: u64 = 0x1200_0000;
/// The pages that are changed.
const FIRST: u64 = 3;
const COUNT: u64 = 4;

type Cx<'a, 'b> = Context<&'a Arena<'b, u64>, &'a Arena<'b, u64>, NoTlb>;

/// Tables with 2 MiB mapped as one thing; where they are.
fn mapped<P: PageTable>(format: P::Format, used: Use, cx: &mut Cx<'_, '_>) -> (P, u64) {
    let start = format.extend(START);
    let mut table = P::new_in(cx, format).expect("there are frames");
    table.set_use(used);
    let attributes = <<P::Format as ptgen::Format>::Attributes as Attributes>::kernel_data();
    let range = start..start + PAGES * 0x1000;
    table.map(cx, range, OA, &attributes, Leaves::Largest).expect("it is free").flush(cx);
    (table, start)
}

/// For each page the word that translates it and how large its leaf is; nothing if nothing does.
fn words<P: PageTable>(table: &P, arena: &Arena<'_, u64>, start: u64) -> Vec<Option<(u32, u64)>> {
    let word = |page| table.lookup(arena, start + page * 0x1000).ok().map(|it| (it.size_lg2, it.word.into()));
    (0..PAGES).map(word).collect()
}

/// What the reference walker says of each page: a fault, or flags of the leaf by name; the OA is what it should be.
fn flags(
    (model, range): (&model::Format, usize),
    arena: &Arena<'_, u64>,
    (root, start): (u64, u64),
) -> Vec<Option<BTreeMap<&'static str, bool>>> {
    let memory = |address: u64, _: u32| arena.read(address).map(u128::from);
    let page = |page: u64| {
        let Outcome::Leaf(leaf) = walk::translate(model, range, &memory, root, start + page * 0x1000).outcome else {
            return None;
        };
        assert_eq!(leaf.oa, OA + page * 0x1000);
        let flag = |name| matches!(leaf.own.get(name), Some(Value::Flag(true)));
        Some(["write", "execute", "global"].map(|name| (name, flag(name))).into_iter().collect())
    };
    (0..PAGES).map(page).collect()
}

/// Nothing of the pages that are changed, the others as they are.
fn without_changed<T: Clone>(pages: &[Option<T>]) -> Vec<Option<T>> {
    let changed = |page: usize| (FIRST..FIRST + COUNT).contains(&(page as u64));
    pages.iter().enumerate().map(|(page, it)| it.clone().filter(|_| !changed(page))).collect()
}

/// Fails at the first page that is not as expected.
fn same<T: PartialEq + std::fmt::Debug>(found: &[T], expected: &[T]) {
    for (page, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found, expected, "page {page}");
    }
}

macro_rules! presence {
    ($name:ident, $case:ident, $used:expr) => {
        mod $name {
            use super::*;
            use ptgen_tests::cases::$case::{self as case, tables};

            /// Runs `test` on fresh tables.
            fn with(
                test: impl Fn(&mut tables::PageTable, &mut Cx<'_, '_>, &Arena<'_, u64>, u64, &dyn Fn(u64) -> Flags),
            ) {
                let (format, decided) = case::values().swap_remove(0);
                let model = case::CASE.model(&decided);
                let mut memory = vec![0; 1 << 16];
                let arena = Arena::new(BASE, &mut memory);
                let mut cx = Context::new(&arena, &arena, NoTlb);
                let (mut table, start): (tables::PageTable, u64) = mapped(format, $used, &mut cx);
                let read = |root| flags((&model, decided.range), &arena, (root, start));
                test(&mut table, &mut cx, &arena, start, &read);
            }

            type Flags = Vec<Option<BTreeMap<&'static str, bool>>>;

            #[test]
            fn pages_that_were_away_come_back_as_they_were() {
                with(|table, cx, arena, start, read| {
                    table.set_memory_4k(cx, start, PAGES).expect("all is mapped").flush(cx);
                    let (before, said) = (words(table, arena, start), read(table.root().get()));
                    assert!(before.iter().all(|word| word.is_some_and(|(lg2, _)| lg2 == 12)), "{:x?}", before[0]);
                    let at = start + FIRST * 0x1000;
                    table.set_memory_np(cx, at, COUNT).expect("they are there").flush(cx);
                    let now = read(table.root().get());
                    same(&now, &without_changed(&said));
                    let again = table.set_memory_np(cx, at, 1).map(drop);
                    assert_eq!(again, Err(Error::Hole { va: Va::new(at) }));
                    table.set_memory_p(cx, at, COUNT).expect("they were there").flush(cx);
                    same(&words(table, arena, start), &before);
                    let again = table.set_memory_p(cx, at, 1).map(drop);
                    assert!(again.is_err(), "there already");
                    same(&words(table, arena, start), &before);
                });
            }

            #[test]
            fn a_direct_map_is_in_one_piece_again_when_pages_are_back() {
                with(|table, cx, arena, start, read| {
                    let (before, said) = (words(table, arena, start), read(table.root().get()));
                    let at = start + FIRST * 0x1000;
                    table.set_direct_map_invalid(cx, at, COUNT).expect("they are there").flush(cx);
                    let now = read(table.root().get());
                    same(&now, &without_changed(&said));
                    // What is out already and what is a hole does not matter.
                    table.set_direct_map_valid(cx, at, COUNT + 1, false).expect("most are out").flush(cx);
                    table.set_direct_map_valid(cx, start - 0x1000, 1, false).expect("a hole").flush(cx);
                    table.set_direct_map_valid(cx, start - 0x1000, 1, true).expect("a hole").flush(cx);
                    table.set_direct_map_default(cx, at, 1).expect("it was there").flush(cx);
                    table.set_direct_map_valid(cx, start, PAGES, true).expect("they were there").flush(cx);
                    same(&words(table, arena, start), &before);
                    same(&read(table.root().get()), &said);
                    table.set_direct_map_default(cx, start, PAGES).expect("they are there").flush(cx);
                    same(&words(table, arena, start), &before);
                });
            }

            #[test]
            fn code_is_read_only_and_in_one_piece() {
                with(|table, cx, arena, start, read| {
                    let before = words(table, arena, start);
                    table.set_memory_4k(cx, start, PAGES).expect("all is mapped").flush(cx);
                    for part in [0..FIRST, FIRST..PAGES] {
                        let (at, count) = (start + part.start * 0x1000, part.end - part.start);
                        table.set_memory_rox(cx, at, count).expect("all is mapped").flush(cx);
                    }
                    let sizes =
                        |words: Vec<Option<(u32, u64)>>| words.iter().map(|it| it.map(|(lg2, _)| lg2)).collect();

                    let (found, expected): (Vec<_>, Vec<_>) =
                        (sizes(words(table, arena, start)), sizes(before.clone()));
                    same(&found, &expected);
                    for page in read(table.root().get()) {
                        let page = page.expect("it is mapped");
                        assert!(!page["write"] && page["execute"] && page["global"], "{page:?}");
                    }
                    table.set_memory_rw(cx, start, PAGES).expect("all is mapped").flush(cx);
                    table.set_memory_nx(cx, start, PAGES).expect("all is mapped").flush(cx);
                    same(&words(table, arena, start), &before);
                });
            }
        }
    };
}

presence!(x86_64_live, x86_64_4level_full, Use::Live);
presence!(x86_64_offline, x86_64_4level_usual, Use::Offline);
presence!(aarch64_live, aarch64_stage1_4k_full, Use::Live);
presence!(aarch64_offline, aarch64_stage1_4k_lpa2_usual, Use::Offline);
presence!(riscv_live, riscv_sv39_full, Use::Live);
presence!(riscv_offline, riscv_sv57_usual, Use::Offline);
presence!(rowan_offline, rowan_full, Use::Offline);
