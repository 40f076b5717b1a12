//! What happened, in order, and assertions on it.

use std::fmt;

use ptgen::{FlushRequest, Oa, VaRange};

/// Something that happened. Levels have the numbers of the format, 0 being the lowest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A frame was handed out.
    Alloc {
        /// For a table of this level.
        level: u8,
        /// Where it is.
        address: Oa,
    },
    /// No frame was handed out.
    AllocFailed {
        /// For a table of this level.
        level: u8,
    },
    /// A frame was given back.
    Free {
        /// That of a table of this level.
        level: u8,
        /// Where it is.
        address: Oa,
    },
    /// Words of a table that is linked nowhere were written.
    Private {
        /// Where the table is.
        table: Oa,
        /// How many stores followed each other.
        stores: usize,
    },
    /// A word of a linked table was written, and neither of the words points to a table.
    Set {
        /// The level of the table.
        level: u8,
        /// The first VA that the slot translates.
        va: u64,
        /// What it held, in the processor's order.
        old: u64,
        /// What it holds.
        new: u64,
        /// By a compare-and-exchange.
        exchange: bool,
    },
    /// A table was linked.
    Link {
        /// The level of the word that points to it.
        level: u8,
        /// The first VA that the slot translates.
        va: u64,
        /// Where the table is.
        child: Oa,
        /// By a compare-and-exchange.
        exchange: bool,
    },
    /// A table was unlinked.
    Unlink {
        /// The level of the word that pointed to it.
        level: u8,
        /// The first VA that the slot translates.
        va: u64,
        /// Where the table is.
        child: Oa,
    },
    /// A flush.
    Flush(FlushRequest),
    /// The tables' words were written back for walkers that do not look into caches.
    Clean {
        /// From here on.
        address: Oa,
        /// So many bytes.
        bytes: u64,
    },
    /// Whoever was reading the tables has left them.
    Wait,
    /// An instruction replaced a live entry.
    Replace {
        /// Where.
        slot: Oa,
        /// The VA that it concerns.
        range: VaRange,
    },
    /// The machine recorded something in a word.
    Touch {
        /// The level of the table.
        level: u8,
        /// The first VA that the slot translates.
        va: u64,
    },
    /// Pages were given back that leaves had translated to.
    FreeData {
        /// The first.
        oa: Oa,
        /// So many bytes.
        bytes: u64,
    },
}

/// What kind of event it is: what orders are said with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the kinds are those of `Event`")]
pub enum Kind {
    Alloc,
    AllocFailed,
    Free,
    Private,
    Set,
    Link,
    Unlink,
    Flush,
    Clean,
    Wait,
    Replace,
    Touch,
    FreeData,
}

impl Event {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Alloc { .. } => Kind::Alloc,
            Self::AllocFailed { .. } => Kind::AllocFailed,
            Self::Free { .. } => Kind::Free,
            Self::Private { .. } => Kind::Private,
            Self::Set { .. } => Kind::Set,
            Self::Link { .. } => Kind::Link,
            Self::Unlink { .. } => Kind::Unlink,
            Self::Flush(_) => Kind::Flush,
            Self::Clean { .. } => Kind::Clean,
            Self::Wait => Kind::Wait,
            Self::Replace { .. } => Kind::Replace,
            Self::Touch { .. } => Kind::Touch,
            Self::FreeData { .. } => Kind::FreeData,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alloc { level, address } => write!(out, "alloc({level}) = {address}"),
            Self::AllocFailed { level } => write!(out, "alloc({level}) failed"),
            Self::Free { level, address } => write!(out, "free({level}) {address}"),
            Self::Private { table, stores } => write!(out, "{stores} private stores to {table}"),
            Self::Set { level, va, old, new, exchange } => {
                write!(out, "{}({level}) at {va:#x}: {old:#x} → {new:#x}", if *exchange { "cas" } else { "set" })
            }
            Self::Link { level, va, child, .. } => write!(out, "link({level}) at {va:#x}: {child}"),
            Self::Unlink { level, va, child } => write!(out, "unlink({level}) at {va:#x}: {child}"),
            Self::Flush(request) => write!(
                out,
                "flush {:#x}..={:#x}, sizes {:?}, tables {}, global {}, space {:?}, {:?}",
                request.range.start(),
                request.range.last(),
                request.leaf_sizes.iter().collect::<Vec<_>>(),
                request.tables,
                request.global,
                request.space,
                request.scope
            ),
            Self::Clean { address, bytes } => write!(out, "clean {address}, {bytes} bytes"),
            Self::Wait => write!(out, "wait for readers"),
            Self::Replace { slot, .. } => write!(out, "instruction replaces {slot}"),
            Self::Touch { level, va } => write!(out, "the machine records in ({level}) at {va:#x}"),
            Self::FreeData { oa, bytes } => write!(out, "free {bytes:#x} bytes of data at {oa}"),
        }
    }
}

