//! Sets a case up, does it between two marks, and looks at what became of it.

use core::hint::black_box;
use std::io::stdin;

use nix::sys::signal::{Signal, raise};
use ptgen::{Context, Leaves, NoTlb, Use};
use ptgen_benches::arena::{Arena, BASE, Pool};
use ptgen_benches::judge::{Seen, walk};
use ptgen_benches::kernel::{Attributes, PageTable};
use ptgen_benches::peers::{ArenaFrames, arena_memory};
use ptgen_benches::{OA, VA};

use crate::hand::{self, Tables};
use crate::ours::{self, Cx};

const ATTRIBUTES: Attributes = Attributes::new().with_write(true);

/// The tables, as both see them.
struct Stage {
    arena: Arena,
    cx: Cx,
    ours: PageTable,
    hand: Tables,
}

/// Does `case` for `pages` pages.
pub fn run(case: &str, pages: u64) -> Result<(), String> {
    let mut stage = Stage::new()?;
    let work: fn(&mut Stage, u64) -> bool = match case {
        "nothing" => |_, _| true,
        "translate ours" => |stage, _| ours::ours_translate(&stage.ours, &stage.cx.memory, black_box(VA)).is_ok(),
        "translate hand" => |stage, _| hand::hand_translate(&stage.hand, black_box(VA)).is_ok(),
        "attributes ours" => {
            |stage, _| ours::ours_translate_attributes(&stage.ours, &stage.cx.memory, black_box(VA)).is_some()
        }
        "attributes hand" => |stage, _| hand::hand_translate_attributes(&stage.hand, black_box(VA)).is_some(),
        "map ours" | "new ours" => |stage, pages| {
            ours::ours_map(&mut stage.ours, &mut stage.cx, black_box((VA, pages, OA)), black_box(&ATTRIBUTES)).is_ok()
        },
        "map hand" | "new hand" => {
            |stage, pages| hand::hand_map(&mut stage.hand, black_box((VA, pages, OA)), black_box(&ATTRIBUTES)).is_ok()
        }
        "protect ours" => {
            |stage, pages| ours::ours_protect(&mut stage.ours, &mut stage.cx, black_box((VA, pages))).is_ok()
        }
        "protect hand" => |stage, pages| hand::hand_protect(&mut stage.hand, black_box((VA, pages))).is_ok(),
        "unmap ours" => |stage, pages| ours::ours_unmap(&mut stage.ours, &mut stage.cx, black_box((VA, pages))).is_ok(),
        "unmap hand" => |stage, pages| hand::hand_unmap(&mut stage.hand, black_box((VA, pages))).is_ok(),
        _ => return Err(format!("no case `{case}`")),
    };
    let operation = case.split(' ').next().unwrap_or(case);
    stage.prepare(operation, pages)?;
    println!("ready");
    stdin().read_line(&mut String::new()).map_err(|error| error.to_string())?;
    mark()?;
    let succeeded = work(&mut stage, pages);
    mark()?;
    if !succeeded {
        return Err(format!("{case} failed"));
    }
    stage.verify(operation, pages)
}

impl Stage {
    fn new() -> Result<Self, String> {
        let arena = Arena::new().map_err(|error| error.to_string())?;
        let mut cx = Context::new(arena_memory(arena), ArenaFrames(Pool::default()), NoTlb);
        let mut ours = PageTable::new(&mut cx).map_err(|error| error.to_string())?;
        ours.set_use(Use::Offline);
        let hand = Tables { root: ours.root().get(), offset: black_box(BASE), pool: Pool::default() };
        Ok(Self { arena, cx, ours, hand })
    }

    /// Makes what the operation finds.
    fn prepare(&mut self, operation: &str, pages: u64) -> Result<(), String> {
        match operation {
            "new" | "nothing" => {}
            // Tables, but nothing in the range.
            "map" => {
                let range = (VA, (pages + 1).next_multiple_of(512), OA);
                let done = ours::ours_map(&mut self.ours, &mut self.cx, range, &ATTRIBUTES);
                done.map_err(|error| error.to_string())?.flush(&mut self.cx);
                let range = VA..VA + (pages << 12);
                let policy = ptgen::Unmap::mapped().keep_tables();
                self.ours.unmap(&mut self.cx, range, policy).map_err(|error| error.to_string())?.flush(&mut self.cx);
            }
            _ => {
                let range = VA..VA + (pages << 12);
                let done = self.ours.map(&mut self.cx, range, OA, &ATTRIBUTES, Leaves::Exactly(12));
                done.map_err(|error| error.to_string())?.flush(&mut self.cx);
            }
        }
        // One of the two goes on with the frames that are left.
        self.hand.pool = self.cx.frames.0.clone();
        Ok(())
    }

    /// Whether everything became what it should.
    fn verify(&self, operation: &str, pages: u64) -> Result<(), String> {
        for page in 0..pages {
            let va = VA + (page << 12);
            let mapped = Seen { oa: OA + (page << 12), write: operation != "protect", execute: false };
            let wanted = (operation != "unmap" && operation != "nothing").then_some(mapped);
            let found = walk(self.arena, self.ours.root().get(), va)?;
            if found != wanted {
                return Err(format!("{operation}: {va:#x} leads to {found:x?}, not {wanted:x?}"));
            }
        }
        Ok(())
    }
}

/// A signal that only a debugger survives.
fn mark() -> Result<(), String> {
    raise(Signal::SIGUSR1).map_err(|error| error.to_string())
}
