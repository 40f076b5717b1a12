//! Sets a case up, does it between two marks, and looks at what became of it.

use core::hint::black_box;
use std::io::stdin;

use nix::sys::signal::{Signal, raise};
use ptgen::{
    Attributes as _, Change as _, Context, DirectMap, Error, Fault, Format, Leaves, NoTlb, Oa, PageTable, Protect,
    Unflushed, Unmap, Use,
};
use ptgen_benches::arena::{Arena, Pool};
use ptgen_benches::peers::{ArenaFrames, arena_memory};
use ptgen_benches::{OA, VA};

/// Decided at boot: the levels, the bit of encrypted memory and whether there is one.
#[ptgen::pagetable(
    format = "x86_64",
    features(encryption = runtime),
    parameters(bits = runtime, c_bit = runtime)
)]
mod boot {}

/// Four levels.
#[ptgen::pagetable(format = "x86_64_4level")]
mod four {}

/// Four levels, encrypted memory.
#[ptgen::pagetable(format = "x86_64_4level", features(encryption = on), parameters(c_bit = 47))]
mod four_encrypted {}

/// Five levels.
#[ptgen::pagetable(format = "x86_64_5level")]
mod five {}

/// Five levels, encrypted memory.
#[ptgen::pagetable(format = "x86_64_5level", features(encryption = on), parameters(c_bit = 47))]
mod five_encrypted {}

/// The bit of encrypted memory, where there is one.
const C_BIT: u32 = 47;

type Cx = Context<DirectMap, ArenaFrames, NoTlb>;
type AttributesOf<P> = <<P as PageTable>::Format as Format>::Attributes;
type ChangeOf<P> = <<P as PageTable>::Format as Format>::Change;

/// Does `case` for `pages` pages.
pub fn run(case: &str, pages: u64) -> Result<(), String> {
    let (operation, rest) = case.split_once(' ').unwrap_or((case, "4 compiled"));
    let at_boot = |bits, encryption| {
        let format = boot::Format::new(encryption, bits, C_BIT).ok_or("no machine is like that")?;
        work::<boot::PageTable>(black_box(format), operation, pages)
    };
    match rest {
        "4 compiled" => work::<four::PageTable>(four::Format {}, operation, pages),
        "4-encrypted compiled" => work::<four_encrypted::PageTable>(four_encrypted::Format {}, operation, pages),
        "5 compiled" => work::<five::PageTable>(five::Format {}, operation, pages),
        "5-encrypted compiled" => work::<five_encrypted::PageTable>(five_encrypted::Format {}, operation, pages),
        "4 boot" => at_boot(48, false),
        "4-encrypted boot" => at_boot(48, true),
        "5 boot" => at_boot(57, false),
        "5-encrypted boot" => at_boot(57, true),
        _ => Err(format!("no case `{case}`")),
    }
}

/// Translates.
#[inline(never)]
fn translate<P: PageTable>(tables: &P, cx: &Cx, va: u64) -> Result<Oa, Fault> {
    tables.translate(&cx.memory, va)
}

/// Maps.
#[inline(never)]
fn map<P: PageTable>(
    tables: &mut P,
    cx: &mut Cx,
    (va, pages, oa): (u64, u64, u64),
    attributes: &AttributesOf<P>,
) -> Result<Unflushed<P::Format>, Error> {
    tables.map(cx, va..va + (pages << 12), oa, attributes, Leaves::Exactly(12))
}

/// Takes the right to write away.
#[inline(never)]
fn protect<P: PageTable>(
    tables: &mut P,
    cx: &mut Cx,
    (va, pages): (u64, u64),
    change: &ChangeOf<P>,
) -> Result<Unflushed<P::Format>, Error> {
    tables.protect(cx, va..va + (pages << 12), change, Protect::mapped())
}

/// Unmaps, and keeps the tables.
#[inline(never)]
fn unmap<P: PageTable>(tables: &mut P, cx: &mut Cx, (va, pages): (u64, u64)) -> Result<Unflushed<P::Format>, Error> {
    tables.unmap(cx, va..va + (pages << 12), Unmap::mapped().keep_tables())
}

/// Does `operation` on tables of one format.
fn work<P: PageTable>(format: P::Format, operation: &str, pages: u64) -> Result<(), String> {
    let arena = Arena::new().map_err(|error| error.to_string())?;
    let mut cx = Context::new(arena_memory(arena), ArenaFrames(Pool::default()), NoTlb);
    let mut tables = P::new_in(&mut cx, format).map_err(text)?;
    tables.set_use(Use::Offline);
    let (attributes, mut change) = (AttributesOf::<P>::kernel_data(), ChangeOf::<P>::default());
    let write = AttributesOf::<P>::index("write").ok_or("pages cannot be written")?;
    change.set(write, 0);
    // Tables for the pages, and the pages, unless they are about to be mapped.
    map(&mut tables, &mut cx, (VA, (pages + 1).next_multiple_of(512), OA), &attributes).map_err(text)?.flush(&mut cx);
    if operation == "map" {
        unmap(&mut tables, &mut cx, (VA, pages)).map_err(text)?.flush(&mut cx);
    }

    println!("ready");
    stdin().read_line(&mut String::new()).map_err(|error| error.to_string())?;
    let (va, oa) = black_box((VA, OA));
    mark()?;
    let changed = match operation {
        "nothing" => Ok(None),
        "translate" => {
            black_box(translate(&tables, &cx, va)).map_err(|fault| format!("{fault:?}"))?;
            Ok(None)
        }
        "map" => map(&mut tables, &mut cx, (va, pages, oa), black_box(&attributes)).map(Some),
        "protect" => protect(&mut tables, &mut cx, (va, pages), black_box(&change)).map(Some),
        "unmap" => unmap(&mut tables, &mut cx, (va, pages)).map(Some),
        _ => return Err(format!("no operation `{operation}`")),
    };
    mark()?;
    if let Some(changed) = changed.map_err(text)? {
        changed.flush(&mut cx);
    }
    verify(&tables, &cx, operation, pages)
}

/// Whether every page became what it should.
fn verify<P: PageTable>(tables: &P, cx: &Cx, operation: &str, pages: u64) -> Result<(), String> {
    for page in 0..pages {
        let (va, oa) = (VA + (page << 12), OA + (page << 12));
        let found = tables.lookup(&cx.memory, va);
        let seen = found.as_ref().ok().map(|it| (it.oa.get(), it.attributes().permits(ptgen::Access::Write, false)));
        let wanted = (operation != "unmap").then_some((oa, operation != "protect"));
        if seen != wanted {
            return Err(format!("{operation}: {va:#x} leads to {seen:x?}, not {wanted:x?}"));
        }
    }
    Ok(())
}

fn text(error: Error) -> String {
    error.to_string()
}

/// A signal that only a debugger survives.
fn mark() -> Result<(), String> {
    raise(Signal::SIGUSR1).map_err(|error| error.to_string())
}
