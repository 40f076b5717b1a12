//! The methods `set_memory_…`: what they make of pages, as the reference walker reads them, and what they refuse.

use ptdsl::model;
use ptdsl::walk::{self, Outcome, Value};
use ptgen::{Arena, Attributes, Context, Error, Format as _, Leaves, NoTlb, PageTable, Use, Va};

const BASE: u64 = 0x80_0000;
/// Where a leaf of 2 MiB is, and a page behind it, counted from the lowest address of the range.
const LEAF: u64 = 0x4000_0000;
const LEAF_BYTES: u64 = 0x20_0000;
const OA: u64 = 0x1200_0000;
/// The pages that are changed: the fourth to the sixth.
const FIRST: u64 = 0x3000;
const PAGES: u64 = 3;

type Cx<'a, 'b> = Context<&'a Arena<'b, u64>, &'a Arena<'b, u64>, NoTlb>;

/// What the reference walker reads at `va`: whether the attribute `name` is `value`.
fn says(
    (model, range): (&model::Format, usize),
    arena: &Arena<'_, u64>,
    (root, leaf, offset): (u64, u64, u64),
    name: &str,
) -> String {
    let memory = |address: u64, _: u32| arena.read(address).map(u128::from);
    let Outcome::Leaf(found) = walk::translate(model, range, &memory, root, leaf + offset).outcome else {
        panic!("{offset:#x} is not mapped");
    };
    assert_eq!(found.oa, OA + offset, "{offset:#x}");
    match found.own.get(name).unwrap_or_else(|| panic!("{name} is not said")) {
        Value::Flag(flag) => flag.to_string(),
        Value::Name(name) => name.clone(),
        other => format!("{other:?}"),
    }
}

/// Tables with the leaf and the page mapped, offline, so that no change needs more than a store.
fn mapped<P: PageTable>(format: P::Format, cx: &mut Cx<'_, '_>) -> (P, u64) {
    let leaf = format.extend(LEAF);
    let mut table = P::new_in(cx, format).expect("there are frames");
    table.set_use(Use::Offline);
    let attributes = <<P::Format as ptgen::Format>::Attributes as Attributes>::kernel_data();
    let bytes = LEAF_BYTES + 0x1000;
    table.map(cx, leaf..leaf + bytes, OA, &attributes, Leaves::Largest).expect("it is free").flush(cx);
    (table, leaf)
}

/// Each line: the method, the attribute that it is about, what that is afterwards.
macro_rules! families {
    ($name:ident, $case:ident, $($method:ident($($argument:expr)?) => $attribute:literal $value:literal,)*) => {
        mod $name {
            use super::*;
            use ptgen_tests::cases::$case::{self as case, tables};

            #[test]
            fn pages_say_what_the_method_is_called_and_others_stay() {
                $({
                    let (format, decided) = case::values().swap_remove(0);
                    let model = case::CASE.model(&decided);
                    let mut words = vec![0; 1 << 15];
                    let arena = Arena::new(BASE, &mut words);
                    let mut cx = Context::new(&arena, &arena, NoTlb);
                    let (mut table, leaf): (tables::PageTable, u64) = mapped(format, &mut cx);
                    let root = table.root().get();
                    let read = |offset| says((&model, decided.range), &arena, (root, leaf, offset), $attribute);
                    let before = read(0);
                    let unflushed = table.$method(&mut cx, leaf + FIRST, PAGES $(, $argument)?);
                    unflushed.expect(stringify!($method)).flush(&mut cx);
                    for page in [0, 2, 6, 511, 512] {
                        assert_eq!(read(page * 0x1000), before, "{}: page {page}", stringify!($method));
                    }
                    for page in 3..6 {
                        assert_eq!(read(page * 0x1000), $value, "{}: page {page}", stringify!($method));
                    }
                })*
            }

            #[test]
            fn what_is_not_pages_of_the_table_is_refused() {
                let (format, _) = case::values().swap_remove(0);
                let mut words = vec![0; 1 << 15];
                let arena = Arena::new(BASE, &mut words);
                let mut cx = Context::new(&arena, &arena, NoTlb);
                let (mut table, leaf): (tables::PageTable, u64) = mapped(format, &mut cx);
                $({
                    let hole = leaf + LEAF_BYTES + 0x1000;
                    let refused = table.$method(&mut cx, hole - 0x1000, 2 $(, $argument)?).map(drop);
                    assert_eq!(refused, Err(Error::Hole { va: Va::new(hole) }), "{}", stringify!($method));
                    let refused = table.$method(&mut cx, leaf + FIRST + 1, 1 $(, $argument)?).map(drop);
                    assert!(matches!(refused, Err(Error::Misaligned { .. })), "{}: {refused:?}", stringify!($method));
                    for count in [u64::MAX, 1 << 52, 1 << 63] {
                        let refused = table.$method(&mut cx, leaf + FIRST, count $(, $argument)?).map(drop);
                        assert!(matches!(refused, Err(Error::Reversed { .. })), "{}: {refused:?}", stringify!($method));
                    }
                    let nothing = table.$method(&mut cx, leaf + FIRST, 0 $(, $argument)?).expect("nothing is asked for");
                    assert!(nothing.is_empty(), "{}", stringify!($method));
                    nothing.flush(&mut cx);
                })*
            }
        }
    };
}

families! { x86_64, x86_64_4level_full,
    set_memory_ro() => "write" "false",
    set_memory_rw() => "write" "true",
    set_memory_x() => "execute" "true",
    set_memory_nx() => "execute" "false",
    set_memory_global() => "global" "true",
    set_memory_nonglobal() => "global" "false",
    set_memory_uc() => "memory_type" "uncached",
    set_memory_wc() => "memory_type" "write_combining",
    set_memory_wt() => "memory_type" "write_through",
    set_memory_wb() => "memory_type" "write_back",
    set_memory_type(tables::MemoryType::UncachedMinus) => "memory_type" "uncached_minus",
    set_memory_encrypted() => "encrypted" "true",
    set_memory_decrypted() => "encrypted" "false",
}

families! { aarch64, aarch64_stage1_4k_full,
    set_memory_ro() => "write" "false",
    set_memory_rw() => "write" "true",
    set_memory_x() => "execute" "true",
    set_memory_nx() => "execute" "false",
    set_memory_global() => "global" "true",
    set_memory_nonglobal() => "global" "false",
    set_memory_uc() => "memory_type" "uncached",
    set_memory_wb() => "memory_type" "write_back",
    set_memory_type(tables::MemoryType::Device) => "memory_type" "device",
}

families! { riscv, riscv_sv39_full,
    set_memory_ro() => "write" "false",
    set_memory_rw() => "write" "true",
    set_memory_x() => "execute" "true",
    set_memory_nx() => "execute" "false",
    set_memory_global() => "global" "true",
    set_memory_nonglobal() => "global" "false",
    set_memory_uc() => "memory_type" "uncached",
    set_memory_type(tables::MemoryType::Device) => "memory_type" "device",
}

families! { rowan, rowan_full,
    set_memory_ro() => "write" "false",
    set_memory_rw() => "write" "true",
    set_memory_x() => "execute" "true",
    set_memory_nx() => "execute" "false",
    set_memory_global() => "global" "true",
    set_memory_nonglobal() => "global" "false",
}
