//! Sets a case up, does it between two marks, and looks at what became of it.

use core::hint::black_box;
use std::io::stdin;

use nix::sys::signal::{Signal, raise};
use ptgen::{Context, DirectMap, Error, Leaves, NoTlb, Prepare, Protect, Request, Reservation, Unflushed, Use};
use ptgen_benches::VA;
use ptgen_benches::arena::{Arena, Pool};
use ptgen_benches::judge::{Seen, walk};
use ptgen_benches::kernel::{Attributes, Change, Format, PageTable};
use ptgen_benches::peers::{ArenaFrames, arena_memory};

/// What the large leaves lead to.
const OA: u64 = 0x2_8000_0000;
const ATTRIBUTES: Attributes = Attributes::new().with_write(true);
const READ_ONLY: Change = Change::new().write(false);

type Cx = Context<DirectMap, ArenaFrames, NoTlb>;
type Frames = Reservation<Format, DirectMap>;

/// Takes the right to write away.
#[inline(never)]
fn protect(tables: &mut PageTable, cx: &mut Cx, (va, pages): (u64, u64)) -> Result<Unflushed<Format>, Error> {
    tables.protect(cx, va..va + (pages << 12), &READ_ONLY, Protect::mapped())
}

/// The same with frames that were taken before.
#[inline(never)]
fn protect_with(
    tables: &mut PageTable,
    cx: &mut Cx,
    frames: &mut Frames,
    (va, pages): (u64, u64),
) -> Result<Unflushed<Format>, Error> {
    tables.protect(&mut cx.with_frames(frames), va..va + (pages << 12), &READ_ONLY, Protect::mapped())
}

/// Takes just the frames that this needs.
#[inline(never)]
fn plan(tables: &mut PageTable, cx: &mut Cx, (va, pages): (u64, u64)) -> Result<Frames, Error> {
    tables.plan(&cx.memory, va..va + (pages << 12), &Request::Protect(&READ_ONLY, Protect::mapped()))?.reserve(cx)
}

/// Takes the frames that any operations on the pages can need.
#[inline(never)]
fn prepare(tables: &mut PageTable, cx: &mut Cx, (va, pages): (u64, u64)) -> Result<Frames, Error> {
    tables.prepare(cx, va..va + (pages << 12), Prepare::changes(12))
}

/// Does `case` for the first `pages` pages of large leaves.
pub fn run(case: &str, pages: u64) -> Result<(), String> {
    let arena = Arena::new().map_err(|error| error.to_string())?;
    let mut cx = Context::new(arena_memory(arena), ArenaFrames(Pool::default()), NoTlb);
    let mut tables = PageTable::new(&mut cx).map_err(text)?;
    tables.set_use(Use::Offline);
    tables.map(&mut cx, VA..VA + (1 << 30), OA, &ATTRIBUTES, Leaves::Exactly(21)).map_err(text)?.flush(&mut cx);
    let mut frames =
        if case == "reserved" { Some(plan(&mut tables, &mut cx, (VA, pages)).map_err(text)?) } else { None };

    println!("ready");
    stdin().read_line(&mut String::new()).map_err(|error| error.to_string())?;
    let range = black_box((VA, pages));
    mark()?;
    let made = match (case, &mut frames) {
        ("nothing", _) => Ok(None),
        ("plain", _) => protect(&mut tables, &mut cx, range).map(Some),
        ("reserved", Some(frames)) => protect_with(&mut tables, &mut cx, frames, range).map(Some),
        ("plan", frames) => plan(&mut tables, &mut cx, range).map(|made| frames.replace(made)).map(|_| None),
        ("prepare", frames) => prepare(&mut tables, &mut cx, range).map(|made| frames.replace(made)).map(|_| None),
        _ => return Err(format!("no case `{case}`")),
    };
    mark()?;

    if let Some(changed) = made.map_err(text)? {
        changed.flush(&mut cx);
    }
    if let Some(frames) = frames {
        frames.release(&mut cx.frames);
    }
    if matches!(case, "plain" | "reserved") { verify(arena, tables.root().get(), pages) } else { Ok(()) }
}

/// Whether the pages are read-only, and the one behind them is not. What is left of the large leaf is not looked at.
fn verify(arena: Arena, root: u64, pages: u64) -> Result<(), String> {
    for page in 0..=pages {
        let wanted = Some(Seen { oa: OA + (page << 12), write: page == pages, execute: false });
        let found = walk(arena, root, VA + (page << 12))?;
        if found != wanted {
            return Err(format!("page {page} leads to {found:x?}, not {wanted:x?}"));
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
