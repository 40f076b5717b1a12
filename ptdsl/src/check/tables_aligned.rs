//! Where a level says how its tables are aligned or what follows them, the numbers divide the size of a table.

use super::facts::{Facts, Subject};
use crate::diagnostic::{Code, Diagnostic};

pub(super) fn check(facts: &mut Facts<'_>) {
    for level in facts.used_levels() {
        if !facts.sound(Subject::Level(level)) || !facts.sound(Subject::Format) {
            continue;
        }
        let (Some(position), Some(word_bits)) = (facts.position(level), facts.word_bits(level)) else { continue };
        let node = facts.level(level);
        let least_size = u128::from(word_bits / 8) << position.bits.least.min(64);
        let most_size = u128::from(word_bits / 8) << position.bits.most.min(64);
        if let Some(align) = &node.align {
            let value = align.value.value;
            // A table smaller than its alignment is no mistake: the alignment is then the larger of the two demands.
            if !value.is_power_of_two() || value > most_size {
                let diagnostic = Diagnostic::new(
                    Code::AlignAstray,
                    format!("an alignment of {value} for tables of {most_size} bytes"),
                )
                .label(align.span, "does not divide the size")
                .label(node.name.span, format!("{most_size} bytes = slots × {} bytes", word_bits / 8))
                .note("expected a power of two, at most the size; without `align` it is the size");
                facts.report(Subject::Level(level), diagnostic);
            }
        }
        if let Some(companion) = &node.companion {
            let bits = companion.value.value;
            let whole = bits != 0 && bits.is_multiple_of(8) && bits <= 1024;
            if !whole {
                let diagnostic = Diagnostic::new(Code::CompanionAstray, format!("{bits} companion bits per slot"))
                    .label(companion.span, "no whole number of bytes")
                    .label(node.name.span, format!("a table here has {least_size} bytes"))
                    .note("expected 8 to 1024, a multiple of 8");
                facts.report(Subject::Level(level), diagnostic);
            }
        }
    }
}
