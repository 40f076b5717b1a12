//! A progress bar for work that takes long, on a terminal.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::listing::Counts;

/// Work that takes no longer than this needs no bar.
const PATIENCE: Duration = Duration::from_millis(400);
/// Tables between two looks at the clock.
const STEP: u64 = 256;

/// How far the listing is, by the addresses it has passed.
pub struct Progress {
    bar: Option<ProgressBar>,
    started: Instant,
    width: u32,
}

impl Progress {
    /// For addresses of so many bits; hidden if standard error is no terminal.
    pub fn new(width: u32) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::hidden();
            if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent:>3} %  {msg}") {
                bar.set_style(style);
            }
            bar.set_length(1000);
            bar
        });
        Self { bar, started: Instant::now(), width }
    }

    /// The bar, for those who write to the same terminal.
    pub fn bar(&self) -> Option<&ProgressBar> {
        self.bar.as_ref()
    }

    /// Learns that the walk looks at a table for the addresses from `va` on (without what extends it).
    pub fn table(&self, va: u64, counts: &Counts) {
        let Some(bar) = &self.bar else { return };
        if !counts.tables.is_multiple_of(STEP) || self.started.elapsed() < PATIENCE {
            return;
        }
        if bar.is_hidden() {
            bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
        }
        let part = (u128::from(va) * 1000) >> self.width;
        bar.set_message(format!("{} tables, {} leaf entries", counts.tables, counts.leaves));
        bar.set_position(u64::try_from(part).unwrap_or(1000).min(1000));
    }
}

/// Takes the bar away, however the work ended.
impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
