//! A plain map from positions to OA and attributes, which operations are compared with.

/// Adjacent positions that are translated to adjacent OA with the same attributes.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub struct Segment<A> {
    pub start: u64,
    pub last: u64,
    pub oa: u64,
    pub attributes: A,
}

/// Adds a segment behind the others, merged with the last one if that can be.
pub fn push<A: Copy + PartialEq>(segments: &mut Vec<Segment<A>>, next: Segment<A>) {
    if let Some(before) = segments.last_mut() {
        let length = next.start - before.start;
        if before.last + 1 == next.start && before.oa + length == next.oa && before.attributes == next.attributes {
            before.last = next.last;
            return;
        }
    }
    segments.push(next);
}

/// What should be mapped.
#[derive(Debug, Clone)]
pub struct Model<A> {
    pub segments: Vec<Segment<A>>,
}

impl<A: Copy + PartialEq> Model<A> {
    pub fn new() -> Self {
        Self { segments: Vec::new() }
    }

    /// The first mapped position in a range.
    pub fn first_mapped(&self, start: u64, last: u64) -> Option<u64> {
        let segment = self.segments.iter().find(|s| s.last >= start && s.start <= last)?;
        Some(segment.start.max(start))
    }

    /// The first position in a range that is not mapped.
    pub fn first_hole(&self, start: u64, last: u64) -> Option<u64> {
        let mut at = start;
        for segment in self.segments.iter().filter(|s| s.last >= start && s.start <= last) {
            if segment.start > at {
                return Some(at);
            }
            if segment.last >= last {
                return None;
            }
            at = segment.last + 1;
        }
        Some(at)
    }

    /// Replaces what is in the range by what `change` makes of it.
    fn edit(&mut self, start: u64, last: u64, change: impl Fn(Segment<A>) -> Option<Segment<A>>) {
        let mut segments = Vec::new();
        for s in std::mem::take(&mut self.segments) {
            let part = |start: u64, last: u64| Segment { start, last, oa: s.oa + (start - s.start), ..s };
            if s.last < start || s.start > last {
                push(&mut segments, s);
                continue;
            }
            if s.start < start {
                push(&mut segments, part(s.start, start - 1));
            }
            if let Some(changed) = change(part(s.start.max(start), s.last.min(last))) {
                push(&mut segments, changed);
            }
            if s.last > last {
                push(&mut segments, part(last + 1, s.last));
            }
        }
        self.segments = segments;
    }

    pub fn map(&mut self, start: u64, last: u64, oa: u64, attributes: A) {
        let new = Segment { start, last, oa, attributes };
        let at = self.segments.partition_point(|s| s.start < start);
        let behind = self.segments.split_off(at);
        push(&mut self.segments, new);
        for segment in behind {
            push(&mut self.segments, segment);
        }
    }

    pub fn unmap(&mut self, start: u64, last: u64) {
        self.edit(start, last, |_| None);
    }

    pub fn protect(&mut self, start: u64, last: u64, change: impl Fn(&A) -> A) {
        self.edit(start, last, |s| Some(Segment { attributes: change(&s.attributes), ..s }));
    }
}
