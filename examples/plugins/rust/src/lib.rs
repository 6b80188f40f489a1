//! The badge plugin: staff badges in values, reads of all of them, and deletes that somebody has to approve.
#![cfg_attr(not(test), no_std)]

use sluice::{Batch, Classification, Command, Edits, Failure, Hold, Manifest, Plugin, Value};

const BADGE: usize = 0;
const DIGITS: usize = 6;
const LONGEST_PREFIX: usize = 8;

struct Badge {
    prefix: [u8; LONGEST_PREFIX + 1], // and the “-” behind it
    length: usize,
}

impl Plugin for Badge {
    const MANIFEST: Manifest = Manifest {
        description: "finds staff badges (BDG-123455, check digit), labels bulk reads of the table badges, holds deletes",
        kinds: &["badge"],
        reach: 16,
        settings: r#"{
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "prefix": {"description": "what badges begin with; BDG if absent", "type": "string", "pattern": "^[A-Z]{1,8}$"}
            }
        }"#,
        vectors: include_str!("../../vectors.txt"),
        ..Manifest::new("badge", "1.0.0")
    };

    fn configure(settings: Value) -> Result<Badge, Failure> {
        let mut b = Badge { prefix: *b"BDG------", length: 4 };
        let prefix = settings.get(&["prefix"]);
        if !prefix.is_empty() {
            let n = prefix.text(&mut b.prefix[..LONGEST_PREFIX]).ok_or_else(|| Failure::at("/prefix", "too long"))?.len();
            b.prefix[n] = b'-';
            b.length = n + 1;
        }
        Ok(b)
    }

    fn mask(&self, batch: &Batch, found: &mut Edits) -> Result<(), Failure> {
        for cell in batch.cells() {
            if let Some(value) = cell.value {
                self.find(value, |from, to| found.add(cell.index, from, to, BADGE));
            }
        }
        Ok(())
    }

    fn classify(&self, command: &Command, is: &mut Classification) -> Result<(), Failure> {
        let sql = matches!(command.protocol, "postgres" | "mysql");
        if sql && has_word(command.text, b"badges") && !has_word(command.text, b"where") {
            is.label("bulk-badges");
            is.risk(60);
            is.reason("the table badges without WHERE");
        }
        Ok(())
    }

    fn trigger(&self, command: &Command) -> Result<Option<Hold<'_>>, Failure> {
        let allowed = command.decision.get(&["verdict"]).is("allow");
        if allowed && command.facts.get(&["operations"]).has("delete") {
            return Ok(Some(Hold { approval: "change", reason: "a delete" }));
        }
        Ok(None)
    }
}

impl Badge {
    /// Calls found for each badge.
    fn find(&self, value: &[u8], mut found: impl FnMut(usize, usize)) {
        let mut at = 0;
        while at < value.len() {
            if value[at] == self.prefix[0] && self.badge(value, at) {
                let end = at + self.length + DIGITS;
                found(at, end);
                at = end;
            } else {
                at += 1;
            }
        }
    }

    /// The prefix, “-” and six digits, the last of which is the sum of the others mod 10, and no letter or digit around.
    // A loop pays for all that is in it, whether a turn gets there or not, and for a function only when it is called.
    #[inline(never)]
    fn badge(&self, value: &[u8], at: usize) -> bool {
        let digits = at + self.length;
        let end = digits + DIGITS;
        end <= value.len()
            && value[at..].starts_with(&self.prefix[..self.length])
            && checked(&value[digits..end])
            && (at == 0 || !value[at - 1].is_ascii_alphanumeric())
            && !value.get(end).map_or(false, u8::is_ascii_alphanumeric)
    }
}

fn checked(digits: &[u8]) -> bool {
    let (last, others) = match digits.split_last() {
        Some(split) => split,
        None => return false,
    };
    let sum: u32 = others.iter().map(|d| u32::from(d.wrapping_sub(b'0'))).sum();
    digits.iter().all(u8::is_ascii_digit) && sum % 10 == u32::from(last - b'0')
}

/// A word of a text in any case of letters; words are of letters, digits, “_” and what is not ASCII.
fn has_word(text: &[u8], word: &[u8]) -> bool {
    text.split(|c| !(c.is_ascii_alphanumeric() || *c == b'_' || *c >= 0x80)).any(|w| w.eq_ignore_ascii_case(word))
}

sluice::plugin!(Badge: mask, classify, trigger);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_badges() {
        let badge = Badge::configure(Value::new(b"{\"prefix\": \"ID\"}")).unwrap();
        let mut found = Vec::new();
        badge.find(b"ID-123455, ID-123456", |from, to| found.push((from, to)));
        assert_eq!(found, [(0, 9)]);
    }
}