/// The events since the last [clear](Self::clear).
#[derive(Clone, Debug, Default)]
pub struct Log {
    events: Vec<Event>,
}

impl Log {
    /// All of them.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// How many of a kind there are.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        self.events.iter().filter(|event| event.kind() == kind).count()
    }

    /// The flushes.
    pub fn flushes(&self) -> impl Iterator<Item = &FlushRequest> {
        self.events.iter().filter_map(|event| match event {
            Event::Flush(request) => Some(request),
            _ => None,
        })
    }

    /// How many words of linked tables were written.
    #[must_use]
    pub fn stores(&self) -> usize {
        self.count(Kind::Set) + self.count(Kind::Link) + self.count(Kind::Unlink)
    }

    /// Events of these kinds come in this order, others between them.
    ///
    /// # Panics
    ///
    /// If they do not.
    #[track_caller]
    pub fn assert_order(&self, kinds: &[Kind]) {
        let mut left = self.events.iter();
        for (number, kind) in kinds.iter().enumerate() {
            assert!(
                left.any(|event| event.kind() == *kind),
                "expected {kinds:?}; number {number}, {kind:?}, does not come after those before it:\n{self}"
            );
        }
    }

    /// Every event of the one kind comes before every event of the other, and there is one of each.
    ///
    /// # Panics
    ///
    /// If not.
    #[track_caller]
    pub fn assert_before(&self, one: Kind, other: Kind) {
        let last = self.events.iter().rposition(|event| event.kind() == one);
        let first = self.events.iter().position(|event| event.kind() == other);
        let (Some(last), Some(first)) = (last, first) else {
            panic!("expected {one:?} before {other:?}; one of them is missing:\n{self}");
        };
        assert!(last < first, "expected every {one:?} before any {other:?}:\n{self}");
    }

    /// There are so many events of a kind.
    ///
    /// # Panics
    ///
    /// If there are not.
    #[track_caller]
    pub fn assert_count(&self, kind: Kind, count: usize) {
        let found = self.count(kind);
        assert!(found == count, "expected {count} of {kind:?}, found {found}:\n{self}");
    }

    /// Forgets all events.
    pub fn clear(&mut self) {
        self.events.clear();
    }

    pub(crate) fn add(&mut self, event: Event) {
        self.events.push(event);
    }

    /// A store to a table that is linked nowhere.
    pub(crate) fn private(&mut self, at: Oa) {
        if let Some(Event::Private { table, stores }) = self.events.last_mut()
            && *table == at
        {
            *stores += 1;
            return;
        }
        self.events.push(Event::Private { table: at, stores: 1 });
    }

    /// The last events, for messages.
    pub(crate) fn tail(&self, until: usize) -> String {
        let end = until.min(self.events.len());
        let start = end.saturating_sub(12);
        let mut out = String::new();
        for (number, event) in self.events[start..end].iter().enumerate() {
            out.push_str(&format!("  {:>4}. {event}\n", start + number + 1));
        }
        out
    }
}

impl fmt::Display for Log {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, event) in self.events.iter().enumerate().take(200) {
            writeln!(out, "  {:>4}. {event}", number + 1)?;
        }
        if self.events.len() > 200 {
            writeln!(out, "  … and {} more", self.events.len() - 200)?;
        }
        Ok(())
    }
}
