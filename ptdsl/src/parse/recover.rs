//! Going on after an error: the statement around it is overwritten with spaces, so that offsets stay what they are.

use super::scan::{Kind, Scan, Token};

/// Overwrites the statement around an offset with spaces. Says whether there was one to overwrite.
pub fn leave_out(left: &mut String, scan: &Scan<'_>, offset: usize) -> bool {
    let Some((start, end)) = statement(scan, offset) else { return false };
    let Some(part) = left.get(start..end) else { return false };
    if part.chars().all(char::is_whitespace) {
        return false;
    }
    let blank: String = part.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
    left.replace_range(start..end, &blank);
    true
}

/// From behind the last `;`, `{` or `}` before the offset to the `;` or block that ends the statement; of docs only the
/// line.
fn statement(scan: &Scan<'_>, offset: usize) -> Option<(usize, usize)> {
    if let Some(docs) = scan.token_at(offset).filter(|token| matches!(token.kind, Kind::Doc | Kind::FileDoc)) {
        return Some((docs.span.start, docs.span.end));
    }
    let ends = |token: &&Token| [";", "{", "}"].iter().any(|mark| scan.is(**token, mark));
    let at = scan.tokens.partition_point(|token| token.span.end <= offset);
    let start = scan.tokens[..at].iter().rfind(ends).map_or(0, |token| token.span.end);
    let mut depth = 0_usize;
    for &token in &scan.tokens[at..] {
        if scan.is(token, "{") {
            depth += 1;
        } else if scan.is(token, "}") {
            match depth {
                0 if scan.text.get(start..token.span.start)?.trim().is_empty() => return Some((start, token.span.end)),
                0 => return Some((start, token.span.start)),
                1 => return Some((start, token.span.end)),
                _ => depth -= 1,
            }
        } else if scan.is(token, ";") && depth == 0 {
            return Some((start, token.span.end));
        }
    }
    None
}
